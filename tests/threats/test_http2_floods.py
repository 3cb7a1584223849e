"""HTTP/2 peers that send without end what costs them nothing, or do not read what they asked for.

Threats: CVE-2023-44487 (rapid reset), CVE-2025-8671 (MadeYouReset), CVE-2024-27983 and its kin (CONTINUATION),
CVE-2019-9511 to 9518 (pings, settings, empty frames, windows that stay shut), HPACK bombs.
"""

from __future__ import annotations

import asyncio
import gc
import ssl
import time
import tracemalloc
from collections.abc import Callable

import pytest
from h2.errors import ErrorCodes
from hpack import Encoder

from genericapiserver.asgi import Receive, Scope, Send, read_body, send_response
from tests.connection.conftest import Serve, ca, client_context, serve, serving_certificate
from tests.support.h2_client import h2_client
from tests.support.raw_http2 import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GET,
    GOAWAY,
    HEADERS,
    PREFACE,
    PRIORITY,
    RST_STREAM,
    WINDOW_UPDATE,
    RawConnection,
    block,
    data,
    frame,
    ping,
    priority,
    raw_http2,
    request,
    reset,
    settings,
    window_update,
)

__all__ = ["ca", "client_context", "serve", "serving_certificate"]

Contexts = Callable[..., ssl.SSLContext]
SMALL_BUDGET = {"abuse_budget": 50, "abuse_refill": 0.0}
MANY = 60
"""Frames of a flood: above the budget, below the number from which on the connection is cut off."""
PLAIN = block(*GET)


class Waiting:
    """Answers `/wait` when it is told to, reads nothing of what is sent to it, and everything else at once."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/wait":
            await self.go.wait()
        await send_response(send, 200, b"done", b"text/plain")


def streams(make: Callable[[int], bytes], first: int = 5) -> bytes:
    return b"".join(make(first + 2 * number) for number in range(MANY))


WAIT = request(1, *GET[:2], (":path", "/wait"), GET[3])
HELD = request(3, (":method", "POST"), GET[1], (":path", "/wait"), GET[3], end=False)
FLOODS = [
    pytest.param(ping() * MANY, id="pings"),
    pytest.param(ping(flags=1) * MANY, id="acknowledgements of pings"),
    pytest.param(settings() * MANY, id="settings"),
    pytest.param(frame(4, 1, 0) * MANY, id="acknowledgements of settings"),
    pytest.param(priority(1, 0) * MANY, id="priorities"),
    pytest.param(frame(0xBB, 0, 0, b"x") * MANY, id="frames of no known type"),
    pytest.param(data(3, b"", end=False) * MANY, id="empty data"),
    pytest.param(frame(DATA, 0x8, 3, b"\0") * MANY, id="data that is only padding"),
    pytest.param(window_update(0, 1) * MANY, id="windows of the connection"),
    pytest.param(window_update(3, 1) * MANY, id="windows of a stream"),
    pytest.param(streams(lambda stream: request(stream, end=False) + reset(stream)), id="rapid resets"),
    pytest.param(
        streams(lambda stream: request(stream, end=False) + window_update(stream, 0)), id="resets made by windows"
    ),
    pytest.param(
        streams(lambda stream: request(stream, end=False) + frame(PRIORITY, 0, stream, b"bad")),
        id="resets made by priorities",
    ),
    pytest.param(
        streams(lambda stream: request(stream, end=False, more=[("content-length", "1")]) + data(stream)),
        id="resets made by lengths",
    ),
    pytest.param(streams(lambda stream: request(stream, more=[("X", "")])), id="requests that are malformed"),
    pytest.param(request(5, end=False) + reset(5) + data(5) * MANY, id="data on a stream that is reset"),
]


async def test_the_reset_stream_costs(serve: Serve, client_context: Contexts) -> None:
    """The list above is complete only if it has every kind of frame that a client may send again and again."""
    kinds = {DATA, HEADERS, PRIORITY, RST_STREAM, 4, 6, WINDOW_UPDATE, CONTINUATION, GOAWAY, 0xBB}
    told = {piece[3] for flood in FLOODS for piece in _frames(flood.values[0])}
    assert kinds - told == {CONTINUATION, GOAWAY}  # a GOAWAY ends the connection by itself; CONTINUATION is below


def _frames(flood: object) -> list[bytes]:
    assert isinstance(flood, bytes)
    frames, at = [], 0
    while at < len(flood):
        size = int.from_bytes(flood[at : at + 3], "big") + 9
        frames.append(flood[at : at + size])
        at += size
    return frames


@pytest.mark.parametrize("flood", FLOODS)
async def test_who_floods_is_told_to_calm_down_and_what_runs_goes_on(
    flood: bytes, serve: Serve, client_context: Contexts
) -> None:
    app = Waiting()
    async with serve(app, **SMALL_BUDGET) as running, h2_client(running.port, client_context()) as other:
        async with raw_http2(running.port, client_context("h2")) as connection:
            await connection.send(PREFACE, settings(), WAIT, HELD)
            await connection.answers_pings()
            await connection.send(flood)
            await connection.until(lambda: connection.goaway() is not None)
            assert connection.goaway() is ErrorCodes.ENHANCE_YOUR_CALM
            assert connection.resets(1) == []
            assert (await other.request("/")).status == 200
            app.go.set()
            await connection.until(lambda: connection.ended(1))
            assert connection.status(1) == "200"
            await connection.until_closed()
        await _until_gone(running.server)
        assert (await other.request("/")).status == 200
        ended = running.server.metrics.http2.connections_ended
        assert ended["flood"].value == 1


async def _until_gone(server: object) -> None:
    async with asyncio.timeout(5):
        while server.connection_count > 1:  # type: ignore[attr-defined]
            await asyncio.sleep(0.01)


async def test_normal_use_has_no_budget(serve: Serve, client_context: Contexts) -> None:
    """Clients open both windows for everything they get, and cancel watches now and then."""

    async def large(scope: Scope, receive: Receive, send: Send) -> None:
        await read_body(receive)
        await send_response(send, 200, bytes(300_000), b"text/plain")

    async with serve(large, **SMALL_BUDGET) as running, raw_http2(running.port, client_context("h2")) as connection:
        await connection.greet((4, 20_000))
        for stream in range(1, 21, 2):
            await connection.send(request(stream))
            seen = 0
            while not connection.ended(stream):
                await connection.until(lambda: len(connection.body(stream)) > seen or connection.ended(stream))  # noqa: B023
                size, seen = len(connection.body(stream)) - seen, len(connection.body(stream))
                if size:
                    await connection.send(window_update(0, size), window_update(stream, size))
        assert connection.goaway() is None


@pytest.mark.parametrize(
    "piece",
    [
        pytest.param(frame(CONTINUATION, 0, 1), id="empty"),
        pytest.param(frame(CONTINUATION, 0, 1, b"\x00\x01a\x01b" * 3000), id="full"),
    ],
)
async def test_a_header_block_without_an_end_ends_the_connection_at_once(
    piece: bytes, serve: Serve, client_context: Contexts
) -> None:
    async with serve(Waiting()) as running, raw_http2(running.port, client_context("h2")) as connection:
        await connection.greet()
        tracemalloc.start()
        try:
            start = time.monotonic()
            await connection.send(frame(HEADERS, 0, 1, PLAIN))
            sent = 0
            while not connection.closed and time.monotonic() - start < 10:
                await connection.send(piece * 16)
                sent += 16
                await asyncio.sleep(0)
            took, (_, peak) = time.monotonic() - start, tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert connection.closed
        assert connection.goaway() is ErrorCodes.PROTOCOL_ERROR
        assert took < 5  # some 50 ms on a machine with nothing else to do
        assert peak < 16 * 2**20


async def test_a_header_block_has_the_time_of_a_request_head(serve: Serve, client_context: Contexts) -> None:
    app = Waiting()
    async with (
        serve(app, header_read_timeout=0.4) as running,
        raw_http2(running.port, client_context("h2")) as connection,
    ):
        await connection.greet()
        await connection.send(WAIT, frame(HEADERS, 0, 3, PLAIN))  # a stream runs, so the connection is not idle
        await connection.until_closed()
        assert running.server.metrics.http2.connections_ended["stalled"].value == 1


async def test_a_head_that_is_too_large_is_refused_and_the_connection_lives(
    serve: Serve, client_context: Contexts
) -> None:
    many = block(*GET, *[("x-remote-group", f"group {number}") for number in range(2001)])
    async with serve(Waiting()) as running, raw_http2(running.port, client_context("h2")) as connection:
        await connection.greet()
        await connection.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, many))
        await connection.until(lambda: connection.ended(1))
        assert connection.status(1) == "431"
        assert connection.body(1) == b"431 Request Header Fields Too Large"
        await connection.send(frame(HEADERS, END_HEADERS, 3, many))
        await connection.until(lambda: connection.resets(3))
        assert connection.resets() == [ErrorCodes.NO_ERROR]
        await connection.send(request(5))
        await connection.until(lambda: connection.ended(5))
        assert connection.status(5) == "200"


@pytest.mark.parametrize(
    "bomb",
    [
        pytest.param(b"\x40\x01a\x7f\xa1\x1e" + b"b" * 4000 + b"\xbe" * 60_000, id="one large field again and again"),
        pytest.param(b"\x82" * 200_000, id="a field a byte"),
        pytest.param(b"\x00\x01a\x00" * 60_000, id="small fields"),
    ],
)
async def test_bombs_end_the_connection_with_the_references_code(
    bomb: bytes, serve: Serve, client_context: Contexts
) -> None:
    async with serve(Waiting()) as running, raw_http2(running.port, client_context("h2")) as connection:
        await connection.greet()
        await connection.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, PLAIN + bomb))
        await connection.until_closed()
        assert connection.goaway() is ErrorCodes.PROTOCOL_ERROR


async def test_what_was_on_its_way_on_a_stream_that_was_reset_is_dropped(
    serve: Serve, client_context: Contexts
) -> None:
    """No answer for each frame, the window given back, and the compression state kept."""
    encoder = Encoder()
    async with serve(Waiting()) as running, raw_http2(running.port, client_context("h2")) as connection:
        await connection.greet()
        bad = encoder.encode([*GET, ("X", "")])
        trailers = encoder.encode([("x-trailer", "1")])
        await connection.send(frame(HEADERS, END_HEADERS, 1, bad), data(1, bytes(5000), end=False))
        await connection.send(window_update(1, 1), frame(HEADERS, END_HEADERS | END_STREAM, 1, trailers))
        await connection.send(frame(HEADERS, END_HEADERS | END_STREAM, 3, encoder.encode([*GET, ("x-trailer", "1")])))
        await connection.until(lambda: connection.ended(3))
        assert connection.status(3) == "200"
        assert connection.resets() == [ErrorCodes.PROTOCOL_ERROR]
        assert 5000 in [update.number for update in connection.of(WINDOW_UPDATE, 0, 0)]


async def test_streams_whose_body_still_comes_count(serve: Serve, client_context: Contexts) -> None:
    async with (
        serve(Waiting(), max_concurrent_streams=10) as running,
        raw_http2(running.port, client_context("h2")) as connection,
    ):
        await connection.greet()
        for stream in range(1, 21, 2):
            await connection.send(request(stream, end=False))
        await connection.until(lambda: connection.ended(19))
        await connection.send(request(21))
        await connection.until(lambda: connection.resets(21))
        assert connection.resets(21) == [ErrorCodes.REFUSED_STREAM]
        assert running.server.metrics.http2.streams_refused.value == 1
        await connection.send(data(1))
        await connection.send(request(23))
        await connection.until(lambda: connection.ended(23))


async def endless(scope: Scope, receive: Receive, send: Send) -> None:
    """A body that never ends, on /endless."""
    if scope["path"] != "/endless":
        await send_response(send, 200, b"done", b"text/plain")
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": bytes(100_000), "more_body": True})


ENDLESS = (*GET[:2], (":path", "/endless"), GET[3])


async def test_a_stream_that_is_not_read_is_given_up(serve: Serve, client_context: Contexts) -> None:
    async with (
        serve(endless, write_stall_timeout=0.3) as running,
        raw_http2(running.port, client_context("h2")) as connection,
    ):
        await connection.greet((4, 1000))
        await connection.send(request(1, *ENDLESS))
        await connection.until(lambda: len(connection.body(1)) == 1000)
        task = asyncio.create_task(_trickle(connection))  # a byte now and then is not reading
        await connection.until(lambda: connection.resets(1))
        task.cancel()
        assert connection.resets(1) == [ErrorCodes.CANCEL]
        await connection.send(request(3))
        await connection.until(lambda: connection.ended(3))
        assert running.server.metrics.http2.streams_stalled.value == 1


async def _trickle(connection: RawConnection) -> None:
    while True:
        await connection.send(window_update(1, 1))
        await asyncio.sleep(0.05)


async def test_a_stream_that_is_read_slowly_is_not(serve: Serve, client_context: Contexts) -> None:
    async with (
        serve(endless, write_stall_timeout=0.5) as running,
        raw_http2(running.port, client_context("h2")) as connection,
    ):
        await connection.greet((4, 1000))
        await connection.send(request(1, *ENDLESS))
        stop = time.monotonic() + 1.5
        while time.monotonic() < stop:
            await connection.send(window_update(1, 1500))
            await asyncio.sleep(0.05)
        assert connection.resets() == []
        assert len(connection.body(1)) > 10_000


async def test_a_peer_that_reads_nothing_is_cut_off(serve: Serve, client_context: Contexts) -> None:
    async with serve(endless, write_stall_timeout=0.3) as running:
        context = client_context("h2")
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", running.port, ssl=context, server_hostname="localhost", limit=1024
        )
        wide = window_update(0, 2**31 - 1 - 65535)
        writer.write(PREFACE + settings((4, 2**31 - 1)) + wide + request(1, *ENDLESS))
        async with asyncio.timeout(20):
            while not running.server.connection_count:
                await asyncio.sleep(0.01)
            while running.server.connection_count:
                await asyncio.sleep(0.02)
        assert running.server.metrics.http2.connections_ended["stalled"].value == 1
        writer.transport.abort()
        del reader


async def test_floods_leave_nothing_behind(serve: Serve, client_context: Contexts) -> None:
    """What a flooded server holds is the same after four rounds as after two."""
    flood = b"".join(request(stream) + reset(stream) for stream in range(1, 2001, 2)) + ping() * 1100

    async def one(running_port: int) -> None:
        async with raw_http2(running_port, client_context("h2")) as connection:
            await connection.send(PREFACE, settings(), flood)
            await connection.until_closed(60)

    async with serve(Waiting(), abuse_refill=0.0) as running:
        held: list[int] = []
        tracemalloc.start()
        try:
            for _ in range(4):
                await one(running.port)
                await _until_empty(running.server)
                gc.collect()
                held.append(tracemalloc.get_traced_memory()[0])
        finally:
            tracemalloc.stop()
    assert held[-1] - held[1] < 2**20, held  # the streams of one round are more than that


async def test_a_block_is_let_go_with_its_connection(serve: Serve, client_context: Contexts) -> None:
    """Not when its objects are collected at some time: a flood of such connections would hold a mebibyte of each."""
    piece = frame(CONTINUATION, 0, 1, b"\x00\x01a\x01b" * 3000)
    async with serve(Waiting()) as running:
        gc.disable()
        tracemalloc.start()
        try:
            for _ in range(6):
                async with raw_http2(running.port, client_context("h2")) as connection:
                    await connection.send(PREFACE, settings(), frame(HEADERS, 0, 1, PLAIN), piece * 100)
                    await connection.until_closed()
                await _until_empty(running.server)
            held = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
            gc.enable()
    assert held < 5 * 2**20


async def _until_empty(server: object) -> None:
    async with asyncio.timeout(60):
        while server.connection_count:  # type: ignore[attr-defined]
            await asyncio.sleep(0.01)
