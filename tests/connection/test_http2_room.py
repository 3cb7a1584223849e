"""Streams that wait for room: what little there is costs little to share out, and nobody who may write is forgotten."""

from __future__ import annotations

import random
import ssl
from collections.abc import Callable

import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from genericapiserver.asgi import Receive, Scope, Send, send_response
from genericapiserver.connection.http2 import HTTP2Driver
from tests.connection.conftest import Serve
from tests.support.raw_http2 import (
    DATA,
    END_STREAM,
    HEADERS,
    RawConnection,
    raw_http2,
    request,
    reset,
    settings,
    window_update,
)

Contexts = Callable[..., ssl.SSLContext]
FIRST_WINDOW = 65535
BODY = 40_000
STREAMS = [1 + 2 * number for number in range(60)]


async def body(scope: Scope, receive: Receive, send: Send) -> None:
    await send_response(send, 200, b"x" * BODY, b"text/plain")


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The streams that looked for room."""
    looked: list[int] = []
    room = HTTP2Driver.room

    def noted(driver: HTTP2Driver, stream: object, size: int) -> int | None:
        looked.append(stream.id)  # type: ignore[attr-defined]
        return room(driver, stream, size)  # type: ignore[arg-type]

    monkeypatch.setattr(HTTP2Driver, "room", noted)
    return looked


def came(client: RawConnection) -> int:
    return sum(len(frame.payload) for frame in client.of(DATA))


async def test_a_byte_of_the_connections_window_is_no_news_to_all_who_wait(
    serve: Serve, client_context: Contexts, looks: list[int]
) -> None:
    async with serve(body) as running, raw_http2(running.port, client_context("h2")) as client:
        await client.greet((SettingCodes.INITIAL_WINDOW_SIZE, 2**20))
        await client.send(*[request(stream) for stream in STREAMS])
        await client.until(lambda: came(client) == FIRST_WINDOW and set(looks) >= set(STREAMS[2:]))
        looks.clear()
        for count in range(1, 21):
            await client.send(window_update(0, 1))
            await client.until(lambda count=count: came(client) == FIRST_WINDOW + count)  # type: ignore[misc]
        await client.answers_pings()
        assert len(looks) <= 4 * 20
        await client.send(window_update(0, BODY * len(STREAMS)))
        await client.until(lambda: len(client.of(DATA, END_STREAM)) == len(STREAMS))
        assert all(len(client.body(stream)) == BODY for stream in STREAMS)


async def test_the_connections_window_is_nothing_to_streams_whose_own_is_shut(
    serve: Serve, client_context: Contexts, looks: list[int]
) -> None:
    async with serve(body) as running, raw_http2(running.port, client_context("h2")) as client:
        await client.greet((SettingCodes.INITIAL_WINDOW_SIZE, 0))
        await client.send(*[request(stream) for stream in STREAMS])
        await client.until(lambda: len(client.of(HEADERS)) == len(STREAMS) and set(looks) == set(STREAMS))
        looks.clear()
        for _ in range(20):
            await client.send(window_update(0, BODY * 3))
        await client.answers_pings()
        assert looks == []
        await client.send(window_update(STREAMS[7], 5))
        await client.until(lambda: client.body(STREAMS[7]) == b"x" * 5)
        assert set(looks) == {STREAMS[7]}
        await client.send(settings((SettingCodes.INITIAL_WINDOW_SIZE, BODY)))
        await client.until(lambda: len(client.of(DATA, END_STREAM)) == len(STREAMS))


async def test_settings_that_open_many_windows_by_a_byte_use_up_patience(
    serve: Serve, client_context: Contexts
) -> None:
    limits = {"abuse_budget": 100, "abuse_refill": 0.0}
    async with serve(body, **limits) as running, raw_http2(running.port, client_context("h2")) as client:
        await client.greet((SettingCodes.INITIAL_WINDOW_SIZE, 0))
        await client.send(*[request(stream) for stream in STREAMS[:50]])
        for size in range(1, 60):
            await client.send(settings((SettingCodes.INITIAL_WINDOW_SIZE, size)))
        await client.until(lambda: client.goaway() is not None)
        assert client.goaway() == ErrorCodes.ENHANCE_YOUR_CALM


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_is_opened_in_whatever_order_everybody_gets_what_is_his(
    serve: Serve, client_context: Contexts, seed: int
) -> None:
    """Windows of streams and of the connection, by little and by much, settings up and down, and streams given up."""
    choice = random.Random(seed)
    async with serve(body, write_high_water=2**14) as running, raw_http2(running.port, client_context("h2")) as client:
        await client.greet((SettingCodes.INITIAL_WINDOW_SIZE, choice.choice([0, 1000, 2**20])))
        await client.send(*[request(stream) for stream in STREAMS])
        gone = set()
        for _ in range(150):
            what, stream = choice.random(), choice.choice(STREAMS)
            if what < 0.4:
                await client.send(window_update(0, choice.choice([1, 100, BODY])))
            elif what < 0.8:
                await client.send(window_update(stream, choice.choice([1, 500, BODY])))
            elif what < 0.9:
                size = choice.choice([0, 10, 1000, 2**20])
                await client.send(settings((SettingCodes.INITIAL_WINDOW_SIZE, size)))
            elif what < 0.95 and stream not in gone:
                gone.add(stream)
                await client.send(reset(stream))
            else:
                await client.answers_pings()
        await client.send(settings((SettingCodes.INITIAL_WINDOW_SIZE, 2**20)))
        await client.send(window_update(0, BODY * len(STREAMS)))
        await client.until(lambda: all(client.ended(stream) or stream in gone for stream in STREAMS))
        assert {len(client.body(stream)) for stream in STREAMS if stream not in gone} == {BODY}
