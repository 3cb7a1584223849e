"""Measure a filter that does not measure itself, such as the audit filter. Mirrors pkg/endpoints/filterlatency.

What counts is the filter's own time before it hands the request on; a filter that answers itself is not measured.
"""

from collections.abc import Awaitable, Callable
from time import perf_counter

from genericapiserver.asgi import Handler, Receive, Scope, Send
from genericapiserver.request import request_context


def with_latency_tracking(
    handler: Handler, wrap: Callable[[Handler], Handler], *, observe: Callable[[float], None]
) -> Handler:
    """`wrap(handler)`, telling *observe* the seconds between its start and the start of *handler*."""

    def completed(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        observe(perf_counter() - request_context(scope).filter_started)
        return handler(scope, receive, send)

    wrapped = wrap(completed)
    if wrapped is completed:
        return handler

    def started(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        request_context(scope).filter_started = perf_counter()
        return wrapped(scope, receive, send)

    return started
