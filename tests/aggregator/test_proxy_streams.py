"""Streams through the proxy: bytes go on as they come and as far as the other side takes them, and end with their ends."""

import asyncio
import contextlib
import json

import pytest

from genericapiserver.aggregator.proxy.http2 import STREAMS_PER_CONNECTION
from genericapiserver.aio import Signal
from genericapiserver.asgi import Message, Receive, Scope, Send, send_text
from genericapiserver.filters.exception_recovery import AbortRequestError
from genericapiserver.request import CONTEXT_KEY
from tests.aggregator.support import (
    Recorder,
    api_service,
    proxy,
    serving,
    until,
)

PATH = "/apis/foo/v1/things"
WATCH = f"{PATH}?watch=1"

both_protocols = pytest.mark.parametrize("http2", [True, False], ids=["http2", "http1"])


class Watches:
    """A server behind whose watches last, and which knows how many there are."""

    def __init__(self) -> None:
        self.open = 0
        self.asked = 0
        self.events = 0
        self._waiting: set[asyncio.Event] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if b"watch" not in scope["query_string"]:
            await send_text(send, 200, "short")
            return
        self.open += 1
        self.asked += 1
        news = asyncio.Event()
        self._waiting.add(news)
        writer = asyncio.create_task(self._write(send, news))
        try:
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            self.open -= 1
            self._waiting.discard(news)
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    async def _write(self, send: Send, news: asyncio.Event) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"x")]})
        await send({"type": "http.response.body", "body": b'{"type":"FIRST"}\n', "more_body": True})
        sent = self.events
        while True:
            await news.wait()
            news.clear()
            while sent < self.events:
                sent += 1
                line = json.dumps({"type": "EVENT", "number": sent}).encode() + b"\n"
                await send({"type": "http.response.body", "body": line, "more_body": True})

    async def event(self) -> None:
        self.events += 1
        for news in self._waiting:
            news.set()


@both_protocols
async def test_an_event_of_a_watch_comes_at_once_and_the_end_of_the_client_ends_it(http2: bool) -> None:
    watches = Watches()
    async with serving(watches, http2=http2) as endpoint, proxy(endpoint, api_service()) as (_, client):
        async with client.open("GET", WATCH) as response:
            assert await response.events(1) == [{"type": "FIRST"}]
            await watches.event()
            assert await response.events(1) == [{"type": "EVENT", "number": 1}]
            assert watches.open == 1
        await until(lambda: watches.open == 0)


@both_protocols
async def test_a_hundred_and_fifty_watches_starve_no_short_request(http2: bool) -> None:
    watches = Watches()
    async with (
        serving(watches, http2=http2) as endpoint,
        proxy(endpoint, api_service()) as (handler, client),
        contextlib.AsyncExitStack() as stack,
    ):
        for _ in range(150):
            await stack.enter_async_context(client.open("GET", WATCH))
        assert watches.open == 150
        async with asyncio.timeout(10):
            assert (await client.get(PATH)).text == "short"
        assert handler.backend is not None
        limit = 150 // STREAMS_PER_CONNECTION + 1 if http2 else 151
        assert handler.backend.connections == limit


@both_protocols
async def test_the_end_of_a_watch_is_its_end_for_the_client(http2: bool) -> None:
    async def ends(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await send({"type": "http.response.body", "body": b"b"})

    async with serving(ends, http2=http2) as endpoint, proxy(endpoint, api_service()) as (_, client):
        response = await client.get(WATCH)
        assert (response.status, response.body) == (200, b"ab")


@both_protocols
async def test_an_answer_that_breaks_off_is_broken_off_for_the_client(http2: bool) -> None:
    async def breaks(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        raise AbortRequestError

    async with serving(breaks, http2=http2) as endpoint, proxy(endpoint, api_service()) as (_, client):
        with pytest.raises(AbortRequestError, match="the server behind broke off"):
            await client.get(PATH)


@both_protocols
async def test_a_large_body_comes_whole_both_ways(http2: bool) -> None:
    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        more = True
        while more:
            message = await receive()
            more = message.get("more_body", False)
            await send({"type": "http.response.body", "body": message.get("body", b""), "more_body": more})

    body = bytes(range(256)) * 4096 * 8  # more than any window
    async with serving(echo, http2=http2) as endpoint, proxy(endpoint, api_service()) as (_, client):
        response = await client.request("POST", PATH, body=body)
        assert response.body == body


@both_protocols
async def test_a_body_of_unknown_length_goes_up_as_it_comes(http2: bool) -> None:
    """The first piece is answered before the second is sent: nothing is collected on the way."""
    pieces: asyncio.Queue[bytes] = asyncio.Queue()

    async def listener(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            if message.get("body"):
                await send({"type": "http.response.body", "body": b"got " + message["body"], "more_body": True})
            if not message.get("more_body"):
                await send({"type": "http.response.body", "body": b""})
                return

    answers: asyncio.Queue[Message] = asyncio.Queue()

    async def receive() -> Message:
        piece = await pieces.get()
        return {"type": "http.request", "body": piece, "more_body": bool(piece)}

    async with serving(listener, http2=http2) as endpoint, proxy(endpoint, api_service()) as (_, client):
        scope = client.scope("POST", PATH, {"transfer-encoding": "chunked"})
        task = asyncio.ensure_future(client.app(scope, receive, answers.put))
        pieces.put_nowait(b"one")
        async with asyncio.timeout(10):
            assert (await answers.get())["status"] == 200
            assert (await answers.get())["body"] == b"got one"
            pieces.put_nowait(b"two")
            assert (await answers.get())["body"] == b"got two"
            pieces.put_nowait(b"")
            await answers.get()
            await task


@both_protocols
async def test_a_client_that_does_not_read_stops_its_own_answer_and_no_other(http2: bool) -> None:
    sent = 0

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal sent
        if b"watch" not in scope["query_string"]:
            await send_text(send, 200, "short")
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
            sent += 65536

    async with serving(endless, http2=http2) as endpoint, proxy(endpoint, api_service()) as (_, client):
        blocked = asyncio.Event()

        async def stuck(message: Message) -> None:
            if message["type"] == "http.response.body":
                blocked.set()
                await asyncio.Event().wait()

        messages: asyncio.Queue[Message] = asyncio.Queue()
        messages.put_nowait({"type": "http.request", "body": b"", "more_body": False})
        task = asyncio.ensure_future(client.app(client.scope("GET", WATCH, {}), messages.get, stuck))
        try:
            await blocked.wait()
            before = -1
            while before != sent:  # until the server behind has to wait
                before = sent
                for _ in range(5):
                    assert (await client.get(PATH)).text == "short"
            assert sent < 32 * 1024 * 1024
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@both_protocols
async def test_an_early_answer_to_a_large_body_arrives(http2: bool) -> None:
    async def refuses(scope: Scope, receive: Receive, send: Send) -> None:
        await send_text(send, 413, "too large")

    async with serving(refuses, http2=http2) as endpoint, proxy(endpoint, api_service()) as (_, client):
        response = await client.request("POST", PATH, body=b"x" * 4_000_000)
        assert (response.status, response.text) == (413, "too large")
        assert (await client.get(PATH)).status == 413


async def test_requests_share_one_connection_of_http2_and_keep_one_of_http1() -> None:
    for http2 in (True, False):
        backend = Recorder()
        async with serving(backend, http2=http2) as endpoint, proxy(endpoint, api_service()) as (handler, client):
            for _ in range(5):
                await client.request("POST", PATH, body={"a": 1})
            assert handler.backend is not None
            assert handler.backend.connections == 1
            await asyncio.gather(*(client.get(PATH) for _ in range(20)))
            assert http2 is False or handler.backend.connections == 1
            assert len(backend.asked) == 25


async def test_a_server_that_drains_its_http2_connection_loses_no_request() -> None:
    """GOAWAY: what is under way there comes to its end, what is new goes over another connection."""
    watches = Watches()
    goaway = False

    async def drains(scope: Scope, receive: Receive, send: Send) -> None:
        if goaway and b"watch" not in scope["query_string"]:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
            await send({"type": "http.response.body", "body": b"last"})
            return
        await watches(scope, receive, send)

    async with (
        serving(drains) as endpoint,
        proxy(endpoint, api_service()) as (handler, client),
        client.open("GET", WATCH) as watch,
    ):
        assert await watch.events(1) == [{"type": "FIRST"}]
        goaway = True
        assert (await client.get(PATH)).text == "last"
        goaway = False
        assert (await client.get(PATH)).text == "short"
        assert handler.backend is not None
        assert handler.backend.connections == 2
        await watches.event()
        assert await watch.events(1) == [{"type": "EVENT", "number": 1}]


async def test_connections_end_with_the_api_service() -> None:
    watches = Watches()
    async with serving(watches) as endpoint, proxy(endpoint, api_service()) as (handler, client):
        async with contextlib.AsyncExitStack() as stack:
            watch = await stack.enter_async_context(client.open("GET", WATCH))
            assert await watch.events(1) == [{"type": "FIRST"}]
            await handler.aclose()
            assert await watch.events(1) == []
            with pytest.raises(AbortRequestError):
                await stack.aclose()
        await until(lambda: watches.open == 0)


async def test_a_watch_goes_on_over_its_old_connection_when_the_certificate_changes() -> None:
    watches = Watches()
    async with serving(watches) as endpoint, proxy(endpoint, api_service()) as (handler, client):
        async with client.open("GET", WATCH) as watch:
            assert await watch.events(1) == [{"type": "FIRST"}]
            old = handler.backend
            handler.update(api_service(insecure=True))
            assert handler.backend is not old
            await watches.event()
            assert await watch.events(1) == [{"type": "EVENT", "number": 1}]
            assert (await client.get(PATH)).text == "short"
        await until(lambda: old is not None and old.connections == 0)


async def test_a_slow_server_takes_only_its_share_of_requests() -> None:
    release = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await release.wait()
        await send_text(send, 200, "late")

    async with (
        serving(slow) as slow_endpoint,
        serving(Recorder("quick")) as endpoint,
        proxy(slow_endpoint, api_service(), requests_per_backend=10) as (_, slow_client),
        proxy(endpoint, api_service()) as (_, client),
    ):
        waiting = [asyncio.create_task(slow_client.get(PATH)) for _ in range(10)]
        await asyncio.sleep(0)
        refused = await slow_client.get(PATH)
        assert (refused.status, refused.headers["retry-after"]) == (429, "1")
        assert (await client.get(PATH)).text == "quick"
        release.set()
        assert {response.status for response in await asyncio.gather(*waiting)} == {200}
        assert (await slow_client.get(PATH)).status == 200


@both_protocols
async def test_a_watch_ends_properly_when_this_server_stops(http2: bool) -> None:
    stopping, watches = Signal("stopping"), Watches()
    async with serving(watches, http2=http2) as endpoint, proxy(endpoint, api_service()) as (_, client):
        inner = client.prepare
        assert inner is not None

        def prepare(scope: Scope) -> None:
            inner(scope)
            scope[CONTEXT_KEY].shutdown = stopping

        client.prepare = prepare
        async with client.open("GET", WATCH) as watch:
            assert await watch.events(1) == [{"type": "FIRST"}]
            stopping.set()
            assert await watch.events(1) == []
        await until(lambda: watches.open == 0)
