"""What a server listens on, the connections it accepted, and how they end."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from genericapiserver.asgi import Handler
from genericapiserver.connection.http2 import HTTP2Driver
from genericapiserver.connection.limits import ConnectionLimits
from genericapiserver.connection.link import Link, TLSLink
from genericapiserver.connection.listener import Listener, as_listener
from genericapiserver.connection.metrics import ConnectionMetrics
from genericapiserver.connection.service import Service
from genericapiserver.connection.tls import TLSContexts

LOGGER = logging.getLogger("genericapiserver.connection")

_LAST_BYTES = 2.0
"""Seconds that watches get to end in good order when the time of requests is over: connections linger for one of them."""
_LAST_WORDS = 5.0
"""Seconds that cancelled handlers get to clean up."""


class HTTPServer:
    """Serves *handler* on *listeners*: HTTP/2 and HTTP/1.1 over TLS, or HTTP/1.1 in the clear when *tls* is None.

    A listener that is not `secure` is served in the clear beside others with TLS. `start` begins to accept, `stop` ends
    it; each may be called once. *on_listener_stopped* is called when no new connection is accepted any more, which is
    before the running requests are done.
    """

    def __init__(
        self,
        handler: Handler,
        *listeners: socket.socket | Listener,
        tls: TLSContexts | None,
        limits: ConnectionLimits | None = None,
        metrics: ConnectionMetrics | None = None,
        on_listener_stopped: Callable[[], None] | None = None,
    ) -> None:
        self._listeners = [as_listener(each) for each in listeners]
        self._secure = tls is not None
        self._service = Service(
            handler,
            tls=tls,
            limits=limits or ConnectionLimits(),
            metrics=metrics or ConnectionMetrics(),
        )
        self._on_listener_stopped = on_listener_stopped
        self._started = False
        self._listening = False
        self._opening: set[asyncio.Task[Any]] = set()
        """Connections that were accepted and have no link yet."""

    @property
    def tls(self) -> TLSContexts | None:
        """What new handshakes use. Assign other contexts to change certificates; open connections keep theirs."""
        return self._service.tls

    @tls.setter
    def tls(self, contexts: TLSContexts) -> None:
        if not self._secure:
            raise RuntimeError("this server was made without TLS")
        self._service.tls = contexts

    @property
    def metrics(self) -> ConnectionMetrics:
        return self._service.metrics

    @property
    def connection_count(self) -> int:
        return len(self._service.links)

    @property
    def busy_connection_count(self) -> int:
        """Connections with at least one request running."""
        return sum(1 for link in self._service.links if link.driver is not None and link.driver.busy)

    @property
    def connections_by_protocol(self) -> dict[str, int]:
        """Open connections by what is spoken on them; `handshake` where that is not settled yet."""
        return dict(Counter(_protocol(link) for link in self._service.links))

    async def start(self) -> None:
        """Begin to accept connections. Raises OSError when a listener is of no use; none of them listens then."""
        if self._started:
            raise RuntimeError("the server was started already")
        self._started = True
        loop = asyncio.get_running_loop()
        try:
            for listener in self._listeners:
                kind = TLSLink if self._secure and listener.secure else Link
                listener.start(loop, partial(self._open, loop, kind))
        except BaseException:
            self._close_listeners()
            raise
        self._listening = True

    def _open(self, loop: asyncio.AbstractEventLoop, kind: type[Link], connection: socket.socket) -> None:
        task = loop.create_task(loop.connect_accepted_socket(lambda: kind(self._service), connection))
        self._opening.add(task)
        task.add_done_callback(self._opened)

    def _opened(self, task: asyncio.Task[Any]) -> None:
        self._opening.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            LOGGER.debug("an accepted connection was gone before it could be read from: %s", error)

    def _close_listeners(self) -> None:
        for listener in self._listeners:
            listener.close()

    def stop_listening(self) -> None:
        """Accept no new connection; idempotent. Open ones go on as before."""
        if not self._listening:
            return
        self._listening = False
        self._close_listeners()
        if self._on_listener_stopped is not None:
            self._on_listener_stopped()

    async def stop(self, timeout: float, *, end_watches: Callable[[], Awaitable[None]] | None = None) -> bool:
        """Stop listening, let running requests end, close. True when all ended within *timeout* seconds.

        Connections without a request are closed at once (HTTP/2: with GOAWAY); the others take no new request and
        close after their last response. When the time is over *end_watches* is awaited, which has requests end that would
        go on for ever, and there is another moment for their last bytes. What is left then is cut off and cancelled, and has
        ended when this returns, unless it takes longer than five seconds to clean up.
        """
        self.stop_listening()
        service = self._service
        service.stopping = True
        if self._opening:  # accepted before the listeners were closed: those that get a link are ended like the others
            await asyncio.wait(self._opening)
        for link in list(service.links):
            link.begin_shutdown()
        if await self._ended_within(timeout):
            return True
        if end_watches is not None:
            await end_watches()
            await self._ended_within(_LAST_BYTES)
        LOGGER.info("cutting off %d connections after %s seconds", len(service.links), timeout)
        for link in list(service.links):
            link.abort()
        await service.no_links.wait()
        for task in service.tasks:
            task.cancel()
        if service.tasks:
            await asyncio.wait(service.tasks, timeout=_LAST_WORDS)
        return False

    async def _ended_within(self, timeout: float) -> bool:
        """Whether all connections and requests end within *timeout* seconds."""
        service = self._service
        try:
            async with asyncio.timeout(timeout):
                await service.no_links.wait()
                while service.tasks:  # whose connection has gone before they ended
                    await asyncio.wait(service.tasks)
        except TimeoutError:
            return False
        return True


def _protocol(link: Link) -> str:
    if link.driver is None:
        return "handshake"
    return "HTTP/2" if isinstance(link.driver, HTTP2Driver) else "HTTP/1.1"
