"""What clients see of a server that stops: in both modes, on new and old connections, with requests in flight."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import attrs
import httpx
import pytest

from genericapiserver.aio import Signal
from genericapiserver.asgi import Receive, Scope, Send, send_text
from genericapiserver.hooks import HookError
from genericapiserver.request import request_context
from genericapiserver.server import GenericAPIServer
from tests.server.servers import client_context, connected, new_config, record, serving_info
from tests.support.h2_client import h2_client

WATCH = "/apis/test.example.com/v1/things?watch=1"
"""A watch by its looks; no group is installed, so the mux serves it."""


@attrs.define(eq=False)
class World:
    """A server with a request that waits to be let go, a watch, and a hook that waits for the test."""

    server: GenericAPIServer
    fired: list[str]
    address: tuple[str, int] = ("", 0)
    ready: Signal = attrs.field(factory=lambda: Signal("the server listens"))
    blocked: Signal = attrs.field(factory=lambda: Signal("a request is blocked"))
    go: Signal = attrs.field(factory=lambda: Signal("let the request go"))
    watching: Signal = attrs.field(factory=lambda: Signal("a watch is open"))
    hook_may_end: Signal = attrs.field(factory=lambda: Signal("let the hook end"))
    answers_to_the_hook: list[int] = attrs.field(factory=list)
    stop: Signal = attrs.field(factory=lambda: Signal("stop"))
    stopped: Signal = attrs.field(factory=lambda: Signal("the server has ended"))
    expected: int = 1
    """How many requests there must be for `blocked` to fire."""

    async def serve_blocked(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.expected -= 1
        if self.expected == 0:
            self.blocked.set()
        await self.go.wait()
        await send_text(send, 200, "done")

    async def serve_watch(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}\n", "more_body": True})
        self.watching.set()
        shutdown = request_context(scope).shutdown
        if shutdown is not None:
            await shutdown.wait()
        else:
            while (await receive())["type"] != "http.disconnect":
                pass
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def pre_shutdown(self) -> None:
        client = self.server.config.new_loopback_transport()
        while True:
            self.answers_to_the_hook.append((await client.request("GET", "/version")).status)
            if self.hook_may_end.is_set():
                return
            await self.hook_may_end.wait()

    async def run(self) -> None:
        try:
            async with self.server.prepare_run().serving() as self.address:
                self.ready.set()
                await self.stop.wait()
        finally:
            self.stopped.set()


@contextlib.asynccontextmanager
async def world(**settings: Any) -> AsyncIterator[World]:
    config = new_config(secure_serving=serving_info(), **settings)
    server = config.complete().new("test")
    made = World(server, record(server.lifecycle_signals))
    mux = server.handler.non_api_mux
    mux.handle("/blocked", made.serve_blocked)
    mux.handle(WATCH.partition("?")[0], made.serve_watch)
    server.add_pre_shutdown_hook("calls the API", made.pre_shutdown)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        tasks.create_task(made.run())
        await made.ready.wait()
        yield made
        made.stop.set()
        made.hook_may_end.set()
        made.go.set()


async def answer(world: World, path: str) -> httpx.Response:
    """The answer on a connection of its own."""
    async with connected(world.address) as client:
        return await client.get(path)


async def watch(world: World, ended: Signal) -> None:
    async with connected(world.address) as client, client.stream("GET", WATCH) as response:
        assert response.status_code == 200
        async for _ in response.aiter_bytes():
            pass
    ended.set()


@pytest.mark.parametrize("retry_after", [False, True], ids=["default", "retry after"])
async def test_a_graceful_end(retry_after: bool) -> None:
    async with (
        world(
            shutdown_delay_duration=0.05,
            shutdown_watch_termination_grace_period=2.0,
            shutdown_send_retry_after=retry_after,
        ) as w,
        connected(w.address) as old,
        asyncio.TaskGroup() as tasks,
    ):
        signals = w.server.lifecycle_signals
        watch_ended = Signal("the watch has ended")
        assert (await old.get("/readyz")).status_code == 200
        assert signals.has_been_ready.is_set()
        blocked = tasks.create_task(answer(w, "/blocked"))
        tasks.create_task(watch(w, watch_ended))
        await w.blocked.wait()
        await w.watching.wait()
        w.stop.set()
        await signals.shutdown_initiated.wait()

        for client_answer in (answer(w, "/readyz"), old.get("/readyz")):
            response = await client_answer
            assert response.status_code == 500
            assert response.text.endswith("[-]shutdown failed: reason withheld\nreadyz check failed\n")
        for path in ("/healthz", "/livez", "/version"):
            assert (await answer(w, path)).status_code == 200

        await signals.after_shutdown_delay_duration.wait()
        assert not signals.not_accepting_new_request.is_set(), "the hook has not ended"
        assert (await answer(w, "/version")).status_code == 200
        assert (await old.get("/version")).status_code == 200
        assert not watch_ended.is_set()

        w.hook_may_end.set()
        await signals.not_accepting_new_request.wait()
        assert w.answers_to_the_hook == [200, 200]
        if retry_after:
            for client_answer in (answer(w, "/version"), old.get("/version")):
                response = await client_answer
                assert response.status_code == 429
                assert response.text == "The apiserver is shutting down, please try again later.\n"
                assert response.headers["retry-after"] == "5"
                assert response.headers["connection"] == "close"
                assert "cache-control" not in response.headers
            assert (await answer(w, "/healthz")).status_code == 200
            assert not signals.http_server_stopped_listening.is_set()
        else:
            await signals.http_server_stopped_listening.wait()
            with pytest.raises(httpx.ConnectError):
                await answer(w, "/version")
            with pytest.raises(httpx.TransportError):
                await old.get("/version")
        assert not signals.in_flight_requests_drained.is_set()
        await watch_ended.wait()
        assert not blocked.done()

        w.go.set()
        assert (await blocked).text == "done"
        await w.stopped.wait()
        assert w.fired[-2:] == (
            ["in_flight_requests_drained", "http_server_stopped_listening"]
            if retry_after
            else ["http_server_stopped_listening", "in_flight_requests_drained"]
        )
        with pytest.raises(httpx.ConnectError):
            await answer(w, "/version")


async def test_a_watch_without_a_grace_period_holds_the_server_until_the_timeout() -> None:
    async with world(request_timeout=0.05) as w, asyncio.TaskGroup() as tasks:
        cut = tasks.create_task(_stream_error(w))
        await w.watching.wait()
        w.hook_may_end.set()
        w.stop.set()
        await w.server.lifecycle_signals.in_flight_requests_drained.wait()
        assert not w.stopped.is_set(), "a watch is not drained, but its connection is waited for"
        await w.stopped.wait()
        await cut


async def _stream_error(world: World) -> None:
    """Read a watch to its end, whatever that is like."""
    with contextlib.suppress(httpx.TransportError):
        await watch(world, Signal("end"))


async def test_every_open_stream_of_a_connection_ends_well() -> None:
    async with world() as w, h2_client(w.address[1], client_context()) as client:
        w.expected = 25
        streams = [client.send_request("/blocked") for _ in range(25)]
        await client.flush()
        await w.blocked.wait()
        w.hook_may_end.set()
        w.stop.set()
        await w.server.lifecycle_signals.http_server_stopped_listening.wait()
        await client.until(lambda: client.goaway is not None)
        w.go.set()
        responses = [await client.finished(stream) for stream in streams]
        assert [(response.status, bytes(response.body)) for response in responses] == [(200, b"done")] * 25


async def test_a_failed_pre_shutdown_hook_ends_the_server_without_draining() -> None:
    server = new_config(secure_serving=serving_info()).complete().new("test")
    blocked, gone = Signal("blocked"), Signal("gone")

    async def block(scope: Scope, receive: Receive, send: Send) -> None:
        blocked.set()
        try:
            await asyncio.Event().wait()
        finally:
            gone.set()

    server.handler.non_api_mux.handle("/blocked", block)
    failing = Signal("the hook may fail")
    closed: list[str] = []

    async def fail() -> None:
        await failing.wait()
        raise ValueError("not now")

    async def close() -> None:
        closed.append("closed")

    server.add_pre_shutdown_hook("fails", fail)
    server.config.add_cleanup(close)
    stop = Signal("stop")
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        run = asyncio.ensure_future(server.prepare_run().run(shutdown_trigger=stop.wait))
        assert server.config.secure_serving is not None
        address = server.config.secure_serving.host_port()
        caller = tasks.create_task(_cut(address))
        await blocked.wait()
        stop.set()
        failing.set()
        with pytest.raises(HookError, match=r'^PreShutdownHook "fails" failed: not now$'):
            await run
        await caller
    signals = server.lifecycle_signals
    assert signals.pre_shutdown_hooks_stopped.is_set()
    assert not signals.not_accepting_new_request.is_set()
    assert not signals.in_flight_requests_drained.is_set()
    assert gone.is_set()
    assert closed == ["closed"]


async def _cut(address: tuple[str, int]) -> None:
    """A request whose connection is cut off."""
    async with connected(address) as client:
        with pytest.raises(httpx.TransportError):
            await client.get("/blocked")
