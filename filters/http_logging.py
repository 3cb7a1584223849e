"""One log line a request, when the log is that talkative. Mirrors pkg/server/httplog."""

import json
import logging
from collections.abc import Awaitable, Callable

from genericapiserver.aio import Clock, SystemClock
from genericapiserver.asgi import Handler, Receive, Scope, Send, header_value
from genericapiserver.audit import shortened_audit_id
from genericapiserver.request import RequestContext, request_context
from genericapiserver.request.redact import without_secrets
from genericapiserver.request.reporting import normalized_verb

logger = logging.getLogger(__name__)


def _debug_enabled() -> bool:
    return logger.isEnabledFor(logging.DEBUG)


def with_http_logging(
    handler: Handler, *, enabled: Callable[[], bool] = _debug_enabled, clock: Clock | None = None
) -> Handler:
    """Log each request at its end while *enabled*, which is asked at the start of each."""
    clock = clock or SystemClock()

    def http_logging(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return logged(scope, receive, send) if enabled() else handler(scope, receive, send)

    async def logged(scope: Scope, receive: Receive, send: Send) -> None:
        context = request_context(scope)
        try:
            await handler(scope, receive, send)
        finally:
            logger.log(logging.DEBUG, "%s", _line(scope, context, clock.monotonic() - context.received_monotonic))

    return http_logging


def _line(scope: Scope, context: RequestContext, seconds: float) -> str:
    client = scope.get("client")
    pairs: list[tuple[str, str | int]] = [
        ("verb", normalized_verb(context.method, context.request_info, scope["query_string"])),
        ("URI", without_secrets(context.request_uri)),
        ("latency", f"{seconds * 1000:.6g}ms"),
        ("userAgent", header_value(scope, b"user-agent") or ""),
        ("audit-ID", shortened_audit_id(context.audit_id)),
        ("srcIP", f"{client[0]}:{client[1]}" if client else ""),
        *(context.flow_control.log_pairs() if context.flow_control is not None else ()),
        ("resp", context.response_status),
    ]
    # Quoted as JSON: what a client sends must not look like another line of the log.
    return "HTTP " + " ".join(f"{key}={json.dumps(value)}" for key, value in pairs)
