"""Union, ignoreErrors, truncate and buffered: what stands between the requests and where events end up."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from genericapiserver.audit import union
from genericapiserver.audit.backend import Accepted, IgnoreErrors, Union
from genericapiserver.audit.buffered import BatchConfig, Buffered, TokenBucket
from genericapiserver.audit.event import AuditEvent
from genericapiserver.audit.metrics import AuditMetrics
from genericapiserver.audit.truncate import Truncate
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.request import AuditLevel
from tests.support.audit import Backend, large_event, new_event


class Errors:
    """The counter of errors, and the log."""

    def __init__(self) -> None:
        self.registry = MetricsRegistry()
        self.metrics = AuditMetrics(self.registry)

    def count(self, plugin: str) -> float:
        return self.registry.collectors.get_sample_value("apiserver_audit_error_total", {"plugin": plugin}) or 0.0


class Later(Backend):
    """Answers when it is allowed to."""

    def __init__(self, accepted: bool = True) -> None:
        super().__init__(accepted)
        self.entered = asyncio.Event()
        self.released = asyncio.Event()

    def process_events(self, events: Sequence[AuditEvent]) -> Accepted:
        super().process_events(events)
        return self.wait()

    async def wait(self) -> bool:
        self.entered.set()
        await self.released.wait()
        return self.accepted


async def settled(accepted: Accepted) -> bool:
    return accepted if isinstance(accepted, bool) else await accepted


# Union and ignoreErrors


@pytest.mark.parametrize(("first", "second"), [(True, True), (True, False), (False, True), (False, False)])
async def test_a_union_calls_all_and_fails_if_any_does(first: bool, second: bool) -> None:
    one, two, three = Backend(first), Backend(second), Later(True)
    three.released.set()
    both, mixed = Union([one, two]), Union([one, three, two])
    assert await settled(both.process_events([new_event()])) is (first and second)
    assert await settled(mixed.process_events([new_event()])) is (first and second)
    assert [len(backend.calls) for backend in (one, two, three)] == [2, 2, 1]
    assert both.name == "union[fake,fake]"
    await both.start()
    await both.aclose()
    assert one.started
    assert two.started
    assert one.closed
    assert two.closed


def test_a_union_of_one_is_that_one() -> None:
    backend = Backend()
    assert union(backend) is backend
    assert union() is None


async def test_ignored_errors_are_waited_for() -> None:
    assert IgnoreErrors(Backend(False)).process_events([new_event()]) is True
    later = Later(False)
    ignoring = IgnoreErrors(later)
    task = asyncio.ensure_future(settled(ignoring.process_events([new_event()])))
    await later.entered.wait()
    assert not task.done()
    later.released.set()
    assert await task is True
    assert ignoring.name == "ignoreErrors<fake>"


# Truncate


def sizes(delegate: Backend, event: int, batch: int = 10**6, errors: Errors | None = None) -> Truncate:
    return Truncate(delegate, max_event_size=event, max_batch_size=batch, metrics=errors.metrics if errors else None)


@pytest.mark.parametrize(("spare", "truncated"), [(1, False), (0, False), (-1, True)])
def test_an_event_of_exactly_the_size_is_kept_whole(spare: int, truncated: bool) -> None:
    event, delegate = large_event(), Backend()
    truncate = sizes(delegate, len(event.line()) + spare)
    assert truncate.process_events([event]) is True
    (kept,) = delegate.events
    assert ("requestObject" not in kept) is truncated
    assert (kept.get("annotations") == {"audit.k8s.io/truncated": "true"}) is truncated
    assert truncate.name == "truncate<fake>"


def test_what_is_still_too_large_is_dropped_and_reported(caplog: pytest.LogCaptureFixture) -> None:
    errors, delegate = Errors(), Backend()
    metadata = new_event("m", user_agent="x" * 5000)
    request = new_event("r", level=AuditLevel.REQUEST, user_agent="x" * 5000)
    fine = new_event("f")
    assert sizes(delegate, 1000, errors=errors).process_events([metadata, request, fine]) is True
    assert delegate.ids == [["f"]]
    assert errors.count("truncate") == 2
    assert (
        "Error in audit plugin 'truncate' affecting 2 audit events: event is too large even after truncating\n"
        "Impacted events:\n" in caplog.text
    )
    assert 'AUDIT: id="m"' in caplog.text


def test_a_metadata_event_is_not_truncated() -> None:
    delegate = Backend()
    event = new_event()
    assert sizes(delegate, len(event.line()) - 1).process_events([event]) is True
    assert delegate.calls == []


async def test_a_batch_is_split_in_its_order() -> None:
    delegate = Backend()
    events = [new_event(str(number)) for number in range(5)]
    size = len(events[0].line())
    assert sizes(delegate, size, 2 * size).process_events(events) is True
    assert delegate.ids == [["0", "1"], ["2", "3"], ["4"]]
    delegate.accepted = False
    assert sizes(delegate, size, 2 * size).process_events(events) is False


# Buffered


def buffered(delegate: Backend, errors: Errors | None = None, **config: Any) -> Buffered:
    settings = {"buffer_size": 10, "max_size": 2, "max_wait": 60.0, **config}
    return Buffered(delegate, BatchConfig(**settings), metrics=errors.metrics if errors else None)


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


async def test_a_full_batch_is_flushed() -> None:
    delegate = Backend()
    backend = buffered(delegate)
    await backend.start()
    await until(lambda: backend._collecting)
    assert backend.process_events([new_event("1"), new_event("2"), new_event("3")]) is True
    await until(lambda: delegate.calls)
    assert delegate.ids == [["1", "2"]]
    await backend.aclose()
    assert delegate.ids == [["1", "2"], ["3"]]
    assert delegate.started
    assert delegate.closed
    assert backend.name == "buffered<fake>"


async def test_a_batch_that_has_waited_is_flushed() -> None:
    delegate = Backend()
    backend = buffered(delegate, max_wait=0.01)
    await backend.start()
    assert backend.process_events([new_event("1")]) is True
    await until(lambda: delegate.calls)
    assert delegate.ids == [["1"]]
    await backend.aclose()


@pytest.mark.parametrize("max_wait", [0.0, 60.0])
async def test_with_batches_of_one_each_event_goes_at_once(max_wait: float) -> None:
    delegate = Backend()
    backend = buffered(delegate, max_size=1, max_wait=max_wait)
    await backend.start()
    assert backend.process_events([new_event("1"), new_event("2")]) is True
    await until(lambda: len(delegate.calls) == 2)
    assert delegate.ids == [["1"], ["2"]]
    await backend.aclose()


async def test_events_are_kept_as_they_were() -> None:
    delegate = Backend()
    backend = buffered(delegate)
    await backend.start()
    event = new_event("1")
    backend.process_events([event])
    event.set_stage("ResponseComplete", "later")
    backend.process_events([event])
    await until(lambda: delegate.calls)
    assert [event["stage"] for event in delegate.events] == ["RequestReceived", "ResponseComplete"]
    await backend.aclose()


async def test_a_full_buffer_drops_the_rest_of_the_call_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    errors, delegate = Errors(), Later()
    backend = buffered(delegate, errors, buffer_size=2, max_size=1)
    await backend.start()
    backend.process_events([new_event("0")])
    await delegate.entered.wait()
    assert backend.process_events([new_event(str(number)) for number in range(1, 5)]) is True
    assert errors.count("buffered") == 2
    assert "Error in audit plugin 'buffered' affecting 2 audit events: audit buffer queue blocked" in caplog.text
    delegate.released.set()
    await backend.aclose()
    assert delegate.ids == [["0"], ["1"], ["2"]]


async def test_events_after_the_end_are_errors(caplog: pytest.LogCaptureFixture) -> None:
    errors, delegate = Errors(), Backend()
    backend = buffered(delegate, errors)
    await backend.start()
    await backend.aclose()
    assert backend.process_events([new_event()]) is True
    assert delegate.calls == []
    assert errors.count("buffered") == 1
    assert "audit backend shut down" in caplog.text


async def test_everything_is_flushed_at_the_end() -> None:
    delegate = Backend()
    backend = buffered(delegate, buffer_size=100, max_size=10)
    backend.process_events([new_event(str(number)) for number in range(25)])
    await backend.start()
    await backend.aclose()
    assert [len(call) for call in delegate.ids] == [10, 10, 5]


async def test_a_delegate_that_raises_does_not_stop_the_worker(caplog: pytest.LogCaptureFixture) -> None:
    class Fragile(Backend):
        def process_events(self, events: Sequence[AuditEvent]) -> Accepted:
            if events[0].record.audit_id == "1":
                raise ZeroDivisionError("oops")
            return super().process_events(events)

    errors, delegate = Errors(), Fragile()
    backend = buffered(delegate, errors, max_size=1)
    await backend.start()
    backend.process_events([new_event("1"), new_event("2")])
    await backend.aclose()
    assert delegate.ids == [["2"]]
    assert errors.count("buffered") == 1


@pytest.mark.parametrize("concurrent", [True, False])
async def test_batches_go_out_side_by_side_only_if_that_is_wanted(concurrent: bool) -> None:
    delegate = Later()
    backend = buffered(delegate, max_size=1, concurrent=concurrent)
    await backend.start()
    backend.process_events([new_event("1"), new_event("2")])
    await delegate.entered.wait()
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(delegate.calls) == (2 if concurrent else 1)
    delegate.released.set()
    await backend.aclose()
    assert delegate.ids == [["1"], ["2"]]


async def test_the_throttle_lets_a_burst_go_and_then_the_rate() -> None:
    now, slept = 0.0, []

    async def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(seconds)
        now += seconds

    bucket = TokenBucket(10.0, 2, clock=lambda: now, sleep=sleep)
    for _ in range(4):
        await bucket.take()
    assert slept == pytest.approx([0.1, 0.1])
    now += 10
    for _ in range(3):
        await bucket.take()
    assert len(slept) == 3


async def test_the_throttle_delays_the_flush_and_not_the_request() -> None:
    delegate = Backend()
    backend = buffered(delegate, max_size=1, throttle_qps=1000.0, throttle_burst=1)
    await backend.start()
    assert backend.process_events([new_event("1"), new_event("2")]) is True
    await until(lambda: len(delegate.calls) == 2)
    await backend.aclose()
