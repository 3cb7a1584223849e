"""HTTP/2 by hand: frames as bytes, and a connection that sends what it is told and notes what comes."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Iterable

import attrs
from h2.errors import ErrorCodes
from hpack import Decoder, Encoder

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 0x1
END_HEADERS, PADDED, WITH_PRIORITY = 0x4, 0x8, 0x20
GET = ((":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "localhost"))
POST = ((":method", "POST"), *GET[1:])


@attrs.frozen
class Frame:
    kind: int
    flags: int
    stream: int
    payload: bytes

    @property
    def number(self) -> int:
        """The first four bytes: what an RST_STREAM frame says, and how far a WINDOW_UPDATE frame opens."""
        return int.from_bytes(self.payload[:4], "big")

    @property
    def goaway_code(self) -> int:
        return int.from_bytes(self.payload[4:8], "big")

    def __str__(self) -> str:
        return f"type {self.kind} flags {self.flags:#x} stream {self.stream}: {self.payload[:40]!r}"


def frame(kind: int, flags: int, stream: int, payload: bytes = b"", *, length: int | None = None) -> bytes:
    size = len(payload) if length is None else length
    return struct.pack(">HBBBL", size >> 8, size & 0xFF, kind, flags, stream) + payload


def block(*fields: tuple[str, str], huffman: bool = True) -> bytes:
    """An HPACK block that stands for itself: nothing in it refers to a block before."""
    return Encoder().encode(fields, huffman=huffman)


def request(stream: int = 1, *fields: tuple[str, str], end: bool = True, more: Iterable[tuple[str, str]] = ()) -> bytes:
    """A whole request head; a GET of `/` without *fields*."""
    flags = END_HEADERS | (END_STREAM if end else 0)
    return frame(HEADERS, flags, stream, block(*(fields or (GET if end else POST)), *more))


def data(stream: int = 1, payload: bytes = b"test", *, end: bool = True) -> bytes:
    return frame(DATA, END_STREAM if end else 0, stream, payload)


def settings(*values: tuple[int, int]) -> bytes:
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HL", number, value) for number, value in values))


def ping(payload: bytes = b"\0" * 8, flags: int = 0) -> bytes:
    return frame(PING, flags, 0, payload)


def reset(stream: int = 1, code: int = ErrorCodes.CANCEL) -> bytes:
    return frame(RST_STREAM, 0, stream, struct.pack(">L", code))


def window_update(stream: int, increment: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">L", increment))


def priority(stream: int, depends_on: int, *, weight: int = 255, exclusive: bool = False) -> bytes:
    return frame(PRIORITY, 0, stream, struct.pack(">LB", depends_on | (exclusive << 31), weight))


class RawConnection:
    """`frames` are all that came; `closed` says that no more will."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.frames: list[Frame] = []
        self.closed = False
        self._changed = asyncio.Condition()

    async def read_forever(self) -> None:
        try:
            with contextlib.suppress(ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
                while True:
                    high, low, kind, flags, stream = struct.unpack(">HBBBL", await self.reader.readexactly(9))
                    payload = await self.reader.readexactly(high << 8 | low)
                    async with self._changed:
                        self.frames.append(Frame(kind, flags, stream, payload))
                        self._changed.notify_all()
        finally:
            async with self._changed:
                self.closed = True
                self._changed.notify_all()

    async def send(self, *pieces: bytes) -> None:
        """Send in one write; a connection that the server has ended takes it in silence."""
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            self.writer.write(b"".join(pieces))
            await self.writer.drain()

    async def until(self, condition: Callable[[], object], seconds: float = 10.0) -> None:
        """Wait until *condition* holds. Raises TimeoutError, or ConnectionError when the connection ends before."""
        async with asyncio.timeout(seconds), self._changed:
            while not condition():
                if self.closed:
                    raise ConnectionError(f"the server closed the connection after {self}")
                await self._changed.wait()

    async def until_closed(self, seconds: float = 10.0) -> None:
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: self.closed)

    async def greet(self, *values: tuple[int, int]) -> None:
        """The preface with *values* as settings; returns when both sides have acknowledged."""
        await self.send(PREFACE, settings(*values), frame(SETTINGS, ACK, 0))
        await self.until(lambda: self.of(SETTINGS, ACK))

    def of(self, kind: int, flags: int = 0, stream: int | None = None) -> list[Frame]:
        """The frames that came of *kind*, with at least *flags* set."""
        return [
            one
            for one in self.frames
            if one.kind == kind and one.flags & flags == flags and stream in (None, one.stream)
        ]

    def goaway(self) -> ErrorCodes | None:
        frames = self.of(GOAWAY)
        return ErrorCodes(frames[-1].goaway_code) if frames else None

    def resets(self, stream: int | None = None) -> list[ErrorCodes]:
        return [ErrorCodes(one.number) for one in self.of(RST_STREAM, 0, stream)]

    def status(self, stream: int) -> str:
        """The status on *stream*. A response's block stands for itself (header_blocks), so any decoder reads it."""
        return next(str(value) for name, value in self.fields(stream) if name == ":status")

    def fields(self, stream: int) -> list[tuple[str, str]]:
        decoded = Decoder().decode(self.of(HEADERS, 0, stream)[0].payload)
        return [(str(name), str(value)) for name, value in decoded]

    def ended(self, stream: int) -> bool:
        return bool(self.of(HEADERS, END_STREAM, stream) or self.of(DATA, END_STREAM, stream))

    def body(self, stream: int) -> bytes:
        return b"".join(one.payload for one in self.of(DATA, 0, stream))

    async def answers_pings(self, payload: bytes = b"still on") -> None:
        """Raises like `until` unless the connection lives. What was sent before has been worked on when it returns."""
        await self.send(ping(payload))
        await self.until(lambda: any(one.payload == payload for one in self.of(PING, ACK)))

    def __str__(self) -> str:
        return "; ".join(str(one) for one in self.frames)


@contextlib.asynccontextmanager
async def raw_http2(port: int, context: ssl.SSLContext) -> AsyncIterator[RawConnection]:
    """Connect to 127.0.0.1:*port*; *context* is for ALPN h2. Nothing is sent yet."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname="localhost", limit=2**20
    )
    connection = RawConnection(reader, writer)
    task = asyncio.create_task(connection.read_forever())
    try:
        yield connection
    finally:
        writer.transport.abort()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
