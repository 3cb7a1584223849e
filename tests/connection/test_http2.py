"""HTTP/2: streams that cannot harm each other, and connections that end politely."""

from __future__ import annotations

import asyncio
import gc
import logging
import ssl
import weakref
from collections.abc import Callable

import pytest
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, StreamEnded
from h2.settings import SettingCodes

from genericapiserver.asgi import Receive, Scope, Send, read_body, send_response
from genericapiserver.connection.http2 import HTTP2Driver
from tests.connection.conftest import Serve
from tests.support.h2_client import h2_client
from tests.support.raw_http2 import priority, raw_http2, request

Contexts = Callable[..., ssl.SSLContext]


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await send_response(send, 200, b"hello", b"text/plain")


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    await send_response(send, 200, await read_body(receive), b"application/octet-stream")


class Gate:
    """A handler that holds `/hold` until it is let go, tells what became of it, and answers all else at once."""

    def __init__(self) -> None:
        self.entered = asyncio.Semaphore(0)
        self.go = asyncio.Event()
        self.ended: asyncio.Queue[str] = asyncio.Queue()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != "/hold":
            await send_response(send, 200, b"free", b"text/plain")
            return
        self.entered.release()
        try:
            await self.go.wait()
            await send_response(send, 200, b"held", b"text/plain")
        except asyncio.CancelledError:
            self.ended.put_nowait("cancelled")
            raise
        self.ended.put_nowait("answered")


async def test_first_frames_are_the_references(serve: Serve, client_context: Contexts) -> None:
    async with serve(hello, max_concurrent_streams=100) as running, h2_client(running.port, client_context()) as client:
        await client.request("/")
        settings = client.h2.remote_settings
        assert settings.max_frame_size == 262144
        assert settings.max_concurrent_streams == 100
        assert settings[SettingCodes.MAX_HEADER_LIST_SIZE] == 1048896
        assert settings.initial_window_size == 262144
        assert client.h2.outbound_flow_control_window == 262144 * 100


async def test_scope_has_what_the_request_said(serve: Serve, client_context: Contexts) -> None:
    scopes = []

    async def keep(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await send_response(send, 200, b"", None)

    async with serve(keep) as running, h2_client(running.port, client_context()) as client:
        await client.request("/apis/a%2Fb?x=1&y", method="DELETE", headers=[("accept", "application/json")])
        (scope,) = scopes
        assert scope["type"] == "http"
        assert scope["http_version"] == "2"
        assert scope["method"] == "DELETE"
        assert scope["scheme"] == "https"
        assert scope["path"] == "/apis/a/b"
        assert scope["raw_path"] == b"/apis/a%2Fb"
        assert scope["query_string"] == b"x=1&y"
        assert scope["headers"] == [(b"host", b"localhost"), (b"accept", b"application/json")]
        assert scope["client"][0] == "127.0.0.1"
        assert scope["server"] == ("127.0.0.1", running.port)


async def test_connection_fields_are_dropped_and_the_date_is_added(serve: Serve, client_context: Contexts) -> None:
    async def fields(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"keep-alive", b"5"), (b"transfer-encoding", b"chunked"), (b"audit-id", b"1")]
        await send_response(send, 200, b"x", b"text/plain", headers)

    async with serve(fields) as running, h2_client(running.port, client_context()) as client:
        response = await client.request("/")
        assert set(response.headers) == {":status", "content-type", "content-length", "audit-id", "date"}


async def test_three_hundred_streams_run_at_once(serve: Serve, client_context: Contexts) -> None:
    gate = Gate()
    async with (
        serve(gate, max_concurrent_streams=1000) as running,
        h2_client(running.port, client_context()) as client,
    ):
        streams = [client.send_request("/hold") for _ in range(300)]
        await client.flush()
        for _ in streams:
            await gate.entered.acquire()
        gate.go.set()
        for stream in streams:
            assert (await client.finished(stream)).body == b"held"


async def test_a_stream_over_the_limit_is_refused_and_the_others_live(serve: Serve, client_context: Contexts) -> None:
    gate = Gate()
    async with serve(gate, max_concurrent_streams=5) as running, h2_client(running.port, client_context()) as client:
        # The client library would keep to the limit; this client does not.
        await client.request("/")
        client.h2.remote_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = 1000
        client.h2.remote_settings.acknowledge()
        held = [client.send_request("/hold") for _ in range(5)]
        over = [client.send_request("/hold") for _ in range(3)]
        await client.flush()
        for stream in over:
            assert (await client.finished(stream)).reset == ErrorCodes.REFUSED_STREAM
        gate.go.set()
        for stream in held:
            assert (await client.finished(stream)).body == b"held"
        assert (await client.request("/")).body == b"free"


async def test_twenty_thousand_requests_pass_on_one_connection(serve: Serve, client_context: Contexts) -> None:
    async with serve(hello) as running, h2_client(running.port, client_context()) as client:
        await client.request("/")
        for _ in range(200):
            streams = [client.send_request("/") for _ in range(100)]
            await client.flush()
            for stream in streams:
                response = await client.finished(stream)
                assert response.body == b"hello"
                del client.responses[stream]
            client.events.clear()
        assert client.goaway is None


async def test_a_body_nobody_reads_stalls_no_other_stream(serve: Serve, client_context: Contexts) -> None:
    gate = Gate()
    async with serve(gate) as running, h2_client(running.port, client_context()) as client:
        await client.request("/")
        stalled = client.send_request("/hold", method="POST", end=False)
        sent = 0
        while room := min(client.h2.local_flow_control_window(stalled), 16384):
            client.h2.send_data(stalled, b"x" * room)
            sent += room
            await client.flush()
        assert sent == 262144
        await gate.entered.acquire()
        for _ in range(50):
            assert (await client.request("/")).body == b"free"
        assert client.h2.local_flow_control_window(stalled) == 0, "unread bytes were given back"


async def test_a_body_larger_than_the_window_arrives_whole(serve: Serve, client_context: Contexts) -> None:
    async with serve(echo) as running, h2_client(running.port, client_context()) as client:
        await client.request("/", method="POST")
        body = bytes(range(256)) * 8192  # 2 MiB
        stream = client.send_request("/", method="POST", end=False)
        view = memoryview(body)
        while view:
            room = min(client.h2.local_flow_control_window(stream), client.h2.max_outbound_frame_size, len(view))
            if room:
                client.h2.send_data(stream, view[:room], end_stream=room == len(view))
                view = view[room:]
                await client.flush()
            else:
                await client.until(lambda: client.h2.local_flow_control_window(stream) > 0)
        assert (await client.finished(stream)).body == body


async def test_an_early_answer_reaches_a_client_that_still_sends(serve: Serve, client_context: Contexts) -> None:
    gate = Gate()
    async with serve(gate, early_answer_drain=0.2) as running, h2_client(running.port, client_context()) as client:
        await client.request("/")
        watch = client.send_request("/hold")
        early = client.send_request("/", method="POST", end=False)
        for _ in range(4):
            client.h2.send_data(early, b"x" * 16000)
        await client.flush()
        await client.until(lambda: client.responses[early].ended)
        assert client.responses[early].body == b"free"
        client.h2.send_data(early, b"x" * 16000)
        await client.flush()
        await client.until(lambda: client.responses[early].reset is not None)
        assert client.responses[early].reset == ErrorCodes.NO_ERROR
        assert (await client.request("/")).body == b"free"
        gate.go.set()
        assert (await client.finished(watch)).body == b"held"


async def test_a_body_that_ends_after_the_answer_needs_no_reset(serve: Serve, client_context: Contexts) -> None:
    async with (
        serve(hello, early_answer_drain=0.05) as running,
        h2_client(running.port, client_context()) as client,
    ):
        await client.request("/")
        early = client.send_request("/", method="POST", end=False)
        await client.flush()
        await client.until(lambda: client.responses[early].ended)
        client.h2.send_data(early, b"x" * 16000, end_stream=True)
        await client.flush()
        await asyncio.sleep(0.1)
        await client.request("/")
        assert client.responses[early].reset is None


async def test_early_answers_give_the_connection_window_back(serve: Serve, client_context: Contexts) -> None:
    async with (
        serve(hello, max_concurrent_streams=4, early_answer_drain=0.01) as running,
        h2_client(running.port, client_context()) as client,
    ):
        await client.request("/")
        for _ in range(40):  # 40 x 100 KiB is four times the connection's window
            stream = client.send_request("/", method="POST", end=False)
            await client.until(lambda: client.h2.outbound_flow_control_window >= 102400)
            for _ in range(10):
                client.h2.send_data(stream, b"x" * 10240)
            await client.flush()
            await client.until(lambda stream=stream: client.responses[stream].reset is not None)  # type: ignore[misc]


async def test_a_client_that_stops_reading_one_stream_gets_the_others(serve: Serve, client_context: Contexts) -> None:
    big = b"y" * 200_000

    async def handler(scope: Scope, receive: Receive, send: Send) -> None:
        await send_response(send, 200, big if scope["path"] == "/big" else b"small", b"text/plain")

    async with (
        serve(handler) as running,
        h2_client(running.port, client_context(), auto_window=False) as client,
    ):
        client.h2.increment_flow_control_window(10_000_000)  # the connection has room, the stream has 65535
        await client.flush()
        stalled = client.send_request("/big")
        await client.flush()
        await client.until(lambda: len(client.responses[stalled].body) == 65535)
        for _ in range(20):
            assert (await client.request("/small")).body == b"small"
        assert not client.responses[stalled].done
        client.h2.increment_flow_control_window(1_000_000, stalled)
        await client.flush()
        assert (await client.finished(stalled)).body == big


async def test_large_bodies_wait_for_the_connection_window(serve: Serve, client_context: Contexts) -> None:
    big = b"z" * 300_000

    async def handler(scope: Scope, receive: Receive, send: Send) -> None:
        await send_response(send, 200, big, b"text/plain")

    async with serve(handler) as running, h2_client(running.port, client_context()) as client:
        streams = [client.send_request("/") for _ in range(10)]
        await client.flush()
        for stream in streams:
            assert (await client.finished(stream)).body == big


async def test_a_reset_cancels_the_handlers_task(serve: Serve, client_context: Contexts) -> None:
    gate = Gate()
    async with serve(gate, reset_grace=0.01) as running, h2_client(running.port, client_context()) as client:
        stream = client.send_request("/hold")
        await client.flush()
        await gate.entered.acquire()
        client.h2.reset_stream(stream, ErrorCodes.CANCEL)
        await client.flush()
        assert await asyncio.wait_for(gate.ended.get(), 5) == "cancelled"
        assert (await client.request("/")).body == b"free"


async def test_a_handler_that_receives_hears_of_the_reset_first(serve: Serve, client_context: Contexts) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def handler(scope: Scope, receive: Receive, send: Send) -> None:
        heard.put_nowait((await receive())["type"])
        heard.put_nowait((await receive())["type"])

    async with serve(handler) as running, h2_client(running.port, client_context()) as client:
        stream = client.send_request("/")
        await client.flush()
        assert await heard.get() == "http.request"
        client.h2.reset_stream(stream, ErrorCodes.CANCEL)
        await client.flush()
        assert await asyncio.wait_for(heard.get(), 5) == "http.disconnect"


async def test_a_lost_connection_cancels_all_its_tasks(serve: Serve, client_context: Contexts) -> None:
    gate = Gate()
    async with serve(gate, reset_grace=0.01) as running:
        async with h2_client(running.port, client_context()) as client:
            for _ in range(3):
                client.send_request("/hold")
            await client.flush()
            for _ in range(3):
                await gate.entered.acquire()
        assert [await asyncio.wait_for(gate.ended.get(), 5) for _ in range(3)] == ["cancelled"] * 3


async def test_events_of_a_watch_arrive_one_by_one(serve: Serve, client_context: Contexts) -> None:
    steps: asyncio.Queue[bytes] = asyncio.Queue()

    async def watch(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        while event := await steps.get():
            await send({"type": "http.response.body", "body": event, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async with serve(watch) as running, h2_client(running.port, client_context()) as client:
        stream = client.send_request("/")
        await client.flush()
        response = client.responses[stream]
        await client.until(lambda: response.status == 200)
        for expected in (b"one\n", b"one\ntwo\n"):
            steps.put_nowait(expected[-4:])
            await client.until(lambda expected=expected: response.body == expected)  # type: ignore[misc]
        steps.put_nowait(b"")
        await client.finished(stream)


async def test_a_failed_handler_is_a_500(
    serve: Serve, client_context: Contexts, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("boom")

    async with serve(fail) as running, h2_client(running.port, client_context()) as client:
        response = await client.request("/x")
        assert response.status == 500
        assert response.body == b"Internal Server Error"
        assert "handler failed: GET /x" in caplog.text


@pytest.mark.parametrize("raises", [True, False], ids=["it raised", "it returned"])
async def test_a_response_that_breaks_off_is_reset(
    serve: Serve, client_context: Contexts, raises: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)

    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        if raises:
            raise RuntimeError("boom")

    async with serve(fail) as running, h2_client(running.port, client_context()) as client:
        response = await client.request("/")
        assert response.reset == ErrorCodes.INTERNAL_ERROR
        assert (await client.request("/")).status == 200


@pytest.mark.parametrize(
    "header",
    [(b"x-a", b"1\r\nx-b: 2"), (b"x\n", b"1"), (b"X-Upper", b"1"), (b"x-a", b" 1")],
    ids=["a line break in the value", "a line break in the name", "an upper-case name", "a leading blank"],
)
async def test_a_header_http2_cannot_carry_is_a_500(
    serve: Serve, client_context: Contexts, header: tuple[bytes, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    async def bad(scope: Scope, receive: Receive, send: Send) -> None:
        await send_response(send, 200, b"", None, [header])

    async with serve(bad) as running, h2_client(running.port, client_context()) as client:
        assert (await client.request("/")).status == 500
        assert "illegal response header" in caplog.text


async def test_a_large_head_is_sent_in_pieces(serve: Serve, client_context: Contexts) -> None:
    async def large(scope: Scope, receive: Receive, send: Send) -> None:
        await send_response(send, 200, b"x", None, [(b"x-%d" % number, b"v" * 1000) for number in range(50)])

    async with serve(large) as running, h2_client(running.port, client_context()) as client:
        for _ in range(2):
            response = await client.request("/")
            assert response.headers["x-49"] == "v" * 1000
            assert response.body == b"x"


async def test_head_and_304_have_no_body(serve: Serve, client_context: Contexts) -> None:
    async def handler(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 304 if scope["path"] == "/304" else 200, "headers": []})
        await send({"type": "http.response.body", "body": b"body"})

    async with serve(handler) as running, h2_client(running.port, client_context()) as client:
        assert (await client.request("/", method="HEAD")).body == b""
        assert (await client.request("/304")).body == b""


async def test_the_body_is_invited_when_the_handler_reads(serve: Serve, client_context: Contexts) -> None:
    async with serve(echo) as running, h2_client(running.port, client_context()) as client:
        stream = client.send_request("/", method="POST", headers=[("expect", "100-continue")], end=False)
        await client.flush()
        await client.until(
            lambda: any(type(event).__name__ == "InformationalResponseReceived" for event in client.events)
        )
        client.h2.send_data(stream, b"now", end_stream=True)
        await client.flush()
        assert (await client.finished(stream)).body == b"now"


@pytest.mark.parametrize("path", ["/a%zz", "/a%", "nothing"])
async def test_a_target_that_is_none_resets_the_stream(serve: Serve, client_context: Contexts, path: str) -> None:
    async with serve(hello) as running, h2_client(running.port, client_context()) as client:
        assert (await client.request(path)).reset == ErrorCodes.PROTOCOL_ERROR
        assert (await client.request("/")).status == 200


async def test_connection_close_becomes_goaway_after_the_response(serve: Serve, client_context: Contexts) -> None:
    async def unauthorized(scope: Scope, receive: Receive, send: Send) -> None:
        await send_response(send, 401, b"no", b"text/plain", [(b"connection", b"close")])

    async with serve(unauthorized) as running, h2_client(running.port, client_context()) as client:
        response = await client.request("/")
        assert response.status == 401
        assert "connection" not in response.headers
        await client.until_closed()
        assert client.goaway is not None
        assert client.goaway.error_code == ErrorCodes.NO_ERROR


async def test_a_connection_that_is_to_close_answers_frames_until_the_client_closes_it(
    serve: Serve, client_context: Contexts
) -> None:
    """h2spec (generic 2/5) sends PRIORITY and PING after the answer to a request without credentials."""

    async def unauthorized(scope: Scope, receive: Receive, send: Send) -> None:
        await send_response(send, 401, b"no", b"text/plain", [(b"connection", b"close")])

    async with (
        serve(unauthorized, goaway_linger=60) as running,
        raw_http2(running.port, client_context("h2")) as connection,
    ):
        await connection.greet()
        await connection.send(request())
        await connection.until(lambda: connection.goaway() is not None)
        await connection.send(priority(1, 0))
        await connection.answers_pings()
        await connection.send(request(3))
        await connection.until(lambda: connection.resets(3))
        assert connection.resets(3) == [ErrorCodes.REFUSED_STREAM]
        await connection.answers_pings(b"and more")


async def test_a_connection_that_waits_for_its_client_to_close_does_not_hold_up_the_end(
    serve: Serve, client_context: Contexts
) -> None:
    async def unauthorized(scope: Scope, receive: Receive, send: Send) -> None:
        await send_response(send, 401, b"no", b"text/plain", [(b"connection", b"close")])

    async with serve(unauthorized, goaway_linger=60) as running, h2_client(running.port, client_context()) as client:
        await client.request("/")
        await client.until(lambda: client.goaway is not None)
        await running.server.stop(60)
        await client.until_closed()


async def test_the_extension_closes_the_connection_after_what_runs(serve: Serve, client_context: Contexts) -> None:
    gate = Gate()

    async def handler(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/close":
            scope["extensions"]["genericapiserver.close_connection"]()
        await gate(scope, receive, send)

    async with serve(handler) as running, h2_client(running.port, client_context()) as client:
        held = client.send_request("/hold")
        await client.flush()
        await gate.entered.acquire()
        assert (await client.request("/close")).body == b"free"
        await client.until(lambda: client.goaway is not None)
        gate.go.set()
        await client.until_closed()
        assert client.responses[held].body == b"held"


async def test_goaway_waits_for_the_end_of_a_slow_answer(serve: Serve, client_context: Contexts) -> None:
    """A client that has not seen the end of its answer takes a GOAWAY for the loss of it."""

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        scope["extensions"]["genericapiserver.close_connection"]()
        for turn in range(3):
            await asyncio.sleep(0.01)  # as for a question to another server
            if not turn:
                await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"part", "more_body": turn < 2})

    async with serve(slow) as running, h2_client(running.port, client_context()) as client:
        assert (await client.request("/")).body == b"part" * 3
        await client.until(lambda: client.goaway is not None)
        kinds = [type(event) for event in client.events]
        assert kinds.index(StreamEnded) < kinds.index(ConnectionTerminated)
        await client.until_closed()


async def test_a_clients_goaway_lets_its_requests_end(serve: Serve, client_context: Contexts) -> None:
    gate = Gate()
    async with serve(gate) as running, h2_client(running.port, client_context()) as client:
        held = client.send_request("/hold")
        await client.flush()
        await gate.entered.acquire()
        await client.request("/")
        state = client.h2.state_machine.state
        client.h2.close_connection()
        await client.flush()
        client.h2.state_machine.state = state  # h2 would hear nothing more
        gate.go.set()
        assert (await client.finished(held)).body == b"held"
        await client.until_closed()


async def test_stop_lets_25_streams_finish(serve: Serve, client_context: Contexts) -> None:
    gate = Gate()
    async with serve(gate) as running, h2_client(running.port, client_context()) as client:
        streams = [client.send_request("/hold") for _ in range(25)]
        await client.flush()
        for _ in streams:
            await gate.entered.acquire()
        stopping = asyncio.create_task(running.server.stop(5))
        await client.until(lambda: client.goaway is not None)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", running.port)
        gate.go.set()
        assert await stopping
        assert all(client.responses[stream].body == b"held" for stream in streams)


async def test_a_server_that_is_replaced_says_goaway_when_nothing_runs(serve: Serve, client_context: Contexts) -> None:
    gate = Gate()
    async with serve(gate) as running, h2_client(running.port, client_context()) as client:
        held = client.send_request("/hold")
        await client.flush()
        await gate.entered.acquire()
        leaving = asyncio.create_task(running.server.hand_over())
        assert (await client.request("/")).status == 200
        assert client.goaway is None
        assert not leaving.done()
        gate.go.set()
        assert (await client.finished(held)).body == b"held"
        await client.until(lambda: client.goaway is not None)
        await leaving
        await client.until_closed()
        assert await running.server.stop(30)


async def test_a_server_that_is_replaced_does_not_wait_for_requests_that_go_on(
    serve: Serve, client_context: Contexts
) -> None:
    gate = Gate()
    async with serve(gate, first_request_grace=0.05) as running, h2_client(running.port, client_context()) as client:
        held = client.send_request("/hold")
        await client.flush()
        await gate.entered.acquire()
        await running.server.hand_over()
        assert client.goaway is None
        stopping = asyncio.create_task(running.server.stop(30))
        await client.until(lambda: client.goaway is not None)
        gate.go.set()
        assert (await client.finished(held)).body == b"held"
        assert await stopping


async def test_stop_cuts_off_what_does_not_end_in_time(serve: Serve, client_context: Contexts) -> None:
    gate = Gate()
    async with serve(gate, reset_grace=0.0) as running, h2_client(running.port, client_context()) as client:
        client.send_request("/hold")
        await client.flush()
        await gate.entered.acquire()
        assert not await running.server.stop(0.05)
        assert gate.ended.get_nowait() == "cancelled"
        await client.until_closed()


async def test_an_idle_connection_is_told_goaway(serve: Serve, client_context: Contexts) -> None:
    async with serve(hello, idle_timeout=0.1) as running, h2_client(running.port, client_context()) as client:
        await client.request("/")
        await client.until_closed()
        assert client.goaway is not None
        assert client.goaway.error_code == ErrorCodes.NO_ERROR


async def test_a_connection_with_a_watch_is_not_idle(serve: Serve, client_context: Contexts) -> None:
    gate = Gate()
    async with serve(gate, idle_timeout=0.05) as running, h2_client(running.port, client_context()) as client:
        held = client.send_request("/hold")
        await client.flush()
        await gate.entered.acquire()
        await asyncio.sleep(0.2)
        gate.go.set()
        assert (await client.finished(held)).body == b"held"


async def test_a_flood_of_resets_ends_in_goaway_and_spares_what_runs(serve: Serve, client_context: Contexts) -> None:
    gate = Gate()
    async with (
        serve(gate, abuse_budget=100, abuse_refill=0.0, reset_grace=0.0) as running,
        h2_client(running.port, client_context()) as client,
    ):
        await client.request("/")
        watch = client.send_request("/hold")
        await client.flush()
        await gate.entered.acquire()
        for _ in range(60):
            stream = client.send_request("/hold")
            client.h2.reset_stream(stream, ErrorCodes.CANCEL)
            client.h2.ping(b"12345678")
        await client.flush()
        await client.until(lambda: client.goaway is not None)
        assert client.goaway is not None
        assert client.goaway.error_code == ErrorCodes.ENHANCE_YOUR_CALM
        gate.go.set()
        await client.until_closed()
        assert client.responses[watch].body == b"held"


async def test_a_protocol_error_is_answered_with_goaway(serve: Serve, client_context: Contexts) -> None:
    async with serve(hello) as running, h2_client(running.port, client_context()) as client:
        await client.request("/")
        client.writer.write(b"\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00")  # WINDOW_UPDATE of 0
        await client.until_closed()
        assert client.goaway is not None
        assert client.goaway.error_code != ErrorCodes.NO_ERROR


async def test_what_a_closed_connection_took_is_free_at_once(serve: Serve, client_context: Contexts) -> None:
    """Watches come and go by the thousand; a server that waits for the collector to notice grows meanwhile."""

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"event", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass

    async with serve(watched) as running:
        links = running.server._service.links
        gc.collect()
        gc.disable()
        try:
            async with h2_client(running.port, client_context()) as client:
                streams = [client.send_request() for _ in range(5)]
                await client.flush()
                await client.until(lambda: all(client.responses[stream].body for stream in streams))
                (link,) = links
                driver = link.driver
                assert isinstance(driver, HTTP2Driver)
                left: list[weakref.ref[object]] = [weakref.ref(link), weakref.ref(driver), weakref.ref(driver._codec)]
                left += [weakref.ref(stream) for stream in driver._codec.streams.values()]
                assert len(left) == 8
                del link, driver
            async with asyncio.timeout(10):
                while any(reference() is not None for reference in left):
                    await asyncio.sleep(0)
        finally:
            gc.enable()
