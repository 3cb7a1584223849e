"""Count what is being served, so that a stopping server can wait for it. Mirrors pkg/server/filters/waitgroup.go."""

from collections.abc import Awaitable

from genericapiserver.aio import InFlightRequests
from genericapiserver.asgi import Handler, Receive, Scope, Send
from genericapiserver.filters.responses import send_shutting_down
from genericapiserver.filters.retry_after import is_exempt
from genericapiserver.request import request_context


def with_in_flight_tracking(handler: Handler, *, in_flight: InFlightRequests) -> Handler:
    """Register requests in *in_flight*, long-running ones excepted.

    Once the server waits for the last of them, probes and the like are served uncounted and others get a 503.
    """

    def in_flight_tracking(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if request_context(scope).long_running:
            return handler(scope, receive, send)
        return serve_counted(scope, receive, send)

    async def serve_counted(scope: Scope, receive: Receive, send: Send) -> None:
        if not in_flight.draining:
            with in_flight:
                await handler(scope, receive, send)
        elif is_exempt(scope):
            await handler(scope, receive, send)
        else:
            await send_shutting_down(send)

    return in_flight_tracking
