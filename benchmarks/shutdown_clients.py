"""Clients that know, of every request, whether the server had accepted it: the load under which a server is told to stop.

HTTP/2 says it: a stream above the last one of GOAWAY, or refused with REFUSED_STREAM, was never begun, and a client sends it
elsewhere. Over HTTP/1.1 a connection that ends without a byte of the answer leaves it open; the audit log tells then.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from enum import Enum, auto
from pathlib import Path

import attrs
from h2.config import H2Configuration
from h2.connection import ConnectionInputs, H2Connection, H2ConnectionStateMachine
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, DataReceived, Event, ResponseReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

_WINDOW = 4 * 1024 * 1024


class Outcome(Enum):
    ANSWERED = auto()
    """A whole answer came."""
    NOT_ACCEPTED = auto()
    """The server said, or it is plain, that it was never begun."""
    UNKNOWN = auto()
    """The connection ended without a byte of the answer."""
    FAILED = auto()
    """It was begun and broken off."""


@attrs.define(eq=False)
class Exchange:
    """One request, or one watch, and what became of it."""

    audit_id: str
    method: str
    path: str
    body: bytes = b""
    started: float = attrs.field(factory=time.monotonic)
    ended: float = 0.0
    status: int = 0
    outcome: Outcome | None = None
    reason: str = ""
    on_end: Callable[[Exchange], None] | None = None
    on_start: Callable[[], None] | None = None
    """Called when the answer begins: a watch is open."""
    on_data: Callable[[bytes], object] | None = None
    content_type: str = "application/json"

    def end(self, outcome: Outcome, reason: str = "") -> None:
        if self.outcome is None:
            self.outcome, self.reason, self.ended = outcome, reason, time.monotonic()
            if self.on_end is not None:
                self.on_end(self)

    def began(self, status: int) -> None:
        self.status = status
        if self.on_start is not None:
            self.on_start()


class _HearsOutGoaway(H2ConnectionStateMachine):
    """h2 takes a GOAWAY for the end; a client wants the responses that are still to come."""

    def process_input(self, input_: ConnectionInputs) -> list[Event]:
        return [] if input_ is ConnectionInputs.RECV_GOAWAY else super().process_input(input_)


class HTTP2Client(asyncio.Protocol):
    """One HTTP/2 connection. After GOAWAY, or when it is lost, `usable` is false and nothing more can be sent."""

    def __init__(self, authority: str) -> None:
        self._authority = authority
        self._h2 = H2Connection(H2Configuration(header_encoding="utf-8"))
        self._h2.local_settings = Settings(initial_values={SettingCodes.INITIAL_WINDOW_SIZE: _WINDOW})
        self._h2.state_machine = _HearsOutGoaway()
        self._transport: asyncio.Transport
        self._open: dict[int, Exchange] = {}
        self._flushing = False
        self._loop = asyncio.get_running_loop()
        self.usable = False
        self.goaways = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(_WINDOW)
        self.usable = True
        self._flush()

    def send(self, exchange: Exchange) -> None:
        stream = self._h2.get_next_available_stream_id()
        self._open[stream] = exchange
        headers = [
            (":method", exchange.method),
            (":scheme", "https"),
            (":authority", self._authority),
            (":path", exchange.path),
            ("audit-id", exchange.audit_id),
        ]
        if exchange.body:
            headers += [("content-type", exchange.content_type), ("content-length", str(len(exchange.body)))]
        self._h2.send_headers(stream, headers, end_stream=not exchange.body)
        if exchange.body:
            self._h2.send_data(stream, exchange.body, end_stream=True)
        self._flush_soon()

    def data_received(self, data: bytes) -> None:
        try:
            events = self._h2.receive_data(data)
        except ProtocolError as error:
            self._end_all(f"protocol error: {error}")
            self._transport.abort()
            return
        for event in events:
            self._take(event)
        self._flush_soon()

    def _take(self, event: Event) -> None:
        if isinstance(event, ConnectionTerminated):
            self.goaways += 1
            self.usable = False
            for stream in [stream for stream in self._open if stream > (event.last_stream_id or 0)]:
                self._open.pop(stream).end(Outcome.NOT_ACCEPTED, "GOAWAY")
            return
        exchange = self._open.get(getattr(event, "stream_id", None) or 0)
        if exchange is None:
            return
        if isinstance(event, ResponseReceived):
            headers = {str(name): str(value) for name, value in event.headers or ()}
            exchange.began(int(headers[":status"]))
        elif isinstance(event, DataReceived):
            if exchange.on_data is not None:
                exchange.on_data(event.data or b"")
            self._h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id or 0)
        elif isinstance(event, StreamEnded):
            del self._open[event.stream_id or 0]
            exchange.end(Outcome.ANSWERED)
        elif isinstance(event, StreamReset):
            del self._open[event.stream_id or 0]
            refused = event.error_code == ErrorCodes.REFUSED_STREAM
            exchange.end(Outcome.NOT_ACCEPTED if refused else Outcome.FAILED, f"reset {event.error_code}")

    def connection_lost(self, error: Exception | None) -> None:
        self._end_all(f"connection lost: {error or 'closed'}")

    def close(self) -> None:
        self._transport.abort()

    def _end_all(self, reason: str) -> None:
        self.usable = False
        # Without a GOAWAY the server has told of none that it was not begun.
        for exchange in self._open.values():
            exchange.end(Outcome.FAILED if self.goaways or exchange.status else Outcome.UNKNOWN, reason)
        self._open.clear()

    def _flush_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if data := self._h2.data_to_send():
            self._transport.write(data)


class HTTP1Client:
    """One HTTP/1.1 connection that is kept open and used for one exchange at a time."""

    def __init__(self, authority: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._authority = authority
        self._reader = reader
        self._writer = writer
        self.usable = True

    async def send(self, exchange: Exchange) -> None:
        """Send and read to the end. Everything that goes wrong is told by the exchange."""
        head = [
            f"{exchange.method} {exchange.path} HTTP/1.1",
            f"Host: {self._authority}",
            f"Audit-ID: {exchange.audit_id}",
        ]
        if exchange.body:
            head += [f"Content-Type: {exchange.content_type}", f"Content-Length: {len(exchange.body)}"]
        try:
            self._writer.write("\r\n".join([*head, "", ""]).encode() + exchange.body)
            headers = await self._head(exchange)
            await self._body(headers)
        except (OSError, asyncio.IncompleteReadError) as error:
            self.close()
            begun = exchange.status > 0 or bool(getattr(error, "partial", None))
            exchange.end(Outcome.FAILED if begun else Outcome.UNKNOWN, type(error).__name__)
            return
        if headers.get("connection") == "close":
            self.close()
        exchange.end(Outcome.ANSWERED)

    async def _head(self, exchange: Exchange) -> dict[str, str]:
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        exchange.began(int(lines[0].split()[1]))
        return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}

    async def _body(self, headers: dict[str, str]) -> None:
        if headers.get("transfer-encoding") != "chunked":
            await self._reader.readexactly(int(headers["content-length"]))
            return
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            await self._reader.readexactly(size + 2)
        await self._reader.readexactly(2)

    def close(self) -> None:
        self.usable = False
        self._writer.transport.abort()


@attrs.frozen
class Server:
    """Where clients connect, and with which credentials: a context for each kind of client."""

    port: int
    for_http2: ssl.SSLContext
    for_http1: ssl.SSLContext

    @classmethod
    def at(cls, port: int, pki: Path) -> Server:
        """The server at 127.0.0.1:*port* whose administrator's certificate is in *pki*."""
        contexts = []
        for protocol in ("h2", "http/1.1"):
            context = ssl.create_default_context(cafile=pki / "ca.crt")
            context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
            context.set_alpn_protocols([protocol])
            contexts.append(context)
        return cls(port, *contexts)

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def http2(self) -> HTTP2Client:
        """Raises OSError when the server takes no connection."""
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(
            lambda: HTTP2Client(self.authority), "127.0.0.1", self.port, ssl=self.for_http2, server_hostname="localhost"
        )
        return client

    async def http1(self) -> HTTP1Client:
        """Raises OSError when the server takes no connection."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.for_http1, server_hostname="localhost", limit=2**20
        )
        return HTTP1Client(self.authority, reader, writer)
