"""Peers that mean harm, or speak nonsense: answered or cut off, one line of log each, and nobody else notices."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from h2.errors import ErrorCodes
from hpack import Encoder

from genericapiserver.asgi import Receive, Scope, Send, read_body, send_response
from genericapiserver.connection.header_blocks import HeaderBlocks
from genericapiserver.connection.target import parse_target
from tests.connection.conftest import Serve
from tests.support.h2_client import h2_client

Contexts = Callable[..., ssl.SSLContext]

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 2, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS = 0x1, 0x4
FLOOD = 2500
HTTP1 = (
    b"GET /a HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
    b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAAA\r\n\r\n",
    b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x81\x85abcdhello",
)
INSERTED = (
    b"\r\n",
    b"\n",
    b" ",
    b":",
    b"\x00",
    b"Host: y\r\n",
    b"Content-Length: 3\r\n",
    b"Transfer-Encoding: gzip\r\n",
)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1000})
        return
    await send_response(send, 200, await read_body(receive), b"application/octet-stream")


def frame(kind: int, flags: int, stream: int, payload: bytes = b"", *, length: int | None = None) -> bytes:
    size = len(payload) if length is None else length
    return struct.pack(">HBBBL", size >> 8, size & 0xFF, kind, flags, stream) + payload


def head(*more: tuple[str, str], method: str = "GET", path: str = "/") -> bytes:
    fields = [(":method", method), (":scheme", "https"), (":authority", "x"), (":path", path), *more]
    return Encoder().encode(fields)


def requests(*frames: Callable[[int], bytes]) -> bytes:
    """A flood: *frames* on one stream after the other."""
    return b"".join(make(1 + 2 * number) for number in range(FLOOD) for make in frames)


def request(flags: int, block: bytes) -> Callable[[int], bytes]:
    return lambda stream: frame(HEADERS, flags, stream, block)


async def sent(port: int, context: ssl.SSLContext, data: bytes, *, seconds: float) -> bool:
    """Send *data*; whether the server ended the connection within *seconds*."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
    try:
        async with asyncio.timeout(seconds):
            writer.write(data)
            while await reader.read(65536):
                pass
    except TimeoutError:
        return False
    except (ConnectionError, ssl.SSLError):
        return True
    finally:
        writer.transport.abort()
    return True


@pytest.mark.parametrize(
    "flood",
    [
        pytest.param(frame(PING, 0, 0, bytes(8)) * 2 * FLOOD, id="pings"),
        pytest.param(frame(SETTINGS, 0, 0) * 2 * FLOOD, id="settings"),
        pytest.param(frame(0xBB, 0, 0, b"x") * 2 * FLOOD, id="frames of no known type"),
        pytest.param(frame(HEADERS, 0, 1, head()) + frame(CONTINUATION, 0, 1) * FLOOD, id="continuations"),
        pytest.param(frame(HEADERS, END_HEADERS, 1, head()) + frame(DATA, 0, 1) * 2 * FLOOD, id="empty frames of data"),
        pytest.param(
            requests(request(END_HEADERS, head()), lambda stream: frame(RST_STREAM, 0, stream, b"\0\0\0\x08")),
            id="requests that are reset",
        ),
        pytest.param(
            requests(request(END_HEADERS, head()), lambda stream: frame(WINDOW_UPDATE, 0, stream, b"\x7f\xff\xff\xff")),
            id="requests that have to be reset",
        ),
        pytest.param(
            requests(request(END_HEADERS | END_STREAM, head(path="x"))), id="requests with a target that is none"
        ),
    ],
)
async def test_floods_end_the_connection_with_one_word_in_the_log(
    serve: Serve, client_context: Contexts, caplog: pytest.LogCaptureFixture, flood: bytes
) -> None:
    caplog.set_level(logging.INFO)
    # On a busy machine a flood takes seconds, in which a peer may send more.
    async with serve(echo, abuse_refill=0.0) as running, h2_client(running.port, client_context()) as other:
        data = PREFACE + frame(SETTINGS, 0, 0) + flood
        assert await sent(running.port, client_context("h2"), data, seconds=10)
        assert (await other.request("/")).status == 200
        assert len(caplog.records) <= 2


async def test_a_client_that_reads_no_answers_is_not_answered_without_end(
    serve: Serve, client_context: Contexts
) -> None:
    """Answers to HEAD need no window, so only the socket can hold them back."""
    answered = 0

    async def large_head(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal answered
        await send_response(send, 200, b"", b"text/plain", [(b"x", b"y" * 2**14)])
        answered += 1

    count = 2000  # 32 MB of answers; the kernel takes some
    flood = b"".join(frame(HEADERS, END_HEADERS | END_STREAM, 1 + 2 * i, head(method="HEAD")) for i in range(count))
    async with serve(large_head, abuse_budget=10 * count, write_high_water=2**16) as running:
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**12)
        await asyncio.to_thread(plain.connect, ("127.0.0.1", running.port))
        _, writer = await asyncio.open_connection(
            sock=plain, ssl=client_context("h2"), server_hostname="localhost", limit=2**10
        )
        transport = writer.transport
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
        writer.write(PREFACE + frame(SETTINGS, 0, 0) + flood)
        refused = running.server.metrics.http2.streams_refused
        async with asyncio.timeout(20):
            while refused.value == 0:
                await asyncio.sleep(0.01)
            before = answered
            while refused.value + answered < count - 200:
                await asyncio.sleep(0.01)
        assert answered == before
        transport.abort()


@pytest.mark.parametrize("plain", [True, False], ids=["plain", "TLS"])
async def test_a_connection_that_is_reset_amid_its_answers_is_no_news(
    serve: Serve, client_context: Contexts, caplog: pytest.LogCaptureFixture, plain: bool
) -> None:
    async def answers(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        link = next(iter(running.server._service.links))
        link._transport.get_extra_info("socket").shutdown(socket.SHUT_RDWR)  # what comes with the peer's reset
        for _ in range(100):
            await send({"type": "http.response.body", "body": b"x" * 100, "more_body": True})

    async with serve(answers, plain=plain) as running:
        context = None if plain else client_context("http/1.1")
        _, writer = await asyncio.open_connection(
            "127.0.0.1", running.port, ssl=context, server_hostname=None if plain else "localhost"
        )
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(5):
            while running.server.connection_count:
                await asyncio.sleep(0.01)
        writer.transport.abort()
    assert "socket.send()" not in caplog.text


async def test_a_reset_that_comes_with_its_request_costs_no_handler(serve: Serve, client_context: Contexts) -> None:
    handled = []

    async def handler(scope: Scope, receive: Receive, send: Send) -> None:
        handled.append(scope["path"])
        await send_response(send, 200, b"", None)

    async with serve(handler) as running, h2_client(running.port, client_context()) as client:
        for number in range(3):
            stream = client.send_request(f"/{number}")
            client.h2.reset_stream(stream)
        await client.flush()
        assert (await client.request("/last")).status == 200
    assert handled == ["/last"]


async def test_targets_that_are_none_use_up_patience(serve: Serve, client_context: Contexts) -> None:
    async with serve(echo, abuse_budget=5) as running, h2_client(running.port, client_context()) as client:
        for _ in range(7):
            client.send_request("x")
        await client.flush()
        await client.until_closed()
        assert client.goaway is not None
        assert client.goaway.error_code == ErrorCodes.ENHANCE_YOUR_CALM


def test_long_targets_and_headers_are_not_remembered() -> None:
    assert parse_target(b"/" * 100) is parse_target(b"/" * 100)
    assert parse_target(b"/" * 10000) is not parse_target(b"/" * 10000)
    blocks = HeaderBlocks()
    assert blocks[b"a", b"b" * 10000].endswith(b"b" * 10000)
    assert not blocks
    assert blocks[b"a", b"b"]
    assert blocks


def _frames(choice: random.Random) -> Iterator[bytes]:
    for _ in range(choice.randrange(1, 10)):
        kind = choice.choice([*range(11), choice.randrange(256)])
        stream = choice.choice([0, 1, 1, 3, 2, 2**31 - 1, choice.randrange(2**32)])
        payload = choice.randbytes(choice.randrange(40))
        if choice.random() < 0.7:
            payload = _payload(choice, kind)
        length = choice.choice([0, len(payload) + 1, 2**24 - 1]) if choice.random() < 0.05 else None
        yield frame(kind, choice.choice([0, 1, 4, 5, 8, 0x2D, choice.randrange(256)]), stream, payload, length=length)


def _payload(choice: random.Random, kind: int) -> bytes:
    if kind in (HEADERS, CONTINUATION):
        names = ["a", "content-length", "te", "connection", "host", "expect", ":path", "Upper"]
        values = ["1", "", "close", "100-continue", "9999999999", "\0", "a" * 3000]
        more = [(choice.choice(names), choice.choice(values)) for _ in range(choice.randrange(3))]
        method, path = choice.choice(["GET", "POST", "CONNECT", ""]), choice.choice(["/", "*", "//", "/%zz", "x", ""])
        return head(*more, method=method, path=path)
    if kind == SETTINGS:
        numbers = [0, 1, 2, 16384, 65535, 2**31 - 1, 2**32 - 1]
        return b"".join(struct.pack(">HL", choice.randrange(9), number) for number in choice.sample(numbers, 3))
    sizes = {PRIORITY: 5, RST_STREAM: 4, PING: 8, GOAWAY: 8, WINDOW_UPDATE: 4}
    return choice.randbytes(sizes.get(kind, choice.randrange(20)))


def _http2(choice: random.Random) -> bytes:
    whole = PREFACE + frame(SETTINGS, 0, 0) + b"".join(_frames(choice))
    return whole[: choice.randrange(len(whole))] if choice.random() < 0.1 else whole


def _http1(choice: random.Random) -> bytes:
    data = bytearray(choice.choice(HTTP1))
    for _ in range(choice.randrange(4)):
        at, what = choice.randrange(len(data)), choice.random()
        if what < 0.4:
            data[at] = choice.randrange(256)
        elif what < 0.6:
            del data[at : at + choice.randrange(5)]
        else:
            data[at:at] = choice.choice(INSERTED)
    return bytes(data) * choice.choice([1, 1, 3])


@pytest.mark.parametrize(("protocol", "make"), [("h2", _http2), ("http/1.1", _http1)], ids=["http2", "http1"])
async def test_nonsense_harms_nobody(
    serve: Serve,
    client_context: Contexts,
    caplog: pytest.LogCaptureFixture,
    protocol: str,
    make: Callable[[random.Random], bytes],
) -> None:
    choice = random.Random(7)
    failures: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: failures.append(context))
    async with serve(echo) as running, h2_client(running.port, client_context()) as other:
        send = partial(sent, running.port, client_context(protocol), seconds=0.2)
        for _ in range(25):
            await asyncio.gather(*[send(make(choice)) for _ in range(12)])
            assert (await other.request("/")).status == 200
    assert not failures
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
