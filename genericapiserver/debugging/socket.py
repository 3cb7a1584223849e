"""Profiles and log verbosity on a unix socket, for whoever may open it: no authentication, no authorization, no TLS.

It answers when the server does not: a full queue, a broken authorizer or an expired certificate cannot keep anybody out.
Source: pkg/server/routes/debugsocket.go of k8s.io/apiserver. Deviations: the file is the owner's alone (the reference leaves
its mode to the umask), and only a socket that nobody listens on is removed to make room.
"""

import contextlib
import glob
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path

from genericapiserver.connection import HTTPServer
from genericapiserver.connection.listener import ListenerError
from genericapiserver.connection.unix_listener import create_unix_listener, remove_stale
from genericapiserver.debugging.pages import Stopping, install_profiling
from genericapiserver.mux import PathRecorderMux

logger = logging.getLogger(__name__)

_END = 1.0
"""Seconds that an answer gets to be finished when the server ends."""


def path_of_worker(path: str) -> str:
    """Where this process has its socket, when others have theirs at *path* too: the number of the process is behind it.

    Sockets that workers have left there which were killed are removed: the numbers of their successors are others.
    """
    for left in map(Path, glob.glob(f"{glob.escape(path)}.*")):
        number = left.name.rpartition(".")[2]
        if number.isascii() and number.isdigit() and not _is_process(int(number)):
            # That of a process in another container, whose number says nothing here, is in use and stays.
            with contextlib.suppress(ListenerError, OSError):
                remove_stale(left)
    return f"{path}.{os.getpid()}"


def _is_process(number: int) -> bool:
    try:
        os.kill(number, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # somebody else's
    return True


class DebugSocket:
    """The socket at *path*. `mux` is what it serves: profiles, `cmdline` among them, and what else is put into it."""

    def __init__(self, path: str, *, stopping: Stopping | None = None) -> None:
        self.path = path
        self.mux = PathRecorderMux("debug-socket")
        install_profiling(self.mux, stopping=stopping, cmdline=True)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve for the length of the block, then remove the file.

        A socket that cannot be opened is logged and not raised: a server must not fail for want of its debugger.
        """
        try:
            listener = create_unix_listener(self.path, secure=False)
        except ListenerError as error:
            logger.error("the debug socket is not served: %s", error)
            yield
            return
        server = HTTPServer(self.mux, listener, tls=None)
        await server.start()
        logger.info("serving profiles without any check on %s", self.path)
        try:
            yield
        finally:
            await server.stop(_END)
