"""Spans on OpenTelemetry's SDK (filters reference, WithTracing)."""

import asyncio
import socket
import time
from collections.abc import Sequence
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the extra otel is not installed")

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from genericapiserver.asgi import Receive, Scope, Send, send_text
from genericapiserver.authentication import UserInfo
from genericapiserver.filters.tracing import span_name, with_tracer, with_tracing
from genericapiserver.request import RequestContext, RequestInfoFactory
from genericapiserver.tracing import Trace, exporter, outgoing, record, step
from genericapiserver.tracing.exporter import Tracing
from tests.support.asgi_client import ASGIClient
from tests.support.filters import in_context

TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, NOT_SAMPLED = f"00-{TRACE_ID}-{SPAN_ID}-01", f"00-{TRACE_ID}-{SPAN_ID}-00"
ADMIN, MONITOR, ALICE = ("system:masters",), ("system:monitoring",), ("dev",)
PODS = "/api/v1/namespaces/ns/pods"


class Server:
    """A handler behind the two filters, and the spans that came of its requests."""

    def __init__(self, rate: int | None = 1_000_000, *, groups: Sequence[str] = ADMIN, status: int = 200) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracing = Tracing(None, rate, instance="me", exporter=self.exporter)
        self.sent: dict[str, str] = {}
        self._status = status

        def identified(context: RequestContext) -> None:
            context.user = UserInfo(name="somebody", groups=tuple(groups))

        traced = with_tracer(with_tracing(self._handle, self.tracing), self.tracing)
        self.client = ASGIClient(in_context(traced, prepare=identified))

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        with Trace("List", fields=lambda: {"verb": "GET"}):
            step("About to List from storage", {"n": 1})
            record("storage list", time.perf_counter() - 0.25, {"key": "/pods"})
            with outgoing("POST", "webhook.example.com") as headers:
                self.sent = dict(headers)
        await send_text(send, self._status, "ok")

    async def spans(self, path: str = PODS, **headers: str) -> dict[str, ReadableSpan]:
        await self.client.get(path, **headers)
        await self.tracing.aclose()
        return {span.name: span for span in self.exporter.get_finished_spans()}


def parent_of(span: ReadableSpan) -> str:
    return f"{span.parent.span_id:016x}" if span.parent is not None else ""


def trace_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.trace_id:032x}"


def id_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.span_id:016x}"


async def test_a_request_and_what_it_consists_of_are_spans() -> None:
    server = Server()
    spans = await server.spans(
        f"{PODS}?access_token=s3cr3t", traceparent=SAMPLED, user_agent="kubectl", audit_id="a" * 70
    )
    request = spans["GET /api/v1/namespaces/{:namespace}/pods"]
    assert request.kind is SpanKind.SERVER
    assert (trace_of(request), parent_of(request)) == (TRACE_ID, SPAN_ID)
    attributes = dict(request.attributes or {})
    assert attributes["audit-id"] == "a" * 64
    assert attributes["http.target"] == f"{PODS}?access_token=REDACTED"
    assert attributes["http.response.status_code"] == 200
    assert attributes["user_agent.original"] == "kubectl"
    assert dict(request.resource.attributes) == {"service.name": "apiserver", "service.instance.id": "me"}
    operation, storage, call = spans["List"], spans["storage list"], spans["HTTP POST"]
    assert parent_of(operation) == id_of(request)
    assert dict(operation.attributes or {}) == {"verb": "GET"}
    assert [event.name for event in operation.events] == ["About to List from storage"]
    assert parent_of(storage) == parent_of(call) == id_of(operation)
    assert storage.start_time is not None
    assert storage.end_time is not None
    assert storage.end_time - storage.start_time == pytest.approx(0.25e9, rel=0.5)
    assert call.kind is SpanKind.CLIENT
    assert server.sent == {"traceparent": f"00-{TRACE_ID}-{id_of(call)}-01"}
    times = [span.start_time for span in (request, operation)]
    assert None not in times
    assert request.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize(
    ("rate", "groups", "traceparent", "sampled", "joins", "links"),
    [
        (1_000_000, ADMIN, SAMPLED, True, True, False),
        (1_000_000, MONITOR, SAMPLED, True, True, False),
        (1_000_000, ADMIN, NOT_SAMPLED, False, True, False),
        (1_000_000, ADMIN, "", True, False, False),
        (1_000_000, ADMIN, "nonsense", True, False, False),
        (None, ADMIN, SAMPLED, True, True, False),
        (0, ADMIN, SAMPLED, True, True, False),
        (None, ADMIN, "", False, False, False),
        (1_000_000, ALICE, SAMPLED, True, False, True),
        (1_000_000, ALICE, NOT_SAMPLED, True, False, True),
        (None, ALICE, SAMPLED, False, False, True),
    ],
)
async def test_only_privileged_callers_continue_their_traces(
    rate: int | None, groups: Sequence[str], traceparent: str, sampled: bool, joins: bool, links: bool
) -> None:
    server = Server(rate, groups=groups)
    spans = await server.spans(**({"traceparent": traceparent} if traceparent else {}))
    sent = server.sent["traceparent"]
    assert bool(int(sent[-2:], 16) & 1) is sampled, "the second bit says that the ID is random"
    assert (TRACE_ID in sent) is joins
    if not sampled:
        assert spans == {}
        return
    request = spans["GET /api/v1/namespaces/{:namespace}/pods"]
    assert parent_of(request) == (SPAN_ID if joins else "")
    assert [f"{link.context.span_id:016x}" for link in request.links] == ([SPAN_ID] if links else [])


async def test_baggage_travels_on() -> None:
    for groups in (ADMIN, ALICE):
        server = Server(groups=groups)
        await server.spans(traceparent=SAMPLED, baggage="shop=1")
        assert server.sent["baggage"] == "shop=1"


@pytest.mark.parametrize(
    ("status", "code"), [(200, StatusCode.UNSET), (404, StatusCode.UNSET), (503, StatusCode.ERROR)]
)
async def test_only_the_servers_failures_are_errors(status: int, code: StatusCode) -> None:
    spans = await Server(status=status).spans()
    assert spans["GET /api/v1/namespaces/{:namespace}/pods"].status.status_code is code


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/healthz", "GET"),
        ("/apis", "GET"),
        ("/api/v1/nodes", "GET /api/v1/nodes"),
        ("/apis/g/v1/namespaces/n/things/t/status", "GET /apis/g/v1/namespaces/{:namespace}/things/{:name}/status"),
    ],
)
def test_names_of_spans_have_nothing_of_the_client(path: str, name: str) -> None:
    assert span_name("GET", RequestInfoFactory().resolve("GET", path, b"")) == name


async def test_what_is_asked_before_there_is_a_span_begins_a_trace() -> None:
    exported = InMemorySpanExporter()
    sent: dict[str, str] = {}
    tracing = Tracing(None, 1_000_000, exporter=exported)

    async def authenticating(scope: Scope, receive: Receive, send: Send) -> None:
        with outgoing("POST", "reviews") as headers:
            sent.update(headers)
        await send_text(send, 200, "ok")

    await ASGIClient(in_context(with_tracer(authenticating, tracing))).get("/")
    await tracing.aclose()
    (span,) = exported.get_finished_spans()
    assert (span.name, span.parent, span.kind) == ("HTTP POST", None, SpanKind.CLIENT)
    assert sent["traceparent"].startswith(f"00-{trace_of(span)}-{id_of(span)}-")


def test_without_a_tracer_the_filters_are_not_there() -> None:
    async def handler(scope: Scope, receive: Receive, send: Send) -> None: ...

    assert with_tracing(with_tracer(handler, None), None) is handler


async def test_a_collector_that_does_not_answer_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "FLUSH_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:  # accepts, and says nothing
        tracing = Tracing(f"127.0.0.1:{listener.getsockname()[1]}", 1_000_000)
        served: list[Any] = []

        async def handler(scope: Scope, receive: Receive, send: Send) -> None:
            served.append(scope["path"])
            await send_text(send, 200, "ok")

        client = ASGIClient(in_context(with_tracing(handler, tracing)))
        async with asyncio.timeout(30):
            for _ in range(3000):  # more than the queue holds
                assert (await client.get("/")).status == 200
            await tracing.aclose()
    assert len(served) == 3000
