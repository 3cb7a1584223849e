"""Refuse requests beyond a number served at once, reads and writes counted apart.

Long-running requests are not counted. Members of system:masters are served in any case, so that somebody can still get
in and repair things. Mirrors pkg/server/filters/maxinflight.go.
"""

import asyncio
from collections.abc import Awaitable
from typing import Final

import attrs

from genericapiserver.asgi import Handler, Receive, Scope, Send, send_plain_error
from genericapiserver.authentication.user import SYSTEM_PRIVILEGED_GROUP
from genericapiserver.filters.metrics import InFlightMetrics, RequestMetrics
from genericapiserver.filters.utilization import ReadWriteUtilization
from genericapiserver.request import RequestContext, request_context

PUBLISH_PERIOD: Final = 1.0
"""Seconds between two values of the gauges; each is the highest number since the last."""

_READ_VERBS: Final = frozenset({"get", "list", "watch"})
_RETRY_AFTER: Final = (b"retry-after", b"1")


@attrs.define(eq=False)
class _Pool:
    limit: int
    used: int = 0
    highest: int = 0

    def take_highest(self) -> int:
        highest, self.highest = self.highest, self.used
        return highest


class InFlightLimits:
    """The two pools; 0 lifts a limit. One object serves one filter and the task that publishes its gauges."""

    def __init__(
        self,
        limit: int,
        mutating_limit: int,
        *,
        metrics: InFlightMetrics | None = None,
        utilization: ReadWriteUtilization | None = None,
    ) -> None:
        self.read_only = _Pool(limit)
        self.mutating = _Pool(mutating_limit)
        self._metrics = metrics
        self._utilization = utilization

    def note(self) -> None:
        """A request has begun or ended."""
        if self._utilization is not None:
            self._utilization.note((self.read_only.used, self.mutating.used, 0, 0))

    def publish(self) -> None:
        """Set the gauges to the highest numbers since they were last set."""
        read_only, mutating = self.read_only.take_highest(), self.mutating.take_highest()
        if self._metrics is not None:
            self._metrics.publish(read_only=read_only, mutating=mutating)

    async def keep_published(self) -> None:
        """Publish once a second until cancelled: the body of the post-start hook `max-in-flight-filter`."""
        while True:
            await asyncio.sleep(PUBLISH_PERIOD)
            self.publish()


def with_max_in_flight_limit(
    handler: Handler, *, limits: InFlightLimits, metrics: RequestMetrics | None = None
) -> Handler:
    """Answer 429 with Retry-After to what does not fit into its pool. Both limits 0 leave *handler* unwrapped."""
    if not limits.read_only.limit and not limits.mutating.limit:
        return handler

    def max_in_flight(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        context = request_context(scope)
        if context.long_running:
            return handler(scope, receive, send)
        pool = limits.read_only if context.request_info.verb in _READ_VERBS else limits.mutating
        if not pool.limit:
            return handler(scope, receive, send)
        if pool.used < pool.limit:
            return serve_counted(pool, scope, receive, send)
        if context.user is not None and SYSTEM_PRIVILEGED_GROUP in context.user.groups:
            return handler(scope, receive, send)
        return refuse(context, scope, send)

    async def serve_counted(pool: _Pool, scope: Scope, receive: Receive, send: Send) -> None:
        pool.used += 1
        limits.note()
        if pool.used > pool.highest:
            pool.highest = pool.used
        try:
            await handler(scope, receive, send)
        finally:
            pool.used -= 1
            limits.note()

    async def refuse(context: RequestContext, scope: Scope, send: Send) -> None:
        if metrics is not None:
            metrics.dropped(context, scope)
        await send_plain_error(send, 429, "Too many requests, please try again later.", [_RETRY_AFTER])

    return max_in_flight
