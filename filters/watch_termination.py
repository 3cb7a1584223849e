"""Count watches apart from other requests, and tell them when the server stops, since by themselves they never end.

Mirrors pkg/server/filters/watch_termination.go.
"""

from collections.abc import Awaitable

from genericapiserver.aio import InFlightWatches
from genericapiserver.asgi import Handler, Receive, Scope, Send
from genericapiserver.filters.responses import send_shutting_down
from genericapiserver.request import RequestContext, request_context


def with_watch_termination(handler: Handler, *, watches: InFlightWatches) -> Handler:
    """Register each watch in *watches* and have it look at the signal to end; 503 once the drain has begun."""

    def watch_termination(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        context = request_context(scope)
        if context.request_info.verb != "watch":
            return handler(scope, receive, send)
        return serve_watch(context, scope, receive, send)

    async def serve_watch(context: RequestContext, scope: Scope, receive: Receive, send: Send) -> None:
        if watches.draining:
            await send_shutting_down(send)
            return
        ending = watches.open()
        context.shutdown = ending
        try:
            await handler(scope, receive, send)
        finally:
            watches.close(ending)

    return watch_termination
