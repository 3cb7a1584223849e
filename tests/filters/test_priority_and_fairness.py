"""The filter: who is served, who waits, who is refused, and that every seat comes back."""

import asyncio
from collections.abc import Iterable

import pytest

from genericapiserver.aio import SystemClock
from genericapiserver.apis.flowcontrol_v1 import PriorityLevelConfiguration
from genericapiserver.asgi import Receive, Scope, Send
from genericapiserver.authentication import UserInfo
from genericapiserver.filters.metrics import InFlightMetrics, RequestMetrics
from genericapiserver.filters.priority_and_fairness import Watermarks, with_priority_and_fairness
from genericapiserver.flowcontrol.flow_control import FlowControl
from genericapiserver.registry.generic.object_counts import ObjectCounts
from genericapiserver.request import RequestContext, request_context
from tests.support.asgi_client import ASGIClient, ClientResponse
from tests.support.filters import in_context, ok, registry_of_pods
from tests.support.flow_control import level, schema, user

READ = ("GET", "/api/v1/namespaces/default/pods/a")
WATCH = ("GET", "/api/v1/namespaces/default/pods?watch=1&resourceVersion=7")
EXEC = ("GET", "/api/v1/namespaces/default/pods/a/exec")


class Server:
    """A handler that holds requests until `release`, behind the filter, with all users at one level."""

    def __init__(self, *levels: PriorityLevelConfiguration, limit: int = 1000, timeout: float = 60.0) -> None:
        self.registry = registry_of_pods()
        self.flow_control = FlowControl.of(
            limit, clock=SystemClock(), metrics=self.registry, object_counts=ObjectCounts(self.registry)
        )
        self.controller = self.flow_control.controller
        if levels:
            self.controller.digest(levels, [schema("s", levels[0].metadata.name, uid="schema-uid")])
        self.release = asyncio.Event()
        self.held = 0
        self.error: BaseException | None = None
        self.user: UserInfo | None = user("alice")
        self.deadline: float | None = None
        self.contexts: list[RequestContext] = []
        self.watermarks = Watermarks(InFlightMetrics(self.registry))
        filtered = with_priority_and_fairness(
            self.hold,
            flow_control=self.flow_control,
            clock=SystemClock(),
            request_timeout=timeout,
            watermarks=self.watermarks,
            metrics=RequestMetrics(self.registry),
        )
        self.client = ASGIClient(
            in_context(
                filtered,
                prepare=self.prepare,
                long_running=lambda info: info.verb == "watch" or info.subresource == "exec",
            )
        )

    def limit(self, seats: int, name: str = "l") -> "Server":
        """Have the level serve *seats* at once."""
        self.controller.levels[name].set_current(seats)
        return self

    def prepare(self, context: RequestContext) -> None:
        self.contexts.append(context)
        context.user = self.user
        context.received_monotonic = asyncio.get_running_loop().time()
        if self.deadline is not None:
            context.deadline = context.received_monotonic + self.deadline

    async def hold(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.held += 1
        if self.error is not None:
            raise self.error
        initialized = request_context(scope).watch_initialized
        if initialized is not None and scope["query_string"].endswith(b"init"):
            initialized()
        await self.release.wait()
        await ok(scope, receive, send)

    def start(self, request: tuple[str, str], times: int = 1) -> list[asyncio.Task[ClientResponse]]:
        return [asyncio.ensure_future(self.client.request(*request)) for _ in range(times)]

    async def until(self, *, held: int = 0, waiting: int = 0) -> None:
        while self.held < held or sum(one.queues.waiting for one in self.controller.levels.values()) < waiting:
            await asyncio.sleep(0)

    def in_use(self) -> int:
        return sum(one.queues.seats_in_use + one.queues.waiting for one in self.controller.levels.values())

    async def end(self, tasks: Iterable[asyncio.Task[ClientResponse]]) -> list[int]:
        self.release.set()
        return [(await task).status for task in tasks]


def value(server: Server, name: str, **labels: str) -> float | None:
    return server.registry.collectors.get_sample_value(name, labels)


async def test_every_answer_says_where_the_request_was_put_by_uid() -> None:
    server = Server(level("l", uid="level-uid"))
    server.release.set()
    response = await server.client.request(*READ)
    assert response.status == 200
    assert response.headers["x-kubernetes-pf-prioritylevel-uid"] == "level-uid"
    assert response.headers["x-kubernetes-pf-flowschema-uid"] == "schema-uid"


async def test_a_level_without_queues_refuses_at_once() -> None:
    server = Server(level("l", uid="level-uid")).limit(1)
    tasks = server.start(READ)
    await server.until(held=1)
    refused = await server.client.request(*READ)
    assert (refused.status, refused.text) == (429, "Too many requests, please try again later.\n")
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["x-content-type-options"] == "nosniff"
    assert refused.headers["x-kubernetes-pf-prioritylevel-uid"] == "level-uid"
    assert await server.end(tasks) == [200]
    assert server.in_use() == 0
    labels = {
        "verb": "GET", "group": "", "version": "v1", "resource": "pods", "subresource": "", "scope": "resource",
        "component": "apiserver", "code": "429",
    }  # fmt: skip
    assert value(server, "apiserver_request_terminations_total", **labels) == 1
    assert value(server, "apiserver_request_total", **labels, dry_run="") == 1
    reason = {"priority_level": "l", "flow_schema": "s", "reason": "concurrency-limit"}
    assert value(server, "apiserver_flowcontrol_rejected_requests_total", **reason) == 1


async def test_requests_wait_in_their_queue_and_are_refused_when_it_is_full() -> None:
    server = Server(level("l", queues=1, length=2)).limit(1)
    tasks = server.start(READ)
    await server.until(held=1)
    tasks += server.start(READ, 2)
    await server.until(waiting=2)
    assert (await server.client.request(*READ)).status == 429
    assert await server.end(tasks) == [200, 200, 200]
    assert server.in_use() == 0
    waited = {"priority_level": "l", "flow_schema": "s", "execute": "true"}
    assert value(server, "apiserver_flowcontrol_request_wait_duration_seconds_count", **waited) == 3


async def test_a_request_waits_a_quarter_of_its_time() -> None:
    server = Server(level("l", queues=1, length=2)).limit(1)
    tasks = server.start(READ)
    await server.until(held=1)
    server.deadline = 0.08
    begun = asyncio.get_running_loop().time()
    assert (await server.client.request(*READ)).status == 429
    assert asyncio.get_running_loop().time() - begun >= 0.02
    latencies = server.contexts[-1].latencies or {}
    assert latencies["apf-queue-wait"] >= 0.01
    assert await server.end(tasks) == [200]
    reason = {"priority_level": "l", "flow_schema": "s", "reason": "time-out"}
    assert value(server, "apiserver_flowcontrol_rejected_requests_total", **reason) == 1
    # As in the reference, whose metric says that it was executed.
    waited = {"priority_level": "l", "flow_schema": "s", "execute": "true"}
    assert value(server, "apiserver_flowcontrol_request_wait_duration_seconds_count", **waited) == 2
    assert server.in_use() == 0


async def test_without_a_deadline_the_request_timeout_counts() -> None:
    server = Server(level("l", queues=1, length=2), timeout=0.08).limit(1)
    tasks = server.start(READ)
    await server.until(held=1)
    assert (await server.client.request(*READ)).status == 429
    assert await server.end(tasks) == [200]


async def test_the_exempt_are_always_served() -> None:
    server = Server(limit=1)
    server.user = user("admin", "system:masters")
    tasks = server.start(READ, 50)
    await server.until(held=50)
    assert await server.end(tasks) == [200] * 50
    assert server.in_use() == 0


async def test_long_running_requests_other_than_watches_are_not_under_flow_control() -> None:
    server = Server(level("l")).limit(0)
    tasks = server.start(EXEC, 3)
    await server.until(held=3)
    server.release.set()
    responses = [await task for task in tasks]
    assert {response.status for response in responses} == {200}
    assert all("x-kubernetes-pf-flowschema-uid" not in response.headers for response in responses)


@pytest.mark.parametrize(("query", "in_use"), [("", 1), ("&init", 0)])
async def test_a_watch_holds_its_seat_until_it_is_initialised(query: str, in_use: int) -> None:
    server = Server(level("l"))
    (task,) = server.start((WATCH[0], WATCH[1] + query))
    await server.until(held=1)
    await asyncio.sleep(0)
    assert server.in_use() == in_use
    assert await server.end([task]) == [200]
    assert server.in_use() == 0
    executed = {"priority_level": "l", "flow_schema": "s", "type": "watch"}
    assert value(server, "apiserver_flowcontrol_request_execution_seconds_count", **executed) == 1


async def test_open_watches_make_writes_dearer_until_they_end() -> None:
    server = Server(level("l", shares=1000, queues=1))
    tasks = server.start((WATCH[0], WATCH[1] + "&init"), 10)
    await server.until(held=10)
    write = server.start(("PUT", READ[1]))
    await server.until(held=11)
    (request,) = server.controller.levels["l"].queues.executing
    assert (request.work.final_seats, request.work.additional_latency) == (1, 0.005)
    assert await server.end([*tasks, *write]) == [200] * 11
    assert server.flow_control.watches.interested(request.details[1]) == 0


async def test_a_handler_that_fails_gives_its_seat_back() -> None:
    server = Server(level("l"))
    server.error = RuntimeError("broken")
    with pytest.raises(RuntimeError, match="broken"):
        await server.client.request(*READ)
    with pytest.raises(RuntimeError, match="broken"):
        await server.client.request(*WATCH)
    assert server.in_use() == 0


@pytest.mark.parametrize("steps", range(6))
async def test_whenever_a_request_is_cancelled_nothing_is_lost(steps: int) -> None:
    server = Server(level("l", queues=1, length=9)).limit(1)
    tasks = server.start(READ)
    await server.until(held=1)
    (waiting,) = server.start(READ)
    await server.until(waiting=1)
    server.release.set()
    for _ in range(steps):
        await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(*tasks, waiting, return_exceptions=True)
    assert server.in_use() == 0
    queues = server.controller.levels["l"].queues
    assert queues.dispatched + queues.rejected == 2


async def test_a_request_without_a_user_is_a_mistake_in_the_chain() -> None:
    server = Server(level("l"))
    server.user = None
    response = await server.client.request(*READ)
    assert (response.status, response.text) == (500, f'Internal Server Error: "{READ[1]}"\n')
    assert server.held == 0


async def test_retry_after_grows_while_many_are_refused() -> None:
    server = Server(level("l")).limit(1)
    tasks = server.start(READ)
    await server.until(held=1)
    answers = {(await server.client.request(*READ)).headers["retry-after"] for _ in range(5)}
    assert answers == {"1"}
    server.controller.levels["l"].retry_after.value = 8
    assert (await server.client.request(*READ)).headers["retry-after"] == "8"
    await server.end(tasks)


async def test_the_gauges_show_the_highest_numbers_of_the_last_period() -> None:
    server = Server(level("l", queues=1, length=9)).limit(2)
    tasks = [*server.start(READ, 2), *server.start(("PUT", READ[1]))]
    await server.until(held=2, waiting=1)
    server.watermarks.publish()
    names = ("apiserver_current_inflight_requests", "apiserver_current_inqueue_requests")
    shown = [value(server, name, request_kind=kind) for name in names for kind in ("readOnly", "mutating")]
    assert shown == [2, 0, 0, 1]
    await server.end(tasks)
    server.watermarks.publish()
    server.watermarks.publish()
    assert [value(server, name, request_kind="readOnly") for name in names] == [0, 0]


async def test_one_user_with_many_requests_does_not_hold_up_another() -> None:
    """Handlers that never wait: the seats are free all the time, and yet the modest user's request is among the first."""
    server = Server(level("l", queues=8, hand=2, length=1000))
    server.release.set()
    order: list[str] = []

    async def ask(name: str) -> None:
        server.user = user(name)
        task = asyncio.ensure_future(server.client.request(*READ))
        await asyncio.sleep(0)
        assert (await task).status == 200
        order.append(name)

    tasks = [asyncio.ensure_future(ask("greedy")) for _ in range(100)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    modest = asyncio.ensure_future(ask("modest"))
    await asyncio.gather(*tasks, modest)
    assert order.index("modest") < 20
    assert server.in_use() == 0
