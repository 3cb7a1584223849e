"""The connections to the server of one APIService.

What is kept open is used again: of HTTP/2 as many exchanges go over a connection as the server takes, of HTTP/1.1 one.
Nobody waits for a connection to become free; another one is opened, so that watches, which stay for hours, take nothing
away from short requests. A server that is slow is kept from taking all of this one's requests in flight by the handler.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Final

from genericapiserver.aggregator.metrics import BackendCertificateMetrics
from genericapiserver.aggregator.proxy.connection import BackendError, Exchange
from genericapiserver.aggregator.proxy.dial import CONNECT_TIMEOUT, Dial, dial
from genericapiserver.aggregator.proxy.http1 import HTTP1Connection
from genericapiserver.aggregator.proxy.http2 import HTTP2Connection
from genericapiserver.aggregator.proxy.tls import ALPN_BOTH, TLSSettings
from genericapiserver.aggregator.resolvers import Endpoint
from genericapiserver.client.server_certificates import (
    MissingNamesError,
    check_names,
    failure_text,
    is_weak_signature,
)

IDLE_SECONDS: Final = 60.0
"""After which a connection that nobody uses is closed: well before servers do it, who would cut off the next request."""
MAX_IDLE: Final = 25
"""Connections of HTTP/1.1 to one address that are kept for later, as client-go keeps: each holds a quarter of a megabyte."""
READ_LIMIT: Final = 64 * 1024

DEADLINE_EXCEEDED: Final = "context deadline exceeded"


class Backend:
    """Connections as *tls* says, to whatever address is asked for; `aclose` ends all of them.

    *alpn* are the protocols to offer. Making it opens no connection. Raises TransportError for certificates that are none.
    """

    def __init__(
        self,
        tls: TLSSettings,
        *,
        dial: Dial = dial,
        metrics: BackendCertificateMetrics | None = None,
        connect_timeout: float = CONNECT_TIMEOUT,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self.tls = tls
        self._contexts = {ALPN_BOTH: tls.context(), ("http/1.1",): tls.context(("http/1.1",))}
        self._dial = dial
        self._metrics = metrics
        self._connect_timeout = connect_timeout
        self._idle_seconds = idle_seconds
        self._http1: dict[Endpoint, list[HTTP1Connection]] = {}
        self._http2: dict[Endpoint, list[HTTP2Connection]] = {}
        self._open: set[HTTP1Connection | HTTP2Connection] = set()
        self._timers: dict[HTTP1Connection | HTTP2Connection, asyncio.TimerHandle] = {}
        self._readers: set[asyncio.Task[None]] = set()
        self._dialling: dict[Endpoint, asyncio.Future[str | None]] = {}
        """Who is on the way to a connection, and why there was none."""
        self._closed = False
        self._retired = False

    @property
    def connections(self) -> int:
        """How many are open, in use or not."""
        return len(self._open)

    async def open(self, endpoint: Endpoint, *, fresh: bool = False) -> Exchange:
        """Begin an exchange with the server at *endpoint*; with *fresh* over a connection of its own making.

        Raises BackendError when there is no connection within the time to connect.
        """
        if not fresh:
            if (exchange := self._take(endpoint)) is not None:
                return exchange
            # A server that speaks HTTP/2 gets one connection from a hundred requests that come at once, not a hundred.
            while endpoint in self._http2 and (dialling := self._dialling.get(endpoint)) is not None:
                await asyncio.wait([dialling])
                if (failure := dialling.result()) is not None:
                    raise BackendError(failure)  # as it would be for this one, after the same time
                if (exchange := self._take(endpoint)) is not None:
                    return exchange
        return await self._connect(endpoint)

    @contextlib.asynccontextmanager
    async def connected(self, endpoint: Endpoint) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A connection of its own for an upgrade, which is HTTP/1.1. Raises BackendError."""
        reader, writer = await self._secure(endpoint, ("http/1.1",))
        holder = HTTP1Connection(reader, writer, released=lambda connection, reusable: None)
        self._open.add(holder)
        try:
            yield reader, writer
        finally:
            self._open.discard(holder)
            writer.transport.abort()

    def close_idle(self, *, keep: int = 0) -> None:
        """Close what nobody uses, but for *keep* connections."""
        for connection in list(self._timers)[keep:]:
            self._end(connection)

    def retire(self) -> None:
        """Keep nothing any more: a connection is closed as soon as nobody uses it.

        Who has come by this before it was replaced still gets one.
        """
        self._retired = True
        self.close_idle()

    async def aclose(self) -> None:
        """Close every connection, used or not: who waits for an answer gets none."""
        self._closed = True
        for connection in list(self._open):
            connection.abort()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._http1.clear()
        self._http2.clear()
        readers = list(self._readers)
        for task in readers:
            task.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
        self._open.clear()

    # ---- what is open

    def _take(self, endpoint: Endpoint) -> Exchange | None:
        for several in self._http2.get(endpoint, ()):
            if several.usable:
                self._in_use(several)
                return several.take()
        kept = self._http1.get(endpoint, [])
        while kept:
            single = kept.pop()
            self._in_use(single)
            if single.usable:
                return single.take()
            self._end(single)
        return None

    async def _connect(self, endpoint: Endpoint) -> Exchange:
        dialling: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._dialling.setdefault(endpoint, dialling)
        failure: str | None = None
        try:
            return await self._connected(endpoint)
        except BackendError as error:
            failure = str(error)
            raise
        finally:
            if self._dialling.get(endpoint) is dialling:
                del self._dialling[endpoint]
            dialling.set_result(failure)

    async def _connected(self, endpoint: Endpoint) -> Exchange:
        reader, writer = await self._secure(endpoint, ALPN_BOTH)
        if writer.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
            self._http2.pop(endpoint, None)
            single = HTTP1Connection(reader, writer, released=self._released_http1(endpoint))
            self._open.add(single)
            return single.take()
        several = HTTP2Connection(reader, writer, released=self._keep)
        self._open.add(several)
        self._http2.setdefault(endpoint, []).append(several)
        exchange = several.take()
        several.start()
        self._read(endpoint, several)
        try:
            async with asyncio.timeout(self._connect_timeout):
                await several.ready()
        except BaseException as error:
            exchange.close()
            several.abort()
            if isinstance(error, TimeoutError):
                raise BackendError("net/http: HTTP/2 settings timeout") from error
            raise
        return exchange

    async def _secure(
        self, endpoint: Endpoint, alpn: tuple[str, ...]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Raises BackendError."""
        if self._closed:
            raise BackendError("the connections to this service are closed")
        try:
            async with asyncio.timeout(self._connect_timeout):
                connection = await self._dial(endpoint)
        except TimeoutError as error:
            raise BackendError(f"dial tcp {endpoint}: i/o timeout") from error
        except BackendError:
            raise
        except OSError as error:
            raise BackendError(f"dial tcp {endpoint}: {failure_text(error)}") from error
        try:
            reader, writer = await asyncio.open_connection(
                sock=connection,
                ssl=self._contexts[alpn],
                server_hostname=self.tls.server_name,
                ssl_handshake_timeout=self._connect_timeout,
                ssl_shutdown_timeout=0.1,
                limit=READ_LIMIT,
            )
        except BaseException as error:
            # The transport has the socket and closes it. Closed here, its number would be another connection's before the
            # transport lets go of it, which that one would not survive; ended here, one that nobody waits for goes, too.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            if isinstance(error, ConnectionAbortedError):  # what asyncio makes of it
                raise BackendError("net/http: TLS handshake timeout") from error
            if not isinstance(error, OSError):
                raise
            raise self._refused(error) from error
        if not self.tls.insecure:
            self._check(writer)
        return reader, writer

    def _check(self, writer: asyncio.StreamWriter) -> None:
        try:
            check_names(writer.get_extra_info("ssl_object").getpeercert() or {}, self.tls.server_name)
        except ConnectionError as error:
            writer.transport.abort()
            if isinstance(error, MissingNamesError) and self._metrics is not None:
                self._metrics.missing_san.inc()
            raise BackendError(str(error)) from error

    def _refused(self, error: OSError) -> BackendError:
        if is_weak_signature(error) and self._metrics is not None:
            self._metrics.insecure_sha1.inc()
        if isinstance(error, ssl.SSLEOFError | ConnectionResetError):
            return BackendError("EOF")
        return BackendError(failure_text(error))

    # ---- what becomes of a connection

    def _released_http1(self, endpoint: Endpoint) -> Callable[[HTTP1Connection, bool], None]:
        def released(connection: HTTP1Connection, reusable: bool) -> None:
            kept = self._http1.setdefault(endpoint, [])
            if reusable and not self._closed and not self._retired and len(kept) < MAX_IDLE:
                kept.append(connection)
                self._keep(connection)
            else:
                self._end(connection)

        return released

    def _keep(self, connection: HTTP1Connection | HTTP2Connection) -> None:
        """Begin the time that a connection may be idle, if it is."""
        if connection not in self._open or not (isinstance(connection, HTTP1Connection) or connection.idle):
            return
        if self._closed or self._retired:
            self._end(connection)
        else:
            loop = asyncio.get_running_loop()
            self._timers[connection] = loop.call_later(self._idle_seconds, self._end, connection)

    def _in_use(self, connection: HTTP1Connection | HTTP2Connection) -> None:
        if (timer := self._timers.pop(connection, None)) is not None:
            timer.cancel()

    def _end(self, connection: HTTP1Connection | HTTP2Connection) -> None:
        self._in_use(connection)
        connection.abort()
        self._open.discard(connection)
        for kept in self._http1.values():
            if connection in kept:
                kept.remove(connection)

    def _read(self, endpoint: Endpoint, connection: HTTP2Connection) -> None:
        """Read from *connection* until it ends."""

        async def read() -> None:
            try:
                await connection.run()
            finally:
                self._end(connection)
                if connection in (kept := self._http2.get(endpoint, [])):
                    kept.remove(connection)  # the empty list stays: it says that the server speaks HTTP/2

        task = asyncio.create_task(read())
        self._readers.add(task)
        task.add_done_callback(self._readers.discard)
