"""Count watches apart from other requests, and tell them when the server stops, since by themselves they never end.

Mirrors pkg/server/filters/watch_termination.go.
"""

from collections.abc import Awaitable

from genericapiserver.aio import InFlightRequests, Signal
from genericapiserver.asgi import Handler, Receive, Scope, Send
from genericapiserver.filters.responses import send_shutting_down
from genericapiserver.request import RequestContext, request_context


def with_watch_termination(handler: Handler, *, watches: InFlightRequests, shutdown: Signal) -> Handler:
    """Register each watch in *watches* and give it *shutdown* to look at; 503 once the drain has begun."""

    def watch_termination(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        context = request_context(scope)
        if context.request_info.verb != "watch":
            return handler(scope, receive, send)
        return serve_watch(context, scope, receive, send)

    async def serve_watch(context: RequestContext, scope: Scope, receive: Receive, send: Send) -> None:
        if watches.draining:
            await send_shutting_down(send)
            return
        with watches:
            context.shutdown = shutdown
            await handler(scope, receive, send)

    return watch_termination
