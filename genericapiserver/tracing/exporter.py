"""Spans on OpenTelemetry's SDK, sent to a collector over OTLP gRPC. Needs the extra `otel`.

The SDK sends from a thread of its own and keeps so many spans as fit its queue: a collector that is slow or down costs
spans, never a request. Source: k8s.io/component-base/tracing (NewProvider, Propagators), and otelhttp for what a server's
span is.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Sequence
from typing import Any, Final

from opentelemetry import baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, TraceIdRatioBased
from opentelemetry.trace import Link, SpanKind, Status, StatusCode, Tracer, get_current_span, set_span_in_context
from opentelemetry.trace import Span as SDKSpan
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from genericapiserver.tracing.span import Attributes, Headers

DEFAULT_ENDPOINT: Final = "localhost:4317"
SERVICE: Final = "apiserver"
FLUSH_TIMEOUT: Final = 5.0
"""Seconds that a server which ends waits for the collector."""
EXPORT_TIMEOUT: Final = 10.0
COMPLAINT_PERIOD: Final = 60.0

_SCOPE: Final = "genericapiserver"
_PROPAGATORS: Final = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])
_PROPAGATED: Final = frozenset({b"traceparent", b"tracestate", b"baggage"})


class _Span:
    """A span and the context that its children are in."""

    __slots__ = ("_context", "_span", "_tracer", "recording")

    def __init__(self, tracer: Tracer, span: SDKSpan, context: Context) -> None:
        self._tracer = tracer
        self._span = span
        self._context = set_span_in_context(span, context)
        self.recording = span.is_recording()

    def child(self, name: str, attributes: Attributes, *, start_ns: int | None = None, client: bool = False) -> "_Span":
        kind = SpanKind.CLIENT if client else SpanKind.INTERNAL
        shown = _shown(attributes) if self.recording else None
        span = self._tracer.start_span(name, self._context, kind=kind, attributes=shown, start_time=start_ns)
        return _Span(self._tracer, span, self._context)

    def event(self, name: str, attributes: Attributes, *, at_ns: int) -> None:
        self._span.add_event(name, _shown(attributes), timestamp=at_ns)

    def set(self, attributes: Attributes) -> None:
        self._span.set_attributes(_shown(attributes))

    def end(self, error: BaseException | None = None, *, failed: bool = False, at_ns: int | None = None) -> None:
        if error is not None and not isinstance(error, asyncio.CancelledError):
            self._span.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"))
        elif failed:
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end(at_ns)

    def headers(self) -> Headers:
        carrier: dict[str, str] = {}
        _PROPAGATORS.inject(carrier, self._context)
        return carrier


class Tracing:
    """The tracer of one server, which calls itself *instance*.

    *rate_per_million* of the traces that begin here are sampled; those that somebody else has begun, and whom we trust, as
    that one decided. *exporter* takes the place of the collector at *endpoint*, in tests.
    """

    def __init__(
        self,
        endpoint: str | None,
        rate_per_million: int | None,
        *,
        instance: str = "",
        exporter: SpanExporter | None = None,
    ) -> None:
        sampler = TraceIdRatioBased(rate_per_million / 1_000_000) if rate_per_million else ALWAYS_OFF
        self._processor = BatchSpanProcessor(
            exporter or OTLPSpanExporter(endpoint or DEFAULT_ENDPOINT, insecure=True, timeout=EXPORT_TIMEOUT)
        )
        self._provider = TracerProvider(
            sampler=ParentBased(sampler),
            resource=Resource({"service.name": SERVICE, "service.instance.id": instance}),
            shutdown_on_exit=False,  # aclose waits for a bounded time
        )
        self._provider.add_span_processor(self._processor)
        self._tracer = self._provider.get_tracer(_SCOPE)
        _complain_rarely()

    def start_request(
        self, name: str, attributes: Attributes, headers: Sequence[tuple[bytes, bytes]], *, trusted: bool, start_ns: int
    ) -> _Span:
        """See RequestTracer."""
        context, links = Context(), None
        carrier = _carrier(headers)
        if carrier:
            context = _PROPAGATORS.extract(carrier, context)
            remote = get_current_span(context).get_span_context()
            if not trusted:
                # A stranger decides neither what is sampled nor what his spans are the parents of.
                links = [Link(remote)] if remote.is_valid else None
                context = _only_baggage(context)
        span = self._tracer.start_span(
            name, context, kind=SpanKind.SERVER, attributes=_shown(attributes), links=links, start_time=start_ns
        )
        return _Span(self._tracer, span, context)

    def start_root(self, name: str, attributes: Attributes) -> _Span:
        """See RequestTracer."""
        span = self._tracer.start_span(name, Context(), kind=SpanKind.CLIENT, attributes=_shown(attributes))
        return _Span(self._tracer, span, Context())

    async def aclose(self) -> None:
        """Send what is left, for FLUSH_TIMEOUT seconds at most."""
        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        def close() -> None:
            self._provider.shutdown()
            with contextlib.suppress(RuntimeError):  # nobody waits any more
                loop.call_soon_threadsafe(done.set)

        # A daemon: neither the loop's end nor the interpreter's waits for a collector that does not answer.
        threading.Thread(target=close, name="tracing shutdown", daemon=True).start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_TIMEOUT):
                await done.wait()


def _carrier(headers: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    carrier: dict[str, str] = {}
    for name, value in headers:
        if name in _PROPAGATED:
            carrier.setdefault(name.decode(), value.decode("latin-1"))
    return carrier


def _only_baggage(context: Context) -> Context:
    kept = Context()
    for name, value in baggage.get_all(context).items():
        kept = baggage.set_baggage(name, value, kept)
    return kept


def _shown(attributes: Attributes) -> dict[str, Any]:
    return {
        key: value if isinstance(value, str | bool | int | float) else str(value) for key, value in attributes.items()
    }


class _Rarely(logging.Filter):
    """Lets one line a period through: an exporter complains with each batch while its collector is down."""

    def __init__(self) -> None:
        super().__init__()
        self._next = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + COMPLAINT_PERIOD
        return True


def _complain_rarely() -> None:
    for name in ("opentelemetry.exporter.otlp.proto.grpc.exporter", "opentelemetry.sdk._shared_internal"):
        logger = logging.getLogger(name)
        if not any(isinstance(known, _Rarely) for known in logger.filters):
            logger.addFilter(_Rarely())
