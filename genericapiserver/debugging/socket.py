"""Profiles and log verbosity on a unix socket, for whoever may open it: no authentication, no authorization, no TLS.

It answers when the server does not: a full queue, a broken authorizer or an expired certificate cannot keep anybody out.
Source: pkg/server/routes/debugsocket.go of k8s.io/apiserver. Deviations: the file is the owner's alone (the reference leaves
its mode to the umask), and only a socket is removed to make room, not somebody's file.
"""

import contextlib
import logging
import os
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

from genericapiserver.asgi import Receive, Scope, Send, send_plain_error
from genericapiserver.connection import HTTPServer
from genericapiserver.debugging.pages import Stopping, install_profiling
from genericapiserver.mux import PathRecorderMux

logger = logging.getLogger(__name__)

_MODE = 0o600
_END = 1.0
"""Seconds that an answer gets to be finished when the server ends."""


class DebugSocket:
    """The socket at *path*. `mux` is what it serves: profiles, `cmdline` among them, and what else is put into it."""

    def __init__(self, path: str, *, stopping: Stopping | None = None) -> None:
        self.path = path
        self.mux = PathRecorderMux("debug-socket")
        self.mux.not_found_handler = _not_found
        install_profiling(self.mux, stopping=stopping, cmdline=True)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve for the length of the block, then remove the file.

        A socket that cannot be opened is logged and not raised: a server must not fail for want of its debugger.
        """
        try:
            listener = self._listen()
        except OSError as error:
            logger.error("the debug socket is not served: %s", error)
            yield
            return
        server = HTTPServer(self.mux, listener, tls=None)
        try:
            await server.start()
            logger.info("serving profiles without any check on %s", self.path)
            yield
        finally:
            await server.stop(_END)
            listener.close()
            self._remove()

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            Path(self.path).unlink()

    def _listen(self) -> socket.socket:
        """Raises OSError with the reference's text."""
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISSOCK(os.lstat(self.path).st_mode):
                try:
                    Path(self.path).unlink()
                except OSError as error:
                    raise OSError(f"failed to remove ({self.path}): {error}") from error
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            os.fchmod(listener.fileno(), _MODE)  # before there is a file that anybody could open
            listener.bind(self.path)
            listener.listen()
        except OSError as error:
            listener.close()
            raise OSError(f"listen error ({self.path}): {error}") from error
        return listener


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    await send_plain_error(send, 404, "404 page not found")
