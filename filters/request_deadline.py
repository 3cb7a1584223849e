"""Give each request its deadline. Mirrors pkg/endpoints/filters/request_deadline.go."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from genericapiserver.apimachinery.errors import BadRequestError
from genericapiserver.asgi import Handler, Receive, Scope, Send
from genericapiserver.filters.responses import SendStatusError
from genericapiserver.request import request_context
from genericapiserver.request.deadline import InvalidTimeoutError, requested_timeout

FailureFilter: TypeAlias = Callable[[Handler], Handler]
"""Wraps the handler that answers a bad request line, for example to audit it: no audit filter has run by then."""


def with_request_deadline(
    handler: Handler,
    *,
    maximum: float,
    send_error: SendStatusError,
    failure_filter: FailureFilter = lambda handler: handler,
) -> Handler:
    """Set `context.deadline` to the time of arrival plus the query's `timeout`, at most *maximum* seconds.

    Long-running requests have no deadline. A timeout that is no duration is a 400.
    """

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            requested_timeout(scope["query_string"], maximum)
        except InvalidTimeoutError as error:
            await send_error(scope, send, BadRequestError(str(error)))

    refused = failure_filter(refuse)

    def request_deadline(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        context = request_context(scope)
        if not context.long_running:
            try:
                timeout = requested_timeout(scope["query_string"], maximum)
            except InvalidTimeoutError:
                return refused(scope, receive, send)
            context.deadline = context.received_monotonic + timeout
        return handler(scope, receive, send)

    return request_deadline
