"""Record what is asked and what becomes of it. Mirrors pkg/endpoints/filters/{audit,authn_audit,request_deadline}.go.

    policy -> event -> RequestReceived -> handler -> (ResponseStarted, when long-running) -> ResponseComplete or Panic

The last message of a short response is held back until its ResponseComplete is where the mode wants it: whoever has an
answer from a server that audits in a blocking mode may rely on the event (in Go the response is still in its buffer then).
"""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine
from time import perf_counter
from typing import Any, Final

import attrs

from genericapiserver.aio import Clock, SystemClock
from genericapiserver.apimachinery.go import format_duration
from genericapiserver.apimachinery.meta import STATUS_FAILURE, STATUS_SUCCESS, Status, StatusDetails
from genericapiserver.apis.audit_v1 import (
    STAGE_PANIC,
    STAGE_REQUEST_RECEIVED,
    STAGE_RESPONSE_COMPLETE,
    STAGE_RESPONSE_STARTED,
)
from genericapiserver.asgi import Handler, Message, Receive, Scope, Send
from genericapiserver.audit.backend import Accepted, AuditBackend, report_error
from genericapiserver.audit.event import AuditEvent, micro_time
from genericapiserver.audit.metrics import AuditMetrics
from genericapiserver.audit.policy import PolicyRuleEvaluator
from genericapiserver.audit.recording import new_event
from genericapiserver.request import AuditLevel, RequestContext, request_context
from genericapiserver.request.internal_error import send_internal_error

logger = logging.getLogger(__name__)

SLOW_REQUEST: Final = 0.5
"""Seconds above which an event says where the time went."""

_LATENCY_PREFIX: Final = "apiserver.latency.k8s.io/"
_CLOSED_EARLY: Final = Status(status=STATUS_SUCCESS, code=200, message="Connection closed early")
TIMED_OUT: Final = Status(
    status=STATUS_FAILURE,
    code=504,
    reason="Timeout",
    message="Timeout: request did not complete within the allotted timeout",
    details=StatusDetails(),
)
_STARTS: Final = {"http.response.start": 0, "websocket.accept": 101}


class AuditSink:
    """Makes events by a policy and hands their stages to a backend. One for all audit filters of a server."""

    def __init__(
        self,
        backend: AuditBackend,
        policy: PolicyRuleEvaluator,
        *,
        metrics: AuditMetrics | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._backend = backend
        self._evaluate = policy.evaluate
        self._metrics = metrics
        self._now = (clock or SystemClock()).now
        # The body of a coroutine begins when the event may have gone on already.
        self._snapshots = inspect.iscoroutinefunction(backend.process_events)
        self._storing: set[asyncio.Task[bool]] = set()

    def new_event(self, context: RequestContext, scope: Scope) -> AuditEvent | None:
        """The event of a request, put into its context; None for one that is not recorded."""
        settings = self._evaluate(context.request_info, context.user)
        if self._metrics is not None:
            self._metrics.level(settings.level)
        if settings.level is AuditLevel.NONE:
            return None
        event = new_event(context, scope, settings)
        context.audit = event
        return event

    def received(self, event: AuditEvent) -> Accepted:
        return self._emit(event, STAGE_REQUEST_RECEIVED, event.record.request_received_timestamp)

    def reached(self, event: AuditEvent, stage: str) -> Accepted:
        """Tell the backend of *stage*, unless the policy omits it."""
        return self._emit(event, stage, None)

    def rejected(self) -> None:
        if self._metrics is not None:
            self._metrics.rejected.inc()

    def _emit(self, event: AuditEvent, stage: str, timestamp: str | None) -> Accepted:
        if stage in event.omit_stages:
            return True
        event.set_stage(stage, timestamp or micro_time(self._now()))
        if self._metrics is not None:
            self._metrics.events.inc()
        try:
            accepted = self._backend.process_events((event.snapshot() if self._snapshots else event,))
        except Exception as error:  # noqa: BLE001  a backend of somebody else's with a fault must not go unnoticed
            return self._failed(error, event)
        return self._stored(accepted, event) if inspect.iscoroutine(accepted) else accepted

    def _stored(self, accepted: Coroutine[Any, Any, bool], event: AuditEvent) -> Awaitable[bool]:
        """Have *accepted* run to its end: a request that ends early stops waiting, and its event is stored even so."""
        task = asyncio.create_task(self._store(accepted, event.snapshot()))
        self._storing.add(task)
        task.add_done_callback(self._storing.discard)
        return asyncio.shield(task)

    async def _store(self, accepted: Coroutine[Any, Any, bool], event: AuditEvent) -> bool:
        try:
            return await accepted
        except Exception as error:  # noqa: BLE001  see above
            return self._failed(error, event)

    def _failed(self, error: Exception, event: AuditEvent) -> bool:
        report_error(self._metrics, self._backend.name, f"{type(error).__name__}: {error}", (event,))
        return False


def with_audit(
    handler: Handler,
    sink: AuditSink | None,
    *,
    clock: Clock | None = None,
    observe_latency: Callable[[float], None] | None = None,
) -> Handler:
    """Record requests at their stages. Without a *sink* there is nothing to record to.

    A request whose first stage cannot be stored is answered 500 and not carried out; only a backend in mode
    blocking-strict says so. The same goes for one whose event cannot be made.
    """
    if sink is None:
        return handler
    monotonic = (clock or SystemClock()).monotonic

    async def audit(scope: Scope, receive: Receive, send: Send) -> None:
        start = perf_counter()
        context = request_context(scope)
        try:
            event = sink.new_event(context, scope)
        except Exception:
            logger.exception("the audit event of a request could not be made")
            await send_internal_error(scope, send, "failed to create audit event")
            return
        if event is None:
            if observe_latency is not None:
                observe_latency(perf_counter() - start)
            await handler(scope, receive, send)
            return
        request = _Request(sink, event, context, send, monotonic)
        try:
            accepted = sink.received(event)
            if not isinstance(accepted, bool):
                accepted = await accepted
            if observe_latency is not None:
                observe_latency(perf_counter() - start)
            if not accepted:
                sink.rejected()
                await send_internal_error(scope, send, "failed to store audit event")
                return
            await handler(scope, receive, request.send_started if context.long_running else request.send_held)
        except asyncio.CancelledError:
            request.cancelled()
            raise
        except Exception as error:
            await request.panicked(error)
            raise
        await request.complete()

    return audit


@attrs.define(eq=False)
class _Request:
    """A request on its way through the filter."""

    sink: AuditSink
    event: AuditEvent
    context: RequestContext
    send: Send
    monotonic: Callable[[], float]
    started: bool = False
    held: Message | None = None

    def send_held(self, message: Message) -> Awaitable[None]:
        """Send a part of a short response, but not the last."""
        if message["type"] != "http.response.body" or message.get("more_body") or self.held is not None:
            return self.send(message)
        self.held = message
        return _nothing()

    async def send_started(self, message: Message) -> None:
        """Send a part of a long response, and record that it begins before it does."""
        code = _STARTS.get(message["type"])
        if code is not None and not self.started:
            self.started = True
            self.event.set_code(code or message["status"])
            await _waited(self.sink.reached(self.event, STAGE_RESPONSE_STARTED))
        await self.send(message)

    async def complete(self) -> None:
        code = self.context.response_status
        if code:
            self.event.set_code(code)
        else:
            self.event.set_status(_CLOSED_EARLY)
            if self.context.long_running:
                await _waited(self.sink.reached(self.event, STAGE_RESPONSE_STARTED))
        _add_latencies(self.event, self.context, self.monotonic)
        await _waited(self.sink.reached(self.event, STAGE_RESPONSE_COMPLETE))
        if self.held is not None:
            await self.send(self.held)

    async def panicked(self, error: Exception) -> None:
        message = f"APIServer panic'd: {str(error) or type(error).__name__}"
        self.event.set_status(Status(status=STATUS_FAILURE, code=500, reason="InternalError", message=message))
        await _waited(self.sink.reached(self.event, STAGE_PANIC))

    def cancelled(self) -> None:
        """The time was up, or the client went away: nobody waits, but what there is to say is said.

        In the reference the handler runs on and its own status is recorded; here it ends with its request, mostly before
        it has one.
        """
        context = self.context
        if context.response_status:
            self.event.set_code(context.response_status)
        elif context.deadline is not None and self.monotonic() >= context.deadline:
            self.event.set_status(TIMED_OUT)
        else:
            self.event.set_status(_CLOSED_EARLY)
            if context.long_running:
                self.sink.reached(self.event, STAGE_RESPONSE_STARTED)
        _add_latencies(self.event, context, self.monotonic)
        self.sink.reached(self.event, STAGE_RESPONSE_COMPLETE)


def with_failed_request_audit(
    handler: Handler, sink: AuditSink | None, *, status: Callable[[RequestContext, Scope], Status]
) -> Handler:
    """Record a request that *handler* turns away before there is a user: one event, when the answer begins.

    *status* says what is known of the failure; a Status that the handler answers with takes its place.
    """
    if sink is None:
        return handler

    async def failed_request_audit(scope: Scope, receive: Receive, send: Send) -> None:
        context = request_context(scope)
        try:
            event = sink.new_event(context, scope)
        except Exception:
            logger.exception("the audit event of a request could not be made")
            await send_internal_error(scope, send, "failed to create audit event")
            return
        if event is None:
            await handler(scope, receive, send)
            return
        event.set_status(status(context, scope))
        request = _Request(sink, event, context, send, SystemClock().monotonic)
        await handler(scope, receive, request.send_started)

    return failed_request_audit


async def _nothing() -> None:
    pass


async def _waited(accepted: Accepted) -> None:
    if not isinstance(accepted, bool):
        await accepted


def _add_latencies(event: AuditEvent, context: RequestContext, monotonic: Callable[[], float]) -> None:
    """Say of a slow request where its time went; a watch is not slow, only long.

    Measured from the arrival to now, as later releases do: v0.35.0 takes the time of the last stage that was emitted, which
    for most requests is the arrival itself.
    """
    seconds = monotonic() - context.received_monotonic
    if seconds <= SLOW_REQUEST or context.request_info.verb == "watch":
        return
    for part, latency in {**(context.latencies or {}), "total": seconds}.items():
        event.add_annotation(_LATENCY_PREFIX + part, format_duration(latency))
