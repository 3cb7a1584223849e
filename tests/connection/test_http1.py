"""HTTP/1.1: keep-alive, pipelining, streaming, and refusals below the handler."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import logging
import ssl
from collections.abc import AsyncIterator, Callable

import pytest

from genericapiserver.aio import Signal
from genericapiserver.asgi import Message, Receive, Scope, Send, read_body, send_response
from genericapiserver.connection import HTTPServer, create_listener
from tests.connection.conftest import Running, Serve

Contexts = Callable[..., ssl.SSLContext]


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await send_response(send, 200, b"hello " + scope["path"].encode(), b"text/plain", [(b"audit-id", b"7")])


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    await send_response(send, 200, await read_body(receive), b"application/octet-stream")


@contextlib.asynccontextmanager
async def connect(
    running: Running, context: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", running.port, ssl=context, server_hostname="localhost" if context else None, limit=2**22
    )
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def response(reader: asyncio.StreamReader) -> tuple[bytes, dict[bytes, bytes], bytes]:
    """Status line, fields, body (by its Content-Length)."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    line, *fields = head[:-4].split(b"\r\n")
    headers = dict(field.split(b": ", 1) for field in fields)
    return line, headers, await reader.readexactly(int(headers.get(b"Content-Length", b"0")))


async def test_a_stock_client_gets_many_responses_on_one_tls_connection(serve: Serve, client_context: Contexts) -> None:
    async with serve(hello) as running:

        def talk() -> list[bytes]:
            connection = http.client.HTTPSConnection("localhost", running.port, context=client_context())
            bodies = []
            for number in range(50):
                connection.request("GET", f"/{number}")
                bodies.append(connection.getresponse().read())
            connection.close()
            return bodies

        assert await asyncio.to_thread(talk) == [b"hello /%d" % number for number in range(50)]


async def test_header_names_are_canonical_and_no_server_is_named(serve: Serve) -> None:
    async with serve(hello, plain=True) as running, connect(running) as (reader, writer):
        writer.write(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        line, headers, body = await response(reader)
        assert line == b"HTTP/1.1 200 OK"
        assert list(headers) == [b"Content-Type", b"Content-Length", b"Audit-Id", b"Date"]
        assert body == b"hello /x"


async def test_pipelined_requests_are_answered_in_order(serve: Serve) -> None:
    async with serve(hello, plain=True) as running, connect(running) as (reader, writer):
        writer.write(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(20)))
        for number in range(20):
            assert (await response(reader))[2] == b"hello /%d" % number


async def test_two_thousand_requests_pass_on_one_connection(serve: Serve) -> None:
    async with serve(hello, plain=True) as running, connect(running) as (reader, writer):
        for _ in range(2000):
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await response(reader))[2] == b"hello /"


async def test_a_body_is_read_chunked_or_sized(serve: Serve) -> None:
    async with serve(echo, plain=True) as running, connect(running) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
        assert (await response(reader))[2] == b"abc"
        writer.write(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        )
        assert (await response(reader))[2] == b"abcde"
        body = bytes(range(256)) * 8192
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        assert (await response(reader))[2] == body


@pytest.mark.parametrize(
    ("chunk", "status"),
    [
        (b"1\r\nx\r\n", b"200 OK"),
        (b"1;a=" + b"b" * 8 + b"\r\nx\r\n", b"200 OK"),
        (b"1;a=" + b"b" * 80 + b"\r\nx\r\n", b"400 Bad Request"),
        (b"64;a=" + b"b" * 180 + b"\r\n" + b"x" * 100 + b"\r\n", b"200 OK"),
        (b"0" * 19 + b"1\r\nx\r\n", b"400 Bad Request"),
    ],
    ids=["small", "what fits", "more than fits", "in proportion", "zeros"],
)
async def test_chunks_may_have_little_beside_their_data(serve: Serve, chunk: bytes, status: bytes) -> None:
    async with serve(echo, plain=True) as running, connect(running) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 5000)
        writer.write(b"0\r\n\r\n")
        assert (await asyncio.wait_for(reader.readline(), 5)).rstrip() == b"HTTP/1.1 " + status


async def test_a_stream_is_chunked_and_every_message_arrives_at_once(serve: Serve) -> None:
    steps: asyncio.Queue[bytes] = asyncio.Queue()

    async def watch(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while event := await steps.get():
            await send({"type": "http.response.body", "body": event, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async with serve(watch, plain=True) as running, connect(running) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)  # before any event
        assert b"Transfer-Encoding: chunked" in head
        for event in (b"one\n", b"two\n"):
            steps.put_nowait(event)
            assert await asyncio.wait_for(reader.readexactly(9), 5) == b"4\r\n" + event + b"\r\n"
        steps.put_nowait(b"")
        assert await asyncio.wait_for(reader.readexactly(5), 5) == b"0\r\n\r\n"


async def test_a_single_body_message_gets_a_content_length(serve: Serve) -> None:
    async def bare(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"12345"})

    async with serve(bare, plain=True) as running, connect(running) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        _, headers, body = await response(reader)
        assert headers[b"Content-Length"] == b"5"
        assert body == b"12345"


async def test_the_body_is_invited_when_the_handler_reads(serve: Serve) -> None:
    async with serve(echo, plain=True) as running, connect(running) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5) == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"abc")
        assert (await response(reader))[2] == b"abc"


async def test_a_handler_that_refuses_unread_never_invites_the_body(serve: Serve) -> None:
    async with serve(hello, plain=True) as running, connect(running) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        line, headers, _ = await response(reader)
        assert line == b"HTTP/1.1 200 OK"
        assert headers[b"Connection"] == b"close"


async def test_an_early_answer_reaches_a_client_that_still_sends(serve: Serve) -> None:
    async with serve(hello, plain=True) as running, connect(running) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 500_000)
        _, headers, body = await response(reader)
        assert body == b"hello /"
        assert headers[b"Connection"] == b"close"
        assert await asyncio.wait_for(reader.read(), 5) == b""


async def test_an_unread_body_stops_the_reading(serve: Serve) -> None:
    go = asyncio.Event()

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        await go.wait()
        await echo(scope, receive, send)

    async with serve(late, plain=True, stream_window=10_000) as running, connect(running) as (reader, writer):
        body = b"x" * 20_000_000
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(writer.drain(), 0.2)
        go.set()
        assert len((await response(reader))[2]) == len(body)


@pytest.mark.parametrize(
    ("request_bytes", "answer"),
    [
        (b"nonsense\r\n\r\n", b"400 Bad Request"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400 Bad Request: missing required Host header"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX-Remote-User : eve\r\n\r\n", b"400 Bad Request: invalid header name"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400 Bad Request: too many Host headers"),
        (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", b"400 Bad Request: malformed Host header"),
        (b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", b"400 Bad Request"),
        (b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", b"505 HTTP Version Not Supported: unsupported protocol version"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 1_060_000, b"431 Request Header Fields Too Large"),
    ],
    ids=[
        "no request",
        "no host",
        "a blank in a name",
        "two hosts",
        "no host name",
        "a broken escape",
        "HTTP/3.0",
        "a huge head",
    ],
)
async def test_what_never_reaches_the_handler_is_answered_in_plain_text(
    serve: Serve, request_bytes: bytes, answer: bytes
) -> None:
    async with serve(hello, plain=True) as running, connect(running) as (reader, writer):
        writer.write(request_bytes)
        raw = await asyncio.wait_for(reader.read(), 5)
        head, _, body = raw.partition(b"\r\n\r\n")
        assert body == answer
        assert head.startswith(b"HTTP/1.1 " + answer.partition(b":")[0])
        assert b"Content-Type: text/plain; charset=utf-8" in head
        assert b"Connection: close" in head


async def test_a_broken_body_is_told_to_both_sides(serve: Serve) -> None:
    heard: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

    async def reads(scope: Scope, receive: Receive, send: Send) -> None:
        heard.set_result(await receive())

    async with serve(reads, plain=True) as running, connect(running) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
        assert (await asyncio.wait_for(reader.read(), 5)).endswith(b"\r\n\r\n400 Bad Request")
        assert (await heard)["type"] == "http.disconnect"


async def test_what_follows_the_last_request_does_not_cost_its_answer(serve: Serve) -> None:
    async with serve(hello, plain=True) as running, connect(running) as (reader, writer):
        writer.write(b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /y HTTP/1.1\r\nHost: a\r\n\r\n")
        _, headers, body = await response(reader)
        assert body == b"hello /x"
        assert headers[b"Connection"] == b"close"
        assert await asyncio.wait_for(reader.read(), 5) == b""


@pytest.mark.parametrize(
    ("request_bytes", "line"),
    [
        (b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\nContent-Length: 0\r\n\r\n", b"417 Expectation Failed"),
        (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", b"200 OK"),
    ],
)
async def test_some_are_answered_empty(serve: Serve, request_bytes: bytes, line: bytes) -> None:
    async with serve(hello, plain=True) as running, connect(running) as (reader, writer):
        writer.write(request_bytes)
        status, _, body = await response(reader)
        assert status == b"HTTP/1.1 " + line
        assert body == b""


@pytest.mark.parametrize(
    "request_bytes",
    [b"GET /x HTTP/1.0\r\n\r\n", b"GET http://host:1/x HTTP/1.1\r\nHost: host:1\r\nConnection: close\r\n\r\n"],
    ids=["HTTP/1.0", "absolute form"],
)
async def test_old_and_absolute_requests_work(serve: Serve, request_bytes: bytes) -> None:
    async with serve(hello, plain=True) as running, connect(running) as (reader, writer):
        writer.write(request_bytes)
        assert (await asyncio.wait_for(reader.read(), 5)).endswith(b"hello /x")


async def test_connection_close_of_the_handler_closes(serve: Serve) -> None:
    async def bye(scope: Scope, receive: Receive, send: Send) -> None:
        await send_response(send, 401, b"no", b"text/plain", [(b"connection", b"close")])

    async with serve(bye, plain=True) as running, connect(running) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        _, headers, _ = await response(reader)
        assert headers[b"Connection"] == b"close"
        assert await asyncio.wait_for(reader.read(), 5) == b""


async def test_a_failed_handler_is_a_500(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("boom")

    async with serve(fail, plain=True) as running, connect(running) as (reader, writer):
        writer.write(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        line, _, body = await response(reader)
        assert (line, body) == (b"HTTP/1.1 500 Internal Server Error", b"Internal Server Error")
        assert "handler failed: GET /x" in caplog.text


async def test_a_response_that_breaks_off_resets_the_connection(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)

    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10")]})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError("boom")

    async with serve(fail, plain=True) as running, connect(running) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await response(reader)


async def test_a_client_that_leaves_cancels_the_handler(serve: Serve) -> None:
    entered, ended = asyncio.Event(), asyncio.Event()

    async def hold(scope: Scope, receive: Receive, send: Send) -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with serve(hold, plain=True, reset_grace=0.01) as running:
        async with connect(running) as (_, writer):
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await entered.wait()
        await asyncio.wait_for(ended.wait(), 5)


async def test_stop_closes_idle_connections_and_lets_running_requests_end(serve: Serve) -> None:
    entered, go = asyncio.Event(), asyncio.Event()

    async def hold(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/hold":
            entered.set()
            await go.wait()
        await hello(scope, receive, send)

    async with serve(hold, plain=True) as running, connect(running) as idle, connect(running) as busy:
        idle[1].write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await response(idle[0])
        busy[1].write(b"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n")
        await entered.wait()
        assert running.server.connection_count == 2
        assert running.server.busy_connection_count == 1
        stopping = asyncio.create_task(running.server.stop(5))
        assert await asyncio.wait_for(idle[0].read(), 5) == b""
        go.set()
        _, headers, body = await response(busy[0])
        assert headers[b"Connection"] == b"close"
        assert body == b"hello /hold"
        assert await stopping


async def test_a_server_that_is_replaced_answers_the_first_request_of_a_connection(serve: Serve) -> None:
    async with serve(hello, plain=True) as running, connect(running) as new, connect(running) as begun:
        begun[1].write(b"GET /begun HTTP/1.1\r\nHo")
        while running.server.connection_count < 2:
            await asyncio.sleep(0.001)
        leaving = asyncio.create_task(running.server.hand_over())
        await asyncio.sleep(0)
        new[1].write(b"GET /new HTTP/1.1\r\nHost: a\r\n\r\n")
        begun[1].write(b"st: a\r\n\r\n")
        for connection, path in ((new, b"/new"), (begun, b"/begun")):
            _, headers, body = await response(connection[0])
            assert (headers[b"Connection"], body) == (b"close", b"hello " + path)
        await leaving
        assert await running.server.stop(30)


async def test_a_server_that_is_replaced_does_not_wait_long_for_a_connection_that_says_nothing(serve: Serve) -> None:
    async with serve(hello, plain=True, first_request_grace=0.05) as running, connect(running):
        while running.server.connection_count < 1:
            await asyncio.sleep(0.001)
        await running.server.hand_over()
        assert await running.server.stop(30)


async def test_a_server_that_is_replaced_closes_connections_that_stay_idle(serve: Serve) -> None:
    async with serve(hello, plain=True, first_request_grace=0.05) as running, connect(running) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await response(reader)
        await running.server.hand_over()
        assert running.server.connection_count == 1
        assert await running.server.stop(30)
        assert await reader.read() == b""


async def test_connections_wait_until_they_are_to_be_accepted() -> None:
    listener, ready = create_listener("127.0.0.1", 0), Signal("Ready")
    server = HTTPServer(hello, listener, tls=None, accept_after=ready)
    await server.start()
    running = Running(port=listener.getsockname()[1], server=server)
    async with connect(running) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await asyncio.sleep(0.02)
        assert server.connection_count == 0
        ready.set()
        assert (await response(reader))[2] == b"hello /"
    assert await server.stop(5)


async def test_a_server_may_stop_before_it_has_accepted() -> None:
    listener, ready = create_listener("127.0.0.1", 0), Signal("Ready")
    server = HTTPServer(hello, listener, tls=None, accept_after=ready)
    await server.start()
    assert await server.stop(5)
    ready.set()
    assert listener.fileno() == -1


async def test_idle_connections_time_out(serve: Serve) -> None:
    async with serve(hello, plain=True, idle_timeout=0.1) as running, connect(running) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await response(reader)
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 5) == b""


async def test_a_head_that_never_ends_times_out(serve: Serve) -> None:
    async with serve(hello, plain=True, header_read_timeout=0.15) as running, connect(running) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\n")
        await asyncio.sleep(0.05)
        writer.write(b"Host: a\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 5) == b""


async def test_a_server_that_is_replaced_sends_its_clients_elsewhere_and_loses_no_request(serve: Serve) -> None:
    entered, go = asyncio.Event(), asyncio.Event()

    async def hold(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/hold":
            entered.set()
            await go.wait()
        await hello(scope, receive, send)

    async with (
        serve(hold, plain=True) as running,
        connect(running) as idle,
        connect(running) as busy,
        connect(running) as new,
    ):
        idle[1].write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await response(idle[0])
        busy[1].write(b"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n")
        await entered.wait()
        while running.server.connection_count < 3:
            await asyncio.sleep(0.001)
        leaving = asyncio.create_task(running.server.hand_over())
        await asyncio.sleep(0)
        for each in (idle, new):  # a client that has a connection may write at the moment in which it would be closed
            assert not leaving.done()
            each[1].write(b"GET /new HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await response(each[0]))[1][b"Connection"] == b"close"
            assert await asyncio.wait_for(each[0].read(), 5) == b""
        await leaving
        assert running.server.busy_connection_count == 1
        go.set()
        assert (await response(busy[0]))[2] == b"hello /hold"


async def test_a_connection_that_the_client_has_ended_is_gone_at_once(serve: Serve) -> None:
    """Nothing lingers for a FIN that has come already."""
    async with serve(hello, plain=True, goaway_linger=3600.0) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await response(reader))[0] == b"HTTP/1.1 200 OK"
        writer.close()
        await writer.wait_closed()
        async with asyncio.timeout(30):
            assert await running.server.stop(30)
