"""A verb handler as an ASGI handler: warnings, errors, sending, counting. The same for every route of a resource."""

from typing import Final

from genericapiserver.asgi import Handler, Receive, Scope, Send
from genericapiserver.endpoints.api_request import APIRequest, VerbHandler
from genericapiserver.endpoints.metrics import RouteMetrics
from genericapiserver.endpoints.responses import CLIENT_ERRORS, ResponseWriter

DEPRECATED: Final = "k8s.io/deprecated"
REMOVED_RELEASE: Final = "k8s.io/removed-release"


def serve(
    handler: VerbHandler,
    writer: ResponseWriter,
    *,
    warning: str = "",
    removed_release: str = "",
    metrics: RouteMetrics | None = None,
) -> Handler:
    """Answer requests with what *handler* returns, or with the Status of what it raises.

    With a *warning* the version is deprecated: every response carries it, refusals too. An error that is not for
    clients passes on, and so does one that comes when the response has begun.
    """

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        request = APIRequest(scope, receive, send)
        context = request.context
        if warning:
            context.add_warning(warning)
        running = None
        if metrics is not None and (context.long_running or metrics.long_running_route):
            running = metrics.long_running(request)
            running.inc()
        try:
            response = await handler(request)
        except CLIENT_ERRORS as error:
            if context.response_status:
                raise
            response = writer.error(request, error)
        finally:
            if running is not None:
                running.dec()
        if not response.streamed:
            await writer.send(request, response)
        if warning:
            context.add_audit_annotation(DEPRECATED, "true")
            if removed_release:
                context.add_audit_annotation(REMOVED_RELEASE, removed_release)
        if metrics is not None:
            metrics.observe(request, response.status, response.length)

    return route
