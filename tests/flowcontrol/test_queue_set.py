"""The queues of one level, step by step with a clock turned by hand, and under random use."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genericapiserver.flowcontrol.flow_metrics import FlowMetrics
from genericapiserver.flowcontrol.queue_set import (
    CONCURRENCY_LIMIT,
    EXECUTING,
    QUEUE_FULL,
    REJECTED,
    TIME_OUT,
    WAITING,
    QueueSet,
    QueuingConfig,
    Request,
)
from genericapiserver.flowcontrol.work import ONE_SEAT, WorkEstimate
from tests.support.flow_control import Timers


class Level:
    """A set of queues with one counter; hands are given by the test."""

    def __init__(self, limit: int, *, queues: int = 0, length: int = 2, exempt: bool = False) -> None:
        self.timers = Timers()
        self.set = QueueSet(clock=self.timers.monotonic, call_later=self.timers.call_later)
        self.set.configure(QueuingConfig(queues=queues, length_limit=length, exempt=exempt), limit)
        self.flow = FlowMetrics("level", "schema")

    def start(self, *hand: int, work: WorkEstimate = ONE_SEAT) -> Request:
        return self.set.start(self.flow, hand, "", work)


def test_the_exempt_level_never_queues_nor_refuses() -> None:
    level = Level(0, exempt=True)
    requests = [level.start(work=WorkEstimate(100)) for _ in range(50)]
    assert {request.state for request in requests} == {EXECUTING}
    assert level.set.seats_in_use == 5000
    for request in requests:
        level.set.finish(request)
    assert level.set.seats_in_use == 0


def test_without_queues_what_has_no_seat_is_refused_at_once() -> None:
    level = Level(2)
    first, second, third = (level.start() for _ in range(3))
    assert (first.state, second.state) == (EXECUTING, EXECUTING)
    assert (third.state, third.reason) == (REJECTED, CONCURRENCY_LIMIT)
    level.set.finish(first)
    assert level.start().state == EXECUTING


def test_a_queue_is_full_only_when_the_seats_are_taken_as_well() -> None:
    level = Level(2, queues=1, length=1)
    assert [level.start(0).state for _ in range(3)] == [EXECUTING, EXECUTING, WAITING]
    refused = level.start(0)
    assert (refused.state, refused.reason) == (REJECTED, QUEUE_FULL)
    assert level.flow.rejected == {QUEUE_FULL: 1}


def test_a_wide_head_is_not_overtaken() -> None:
    level = Level(4, queues=1, length=10)
    running = [level.start(0) for _ in range(3)]
    wide, narrow = level.start(0, work=WorkEstimate(2)), level.start(0)
    assert (wide.state, narrow.state) == (WAITING, WAITING)
    assert level.flow.no_accommodation >= 1
    level.set.finish(running[0])
    assert (wide.state, narrow.state) == (EXECUTING, WAITING)


def test_what_is_wider_than_the_level_gets_it_for_itself() -> None:
    level = Level(4, queues=1, length=10)
    running = level.start(0)
    wide = level.start(0, work=WorkEstimate(9))
    assert wide.state == WAITING
    level.set.finish(running)
    assert wide.state == EXECUTING
    behind = level.start(0)
    assert behind.state == WAITING
    level.set.finish(wide)
    assert behind.state == EXECUTING


def test_seats_are_held_for_the_work_that_goes_on_afterwards() -> None:
    level = Level(4, queues=1, length=10)
    first = level.start(0, work=WorkEstimate(1, 3, 0.5))
    assert level.set.seats_in_use == 3
    level.set.finish(first)
    assert (level.set.seats_in_use, len(level.set.executing)) == (3, 0)
    waiting = level.start(0, work=WorkEstimate(2))
    assert waiting.state == WAITING
    level.timers.advance(0.4)
    assert waiting.state == WAITING
    level.timers.advance(0.2)
    assert waiting.state == EXECUTING
    assert level.set.seats_in_use == 2


def test_final_work_is_narrowed_to_what_the_level_has() -> None:
    level = Level(2, queues=1, length=10)
    request = level.start(0, work=WorkEstimate(1, 8, 0.5))
    assert request.work == WorkEstimate(1, 2, 2.0)


def test_of_a_hand_the_queue_with_the_least_work_is_taken_and_equals_in_turn() -> None:
    level = Level(0, queues=4, length=10)
    placed = [level.start(1, 2, 3) for _ in range(6)]
    assert [request.queue.index for request in placed if request.queue] == [1, 2, 3, 1, 2, 3]
    level.start(0, work=WorkEstimate(9))
    assert [level.start(0, 1).queue.index for _ in range(2)] == [1, 1]  # type: ignore[union-attr]


def test_who_waits_is_told_when_it_is_his_turn_and_leaves_when_his_time_is_over() -> None:
    level = Level(1, queues=2, length=10)
    running, first, second = level.start(0), level.start(0), level.start(1)
    told: list[str] = []
    first.on_dispatch, second.on_dispatch = (lambda: told.append("first")), (lambda: told.append("second"))
    assert level.set.withdraw(first)
    assert (first.state, first.reason) == (REJECTED, TIME_OUT)
    assert not level.set.withdraw(first)
    level.set.finish(running)
    assert told == ["second"]
    assert not level.set.withdraw(second)
    assert (level.set.timed_out, level.set.cancelled, level.set.rejected) == (1, 0, 1)


def test_a_head_that_leaves_lets_those_behind_it_through() -> None:
    level = Level(4, queues=1, length=10)
    for _ in range(3):
        level.start(0)
    wide, narrow = level.start(0, work=WorkEstimate(2)), level.start(0)
    level.set.withdraw(wide, cancelled=True)
    assert narrow.state == EXECUTING
    assert (level.set.timed_out, level.set.cancelled) == (0, 1)


def test_queues_with_equal_claims_are_served_in_turn() -> None:
    level = Level(1, queues=3, length=10)
    running = level.start(0)
    order: list[int] = []
    for at in (0, 0, 1, 1, 2, 2):
        request = level.start(at)
        request.on_dispatch = lambda at=at, request=request: order.append(at)
    while len(order) < 6:
        level.timers.advance(0.003)
        (running,) = level.set.executing
        level.set.finish(running)
    assert sorted(order[:3]) == [0, 1, 2]
    assert sorted(order[3:]) == [0, 1, 2]


def test_nothing_is_dispatched_at_a_level_without_seats() -> None:
    level = Level(0, queues=1, length=3)
    assert [level.start(0).state for _ in range(4)] == [WAITING, WAITING, WAITING, REJECTED]
    level.set.configure(level.set.config, 1)
    assert len(level.set.executing) == 1


def test_surplus_queues_live_until_they_are_empty() -> None:
    level = Level(1, queues=4, length=10)
    running, waiting = level.start(3), level.start(3)
    level.set.configure(QueuingConfig(queues=1, length_limit=10), 1)
    assert running.queue in level.set.queues
    level.set.finish(running)
    level.set.finish(waiting)
    assert [queue.index for queue in level.set.queues] == [0]


def test_finishing_twice_gives_seats_back_once() -> None:
    level = Level(5, queues=1)
    request = level.start(0)
    level.set.finish(request)
    level.set.finish(request)
    assert level.set.seats_in_use == 0


@pytest.mark.parametrize("flows", [2, 5])
def test_a_flow_with_few_requests_waits_no_longer_than_one_round(flows: int) -> None:
    """The promise, in numbers: until the modest flow's request begins, no other flow begins more than two."""
    level = Level(1, queues=flows + 1, length=1000)
    running = level.start(0)
    for _ in range(100):
        for flow in range(flows):
            level.start(flow)
    served = [1, *([0] * flows)]

    def step() -> None:
        level.timers.advance(0.003)
        (request,) = level.set.executing
        level.set.finish(request)
        (request,) = level.set.executing
        assert request.queue is not None
        served[request.queue.index] += 1

    for _ in range(flows * 4):
        step()
    assert running.state != EXECUTING
    assert max(served[:flows]) - min(served[:flows]) <= 2
    before = list(served)
    modest = level.start(flows)
    while modest.state == WAITING:
        step()
    assert all(now - then <= 2 for now, then in zip(served[:flows], before[:flows], strict=True))


Action = Callable[[Level, list[Request]], None]
actions = st.lists(
    st.tuples(
        st.sampled_from(["start", "finish", "withdraw", "cancel", "time", "limit", "queues"]), st.integers(0, 10**6)
    ),
    max_size=120,
)


@settings(deadline=None, max_examples=150)
@given(actions, st.integers(0, 5), st.sampled_from([0, 1, 4]))
def test_nothing_leaks_and_every_request_ends_in_exactly_one_way(
    steps: list[tuple[str, int]], limit: int, queues: int
) -> None:
    level = Level(limit, queues=queues, length=2)
    requests: list[Request] = []
    told: list[int] = []
    for action, number in steps:
        alive = [request for request in requests if request.state in (WAITING, EXECUTING)]
        if action == "start":
            hand = [number % queues, (number // 7) % queues] if queues else []
            work = WorkEstimate(1 + number % 3, number % 5, 0.1 * (number % 2))
            request = level.set.start(level.flow, hand, "", work)
            number = len(requests)
            request.on_dispatch = lambda number=number: told.append(number)
            requests.append(request)
        elif action == "time":
            level.timers.advance(number % 100 / 100)
        elif action == "limit":
            level.set.configure(level.set.config, number % 8)
        elif action == "queues" and queues:
            level.set.configure(QueuingConfig(queues=queues + number % 3, length_limit=2), level.set.limit)
        elif alive:
            request = alive[number % len(alive)]
            if action == "finish":
                level.set.finish(request)
            elif action in ("withdraw", "cancel"):
                level.set.withdraw(request, cancelled=action == "cancel")
        check(level, requests)
    assert len(told) == len(set(told))
    level.set.configure(level.set.config, 1000)
    for _ in range(len(requests) + 1):
        for request in list(level.set.executing):
            level.set.finish(request)
        level.timers.advance(1)
    check(level, requests)
    assert level.set.idle
    assert (level.set.seats_in_use, level.set.seats_waiting, level.flow.executing_seats) == (0, 0, 0)
    ended = level.set.dispatched + level.set.rejected
    assert ended == len(requests)
    assert level.flow.dispatched + sum(level.flow.rejected.values()) == len(requests)
    assert level.set.timed_out + level.set.cancelled == level.flow.rejected.get(TIME_OUT, 0)


def check(level: Level, requests: list[Request]) -> None:
    """What is counted is what there is."""
    waiting = [request for request in requests if request.state == WAITING]
    executing = [request for request in requests if request.state == EXECUTING]
    queues = level.set
    assert (queues.waiting, len(queues.executing)) == (len(waiting), len(executing))
    assert queues.seats_waiting == sum(request.work.seats for request in waiting)
    assert queues.seats_in_use >= sum(request.work.seats for request in executing)
    assert sum(len(queue.waiting) for queue in queues.queues) == len(waiting)
    assert [queue.index for queue in queues.queues] == list(range(len(queues.queues)))
    assert (level.flow.waiting, level.flow.executing) == (len(waiting), len(executing))
    assert queues.demand.value == queues.seats_in_use + queues.seats_waiting
