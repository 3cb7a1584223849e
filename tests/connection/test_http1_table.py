"""HTTP/1.1 byte by byte: what is sent, and all that comes back until the connection ends."""

from __future__ import annotations

import asyncio
import re

import pytest

from genericapiserver.asgi import Receive, Scope, Send, header_value, read_body, send_response
from tests.connection.conftest import Serve

END = b"Connection: close\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: x\r\n" + END
"""The last request of a connection that goes on."""


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] == "/echo":
        await send_response(send, 200, await read_body(receive), b"text/plain")
    elif scope["path"] == "/refused":
        await send_response(send, 403, b"no", b"text/plain")
    elif scope["path"] == "/stream":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in (b"one", b"two"):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    else:
        host = header_value(scope, b"host") or "-"
        text = f"{scope['method']} {scope['path']} {scope['http_version']} {host}"
        await send_response(send, 200, text.encode(), b"text/plain")


def answer(status: str, body: str, *fields: str) -> str:
    lines = [f"HTTP/1.1 {status}", "Content-Type: text/plain", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join(lines) + "\r\n\r\n" + body


def ok(body: str, *fields: str) -> str:
    return answer("200 OK", body, *fields)


def last(body: str) -> str:
    return ok(body, "Connection: close")


def below(status: str, body: str | None = None) -> str:
    """An answer from below the handler: nothing of it but what Go's net/http says."""
    text = status if body is None else body
    return f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n{text}"


NEXT_ANSWER = last("GET /next 1.1 x")
CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n"
POST = b"POST /echo HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
REFUSED = b"POST /refused HTTP/1.1\r\nHost: x\r\n"
WAIT = None
"""Between parts: the client waits for the first bytes of an answer."""
SMALL, LARGE = 100_000, 300_000
"""Less, and more, than is read of a body that nobody wants."""


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        # Several requests
        ([b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n" * 3 + NEXT], ok("GET /a 1.1 x") * 3 + NEXT_ANSWER),
        ([b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n" + NEXT],
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n" + NEXT_ANSWER),
        ([b"HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n" + NEXT],
         ok("HEAD /a 1.1 x").removesuffix("HEAD /a 1.1 x") + NEXT_ANSWER),
        ([POST + b"Content-Length: 3\r\n\r\nabc" + NEXT], ok("abc") + NEXT_ANSWER),
        ([POST + b"Content-Length: 3\r\n\r\na", b"b", b"c" + NEXT], ok("abc") + NEXT_ANSWER),
        ([POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc" + NEXT], ok("abc") + NEXT_ANSWER),
        # Chunks and trailers
        ([CHUNKED + b"3;name=value\r\nabc\r\n1\r\nd\r\n0\r\n\r\n" + NEXT], ok("abcd") + NEXT_ANSWER),
        ([CHUNKED + b"3\r\nabc\r\n0\r\nX-Remote-User: root\r\nContent-Length: 9\r\n\r\n" + NEXT], ok("abc") + NEXT_ANSWER),
        ([CHUNKED + b"zz\r\n"], below("400 Bad Request")),
        ([CHUNKED + b"3\r\nabcd\r\n"], below("400 Bad Request")),
        ([CHUNKED + b"F" * 30 + b"\r\n"], below("400 Bad Request")),
        ([CHUNKED + b"-1\r\n"], below("400 Bad Request")),
        ([POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n"],
         below("501 Not Implemented", "Unsupported transfer encoding")),
        ([POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc"], below("400 Bad Request")),
        # Lengths that are none
        ([POST + b"Content-Length: +3\r\n\r\nabc"], below("400 Bad Request")),
        ([POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc"], below("400 Bad Request")),
        # Expect
        ([POST + b"Expect: 100-Continue\r\nContent-Length: 3\r\n\r\n", WAIT, b"abc" + NEXT],
         CONTINUE + ok("abc") + NEXT_ANSWER),
        ([POST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc" + NEXT], ok("abc") + NEXT_ANSWER),
        ([POST + b"Expect: 200-ok\r\nContent-Length: 3\r\n\r\nabc" + NEXT],
         "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
        ([REFUSED + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n"],
         answer("403 Forbidden", "no", "Connection: close")),
        # Old, absolute, asterisk
        ([b"GET /a HTTP/1.0\r\n\r\n"], last("GET /a 1.0 -")),
        ([b"GET /stream HTTP/1.0\r\n\r\n"], "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nonetwo"),
        ([b"GET http://x:1/a?b HTTP/1.1\r\nHost: y\r\n\r\n" + NEXT], ok("GET /a 1.1 x:1") + NEXT_ANSWER),
        ([b"GET http://a/b@c/d HTTP/1.1\r\nHost: y\r\n\r\n" + NEXT], ok("GET /b@c/d 1.1 a") + NEXT_ANSWER),
        ([b"GET http://u@a/ HTTP/1.1\r\nHost: y\r\n\r\n" + NEXT],
         below("400 Bad Request", "400 Bad Request: malformed Host header")),
        ([b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n" + NEXT], "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" + NEXT_ANSWER),
        ([b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n"], below("400 Bad Request")),
        ([b"GET / HTTP/2.0\r\nHost: x\r\n\r\n"],
         below("505 HTTP Version Not Supported", "505 HTTP Version Not Supported: unsupported protocol version")),
        # Upgrades that nobody offers are plain requests
        ([b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: A\r\n\r\n"
          + NEXT], ok("GET /a 1.1 x") + NEXT_ANSWER),
        ([b"POST /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nContent-Length: 0\r\n\r\n" + NEXT],
         ok("POST /a 1.1 x") + NEXT_ANSWER),
        # Refused before the body has come
        ([REFUSED + b"Content-Length: 3\r\n\r\nabc" + NEXT], answer("403 Forbidden", "no") + NEXT_ANSWER),
        ([REFUSED + b"Content-Length: %d\r\n\r\n" % SMALL, WAIT, b"x" * SMALL + NEXT],
         answer("403 Forbidden", "no") + NEXT_ANSWER),
        ([REFUSED + b"Transfer-Encoding: chunked\r\n\r\n", WAIT, b"3\r\nabc\r\n0\r\n\r\n" + NEXT],
         answer("403 Forbidden", "no") + NEXT_ANSWER),
        ([REFUSED + b"Content-Length: %d\r\n\r\n" % LARGE, WAIT, b"x" * LARGE + NEXT],
         answer("403 Forbidden", "no", "Connection: close")),
        ([REFUSED + b"Transfer-Encoding: chunked\r\n\r\n", WAIT, b"%x\r\n" % LARGE + b"x" * LARGE + b"\r\n0\r\n\r\n" + NEXT],
         answer("403 Forbidden", "no")),
        # More than anybody means
        ([b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a:b\r\n" * 1000], below("431 Request Header Fields Too Large")),
        ([b"GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n" + b"a:b\r\n" * 1000],
         ok("GET /a 1.1 x") + below("431 Request Header Fields Too Large")),
        ([CHUNKED + b"0\r\n" + b"a:b\r\n" * 4000], below("400 Bad Request")),
        ([CHUNKED + b"1;" + b"x" * 20_000], below("400 Bad Request")),
        ([REFUSED + b"Transfer-Encoding: chunked\r\n\r\n", WAIT, b"zz\r\n" + NEXT], answer("403 Forbidden", "no")),
    ],
    ids=[
        "pipelined", "a stream and the next", "HEAD", "a body and the next", "a body in pieces", "one length twice",
        "chunks with extensions", "trailers are dropped", "a chunk size that is none", "a chunk that is longer than it says",
        "a huge chunk size", "a negative chunk size", "another encoding", "chunked with a length", "a length with a sign",
        "two lengths", "a body that waits to be asked for", "one that does not wait", "another expectation",
        "a body that is not asked for", "HTTP/1.0", "a stream to HTTP/1.0", "absolute form", "absolute form with an at sign",
        "absolute form with a user", "OPTIONS *", "CONNECT", "HTTP/2.0", "h2c", "SPDY", "refused with its body",
        "refused and a small body", "refused and small chunks", "refused and a large body", "refused and large chunks",
        "a thousand lines", "a thousand lines of the second", "trailers without end", "an extension without end",
        "refused and chunks that are none",
    ],
)  # fmt: skip
async def test_bytes_for_bytes(serve: Serve, parts: list[bytes | None], expected: str) -> None:
    async with serve(app, plain=True, early_answer_drain=10) as running:
        received = await _conversation(running.port, parts)
    assert re.sub(r"Date: [^\r]*\r\n", "", received.decode()) == expected


async def _conversation(port: int, parts: list[bytes | None]) -> bytes:
    """All that comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    async with asyncio.timeout(10):
        for part in parts:
            if part is None:
                received += await _read(reader)
            else:
                writer.write(part)
                await asyncio.sleep(0)
        while data := await _read(reader):
            received += data
    writer.transport.abort()
    return received


async def test_a_body_that_nobody_reads_and_that_never_comes(serve: Serve) -> None:
    async with serve(app, plain=True, early_answer_drain=0.05) as running:
        received = await _conversation(running.port, [REFUSED + b"Content-Length: 3\r\n\r\n", b"ab"])
    assert received.endswith(b"\r\n\r\nno")


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(65536)
    except ConnectionResetError:  # after the answer, with bytes of ours that it did not want
        return b""


async def test_pipelining_is_bounded(serve: Serve) -> None:
    """Who sends requests without end while the first is served is not read from until it is answered."""
    go = asyncio.Event()

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        await go.wait()
        await app(scope, receive, send)

    async with serve(late, plain=True, stream_window=10_000) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        count = 200_000
        writer.write(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n" * count)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(writer.drain(), 0.2)
        go.set()
        assert (await asyncio.wait_for(reader.readline(), 10)) == b"HTTP/1.1 200 OK\r\n"
        writer.transport.abort()
