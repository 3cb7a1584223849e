"""A verb handler as an ASGI handler: warnings, errors, sending, counting. The same for every route of a resource."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any, Final

from genericapiserver.apimachinery.errors import StatusError
from genericapiserver.asgi import Handler, Receive, Scope, Send
from genericapiserver.endpoints.api_request import APIRequest, VerbHandler
from genericapiserver.endpoints.metrics import RouteMetrics
from genericapiserver.endpoints.responses import CLIENT_ERRORS, ResponseWriter
from genericapiserver.request.redact import without_secrets
from genericapiserver.request.reporting import request_scope
from genericapiserver.tracing import Trace, step

DEPRECATED: Final = "k8s.io/deprecated"
REMOVED_RELEASE: Final = "k8s.io/removed-release"
_TRACED: Final = {
    "get": "Get",
    "list": "List",
    "create": "Create",
    "update": "Update",
    "patch": "Patch",
    "delete": "Delete",
    "deletecollection": "Delete",
}
"""What the operation of a verb is called. A watch is none: it is long, not slow."""
_UNTRACED: Final = nullcontext()


def serve(
    handler: VerbHandler,
    writer: ResponseWriter,
    *,
    warning: str = "",
    removed_release: str = "",
    metrics: RouteMetrics | None = None,
    convert_error: Callable[[Exception], StatusError] | None = None,
) -> Handler:
    """Answer requests with what *handler* returns, or with the Status of what it raises.

    With a *warning* the version is deprecated: every response carries it, refusals too. An error that is not for
    clients becomes what *convert_error* makes of it; it passes on where there is none, and so does any that comes when the
    response has begun.
    """

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        request = APIRequest(scope, receive, send)
        context = request.context
        name = None if context.long_running else _TRACED.get(context.request_info.verb)
        with Trace(name, partial(_fields, request)) if name is not None else _UNTRACED:
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
            except Exception as error:
                if convert_error is None or context.response_status:
                    raise
                response = writer.error(request, convert_error(error))
            finally:
                if running is not None:
                    running.dec()
            if not response.streamed:
                step("About to write a response")
                await writer.send(request, response)
                step("Writing http response done")
        if warning:
            context.add_audit_annotation(DEPRECATED, "true")
            if removed_release:
                context.add_audit_annotation(REMOVED_RELEASE, removed_release)
        if metrics is not None:
            metrics.observe(request, response.status, response.length)

    return route


def _fields(request: APIRequest) -> dict[str, Any]:
    """What the trace of a request says of it (traceFields in pkg/endpoints/handlers/trace_util.go)."""
    context, scope = request.context, request.scope
    info = context.request_info
    client = scope.get("client")
    return {
        "accept": request.accept.decode("latin-1"),
        "audit-id": context.audit_id[:64],
        "client": client[0] if client else "",
        "api-group": info.api_group,
        "api-version": info.api_version,
        "name": info.name,
        "subresource": info.subresource,
        "namespace": info.namespace,
        "protocol": f"HTTP/{scope.get('http_version', '1.1')}",
        "resource": info.resource,
        "scope": request_scope(info),
        "url": without_secrets(context.request_uri),
        "user-agent": request.user_agent.decode("latin-1"),
        "verb": context.method,
    }
