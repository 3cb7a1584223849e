"""An OpenTelemetry collector: a real gRPC server that keeps the spans it is sent."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs
import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

WAIT = 60.0


@attrs.frozen
class ReceivedSpan:
    """A span as it came over the wire; IDs in hexadecimal."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: int
    failed: bool
    attributes: dict[str, Any]
    events: list[str]
    links: list[str]
    resource: dict[str, Any]
    start_ns: int
    end_ns: int


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """What was sent so far, and a way to wait for more."""

    def __init__(self) -> None:
        self.endpoint = ""
        self._spans: list[ReceivedSpan] = []
        self._changed = threading.Condition()

    def Export(self, request: ExportTraceServiceRequest, context: Any) -> ExportTraceServiceResponse:
        with self._changed:
            for resource_spans in request.resource_spans:
                resource = _attributes(resource_spans.resource.attributes)
                for scope_spans in resource_spans.scope_spans:
                    self._spans += [_span(span, resource) for span in scope_spans.spans]
            self._changed.notify_all()
        return ExportTraceServiceResponse()

    def trace(self, trace_id: str, *, root: str) -> dict[str, ReceivedSpan]:
        """The spans of a trace by name, once the one called *root*, which ends last, is there."""

        def found() -> dict[str, ReceivedSpan]:
            spans = {span.name: span for span in self._spans if span.trace_id == trace_id}
            return spans if root in spans else {}

        with self._changed:
            return self._changed.wait_for(found, WAIT) or {}

    def linked_to(self, span_id: str) -> ReceivedSpan:
        """The span that has a link to *span_id*."""

        def found() -> ReceivedSpan | None:
            return next((span for span in self._spans if span_id in span.links), None)

        with self._changed:
            span = self._changed.wait_for(found, WAIT)
        assert span is not None, "no such span"
        return span


@contextlib.contextmanager
def collector() -> Iterator[Collector]:
    """A collector on a free port for the length of the block."""
    server = grpc.server(ThreadPoolExecutor(max_workers=2))
    running = Collector()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(running, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    running.endpoint = f"127.0.0.1:{port}"
    server.start()
    try:
        yield running
    finally:
        server.stop(None).wait()


def _span(span: Any, resource: dict[str, Any]) -> ReceivedSpan:
    return ReceivedSpan(
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        kind=span.kind,
        failed=span.status.code == 2,
        attributes=_attributes(span.attributes),
        events=[event.name for event in span.events],
        links=[link.span_id.hex() for link in span.links],
        resource=resource,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value") for pair in pairs}
