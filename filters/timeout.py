"""Answer 504 when a handler is not done by its deadline. Mirrors pkg/server/filters/timeout.go.

The reference answers from a second goroutine and lets the first run on unheard. A task of its own for every request
would cost more here than most handlers, so the deadline is a timer that cancels the request's one task: the handler ends
at its next await, and the 504 is written afterwards. A handler that must not be cut off half-way shields that part.
"""

import asyncio
from collections.abc import Awaitable
from typing import Final

import attrs

from genericapiserver.asgi import Handler, Receive, Scope, Send, send_response
from genericapiserver.filters.exception_recovery import AbortRequestError
from genericapiserver.filters.metrics import RequestMetrics
from genericapiserver.filters.request_deadline import FailureFilter
from genericapiserver.request import RequestContext, request_context

# As the reference sends it: a Status without kind and apiVersion, and no word of JSON in the content type.
_BODY: Final = (
    b'{"metadata":{},"status":"Failure","message":"Timeout: request did not complete within the allotted timeout",'
    b'"reason":"Timeout","details":{},"code":504}\n'
)


@attrs.define(eq=False)
class _Expiry:
    task: asyncio.Task[object]
    expired: bool = False

    def __call__(self) -> None:
        self.expired = True
        self.task.cancel()


def with_timeout(
    handler: Handler,
    *,
    metrics: RequestMetrics | None = None,
    failure_filter: FailureFilter = lambda handler: handler,
) -> Handler:
    """Cancel *handler* at `context.deadline`.

    Nothing sent yet: a 504 without the headers that inner filters prepared. Otherwise the response is broken off. The
    *failure_filter* wraps the answer to a request whose time is up before it begins, which no inner filter sees.
    """

    def too_late(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return send_response(send, 504, _BODY, b"text/plain; charset=utf-8")

    refused = failure_filter(too_late)

    def timeout(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        context = request_context(scope)
        if context.deadline is None:
            return handler(scope, receive, send)
        if context.deadline <= asyncio.get_running_loop().time():  # a limit like `timeout=1ns` is over at once
            if metrics is not None:
                metrics.terminated(context, scope, 504)
                metrics.ended_after_timeout(failed=False)  # the reference's has begun, and ends; this one never begins
            return refused(scope, receive, send)
        return serve_until(context.deadline, context, scope, receive, send)

    async def serve_until(deadline: float, context: RequestContext, scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None
        outer_headers = len(context.response_headers)
        expiry = _Expiry(task)
        timer = task.get_loop().call_at(deadline, expiry)
        cancelling = task.cancelling()
        failed = False
        try:
            await handler(scope, receive, send)
            return
        except Exception:
            failed = True
            raise
        except asyncio.CancelledError:
            # Cancelled by somebody else, perhaps as well: that is not for us to swallow.
            if not expiry.expired or task.cancelling() > cancelling + 1:
                raise
        finally:
            timer.cancel()
            if expiry.expired:
                task.uncancel()
                if metrics is not None:
                    metrics.ended_after_timeout(failed=failed)
        if metrics is not None:
            metrics.terminated(context, scope, 504)
        if context.response_status:
            raise AbortRequestError
        del context.response_headers[outer_headers:]
        if context.warnings is not None:
            context.warnings.clear()
        await send_response(send, 504, _BODY, b"text/plain; charset=utf-8")

    return timeout
