"""What a server listens on, the connections it accepted, and how they end."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from genericapiserver.aio import Signal
from genericapiserver.asgi import Handler
from genericapiserver.connection.admittance import Admittance
from genericapiserver.connection.http2 import HTTP2Driver
from genericapiserver.connection.limits import ConnectionLimits
from genericapiserver.connection.link import Link, TLSLink
from genericapiserver.connection.listener import Listener, ListenerError, as_listener, peer_address
from genericapiserver.connection.metrics import ConnectionMetrics
from genericapiserver.connection.service import Service
from genericapiserver.connection.tls import TLSContexts

LOGGER = logging.getLogger(__name__)

_LAST_BYTES = 2.0
"""Seconds that watches get to end in good order when the time of requests is over: connections linger for one of them."""
_LOOK = 0.005
"""Seconds."""
_LAST_WORDS = 5.0
"""Seconds that cancelled handlers get to clean up."""


class HTTPServer:
    """Serves *handler* on *listeners*: HTTP/2 and HTTP/1.1 over TLS, or HTTP/1.1 in the clear when *tls* is None.

    A listener that is not `secure` is served in the clear beside others with TLS. `start` begins to accept, `stop` ends
    it; each may be called once. *on_listener_stopped* is called when no new connection is accepted any more, which is
    before the running requests are done. With *accept_after* connections wait in the kernel until it fires, for sockets
    that others serve, too.
    """

    def __init__(
        self,
        handler: Handler,
        *listeners: socket.socket | Listener,
        tls: TLSContexts | None,
        limits: ConnectionLimits | None = None,
        metrics: ConnectionMetrics | None = None,
        on_listener_stopped: Callable[[], None] | None = None,
        accept_after: Signal | None = None,
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
        self._admittance = self._new_admittance()
        self._accept_after = accept_after
        self._started = False
        self._listening = False
        self._failure: asyncio.Future[None] | None = None
        self._opening: set[asyncio.Task[Any]] = set()
        """Connections that were accepted and have no link yet."""

    def _new_admittance(self) -> Admittance | None:
        limits = self._service.limits
        total, per_address = limits.max_connections, limits.max_connections_per_address
        if not total and not per_address:
            return None
        return Admittance(total, per_address, metrics=self._service.metrics, clock=time.monotonic)

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

    def listen_on(self, listener: socket.socket | Listener) -> None:
        """Serve *listener* too. Raises RuntimeError once the server was started."""
        if self._started:
            raise RuntimeError("the server was started already")
        self._listeners.append(as_listener(listener))

    def on_listener_stopped(self, callback: Callable[[], None]) -> None:
        """Call *callback* when no new connection is accepted any more, beside what was given before."""
        before = self._on_listener_stopped

        def both() -> None:
            if before is not None:
                before()
            callback()

        self._on_listener_stopped = both

    @property
    def connections_by_protocol(self) -> dict[str, int]:
        """Open connections by what is spoken on them; `handshake` where that is not settled yet."""
        return dict(Counter(_protocol(link) for link in self._service.links))

    async def start(self) -> None:
        """Begin to accept connections. Raises OSError when a listener is of no use; none of them listens then."""
        if self._started:
            raise RuntimeError("the server was started already")
        self._started = self._listening = True
        self._failure = asyncio.get_running_loop().create_future()
        self._failure.add_done_callback(lambda failure: failure.exception())  # not everybody watches
        if self._accept_after is None:
            self._accept()
        else:
            self._accept_after.on_set(self._accept)

    def _accept(self) -> None:
        if not self._listening:  # stopped before it began
            return
        loop = asyncio.get_running_loop()
        try:
            for listener in self._listeners:
                kind = TLSLink if self._secure and listener.secure else Link
                listener.start(loop, partial(self._open, loop, kind), partial(self._listener_failed, listener))
        except BaseException:
            self._listening = False
            self._close_listeners()
            raise

    def _open(self, loop: asyncio.AbstractEventLoop, kind: type[Link], connection: socket.socket) -> None:
        address = ""
        if self._admittance is not None:
            address = peer_address(connection)
            if not self._admittance.admit(address):
                connection.close()
                return
        opening = loop.connect_accepted_socket(lambda: kind(self._service), connection)
        task = loop.create_task(opening)
        self._opening.add(task)
        task.add_done_callback(partial(self._opened, address))

    def _opened(self, address: str, task: asyncio.Task[tuple[asyncio.Transport, Link]]) -> None:
        self._opening.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            LOGGER.debug("an accepted connection was gone before it could be read from: %s", error)
        if self._admittance is not None:
            release = partial(self._admittance.release, address)
            if error is not None or task.cancelled():
                release()
            else:
                task.result()[1].on_lost(release)

    def _listener_failed(self, listener: Listener, error: OSError) -> None:
        LOGGER.error("Stopped listening on %s due to error: %s", listener.address, error)
        if self._failure is not None and not self._failure.done():
            self._failure.set_exception(
                ListenerError(f"Stopped listening on {listener.address} due to error: {error.strerror or error}")
            )

    async def watch_listeners(self) -> None:
        """Raise ListenerError when a listener comes to an end by itself; returns when listening is stopped."""
        if self._failure is not None:
            await asyncio.shield(self._failure)

    def _close_listeners(self) -> None:
        for listener in self._listeners:
            listener.close()

    def stop_listening(self) -> None:
        """Accept no new connection; idempotent. Open ones go on as before."""
        if not self._listening:
            return
        self._listening = False
        self._close_listeners()
        if self._failure is not None and not self._failure.done():
            self._failure.set_result(None)
        if self._on_listener_stopped is not None:
            self._on_listener_stopped()

    async def hand_over(self) -> None:
        """Leave new connections to others that listen on the same sockets, and have clients go there with new requests.

        Returns when every HTTP/1.1 client has sent one more request, whose answer says that the connection closes, and every
        HTTP/2 connection was without a request for a moment and has been told GOAWAY; or after `first_request_grace`.
        Requests go on; call `stop` to end them.
        """
        self.stop_listening()
        service = self._service
        service.stopping = service.leaving = True
        for link in list(service.links):
            link.begin_shutdown(patient=True)
        looks = int(service.limits.first_request_grace / _LOOK)
        for _ in range(looks):
            if not self._opening and not any(link.driver is None or link.driver.expecting for link in service.links):
                return
            await asyncio.sleep(_LOOK)

    async def stop(self, timeout: float, *, end_watches: Callable[[], Awaitable[None]] | None = None) -> bool:
        """Stop listening, let running requests end, close. True when all ended within *timeout* seconds.

        Connections without a request are closed at once (HTTP/2: with GOAWAY); the others take no new request and
        close after their last response. When the time is over *end_watches* is awaited, which has requests end that would
        go on for ever, and there is another moment for their last bytes. What is left then is cut off and cancelled, and has
        ended when this returns, unless it takes longer than five seconds to clean up.
        """
        self.stop_listening()
        service = self._service
        service.stopping, service.leaving = True, False
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
