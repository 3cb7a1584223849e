"""Websockets byte by byte: frames that are none, too much of them, and how a websocket ends."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator

import pytest

from genericapiserver.asgi import Message, Receive, Scope, Send
from tests.connection.conftest import Running, Serve

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)
ACCEPTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
FIN, COMPRESSED = 0x80, 0x40


def frame(kind: int, payload: bytes = b"", *, flags: int = FIN, masked: bool = True) -> bytes:
    mask = 0x80 if masked else 0
    size = len(payload)
    if size < 126:
        length = struct.pack(">B", mask | size)
    elif size < 2**16:
        length = struct.pack(">BH", mask | 126, size)
    else:
        length = struct.pack(">BQ", mask | 127, size)
    return bytes([flags | kind]) + length + (bytes(4) if masked else b"") + payload


def closed(code: int, reason: bytes = b"") -> bytes:
    """The server's closing frame."""
    return frame(CLOSE, struct.pack(">H", code) + reason, masked=False)


class Handler:
    """Accepts, and keeps what it receives."""

    def __init__(self) -> None:
        self.received: list[Message] = []
        self.accept = asyncio.Event()
        self.accept.set()
        self.read = asyncio.Event()
        self.read.set()
        self.ended = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await receive()
            await self.accept.wait()
            await send({"type": "websocket.accept"})
            while True:
                await self.read.wait()
                self.received.append(await receive())
                if self.received[-1]["type"] == "websocket.disconnect":
                    return
        finally:
            self.ended.set()


@contextlib.asynccontextmanager
async def connected(
    running: Running, handler: Handler
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    try:
        writer.write(HANDSHAKE)
        if handler.accept.is_set():
            assert await asyncio.wait_for(reader.readexactly(len(ACCEPTED)), 10) == ACCEPTED
        yield reader, writer
    finally:
        writer.transport.abort()


async def rest(reader: asyncio.StreamReader) -> bytes:
    received = b""
    with contextlib.suppress(ConnectionResetError):
        async with asyncio.timeout(10):
            while data := await reader.read(65536):
                received += data
    return received


LIMIT = 1000


@pytest.mark.parametrize(
    ("sent", "answer", "code"),
    [
        (frame(CLOSE, b"\x03\xe8"), closed(1000), 1000),
        (frame(CLOSE, b"\x0f\xa1bye"), closed(4001, b"bye"), 4001),
        (frame(PING, b"hi") + frame(CLOSE, b"\x03\xe8"), frame(PONG, b"hi", masked=False) + closed(1000), 1000),
        (frame(PONG, b"hi") + frame(CLOSE, b"\x03\xe8"), closed(1000), 1000),
        (frame(BINARY, b"x" * (LIMIT + 1)), closed(1009, b"a message may have 1000 bytes"), 1009),
        (frame(TEXT, b"x" * (LIMIT + 1)), closed(1009, b"a message may have 1000 bytes"), 1009),
        (
            frame(BINARY, b"x" * LIMIT, flags=0) + frame(CONTINUATION, b"x", flags=0),
            closed(1009, b"a message may have 1000 bytes"),
            1009,
        ),
        (frame(BINARY, b"x", masked=False), closed(1002), 1002),
        (frame(BINARY, b"x", flags=FIN | COMPRESSED), closed(1002), 1002),
        (frame(3, b"x"), closed(1002), 1002),
        (frame(CONTINUATION, b"x"), closed(1002), 1002),
        (frame(PING, b"x" * 126), closed(1002), 1002),
        (frame(PING, b"x", flags=0), closed(1002), 1002),
        (frame(CLOSE, b"\x03"), closed(1002), 1002),
        (frame(TEXT, b"\xff\xfe"), closed(1007), 1007),
    ],
    ids=[
        "close", "close with a reason", "ping", "a pong that nobody asked for", "too long", "a text that is too long",
        "too long in pieces", "not masked", "compressed", "no known kind", "a piece of nothing", "a long ping",
        "a ping in pieces", "half a code", "no UTF-8",
    ],
)  # fmt: skip
async def test_bytes_for_bytes(serve: Serve, sent: bytes, answer: bytes, code: int) -> None:
    handler = Handler()
    limits = {"websocket_max_message_bytes": LIMIT}
    async with serve(handler, plain=True, **limits) as running, connected(running, handler) as (reader, writer):
        writer.write(sent)
        received = await rest(reader)
        if code in (1002, 1007):  # the words of the reason are the library's
            assert received[:1] + received[2:4] == answer[:1] + answer[2:]
            assert len(received) <= 127
        else:
            assert received == answer
        await asyncio.wait_for(handler.ended.wait(), 10)
    assert [(message["type"], message.get("code")) for message in handler.received] == [("websocket.disconnect", code)]


async def test_pieces_are_one_message(serve: Serve) -> None:
    handler = Handler()
    async with serve(handler, plain=True) as running, connected(running, handler) as (reader, writer):
        writer.write(frame(TEXT, b"\xc3", flags=0) + frame(PING) + frame(CONTINUATION, b"\xa4", flags=0))
        writer.write(frame(CONTINUATION) + frame(BINARY) + frame(CLOSE, b"\x03\xe8"))
        await rest(reader)
    assert handler.received[:2] == [
        {"type": "websocket.receive", "text": "ä", "bytes": None},
        {"type": "websocket.receive", "text": None, "bytes": b""},
    ]


async def test_what_comes_before_the_handler_accepts_waits(serve: Serve) -> None:
    handler = Handler()
    handler.accept.clear()
    async with serve(handler, plain=True) as running, connected(running, handler) as (reader, writer):
        writer.write(frame(BINARY, b"early") + frame(CLOSE, b"\x03\xe8"))
        await asyncio.sleep(0.05)
        handler.accept.set()
        assert await rest(reader) == ACCEPTED + closed(1000)
    assert handler.received[0]["bytes"] == b"early"


@pytest.mark.parametrize("payload", [b"", b"x" * 100], ids=["empty", "small"])
async def test_messages_that_nobody_reads_stop_the_reading(serve: Serve, payload: bytes) -> None:
    handler = Handler()
    handler.read.clear()
    async with serve(handler, plain=True, stream_window=50_000) as running, connected(running, handler) as (_, writer):
        writer.write(frame(BINARY, payload) * (20_000_000 // len(frame(BINARY, payload))))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(writer.drain(), 0.3)
        (link,) = running.server._service.links
        assert link.driver._websocket._messages.qsize() < 1000  # type: ignore[union-attr]
        handler.read.set()
        await asyncio.wait_for(_received(handler, 2000), 20)


async def _received(handler: Handler, count: int) -> None:
    while len(handler.received) < count:
        await asyncio.sleep(0.01)


async def test_a_handler_that_does_not_end_with_its_websocket_is_cancelled(serve: Serve) -> None:
    read, cancelled = asyncio.Event(), asyncio.Event()

    async def stay(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await read.wait()
        await receive()  # makes room, so that the close behind it is seen in the handler's own task
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with serve(stay, plain=True, stream_window=1000) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(HANDSHAKE + frame(BINARY, b"x" * 1000) + frame(CLOSE, b"\x03\xe8"))
        assert await asyncio.wait_for(reader.readexactly(len(ACCEPTED)), 10) == ACCEPTED
        read.set()
        assert await rest(reader) == closed(1000)
        await asyncio.wait_for(cancelled.wait(), 10)
        writer.transport.abort()


async def test_pings_whose_answers_nobody_reads_stop_the_reading(serve: Serve) -> None:
    handler = Handler()
    limits = {"write_high_water": 20_000, "abuse_budget": 10**6}
    async with serve(handler, plain=True, **limits) as running, connected(running, handler) as (reader, writer):
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(frame(PING, b"x" * 125) * 200_000)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(writer.drain(), 0.5)
        (link,) = running.server._service.links
        assert link._transport.get_write_buffer_size() < 200_000


@pytest.mark.parametrize(
    "noise",
    [frame(PING), frame(PONG), frame(CONTINUATION, flags=0), frame(CONTINUATION, b"x" * 100, flags=0)],
    ids=["pings", "pongs", "empty fragments", "small fragments"],
)
async def test_a_flood_of_frames_that_say_nothing_ends_a_websocket(serve: Serve, noise: bytes) -> None:
    handler = Handler()
    limits = {"abuse_budget": 100, "abuse_refill": 0.0}
    async with serve(handler, plain=True, **limits) as running, connected(running, handler) as (reader, writer):
        writer.write(frame(TEXT, b"x" * 200, flags=0) + noise * 90)
        writer.write(frame(CONTINUATION) + frame(TEXT, b"hi") * 200)
        async with asyncio.timeout(10):
            while len(handler.received) < 201:
                await asyncio.sleep(0.01)
        writer.write(frame(TEXT, b"x" * 200, flags=0) + noise * 20)
        assert (await rest(reader)).endswith(closed(1008, b"too many pings, pongs or small fragments"))
        await asyncio.wait_for(handler.ended.wait(), 10)


async def test_the_server_goes_away_before_the_handler_accepts(serve: Serve) -> None:
    handler = Handler()
    handler.accept.clear()
    async with serve(handler, plain=True) as running, connected(running, handler) as (reader, _):
        async with asyncio.timeout(10):
            while running.server.busy_connection_count == 0:
                await asyncio.sleep(0.01)
        stopping = asyncio.create_task(running.server.stop(5))
        assert (await rest(reader)).startswith(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n")
        assert await stopping
