"""A span for each request. Mirrors pkg/endpoints/filters/traces.go of k8s.io/apiserver.

The caller's span is the parent only of a caller in system:masters or system:monitoring; anybody else's is linked to, so
that strangers can neither make the server sample nor grow a trace of somebody else's.
"""

from time import perf_counter
from typing import Any, Final

from genericapiserver.asgi import Handler, Receive, Scope, Send, header_value
from genericapiserver.audit import shortened_audit_id
from genericapiserver.request import RequestContext, RequestInfo, request_context
from genericapiserver.request.redact import without_secrets
from genericapiserver.tracing import CURRENT, RequestTracer
from genericapiserver.tracing.trace import Request

TRUSTED_GROUPS: Final = frozenset({"system:masters", "system:monitoring"})


def with_tracer(handler: Handler, tracer: RequestTracer | None) -> Handler:
    """Let what *handler* asks of other servers before there is a span begin traces of its own."""
    if tracer is None:
        return handler

    async def traced(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(tracer=tracer)
        outer = CURRENT.set(request)
        try:
            await handler(scope, receive, send)
        finally:
            CURRENT.reset(outer)
            request.ended = perf_counter()

    return traced


def with_tracing(handler: Handler, tracer: RequestTracer | None) -> Handler:
    """Have each request be a span from its arrival to the end of *handler*. Without a *tracer* nothing is traced."""
    if tracer is None:
        return handler

    async def tracing(scope: Scope, receive: Receive, send: Send) -> None:
        context = request_context(scope)
        user = context.user
        trusted = user is not None and not TRUSTED_GROUPS.isdisjoint(user.groups)
        start_ns = int(context.received_at.timestamp() * 1e6) * 1000
        span = tracer.start_request(
            span_name(context.method, context.request_info),
            _attributes(scope, context),
            scope["headers"],
            trusted=trusted,
            start_ns=start_ns,
        )
        request = Request(span=span, tracer=tracer)
        outer = CURRENT.set(request)
        try:
            await handler(scope, receive, send)
        except BaseException as error:
            span.end(error)
            raise
        finally:
            CURRENT.reset(outer)
            request.ended = perf_counter()
        status = context.response_status
        if status:
            span.set({"http.response.status_code": status})
        span.end(failed=status >= 500)

    return tracing


def span_name(method: str, info: RequestInfo) -> str:
    """The method, and for resources the path with placeholders for what clients choose: few names, whoever asks."""
    if not info.is_resource_request:
        return method
    parts = [info.api_prefix, info.api_group, info.api_version]
    if info.namespace:
        parts += ["namespaces", "{:namespace}"]
    parts += [info.resource, "{:name}" if info.name else "", info.subresource]
    return f"{method} /" + "/".join(part for part in parts if part)


def _attributes(scope: Scope, context: RequestContext) -> dict[str, Any]:
    client, server = scope.get("client"), scope.get("server")
    return {
        "http.request.method": context.method,
        "url.scheme": scope.get("scheme", "https"),
        "url.path": context.path,
        "server.address": server[0] if server else "",
        "server.port": (server[1] or 0) if server else 0,
        "client.address": client[0] if client else "",
        "network.protocol.version": scope.get("http_version", "1.1"),
        "user_agent.original": header_value(scope, b"user-agent") or "",
        "http.target": without_secrets(context.request_uri),
        "audit-id": shortened_audit_id(context.audit_id),
    }
