"""The outermost filter: everything inside finds its RequestContext made, and one `send` that all filters share.

Four filters of the reference (audit ID, received time, request info, and the recording of headers for all responses)
are one here, because they only start things: it makes the context once instead of passing it on four times.

Websockets too come through here. What inner handlers send as a plain response becomes a denial of the handshake (ASGI
extension `websocket.http.response`), so no filter needs to know which of the two it answers.

Mirrors pkg/endpoints/filters/{audit_init,request_received_time,requestinfo}.go.
"""

from collections.abc import Awaitable
from typing import Protocol

from genericapiserver.aio import Clock, SystemClock
from genericapiserver.asgi import Handler, Message, Receive, Scope, Send
from genericapiserver.audit import AUDIT_ID_HEADER, request_audit_id
from genericapiserver.logs.served import SERVED
from genericapiserver.request import CONTEXT_KEY, LongRunningCheck, RequestContext, RequestInfo, RequestInfoFactory
from genericapiserver.request.internal_error import request_uri, send_internal_error
from genericapiserver.request.request_info import RequestInfoError


class Observer(Protocol):
    """Is told of requests that went wrong or took long, when they are over."""

    slow: float
    """How many seconds are long, for requests that are not meant to stay open."""

    def observe(self, scope: Scope, context: RequestContext, seconds: float) -> None:
        """Must not raise and must not block."""


def with_request_info(
    handler: Handler,
    *,
    resolver: RequestInfoFactory,
    long_running: LongRunningCheck,
    clock: Clock | None = None,
    observer: Observer | None = None,
) -> Handler:
    """Make the RequestContext of each request and put `context.response_headers` on its response.

    A header that the handler sets itself is left alone. A request line that cannot be understood is a plain 500. Raises
    ValueError for a scope that is neither HTTP nor a websocket. *observer* hears of what is worth remembering.
    """
    clock = clock or SystemClock()
    now, monotonic = clock.now, clock.monotonic

    async def request_info(scope: Scope, receive: Receive, send: Send) -> None:
        websocket = scope["type"] != "http"
        if websocket and scope["type"] != "websocket":
            raise ValueError(f"an API server serves http and websocket, not {scope['type']!r}")
        method = "GET" if websocket else scope["method"]
        path, query = scope["path"], scope["query_string"]
        audit_id = request_audit_id(scope)
        problem: RequestInfoError | None = None
        try:
            info = resolver.resolve(method, path, query)
        except RequestInfoError as error:
            problem = error
            info = RequestInfo(path=path, verb=method.lower())
        context = scope[CONTEXT_KEY] = RequestContext(
            request_info=info,
            method=method,
            path=path,
            request_uri=request_uri(scope),
            received_at=now(),
            received_monotonic=monotonic(),
            audit_id=audit_id.decode("latin-1"),
            long_running=long_running(info),
            response_headers=[(AUDIT_ID_HEADER, audit_id)],
        )
        send_with_headers = (_websocket_send if websocket else _http_send)(context, send)
        outer = SERVED.set(context)  # a request that this process makes of itself is served within another
        try:
            if problem is not None:
                await send_internal_error(scope, send_with_headers, f"failed to create RequestInfo: {problem}")
            else:
                await handler(scope, receive, send_with_headers)
        finally:
            SERVED.reset(outer)
            if observer is not None:
                seconds = monotonic() - context.received_monotonic
                if context.response_status >= 400 or (seconds >= observer.slow and not context.long_running):
                    observer.observe(scope, context, seconds)

    return request_info


def _http_send(context: RequestContext, send: Send) -> Send:
    def send_with_headers(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            context.response_status = message["status"]
            message = _with_headers(message, context)
        return send(message)

    return send_with_headers


def _websocket_send(context: RequestContext, send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        kind = message["type"]
        if kind == "websocket.accept":
            context.response_status = 101
            message = _with_headers(message, context)
        elif kind == "http.response.start":
            context.response_status = message["status"]
            message = {**_with_headers(message, context), "type": "websocket.http.response.start"}
        elif kind == "http.response.body":
            message = {**message, "type": "websocket.http.response.body"}
        await send(message)

    return send_with_headers


def _with_headers(message: Message, context: RequestContext) -> Message:
    headers = list(message.get("headers") or ())
    present = [name for name, _ in headers]
    headers += [pair for pair in context.response_headers if pair[0] not in present]
    warnings = context.warnings
    if warnings is not None and warnings.headers:
        headers += warnings.headers
    return {**message, "headers": headers}
