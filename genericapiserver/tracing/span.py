"""What operations need of a tracing library, without importing one."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from genericapiserver.tracing.trace import CURRENT

Attributes = Mapping[str, Any]
Headers = Mapping[str, str]


class Span(Protocol):
    """One operation of a trace. A span that is not sampled is one, too: its context travels on."""

    @property
    def recording(self) -> bool: ...

    def child(
        self, name: str, attributes: Attributes, *, start_ns: int | None = None, client: bool = False
    ) -> "Span": ...

    def event(self, name: str, attributes: Attributes, *, at_ns: int) -> None: ...

    def set(self, attributes: Attributes) -> None: ...

    def end(self, error: BaseException | None = None, *, failed: bool = False, at_ns: int | None = None) -> None: ...

    def headers(self) -> Headers:
        """What tells the server that is asked of this span: W3C trace context and baggage."""


class RequestTracer(Protocol):
    """Begins traces; one for a server."""

    def start_request(
        self, name: str, attributes: Attributes, headers: Sequence[tuple[bytes, bytes]], *, trusted: bool, start_ns: int
    ) -> Span:
        """The span of a request with *headers*: a child of the span they name when *trusted*, else of a new trace."""

    def start_root(self, name: str, attributes: Attributes) -> Span:
        """The first span of a trace that begins with an outgoing request."""

    async def aclose(self) -> None:
        """Send what is left, within bounds."""


@contextlib.contextmanager
def outgoing(method: str, host: str) -> Iterator[Headers]:
    """A request to *host* for the length of the block: the headers it has to carry, none when nobody traces."""
    trace = CURRENT.get()
    if trace is None or trace.ended or (trace.span is None and trace.tracer is None):
        yield {}
        return
    attributes = {"http.request.method": method, "server.address": host}
    if trace.span is not None:
        span = trace.span.child(f"HTTP {method}", attributes, client=True)
    else:
        assert trace.tracer is not None
        span = trace.tracer.start_root(f"HTTP {method}", attributes)
    try:
        yield span.headers()
    except BaseException as error:
        span.end(error)
        raise
    span.end()
