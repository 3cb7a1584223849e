"""What tests of filters share: a request context around a handler, and a plain way to send Status errors."""

from collections.abc import Callable

from genericapiserver.aio import Clock
from genericapiserver.apimachinery.errors import StatusError
from genericapiserver.asgi import Handler, Receive, Scope, Send, send_response, send_text
from genericapiserver.filters.request_info import with_request_info
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.request import (
    LongRunningCheck,
    RequestContext,
    RequestInfoFactory,
    long_running_check,
    request_context,
)


async def send_error(scope: Scope, send: Send, error: StatusError) -> None:
    """The message alone, under the error's code."""
    status = error.status()
    await send_response(send, status.code, f"{status.reason}: {status.message}".encode(), b"text/plain")


async def ok(scope: Scope, receive: Receive, send: Send) -> None:
    await send_text(send, 200, "ok")


def in_context(
    handler: Handler,
    *,
    prepare: Callable[[RequestContext], None] | None = None,
    long_running: LongRunningCheck | None = None,
    clock: Clock | None = None,
) -> Handler:
    """*handler* behind the filter that makes the context, which *prepare* may then change."""

    async def prepared(scope: Scope, receive: Receive, send: Send) -> None:
        if prepare is not None:
            prepare(request_context(scope))
        await handler(scope, receive, send)

    return with_request_info(
        prepared, resolver=RequestInfoFactory(), long_running=long_running or long_running_check(), clock=clock
    )


def registry_of_pods() -> MetricsRegistry:
    """The metrics of a server that serves pods and /version: what else is asked for counts as `other`."""
    registry = MetricsRegistry()
    registry.targets |= {("", "v1", "pods", ""), ("", "", "", "/version"), ("", "", "", "/")}
    return registry
