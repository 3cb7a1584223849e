"""Peers that take their time: how long they may, and that they cost no memory; and too many peers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable

import pytest
from hpack import Encoder

from genericapiserver.aio import Signal
from genericapiserver.asgi import Message, Receive, Scope, Send, read_body, send_response
from genericapiserver.connection.admittance import Admittance
from genericapiserver.connection.metrics import ConnectionMetrics
from genericapiserver.metrics import MetricsRegistry
from tests.connection.conftest import Running, Serve

Contexts = Callable[..., ssl.SSLContext]
SHORT = 0.1
"""A limit that is waited for."""
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await send_response(send, 200, b"hello", b"text/plain")


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    await send_response(send, 200, await read_body(receive), b"text/plain")


@contextlib.asynccontextmanager
async def connected(running: Running) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def end_of(reader: asyncio.StreamReader) -> bytes:
    """What comes until the connection ends."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        async with asyncio.timeout(10):
            while data := await reader.read(65536):
                received += data
    return received


@pytest.mark.parametrize("plain", [True, False], ids=["plain", "TLS"])
@pytest.mark.parametrize("sent", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01"], ids=["no byte", "one byte", "some"])
async def test_a_connection_that_never_says_what_it_wants_is_closed_without_a_word(
    serve: Serve, plain: bool, sent: bytes
) -> None:
    async with serve(hello, plain=plain, header_read_timeout=SHORT) as running, connected(running) as (reader, writer):
        if not plain or not sent:
            writer.write(sent)
        else:
            writer.write(GET[: len(sent)])
        assert await end_of(reader) == b""


async def test_a_head_that_drips_is_given_no_more_time(serve: Serve) -> None:
    async with serve(hello, plain=True, header_read_timeout=SHORT) as running, connected(running) as (reader, writer):

        async def drip() -> None:
            writer.write(GET[:-2])
            while True:
                writer.write(b"A: b\r\n")
                await asyncio.sleep(SHORT / 10)

        dripping = asyncio.create_task(drip())
        assert await end_of(reader) == b""
        dripping.cancel()


async def test_after_a_handshake_the_first_head_has_what_is_left_of_the_time(
    serve: Serve, client_context: Contexts
) -> None:
    async with serve(hello, header_read_timeout=1.0) as running:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", running.port, ssl=client_context(), server_hostname="localhost"
        )
        assert await end_of(reader) == b""
        writer.transport.abort()


def h2_frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


H2_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + h2_frame(4, 0, 0, b"")
H2_HEAD = Encoder().encode([(":method", "GET"), (":scheme", "https"), (":authority", "x"), (":path", "/")])


@pytest.mark.parametrize(
    "piece",
    [h2_frame(1, 5, 3, H2_HEAD)[:-1], h2_frame(1, 1, 3, H2_HEAD), h2_frame(1, 1, 3, H2_HEAD) + h2_frame(9, 0, 3, b"")],
    ids=["within a frame", "before CONTINUATION", "before another"],
)
async def test_a_head_that_does_not_end_has_a_time_while_streams_run(
    serve: Serve, client_context: Contexts, piece: bytes
) -> None:
    running_forever = Signal("Entered")

    async def hold(scope: Scope, receive: Receive, send: Send) -> None:
        running_forever.set()
        await asyncio.Event().wait()

    async with serve(hold, header_read_timeout=0.5, idle_timeout=60.0) as running:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", running.port, ssl=client_context("h2"), server_hostname="localhost"
        )
        writer.write(H2_HELLO + h2_frame(1, 5, 1, H2_HEAD))
        await running_forever.wait()
        writer.write(piece)
        await end_of(reader)
        assert running.server.metrics.http2.connections_ended["stalled"].value == 1
        writer.transport.abort()


async def test_heads_that_end_are_not_timed_together(serve: Serve, client_context: Contexts) -> None:
    """A busy connection always has half a head in what was read last; it is not always the same one."""
    async with serve(hello, header_read_timeout=0.3, idle_timeout=60.0) as running:
        _, writer = await asyncio.open_connection(
            "127.0.0.1", running.port, ssl=client_context("h2"), server_hostname="localhost"
        )
        writer.write(H2_HELLO)
        rest = b""
        for number in range(20):
            head = h2_frame(1, 5, 1 + 2 * number, H2_HEAD)
            writer.write(rest + head[:-1])
            rest = head[-1:]
            await asyncio.sleep(0.05)
        assert running.server.connection_count == 1
        writer.transport.abort()


async def test_the_second_head_of_a_connection_has_a_time_too(serve: Serve) -> None:
    limits = {"header_read_timeout": SHORT, "idle_timeout": 60.0}
    async with serve(hello, plain=True, **limits) as running, connected(running) as (reader, writer):
        writer.write(GET + b"GET")
        assert (await end_of(reader)).endswith(b"\r\n\r\nhello")


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 9\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n",
        b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n",
    ],
)
async def test_a_body_that_stops_is_a_408(serve: Serve, head: bytes) -> None:
    heard: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

    async def reads(scope: Scope, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] == "http.request":
            pass
        heard.set_result(message)

    async with serve(reads, plain=True, body_idle_timeout=SHORT) as running, connected(running) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\n" + head)
        if head.startswith(b"Content"):
            writer.write(b"abc")
        answer = (await end_of(reader)).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert answer == (
            b"HTTP/1.1 408 Request Timeout\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
            b"408 Request Timeout"
        )
        assert (await heard)["type"] == "http.disconnect"


async def test_a_body_that_nobody_asks_for_is_not_waited_for(serve: Serve) -> None:
    go = asyncio.Event()

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        await go.wait()
        await echo(scope, receive, send)

    async with serve(late, plain=True, body_idle_timeout=SHORT) as running, connected(running) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        await asyncio.sleep(3 * SHORT)
        go.set()
        assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10) == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"abc")
        assert (await asyncio.wait_for(reader.readuntil(b"abc"), 10)).startswith(b"HTTP/1.1 200 OK")


async def test_a_slow_body_has_all_the_time_it_needs(serve: Serve) -> None:
    async with serve(echo, plain=True, body_idle_timeout=5 * SHORT) as running, connected(running) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n")
        for _ in range(20):
            await asyncio.sleep(SHORT / 2)
            writer.write(b"x")
        assert (await asyncio.wait_for(reader.readuntil(b"x" * 20), 10)).startswith(b"HTTP/1.1 200 OK")


# Peers that do not read


def deaf(port: int) -> socket.socket:
    """A client with as small a buffer as there is, which asks and does not read."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    client.sendall(GET)
    return client


class Endless:
    """A response without an end, and how much of it was taken."""

    def __init__(self) -> None:
        self.taken = 0
        self.ended = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while True:
                await send({"type": "http.response.body", "body": b"x" * 10_000, "more_body": True})
                self.taken += 10_000
                await asyncio.sleep(0)
        finally:
            self.ended.set()


async def test_a_peer_that_reads_nothing_is_cut_off(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    handler = Endless()
    limits = {"write_stall_timeout": SHORT, "write_high_water": 20_000, "reset_grace": 0.0}
    async with serve(handler, plain=True, **limits) as running:
        with deaf(running.port):
            await asyncio.wait_for(handler.ended.wait(), 20)
        assert "has read nothing for 0.1 seconds" in caplog.text
        await _until(lambda: running.server.connection_count == 0)


async def test_a_peer_that_reads_slowly_is_not(serve: Serve) -> None:
    handler = Endless()
    limits = {"write_stall_timeout": 1.0, "write_high_water": 20_000, "reset_grace": 0.0}
    async with serve(handler, plain=True, **limits) as running:
        client = deaf(running.port)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        for _ in range(30):
            await asyncio.sleep(0.05)
            await loop.sock_recv(client, 1_000_000)
        client.close()
        assert not handler.ended.is_set()


async def test_the_last_answer_reaches_a_peer_that_reads_it_late(serve: Serve) -> None:
    """A connection that is to be closed waits for what is written to be read, not for a second."""
    size = 8_000_000

    async def large(scope: Scope, receive: Receive, send: Send) -> None:
        await send_response(send, 200, b"x" * size, b"text/plain", [(b"connection", b"close")])

    async with serve(large, plain=True, goaway_linger=SHORT, write_high_water=size * 2) as running:
        client = deaf(running.port)
        client.setblocking(False)
        await asyncio.sleep(5 * SHORT)
        received, loop = 0, asyncio.get_running_loop()
        while data := await asyncio.wait_for(loop.sock_recv(client, 1_000_000), 10):
            received += len(data)
        assert received > size
        client.close()


async def test_a_thousand_peers_that_do_not_read_take_a_bounded_amount(serve: Serve) -> None:
    """In short: what was taken from the handlers of a hundred stays what it was."""
    handlers: list[Endless] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        handlers.append(Endless())
        await handlers[-1](scope, receive, send)

    async with serve(app, plain=True, write_high_water=20_000, reset_grace=0.0) as running:
        clients = [deaf(running.port) for _ in range(100)]
        await _until(lambda: len(handlers) == 100)
        links = running.server._service.links
        await _until(lambda: all(link.write_paused for link in links))
        taken = [handler.taken for handler in handlers]
        assert all(link._transport.get_write_buffer_size() < 60_000 for link in links)
        await asyncio.sleep(SHORT)
        assert [handler.taken for handler in handlers] == taken
        for client in clients:
            client.close()


async def _until(probe: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not probe():
            await asyncio.sleep(0.01)


# Too many peers


def admittance(total: int, per_address: int, clock: Callable[[], float] = lambda: 0.0) -> Admittance:
    return Admittance(total, per_address, metrics=ConnectionMetrics(), clock=clock)


def test_connections_are_counted_by_address_and_in_all() -> None:
    counted = admittance(4, 2)
    assert [counted.admit("a"), counted.admit("a"), counted.admit("a")] == [True, True, False]
    assert [counted.admit("b"), counted.admit(""), counted.admit("")] == [True, True, False]
    counted.release("a")
    assert [counted.admit("b"), counted.admit("a")] == [True, False]
    for address in ("a", "b", "b", ""):
        counted.release(address)
    assert counted._by_address == {}
    assert counted._count == 0


def test_refusals_are_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    counted = admittance(0, 1, lambda: now[0])
    counted.admit("a")
    for now[0] in range(121):
        counted.admit("a")
    assert [record.getMessage() for record in caplog.records] == [
        f"connections are refused, {count} since the last word of it: 1 are open from a (--max-connections-per-address)"
        for count in (1, 60, 60)
    ]


async def test_one_connection_too_many_is_closed_at_once_and_others_go_on(serve: Serve) -> None:
    async with serve(hello, plain=True, max_connections_per_address=2) as running:
        async with connected(running) as first, connected(running) as second:
            for reader, writer in (first, second):
                writer.write(GET)
                await asyncio.wait_for(reader.readuntil(b"hello"), 10)
            async with connected(running) as (reader, _):
                assert await end_of(reader) == b""
            first[1].write(GET)
            await asyncio.wait_for(first[0].readuntil(b"hello"), 10)
        await _until(lambda: running.server.connection_count == 0)
        async with connected(running) as (reader, writer):
            writer.write(GET)
            await asyncio.wait_for(reader.readuntil(b"hello"), 10)


def test_there_is_a_metric_of_refusals() -> None:
    registry = MetricsRegistry()
    counted = Admittance(1, 0, metrics=ConnectionMetrics(registry), clock=lambda: 0.0)
    counted.admit("a")
    counted.admit("a")
    name = "genericapiserver_connections_refused_total"
    assert registry.collectors.get_sample_value(name, {"limit": "total"}) == 1
