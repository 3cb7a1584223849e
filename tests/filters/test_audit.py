"""The audit filter: which events a request gets (filters reference, sections 7.2, 7.3 and 11)."""

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from genericapiserver.aio import Clock
from genericapiserver.apimachinery.errors import UnauthorizedError
from genericapiserver.apimachinery.meta import Status
from genericapiserver.apis.audit_v1 import GroupResources, Policy, PolicyRule
from genericapiserver.asgi import Handler, Receive, Scope, Send, send_text
from genericapiserver.audit import PolicyRuleEvaluator
from genericapiserver.audit.backend import Accepted
from genericapiserver.audit.metrics import AuditMetrics
from genericapiserver.authentication import UserInfo
from genericapiserver.config import default_serializer
from genericapiserver.endpoints import send_error
from genericapiserver.filters.audit import AuditSink, with_audit, with_failed_request_audit
from genericapiserver.filters.authentication import attempted_methods, unauthorized
from genericapiserver.filters.exception_recovery import with_exception_recovery
from genericapiserver.filters.request_deadline import with_request_deadline
from genericapiserver.filters.timeout import with_timeout
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.request import RequestContext, request_context
from tests.support.asgi_client import ASGIClient
from tests.support.audit import Backend
from tests.support.clock import HandClock
from tests.support.filters import in_context

PODS = "/api/v1/namespaces/default/pods"
SHORT, LONG = PODS + "/busybox", PODS + "?watch=true"
CLOSED_EARLY = {"metadata": {}, "status": "Success", "message": "Connection closed early", "code": 200}
ALICE = UserInfo(name="alice", groups=("dev",))


def metadata(**settings: Any) -> Policy:
    return Policy(rules=[PolicyRule(level="Metadata")], **settings)


def new_sink(
    backend: Any, policy: Policy | None = None, *, registry: MetricsRegistry | None = None, clock: Clock | None = None
) -> AuditSink:
    metrics = AuditMetrics(registry) if registry is not None else None
    return AuditSink(backend, PolicyRuleEvaluator(policy or metadata()), metrics=metrics, clock=clock)


def audited(
    handler: Handler,
    backend: Any,
    policy: Policy | None = None,
    *,
    registry: MetricsRegistry | None = None,
    clock: Clock | None = None,
    prepare: Callable[[RequestContext], None] = lambda context: None,
) -> ASGIClient:
    """*handler* behind the audit filter, asked by alice; what it raises becomes a 500 further out."""

    def with_alice(context: RequestContext) -> None:
        context.user = ALICE
        prepare(context)

    filtered = with_audit(handler, new_sink(backend, policy, registry=registry, clock=clock), clock=clock)
    return ASGIClient(in_context(with_exception_recovery(filtered), prepare=with_alice, clock=clock))


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """Writes nothing at all."""


async def writes_200(scope: Scope, receive: Receive, send: Send) -> None:
    await send_text(send, 200, "ok")


async def writes_403(scope: Scope, receive: Receive, send: Send) -> None:
    await send_text(send, 403, "no")


async def panics(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("a bug")


async def panics_late(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise RuntimeError("a bug")


RECEIVED, STARTED, COMPLETE, PANIC = "RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"
PANICKED = {
    "metadata": {},
    "status": "Failure",
    "message": "APIServer panic'd: a bug",
    "reason": "InternalError",
    "code": 500,
}


def code(number: int) -> dict[str, Any]:
    return {"metadata": {}, "code": number}


TABLE = [
    pytest.param(SHORT, nothing, [(RECEIVED, None), (COMPLETE, CLOSED_EARLY)], id="short, nothing written"),
    pytest.param(SHORT, writes_200, [(RECEIVED, None), (COMPLETE, code(200))], id="short, 200"),
    pytest.param(SHORT, writes_403, [(RECEIVED, None), (COMPLETE, code(403))], id="short, 403"),
    pytest.param(SHORT, panics, [(RECEIVED, None), (PANIC, PANICKED)], id="short, panic"),
    pytest.param(SHORT, panics_late, [(RECEIVED, None), (PANIC, PANICKED)], id="short, panic after the status"),
    pytest.param(
        LONG, nothing, [(RECEIVED, None), (STARTED, CLOSED_EARLY), (COMPLETE, CLOSED_EARLY)], id="long, nothing written"
    ),
    pytest.param(LONG, writes_200, [(RECEIVED, None), (STARTED, code(200)), (COMPLETE, code(200))], id="long, 200"),
    pytest.param(LONG, writes_403, [(RECEIVED, None), (STARTED, code(403)), (COMPLETE, code(403))], id="long, 403"),
    pytest.param(LONG, panics, [(RECEIVED, None), (PANIC, PANICKED)], id="long, panic"),
    pytest.param(
        LONG,
        panics_late,
        [(RECEIVED, None), (STARTED, code(200)), (PANIC, PANICKED)],
        id="long, panic after the status",
    ),
]


async def call(client: ASGIClient, target: str, **headers: str) -> None:
    """One request whose response may lack its end, or be none."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await client.app(client.scope("GET", target, headers), receive, send)


@pytest.mark.parametrize(("target", "handler", "stages"), TABLE)
async def test_a_request_gets_the_events_of_its_stages(
    target: str, handler: Handler, stages: list[tuple[str, Any]]
) -> None:
    backend = Backend()
    await call(audited(handler, backend), target)
    assert [(event["stage"], event.get("responseStatus")) for event in backend.events] == stages
    assert len({event["auditID"] for event in backend.events}) == 1


@pytest.mark.parametrize(("target", "handler", "stages"), TABLE)
@pytest.mark.parametrize("omitted", [RECEIVED, STARTED, COMPLETE, PANIC])
async def test_an_omitted_stage_is_the_only_one_that_is_missing(
    target: str, handler: Handler, stages: list[tuple[str, Any]], omitted: str
) -> None:
    backend = Backend()
    await call(audited(handler, backend, metadata(omit_stages=[omitted])), target)
    assert [event["stage"] for event in backend.events] == [stage for stage, _ in stages if stage != omitted]


async def test_the_first_event_has_the_time_of_arrival_and_the_last_that_of_its_end() -> None:
    clock, backend = HandClock(), Backend()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        clock.seconds = 0.25
        await writes_200(scope, receive, send)

    await audited(slow, backend, clock=clock).get(SHORT)
    received, complete = backend.events
    assert received["requestReceivedTimestamp"] == received["stageTimestamp"] == "2026-01-01T00:00:00.000000Z"
    assert complete["requestReceivedTimestamp"] == "2026-01-01T00:00:00.000000Z"
    assert complete["stageTimestamp"] == "2026-01-01T00:00:00.250000Z"
    assert "annotations" not in complete


async def test_a_slow_request_says_where_its_time_went() -> None:
    clock, backend = HandClock(), Backend()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        context = request_context(scope)
        context.add_latency("mutating-webhook", 0.2)
        context.add_latency("mutating-webhook", 0.1)
        context.add_parallel_latency("validating-webhook", 0.2)
        context.add_parallel_latency("validating-webhook", 0.1)
        context.add_latency("authentication", 0.0001)
        clock.seconds = 0.75
        await writes_200(scope, receive, send)

    client = audited(slow, backend, clock=clock)
    await client.get(SHORT)
    assert backend.events[-1]["annotations"] == {
        "apiserver.latency.k8s.io/mutating-webhook": "300ms",
        "apiserver.latency.k8s.io/total": "750ms",
        "apiserver.latency.k8s.io/validating-webhook": "200ms",
    }
    clock.seconds = 0.0
    await client.get(LONG)
    assert "annotations" not in backend.events[-1]


async def test_the_last_byte_is_sent_when_the_event_is_stored() -> None:
    stored, release = asyncio.Event(), asyncio.Event()

    class Slow(Backend):
        def process_events(self, events: Any) -> Accepted:
            super().process_events(events)
            return self.store() if events[0].record.stage == COMPLETE else True

        async def store(self) -> bool:
            stored.set()
            await release.wait()
            return True

    async with audited(writes_200, Slow()).open("GET", SHORT, wait=False) as response:
        await stored.wait()
        assert response.pieces.empty()
        release.set()
        assert await response.piece() == b"ok"


async def test_without_a_place_for_the_first_event_nothing_is_done(caplog: pytest.LogCaptureFixture) -> None:
    registry = MetricsRegistry()
    client = audited(panics, Backend(accepted=False), registry=registry)
    response = await client.get(SHORT)
    assert (response.status, response.text) == (
        500,
        f'Internal Server Error: "{SHORT}": failed to store audit event\n',
    )
    assert registry.collectors.get_sample_value("apiserver_audit_requests_rejected_total") == 1


async def test_failures_at_later_stages_do_not_show() -> None:
    class Full(Backend):
        def process_events(self, events: Any) -> Accepted:
            super().process_events(events)
            return bool(events[0].record.stage == RECEIVED)

    response = await audited(writes_200, Full()).get(SHORT)
    assert (response.status, response.text) == (200, "ok")


async def test_a_backend_with_a_fault_lets_nothing_through(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Backend):
        def process_events(self, events: Any) -> Accepted:
            raise ZeroDivisionError("oops")

    registry = MetricsRegistry()
    assert (await audited(panics, Broken(), registry=registry).get(SHORT)).status == 500
    assert "Error in audit plugin 'fake' affecting 1 audit events: ZeroDivisionError: oops" in caplog.text
    assert registry.collectors.get_sample_value("apiserver_audit_error_total", {"plugin": "fake"}) == 1


async def test_a_backend_with_a_fault_in_its_coroutine_lets_nothing_through(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Backend):
        async def process_events(self, events: Any) -> bool:
            raise ZeroDivisionError("oops")

    registry = MetricsRegistry()
    response = await audited(panics, Broken(), registry=registry).get(SHORT)
    assert (response.status, response.text) == (500, f'Internal Server Error: "{SHORT}": failed to store audit event\n')
    assert "Error in audit plugin 'fake' affecting 1 audit events: ZeroDivisionError: oops" in caplog.text
    assert registry.collectors.get_sample_value("apiserver_audit_error_total", {"plugin": "fake"}) == 1


async def test_a_policy_with_a_fault_lets_nothing_through(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(PolicyRuleEvaluator):
        def evaluate(self, info: Any, user: Any) -> Any:
            raise ZeroDivisionError

    sink = AuditSink(Backend(), Broken(metadata()))
    response = await ASGIClient(in_context(with_audit(panics, sink))).get(SHORT)
    assert (response.status, response.text) == (
        500,
        f'Internal Server Error: "{SHORT}": failed to create audit event\n',
    )


async def test_level_none_is_counted_and_nothing_else() -> None:
    registry, backend, contexts = MetricsRegistry(), Backend(), []

    async def handler(scope: Scope, receive: Receive, send: Send) -> None:
        context = request_context(scope)
        context.add_audit_annotation("late.example.com/a", "b")
        contexts.append(context)
        await writes_200(scope, receive, send)

    await audited(handler, backend, Policy(rules=[PolicyRule(level="None")]), registry=registry).get(SHORT)
    value = registry.collectors.get_sample_value
    assert value("apiserver_audit_level_total", {"level": "None"}) == 1
    assert value("apiserver_audit_event_total") == 0
    assert backend.events == []
    assert contexts[0].audit is None


async def test_events_and_levels_are_counted() -> None:
    registry = MetricsRegistry()
    client = audited(writes_200, Backend(), registry=registry)
    await client.get(SHORT)
    await client.get(LONG)
    value = registry.collectors.get_sample_value
    assert value("apiserver_audit_event_total") == 5
    assert value("apiserver_audit_level_total", {"level": "Metadata"}) == 2


async def test_annotations_made_before_the_event_are_kept_and_the_first_of_a_key_stays(
    caplog: pytest.LogCaptureFixture,
) -> None:
    backend = Backend()

    def early(context: RequestContext) -> None:
        context.add_audit_annotation("a.example.com/early", "1")
        context.add_audit_annotation("a.example.com/early", "2")

    async def handler(scope: Scope, receive: Receive, send: Send) -> None:
        context = request_context(scope)
        context.add_audit_annotation("a.example.com/early", "3\n")
        context.add_audit_annotation("a.example.com/late", "4")
        await writes_200(scope, receive, send)

    with caplog.at_level(logging.WARNING):
        await audited(handler, backend, prepare=early).get(SHORT, audit_id="given")
    assert backend.events[-1]["annotations"] == {"a.example.com/early": "1", "a.example.com/late": "4"}
    assert caplog.messages == [
        'Failed to set annotations["a.example.com/early"] to "3\\n" for audit:"given", it has already been set to "1"'
    ]


async def test_a_request_that_times_out_is_recorded_as_that() -> None:
    backend = Backend()

    async def hangs(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.Event().wait()

    def soon(context: RequestContext) -> None:
        context.deadline = asyncio.get_running_loop().time() + 0.01

    filtered = with_timeout(with_audit(hangs, new_sink(backend)))
    response = await ASGIClient(in_context(filtered, prepare=soon)).get(SHORT)
    assert response.status == 504
    assert [event["stage"] for event in backend.events] == [RECEIVED, COMPLETE]
    assert backend.events[-1]["responseStatus"] == {
        "metadata": {},
        "status": "Failure",
        "message": "Timeout: request did not complete within the allotted timeout",
        "reason": "Timeout",
        "details": {},
        "code": 504,
    }


@pytest.mark.parametrize(("target", "stages"), [(SHORT, [RECEIVED, COMPLETE]), (LONG, [RECEIVED, STARTED, COMPLETE])])
async def test_a_request_whose_client_goes_away_is_recorded(target: str, stages: list[str]) -> None:
    backend, waiting = Backend(), asyncio.Event()

    async def hangs(scope: Scope, receive: Receive, send: Send) -> None:
        waiting.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(call(audited(hangs, backend), target))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [event["stage"] for event in backend.events] == stages
    assert all(event["responseStatus"] == CLOSED_EARLY for event in backend.events[1:])


@pytest.mark.parametrize("waits_at", [RECEIVED, None])
async def test_an_event_that_nobody_waits_for_is_stored_even_so(waits_at: str | None) -> None:
    ready, go, stored = asyncio.Event(), asyncio.Event(), asyncio.Event()

    class Slow(Backend):
        async def process_events(self, events: Any) -> bool:
            stage = events[0].record.stage
            if stage == waits_at:
                ready.set()
            if stage in (COMPLETE, waits_at):
                await go.wait()
            Backend.process_events(self, events)
            if len(self.events) == 2:
                stored.set()
            return True

    async def hangs(scope: Scope, receive: Receive, send: Send) -> None:
        ready.set()
        await asyncio.Event().wait()

    backend = Slow()
    task = asyncio.create_task(call(audited(hangs, backend), SHORT))
    await ready.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go.set()
    await stored.wait()
    assert len(backend.events) == 2


@pytest.mark.parametrize(
    ("messages", "code_sent"),
    [
        ([{"type": "websocket.accept"}, {"type": "websocket.close"}], 101),
        ([{"type": "http.response.start", "status": 403}, {"type": "http.response.body"}], 403),
    ],
)
async def test_a_websocket_is_recorded_when_it_is_accepted_or_refused(messages: list[Any], code_sent: int) -> None:
    backend = Backend()

    async def handler(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    client = audited(handler, backend)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message["type"])

    scope = client.scope("GET", LONG, {})
    scope["type"] = "websocket"
    await client.app(scope, nothing, send)  # type: ignore[arg-type]
    assert len(sent) == 2
    assert [(event["stage"], event.get("responseStatus")) for event in backend.events] == [
        (RECEIVED, None),
        (STARTED, code(code_sent)),
        (COMPLETE, code(code_sent)),
    ]


def test_without_a_sink_there_is_no_filter() -> None:
    assert with_audit(writes_200, None) is writes_200
    assert with_failed_request_audit(writes_200, None, status=lambda context, scope: Status()) is writes_200


# What fails before there is a user


def failing(failed: Handler, backend: Backend, policy: Policy | None = None) -> ASGIClient:
    filtered = with_failed_request_audit(
        failed,
        new_sink(backend, policy),
        status=lambda context, scope: Status(message=attempted_methods(context, scope)),
    )
    return ASGIClient(in_context(filtered))


@pytest.mark.parametrize(
    ("target", "headers", "message"),
    [
        (SHORT, {"authorization": "Basic x"}, "Authentication failed, attempted: basic"),
        (SHORT, {"authorization": "Bearer x"}, "Authentication failed, attempted: bearer"),
        (SHORT + "?access_token=x", {}, "Authentication failed, attempted: access_token"),
        (SHORT, {}, "Authentication failed, no credentials provided"),
    ],
)
async def test_a_failed_authentication_is_one_event_that_says_what_was_tried(
    target: str, headers: dict[str, str], message: str
) -> None:
    backend = Backend()
    await failing(writes_403, backend).request("GET", target, headers=headers)
    (event,) = backend.events
    assert (event["stage"], event["user"]) == (STARTED, {})
    assert event["responseStatus"] == {"metadata": {}, "message": message, "code": 403}


async def test_the_status_of_the_401_takes_the_place_of_what_was_tried() -> None:
    backend = Backend()

    async def answer(scope: Scope, send: Send, error: UnauthorizedError) -> None:
        await send_error(scope, send, error, default_serializer())

    await failing(unauthorized(send_error=answer), backend).get(SHORT)  # type: ignore[arg-type]
    (event,) = backend.events
    assert event["responseStatus"] == {
        "metadata": {},
        "status": "Failure",
        "message": "Unauthorized",
        "reason": "Unauthorized",
        "code": 401,
    }


@pytest.mark.parametrize(
    "policy",
    [
        pytest.param(metadata(omit_stages=[STARTED]), id="stage omitted"),
        pytest.param(Policy(rules=[PolicyRule(level="None")]), id="level None"),
        pytest.param(Policy(rules=[PolicyRule(level="Metadata", users=["alice"])]), id="rule for a user"),
        pytest.param(
            Policy(rules=[PolicyRule(level="Metadata", resources=[GroupResources(group="apps")])]), id="other group"
        ),
    ],
)
async def test_a_failed_authentication_that_the_policy_does_not_want_is_no_event(policy: Policy) -> None:
    backend = Backend()
    response = await failing(writes_403, backend, policy).get(SHORT)
    assert response.status == 403
    assert backend.events == []


async def test_an_invalid_timeout_is_one_event() -> None:
    backend, serializer = Backend(), default_serializer()

    async def answer(scope: Scope, send: Send, error: Any) -> None:
        await send_error(scope, send, error, serializer)

    filtered = with_request_deadline(
        panics,
        maximum=60.0,
        send_error=answer,
        failure_filter=lambda failed: with_failed_request_audit(
            failed, new_sink(backend), status=lambda context, scope: Status()
        ),
    )
    response = await ASGIClient(in_context(filtered)).get(SHORT + "?timeout=foo")
    (event,) = backend.events
    assert (response.status, event["stage"]) == (400, STARTED)
    assert event["responseStatus"] == {
        "metadata": {},
        "status": "Failure",
        "message": 'invalid timeout specified in the request URL - time: invalid duration "foo"',
        "reason": "BadRequest",
        "code": 400,
    }
    assert json.loads(response.body)["message"] == event["responseStatus"]["message"]


async def test_a_time_that_is_up_before_the_request_begins_is_one_event() -> None:
    backend = Backend()
    filtered = with_timeout(
        panics,
        failure_filter=lambda failed: with_failed_request_audit(
            failed, new_sink(backend), status=lambda context, scope: Status(status="Failure", reason="Timeout")
        ),
    )

    def now(context: RequestContext) -> None:
        context.deadline = 0.0

    assert (await ASGIClient(in_context(filtered, prepare=now)).get(SHORT)).status == 504
    (event,) = backend.events
    assert (event["stage"], event["responseStatus"]["code"]) == (STARTED, 504)
