"""Serve, queue or refuse each request by its priority level and its flow.

A request for which there are seats costs no task and no future here. One that has to wait does so on one future until its
turn or its time; once it runs it is never given up. A watch holds its seats until its stream is initialised. Mirrors
pkg/server/filters/priority-and-fairness.go.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Final

from genericapiserver.aio import Clock
from genericapiserver.asgi import Handler, Receive, Scope, Send, send_plain_error
from genericapiserver.authentication.user import UserInfo
from genericapiserver.filters.metrics import InFlightMetrics, RequestMetrics
from genericapiserver.filters.utilization import ReadWriteUtilization
from genericapiserver.flowcontrol.controller import ActiveSchema
from genericapiserver.flowcontrol.flow_control import FlowControl
from genericapiserver.flowcontrol.flow_metrics import Distribution
from genericapiserver.flowcontrol.queue_set import REJECTED, TIME_OUT, WAITING, Request
from genericapiserver.request import RequestContext, request_context
from genericapiserver.request.internal_error import send_chain_error

LONGEST_WAIT: Final = 60.0
"""Seconds that no request waits longer for its turn."""
PUBLISH_PERIOD: Final = 1.0

_READ_VERBS: Final = frozenset({"get", "list", "watch"})


class Watermarks:
    """How many requests are served and how many wait, reads and writes apart: the highest numbers of a period."""

    __slots__ = ("_highest", "_metrics", "_now", "_utilization")

    def __init__(
        self, metrics: InFlightMetrics | None = None, *, utilization: ReadWriteUtilization | None = None
    ) -> None:
        self._now = [0, 0, 0, 0]
        self._highest = [0, 0, 0, 0]
        self._metrics = metrics
        self._utilization = utilization

    def add(self, at: int) -> None:
        now = self._now[at] = self._now[at] + 1
        if now > self._highest[at]:
            self._highest[at] = now
        if self._utilization is not None:
            reads, writes, waiting_reads, waiting_writes = self._now
            self._utilization.note((reads, writes, waiting_reads, waiting_writes))

    def remove(self, at: int) -> None:
        self._now[at] -= 1
        if self._utilization is not None:
            reads, writes, waiting_reads, waiting_writes = self._now
            self._utilization.note((reads, writes, waiting_reads, waiting_writes))

    def publish(self) -> None:
        """Set the gauges to the highest numbers since they were last set."""
        reads, writes, waiting_reads, waiting_writes = self._highest
        self._highest = list(self._now)
        if self._metrics is not None:
            self._metrics.publish(read_only=reads, mutating=writes)
            self._metrics.publish_waiting(read_only=waiting_reads, mutating=waiting_writes)

    async def keep_published(self) -> None:
        """Publish once a second until cancelled: the body of the post-start hook `priority-and-fairness-filter`."""
        while True:
            await asyncio.sleep(PUBLISH_PERIOD)
            self.publish()


_WAITING: Final = 2
"""Added to 0 for reads and 1 for writes: the number of those that wait."""


def with_priority_and_fairness(
    handler: Handler,
    *,
    flow_control: FlowControl,
    clock: Clock,
    request_timeout: float,
    nobody: UserInfo | None = None,
    watermarks: Watermarks | None = None,
    metrics: RequestMetrics | None = None,
    observe_latency: Callable[[float], None] | None = None,
) -> Handler:
    """Answer 429 with Retry-After to what its level has neither a seat nor a place in a queue for.

    A request waits a quarter of its time at most, which is *request_timeout* where it has no deadline of its own.
    *nobody* stands for the user of a server that asks nobody who he is; without it a request without a user is a mistake
    in the chain, and answered with 500.
    """
    controller, estimator = flow_control.controller, flow_control.estimator
    classify, monotonic, turns = controller.classify, clock.monotonic, flow_control.turns
    marks = watermarks if watermarks is not None else Watermarks()

    def priority_and_fairness(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        context = request_context(scope)
        if context.long_running and context.request_info.verb != "watch":
            return handler(scope, receive, send)
        user = context.user or nobody
        if user is None:
            return send_chain_error(scope, send)
        return serve(context, user, scope, receive, send)

    async def serve(context: RequestContext, user: UserInfo, scope: Scope, receive: Receive, send: Send) -> None:
        begun = perf_counter()
        info = context.request_info
        schema = classify(user, info)
        context.response_headers.extend(schema.headers)
        level, counted = schema.level, schema.metrics
        work = estimator.estimate(info, scope["query_string"], level.max_seats, counted.watch_counts.observe)
        kind = 0 if info.verb in _READ_VERBS else 1
        start = schema.start
        if not level.exempt and not turns.take():
            turn = turns.enter(level, schema.flow(user, info))
            if turn is not None:
                marks.add(_WAITING + kind)
                try:
                    await turn
                finally:
                    marks.remove(_WAITING + kind)
                if monotonic() > latest_start(context):
                    start = schema.refuse_late
        request = context.flow_control = start(user, info, work, (user, info))
        if request.state == WAITING:
            marks.add(_WAITING + kind)
            try:
                await wait(context, schema, request)
            finally:
                marks.remove(_WAITING + kind)
                context.add_parallel_latency("apf-queue-wait", monotonic() - request.arrival)
        if request.state == REJECTED:
            await refuse(context, schema, request, scope, send)
            return
        if not level.exempt:
            counted.waited.observe(request.started - request.arrival)
        if observe_latency is not None:
            observe_latency(perf_counter() - begun)
        if info.verb == "watch":
            await serve_watch(context, schema, request, scope, receive, send)
            return
        marks.add(kind)
        try:
            await handler(scope, receive, send)
        finally:
            finish(schema, request, kind, counted.executed)

    def finish(schema: ActiveSchema, request: Request, kind: int, executed: Distribution) -> None:
        marks.remove(kind)
        executed.observe(monotonic() - request.started)
        controller.finish(schema.level, request)

    async def serve_watch(
        context: RequestContext, schema: ActiveSchema, request: Request, scope: Scope, receive: Receive, send: Send
    ) -> None:
        marks.add(0)

        def initialized() -> None:
            context.watch_initialized = None
            finish(schema, request, 0, schema.metrics.executed_watches)

        context.watch_initialized = initialized
        forget = flow_control.watches.register(context.request_info)
        try:
            await handler(scope, receive, send)
        finally:
            forget()
            if context.watch_initialized is not None:
                context.watch_initialized()

    def latest_start(context: RequestContext) -> float:
        received, deadline = context.received_monotonic, context.deadline
        limit = request_timeout if deadline is None else deadline - received
        return received + min(limit / 4, LONGEST_WAIT)

    async def wait(context: RequestContext, schema: ActiveSchema, request: Request) -> None:
        """Return when *request* has its seats or was refused."""
        loop = asyncio.get_running_loop()
        turn = loop.create_future()

        def wake() -> None:
            if not turn.done():
                turn.set_result(None)

        def give_up() -> None:
            if controller.withdraw(schema.level, request):
                wake()

        request.on_dispatch = wake
        timer = loop.call_at(latest_start(context), give_up)
        try:
            await turn
        except asyncio.CancelledError:
            # Cancelled before its turn, or in the very moment of it.
            if not controller.withdraw(schema.level, request, cancelled=True):
                controller.finish(schema.level, request)
            raise
        finally:
            timer.cancel()
            request.on_dispatch = None

    async def refuse(context: RequestContext, schema: ActiveSchema, request: Request, scope: Scope, send: Send) -> None:
        level, counted = schema.level, schema.metrics
        if not level.exempt:
            # The reference counts those whose time was over among the executed.
            waited = counted.waited if request.reason == TIME_OUT else counted.waited_refused
            waited.observe(monotonic() - request.arrival)
        if metrics is not None:
            metrics.dropped(context, scope)
        seconds = controller.retry_after(level, request)
        await send_plain_error(
            send, 429, "Too many requests, please try again later.", [(b"retry-after", b"%d" % seconds)]
        )

    return priority_and_fairness
