import asyncio
import logging

import pytest

from genericapiserver.asgi import Handler, Message, Receive, Scope, Send, send_text
from genericapiserver.filters.cors import with_cors
from genericapiserver.filters.exception_recovery import AbortRequestError, with_exception_recovery
from genericapiserver.filters.hsts import with_hsts
from genericapiserver.filters.metrics import RequestMetrics
from genericapiserver.filters.timeout import with_timeout
from genericapiserver.filters.warning import with_warning_recorder
from genericapiserver.request import RequestContext, request_context
from tests.support.asgi_client import ASGIClient
from tests.support.filters import in_context, ok, registry_of_pods

START: Message = {"type": "http.response.start", "status": 200, "headers": []}


def raising(error: BaseException, *, after_start: bool = False) -> Handler:
    async def handler(scope: Scope, receive: Receive, send: Send) -> None:
        if after_start:
            await send(START)
            await send({"type": "http.response.body", "body": b"part", "more_body": True})
        raise error

    return handler


async def run(handler: Handler) -> list[Message]:
    """Every message of one request, to see what a client would not be told."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    await handler(ASGIClient(handler).scope("GET", "/api/v1/pods?x=y", {"audit-id": "a" * 70}), receive, send)
    return sent


class TestRecovery:
    async def test_an_exception_is_a_500_without_a_word_about_it(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.ERROR):
            response = await ASGIClient(in_context(with_exception_recovery(raising(KeyError("secret"))))).get("/x?y")
        assert response.status == 500
        assert response.text == "This request caused apiserver to panic. Look in the logs for details.\n"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "audit-id" in response.headers
        assert f'URI="/x?y" audit-ID="{response.headers["audit-id"]}"' in caplog.text
        assert "KeyError: 'secret'" in caplog.text

    async def test_a_response_that_has_begun_is_left_without_an_end(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.ERROR):
            sent = await run(in_context(with_exception_recovery(raising(KeyError("x"), after_start=True))))
        assert [message.get("body") for message in sent] == [None, b"part"]
        assert sent[-1]["more_body"]
        assert "KeyError" in caplog.text
        assert f'audit-ID="{"a" * 64}"' in caplog.text

    async def test_an_abort_is_counted_and_says_nothing(self) -> None:
        registry = registry_of_pods()
        handler = with_exception_recovery(
            raising(AbortRequestError(), after_start=True), metrics=RequestMetrics(registry)
        )
        sent = await run(in_context(handler))
        assert len(sent) == 2
        labels = {
            "verb": "LIST", "group": "", "version": "v1", "resource": "pods", "subresource": "", "scope": "cluster",
        }  # fmt: skip
        assert registry.collectors.get_sample_value("apiserver_request_aborts_total", labels) == 1

    async def test_a_cancelled_request_passes(self) -> None:
        with pytest.raises(asyncio.CancelledError):
            await run(in_context(with_exception_recovery(raising(asyncio.CancelledError()))))


async def wait_for_ever(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.Event().wait()


def soon(context: RequestContext) -> None:
    context.deadline = asyncio.get_running_loop().time() + 0.02


TERMINATED = {
    "verb": "LIST", "group": "", "version": "v1", "resource": "pods", "subresource": "", "scope": "cluster",
    "component": "apiserver", "code": "504",
}  # fmt: skip


class TestTimeout:
    async def test_a_quick_handler_is_untouched(self) -> None:
        response = await ASGIClient(in_context(with_timeout(ok), prepare=soon)).get("/")
        assert (response.status, response.text) == (200, "ok")

    async def test_a_slow_handler_is_a_504_and_counted_once(self) -> None:
        registry = registry_of_pods()
        handler = in_context(with_timeout(wait_for_ever, metrics=RequestMetrics(registry)), prepare=soon)
        response = await ASGIClient(handler).get("/api/v1/pods")
        assert response.status == 504
        assert response.text == (
            '{"metadata":{},"status":"Failure","message":"Timeout: request did not complete within the allotted timeout",'
            '"reason":"Timeout","details":{},"code":504}\n'
        )
        assert response.headers["content-type"] == "text/plain; charset=utf-8"
        assert registry.collectors.get_sample_value("apiserver_request_terminations_total", TERMINATED) == 1

    async def test_a_deadline_that_has_passed_is_a_504_before_anything_is_done(self) -> None:
        def passed(context: RequestContext) -> None:
            context.deadline = asyncio.get_running_loop().time()

        registry = registry_of_pods()
        handler = in_context(with_timeout(ok, metrics=RequestMetrics(registry)), prepare=passed)
        assert (await ASGIClient(handler).get("/api/v1/pods")).status == 504
        assert registry.collectors.get_sample_value("apiserver_request_terminations_total", TERMINATED) == 1
        ended = {"source": "timeout-handler", "status": "ok"}
        assert registry.collectors.get_sample_value("apiserver_request_post_timeout_total", ended) == 1

    async def test_only_headers_of_outer_filters_survive(self) -> None:
        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            request_context(scope).add_warning("lost")
            await wait_for_ever(scope, receive, send)

        inner = with_warning_recorder(with_cors(slow, allowed_origins=[".*"]))
        handler = in_context(with_hsts(with_timeout(inner), directives=["max-age=1"]), prepare=soon)
        response = await ASGIClient(handler).get("/", origin="http://a")
        assert response.status == 504
        assert set(response.headers) == {"audit-id", "strict-transport-security", "content-type", "content-length"}

    async def test_a_response_that_has_begun_is_broken_off(self) -> None:
        async def begin(scope: Scope, receive: Receive, send: Send) -> None:
            await send(START)
            await wait_for_ever(scope, receive, send)

        registry = registry_of_pods()
        metrics = RequestMetrics(registry)
        handler = with_exception_recovery(with_timeout(begin, metrics=metrics), metrics=metrics)
        sent = await run(in_context(handler, prepare=soon))
        assert [message["type"] for message in sent] == ["http.response.start"]
        labels = {name: TERMINATED[name] for name in TERMINATED if name not in ("component", "code")}
        assert registry.collectors.get_sample_value("apiserver_request_terminations_total", TERMINATED) == 1
        assert registry.collectors.get_sample_value("apiserver_request_aborts_total", labels) == 1

    async def test_the_handler_is_told_by_its_cancellation(self) -> None:
        cleaned: list[str] = []

        async def tidy(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await wait_for_ever(scope, receive, send)
            finally:
                cleaned.append("yes")

        await ASGIClient(in_context(with_timeout(tidy), prepare=soon)).get("/")
        assert cleaned == ["yes"]

    async def test_a_handler_that_answers_its_cancellation_has_answered(self) -> None:
        async def polite(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await wait_for_ever(scope, receive, send)
            except asyncio.CancelledError:
                await send_text(send, 200, "in time after all")

        response = await ASGIClient(in_context(with_timeout(polite), prepare=soon)).get("/")
        assert (response.status, response.text) == (200, "in time after all")

    async def test_a_cancellation_from_outside_passes(self) -> None:
        started = asyncio.Event()

        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            started.set()
            await wait_for_ever(scope, receive, send)

        def later(context: RequestContext) -> None:
            context.deadline = asyncio.get_running_loop().time() + 60

        task = asyncio.ensure_future(run(in_context(with_timeout(slow), prepare=later)))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def test_a_cancellation_from_outside_passes_even_when_time_is_up_as_well(self) -> None:
        task: asyncio.Task[list[Message]]

        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            asyncio.get_running_loop().call_at(request_context(scope).deadline or 0.0, task.cancel)
            await wait_for_ever(scope, receive, send)

        task = asyncio.ensure_future(run(in_context(with_timeout(slow), prepare=soon)))
        with pytest.raises(asyncio.CancelledError):
            await task

    async def test_what_the_handler_raises_passes(self) -> None:
        handler = in_context(with_exception_recovery(with_timeout(raising(KeyError("x")))), prepare=soon)
        assert (await ASGIClient(handler).get("/")).status == 500

    async def test_long_running_requests_have_no_deadline_and_no_timer(self) -> None:
        response = await ASGIClient(in_context(with_timeout(ok))).get("/")
        assert response.status == 200

    async def test_the_task_is_usable_afterwards(self) -> None:
        async def after(scope: Scope, receive: Receive, send: Send) -> None:
            await with_timeout(wait_for_ever)(scope, receive, send)
            task = asyncio.current_task()
            assert task is not None
            assert task.cancelling() == 0
            await asyncio.sleep(0)

        response = await ASGIClient(in_context(after, prepare=soon)).get("/")
        assert response.status == 504

    @pytest.mark.parametrize(("error", "status"), [(None, "ok"), (KeyError("x"), "panic")])
    async def test_what_a_handler_does_after_its_time_is_counted(self, error: Exception | None, status: str) -> None:
        registry = registry_of_pods()

        async def stubborn(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                if error is not None:
                    raise error

        handler = with_exception_recovery(with_timeout(stubborn, metrics=RequestMetrics(registry)))
        await ASGIClient(in_context(handler, prepare=soon)).get("/")
        labels = {"source": "timeout-handler", "status": status}
        assert registry.collectors.get_sample_value("apiserver_request_post_timeout_total", labels) == 1
