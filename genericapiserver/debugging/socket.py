"""Profiles and log verbosity on a unix socket, for whoever may open it: no authentication, no authorization, no TLS.

It answers when the server does not: a full queue, a broken authorizer or an expired certificate cannot keep anybody out.
Source: pkg/server/routes/debugsocket.go of k8s.io/apiserver. Deviations: the file is the owner's alone (the reference leaves
its mode to the umask), and only a socket that nobody listens on is removed to make room.
"""

import contextlib
import logging
from collections.abc import AsyncIterator

from genericapiserver.connection import HTTPServer
from genericapiserver.connection.listener import ListenerError
from genericapiserver.connection.unix_listener import create_unix_listener
from genericapiserver.debugging.pages import Stopping, install_profiling
from genericapiserver.mux import PathRecorderMux

logger = logging.getLogger(__name__)

_END = 1.0
"""Seconds that an answer gets to be finished when the server ends."""


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
