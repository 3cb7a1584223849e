"""One log line a request, when the log is that talkative. Mirrors pkg/server/httplog."""

import logging
import traceback
from collections.abc import Awaitable, Callable
from typing import Any, Final

from genericapiserver.aio import Clock, SystemClock
from genericapiserver.apimachinery.go import format_duration
from genericapiserver.asgi import Handler, Message, Receive, Scope, Send, header_value
from genericapiserver.audit import shortened_audit_id
from genericapiserver.logs import V3, Stack, kv
from genericapiserver.request import RequestContext, request_context
from genericapiserver.request.redact import without_secrets
from genericapiserver.request.reporting import normalized_verb

logger = logging.getLogger(__name__)

_SWITCHING_PROTOCOLS: Final = 101
_GATEWAY_TIMEOUT: Final = 504
_STACK_FRAMES: Final = 32


def _enabled() -> bool:
    return logger.isEnabledFor(V3)


def with_http_logging(
    handler: Handler, *, enabled: Callable[[], bool] = _enabled, clock: Clock | None = None
) -> Handler:
    """Log each request at its end while *enabled*, which is asked at the start of each.

    With a response below 200, other than 101, or from 500 on, the line says where in the code it was begun; not for one
    that ran out of time, of which there are many at once, and whose stack is the filter's.
    """
    clock = clock or SystemClock()

    def http_logging(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return logged(scope, receive, send) if enabled() else handler(scope, receive, send)

    async def logged(scope: Scope, receive: Receive, send: Send) -> None:
        context = request_context(scope)
        stack = ""

        def watched(message: Message) -> Awaitable[None]:
            nonlocal stack
            if message["type"] == "http.response.start" and _deserves_stack(message["status"]):
                stack = "".join(traceback.format_stack(limit=_STACK_FRAMES))
            return send(message)

        try:
            await handler(scope, receive, watched)
        finally:
            pairs = _pairs(scope, context, clock.monotonic() - context.received_monotonic)
            if stack:
                pairs["statusStack"] = Stack(stack)
            logger.log(V3, kv("HTTP", pairs))

    return http_logging


def _deserves_stack(status: int) -> bool:
    return (status < 200 or status >= 500) and status not in (_SWITCHING_PROTOCOLS, _GATEWAY_TIMEOUT)


def _pairs(scope: Scope, context: RequestContext, seconds: float) -> dict[str, Any]:
    client = scope.get("client")
    flow_control = context.flow_control.log_pairs() if context.flow_control is not None else ()
    pairs: dict[str, Any] = {
        "verb": normalized_verb(context.method, context.request_info, scope["query_string"]),
        "URI": without_secrets(context.request_uri),
        "latency": format_duration(seconds),
        "userAgent": header_value(scope, b"user-agent") or "",
        "audit-ID": shortened_audit_id(context.audit_id),
        "srcIP": f"{client[0]}:{client[1]}" if client else "",
        **dict(flow_control),
        **(context.log_pairs or {}),
    }
    # The seats of a watch are held until its stream is initialised.
    if context.request_info.verb == "watch" and "apf_execution_time" in pairs:
        pairs["apf_init_latency"] = pairs.pop("apf_execution_time")
    if context.response_status == _SWITCHING_PROTOCOLS:
        pairs["hijacked"] = True
    else:
        pairs["resp"] = context.response_status
    return pairs
