"""What clients see of a server that stops: in both modes, on new and old connections, with requests in flight."""

import asyncio
import contextlib

import httpx
import pytest

from genericapiserver.aio import NotAcceptingError, Signal
from genericapiserver.asgi import Receive, Scope, Send, send_text
from genericapiserver.hooks import HookError
from genericapiserver.request import request_context
from tests.server.servers import client_context, connected, new_config, serving_info
from tests.server.worlds import WATCH, World, world
from tests.support.asgi_client import ASGIClient, ClientResponse
from tests.support.h2_client import h2_client


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


@pytest.mark.parametrize("retry_after", [False, True], ids=["default", "retry after"])
async def test_a_watch_without_a_grace_period_holds_the_server_until_the_timeout(
    retry_after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genericapiserver.prepared.RETRY_AFTER_SHUTDOWN_TIMEOUT", 0.05)
    timeout = 60.0 if retry_after else 0.05  # of requests: the other mode has its own for connections
    async with (
        world(request_timeout=timeout, shutdown_send_retry_after=retry_after) as w,
        asyncio.TaskGroup() as tasks,
    ):
        ended = Signal("the watch has ended well")
        tasks.create_task(watch(w, ended))
        await w.watching.wait()
        w.hook_may_end.set()
        w.stop.set()
        await w.server.lifecycle_signals.in_flight_requests_drained.wait()
        assert not w.stopped.is_set(), "a watch is not drained, but its connection is waited for"
        assert not ended.is_set()
        await w.stopped.wait()
        await ended.wait()
        assert w.destroyed.is_set()


async def test_many_watches_end_well_one_after_another() -> None:
    number = 40
    ended: list[float] = []

    async def until_ended(w: World) -> None:
        await watch(w, Signal("the watch has ended well"))
        ended.append(asyncio.get_running_loop().time())

    async with world(shutdown_watch_termination_grace_period=5.0) as w, asyncio.TaskGroup() as tasks:
        w.expected_watches = number
        for _ in range(number):
            tasks.create_task(until_ended(w))
        await w.watching.wait()
        assert w.server.watch_requests.count == number
        w.hook_may_end.set()
        w.stop.set()
        await w.stopped.wait()
    assert len(ended) == number
    assert max(ended) - min(ended) >= 0.8 * (number - 1) / 200


@pytest.mark.parametrize("path", ["/version", WATCH], ids=["a request", "a watch"])
async def test_what_was_accepted_in_the_last_moment_is_served(path: str) -> None:
    server = new_config(shutdown_watch_termination_grace_period=1.0).complete().new("test")
    ends = Signal("the watch has ended")

    async def serve_watch(scope: Scope, receive: Receive, send: Send) -> None:
        told = request_context(scope).shutdown
        assert told is not None
        await told.wait()
        ends.set()
        await send_text(send, 200, "ended")

    server.handler.non_api_mux.handle(WATCH.partition("?")[0], serve_watch)
    client = ASGIClient(server)
    requests: list[asyncio.Task[ClientResponse]] = []

    def accept() -> None:
        """A connection has read the request, and its task has not begun."""
        requests.append(asyncio.get_running_loop().create_task(client.get(path)))

    server.lifecycle_signals.not_accepting_new_request.on_set(accept)
    async with asyncio.timeout(10), server.prepare_run().serving():
        pass
    assert (await requests[0]).status == 200
    assert ends.is_set() is (path == WATCH)
    with pytest.raises(NotAcceptingError), server.non_long_running_requests:
        pass


async def test_a_handler_that_cannot_be_ended_does_not_keep_the_server(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("genericapiserver.connection.server._LAST_BYTES", 0.05)
    monkeypatch.setattr("genericapiserver.connection.server._LAST_WORDS", 0.05)
    monkeypatch.setattr("genericapiserver.prepared.DRAIN_MARGIN", 0.3)
    server = new_config(secure_serving=serving_info(), request_timeout=0.05).complete().new("test")
    stuck: list[asyncio.Task[None] | None] = []
    released = Signal("released")

    async def never_end(scope: Scope, receive: Receive, send: Send) -> None:
        stuck.append(asyncio.current_task())
        began.set()
        while not released.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await released.wait()

    began = Signal("the handler has begun")
    server.handler.non_api_mux.handle("/blocked", never_end)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        async with server.prepare_run().serving() as address:
            caller = tasks.create_task(_cut(address))
            await began.wait()
        await caller
        released.set()
        assert stuck[0] is not None
        await asyncio.wait({stuck[0]})
    assert server.lifecycle_signals.in_flight_requests_drained.is_set()
    assert "1 requests have not ended within" in caplog.text


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
    watching, ended, destroyed = Signal("watching"), Signal("the watch has ended well"), Signal("destroyed")

    async def serve_watch(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}\n", "more_body": True})
        watching.set()
        await destroyed.wait()  # as a watch sees the end of its storage
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    server.handler.non_api_mux.handle("/watch", serve_watch)

    async def fail() -> None:
        await failing.wait()
        raise ValueError("not now")

    async def close() -> None:
        closed.append("closed")
        destroyed.set()

    async def read_watch(address: tuple[str, int]) -> None:
        async with connected(address) as client:
            assert (await client.get("/watch")).text == "{}\n"
        ended.set()

    server.add_pre_shutdown_hook("fails", fail)
    server.config.add_cleanup(close)
    stop = Signal("stop")
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        run = asyncio.ensure_future(server.prepare_run().run(shutdown_trigger=stop.wait))
        assert server.config.secure_serving is not None
        address = server.config.secure_serving.host_port()
        caller = tasks.create_task(_cut(address))
        tasks.create_task(read_watch(address))
        await blocked.wait()
        await watching.wait()
        stop.set()
        failing.set()
        with pytest.raises(HookError, match=r'^PreShutdownHook "fails" failed: not now$'):
            await run
        await caller
        await ended.wait()
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
