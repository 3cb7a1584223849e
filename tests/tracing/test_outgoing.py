"""Every way out of the server carries the trace on."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the extra otel is not installed")

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from genericapiserver.admission.webhook import WebhookClients
from genericapiserver.apis.admissionregistration_v1 import WebhookClientConfig
from genericapiserver.asgi import Receive, Scope, Send, send_text
from genericapiserver.client import ClientConfig, RESTClient
from genericapiserver.client.fetch import DocumentFetcher
from genericapiserver.client.transport import InProcessTransport
from genericapiserver.tracing import CURRENT
from genericapiserver.tracing.exporter import Tracing
from genericapiserver.tracing.trace import Request
from tests.support.webhook_server import Asked, WebhookServer, webhook_server

ANSWER = {"kind": "Status"}


@pytest.fixture
def exported() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
async def tracing(exported: InMemorySpanExporter) -> AsyncIterator[Tracing]:
    tracing = Tracing(None, 1_000_000, exporter=exported)
    yield tracing
    await tracing.aclose()


@pytest.fixture
async def server() -> AsyncIterator[WebhookServer]:
    def answer(asked: Asked) -> Any:
        return ANSWER

    async with webhook_server(answer) as server:
        yield server


async def post_to_webhook(server: WebhookServer) -> None:
    clients = WebhookClients()
    config = WebhookClientConfig(url=server.url, ca_bundle=server.authority.pem)
    try:
        await clients.client_for(config).post(b"{}", query="timeout=5s")
    finally:
        await clients.aclose()


async def post_review(server: WebhookServer) -> None:
    client = RESTClient(ClientConfig(host=server.url, ca_data=server.authority.pem))
    try:
        await client.post("", b"{}")
    finally:
        await client.aclose()


async def get_from_api_server(server: WebhookServer) -> None:
    client = RESTClient(ClientConfig(host=server.url, ca_data=server.authority.pem))
    try:
        await client.get("/api")
    finally:
        await client.aclose()


async def fetch_document(server: WebhookServer) -> None:
    fetcher = DocumentFetcher(server.authority.pem)
    try:
        await fetcher.get(server.url)
    finally:
        await fetcher.aclose()


@pytest.mark.parametrize("ask", [post_to_webhook, post_review, get_from_api_server, fetch_document])
async def test_requests_carry_their_span(
    ask: Any, server: WebhookServer, tracing: Tracing, exported: InMemorySpanExporter
) -> None:
    await ask(server)
    assert "traceparent" not in server.asked[0].headers
    span = tracing.start_request("GET", {}, [], trusted=False, start_ns=1)
    outer = CURRENT.set(Request(span=span, tracer=tracing))
    try:
        await ask(server)
    finally:
        CURRENT.reset(outer)
    await tracing.aclose()
    (call,) = exported.get_finished_spans()
    assert call.context is not None
    trace_id, span_id = f"{call.context.trace_id:032x}", f"{call.context.span_id:016x}"
    assert server.asked[-1].headers["traceparent"].startswith(f"00-{trace_id}-{span_id}-")
    assert f"-{trace_id}-" in span.headers()["traceparent"]


async def test_the_server_asking_itself_begins_a_request_of_its_own(tracing: Tracing) -> None:
    seen: list[Any] = []

    async def handler(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((dict(scope["headers"]).get(b"traceparent"), CURRENT.get()))
        await send_text(send, 200, "ok")

    span = tracing.start_request("GET", {}, [], trusted=False, start_ns=1)
    request = Request(span=span, tracer=tracing)
    outer = CURRENT.set(request)
    try:
        await InProcessTransport(lambda: handler).request("GET", "/api")
        assert CURRENT.get() is request
    finally:
        CURRENT.reset(outer)
    ((traceparent, current),) = seen
    assert span.headers()["traceparent"].split("-")[1].encode() in traceparent
    assert current is None
