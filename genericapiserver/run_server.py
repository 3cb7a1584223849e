"""run_server: one listener, one server, until it is told to stop.

What `SecureServingInfo.serve` does in a block, for programs that bring a server of their own and wait for signals.
Source: RunServer in pkg/server/secure_serving.go of k8s.io/apiserver.
"""

import asyncio
import logging
import socket

import attrs

from genericapiserver.aio import Signal
from genericapiserver.connection import HTTPServer, Listener
from genericapiserver.connection.listener import as_listener

logger = logging.getLogger(__name__)


@attrs.frozen(eq=False)
class RunningServer:
    """`stopped` fires when the shutdown is over, in time or not; `listener_stopped` when nothing new is accepted.

    `task` ends with the former. Await it: it raises ListenerError when the listener ended before it was told to, which the
    reference panics for.
    """

    stopped: Signal
    listener_stopped: Signal
    task: asyncio.Task[None]


async def run_server(
    server: HTTPServer, listener: socket.socket | Listener, *, shutdown_timeout: float, stop: Signal
) -> RunningServer:
    """Serve *listener* with *server*, which was not started, and return at once.

    When *stop* fires, the server stops listening and gives requests *shutdown_timeout* seconds to end. Raises OSError when
    the listener is of no use.
    """
    accepting = as_listener(listener)
    address = accepting.address
    stopped, listener_stopped = Signal("ServerStopped"), Signal("ListenerStopped")
    listener_stopped.on_set(lambda: logger.info("Stopped listening on %s", address))
    server.listen_on(accepting)
    server.on_listener_stopped(listener_stopped.set)
    await server.start()

    async def run() -> None:
        told = asyncio.create_task(stop.wait())
        failing = asyncio.create_task(server.watch_listeners())
        try:
            await asyncio.wait([told, failing], return_when=asyncio.FIRST_COMPLETED)
            if not told.done():
                failing.result()
        finally:
            told.cancel()
            failing.cancel()
            await server.stop(shutdown_timeout)
            stopped.set()

    return RunningServer(stopped, listener_stopped, asyncio.create_task(run()))
