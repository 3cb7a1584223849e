"""Operations: what the log says of slow ones (k8s.io/utils/trace)."""

import asyncio
import logging
import re

import pytest

from genericapiserver.logs import V2, V4, kv
from genericapiserver.tracing import CURRENT, Trace, record, step
from genericapiserver.tracing import trace as trace_module


class Clock:
    """Stands for the performance counter; time goes on when the test says so."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds

    def after(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(trace_module, "perf_counter", clock)
    return clock


def told(caplog: pytest.LogCaptureFixture) -> list[kv]:
    return [record.msg for record in caplog.records if isinstance(record.msg, kv)]


def without_times(message: kv) -> list[str]:
    return [re.sub(r" \([\d:.]+\)", "", line) for line in message.pairs.get("steps", "").splitlines()]


def test_a_slow_operation_is_told_of_with_the_steps_that_took_long(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(V2), Trace("Create", fields=lambda: {"audit-id": "x"}) as trace:
        clock.after(0.01)
        step("limitedReadBody succeeded", {"len": 10})
        clock.after(0.8)
        trace.step("Object stored in database")
        clock.after(0.01)
    (message,) = told(caplog)
    assert re.fullmatch(r"Trace\[\d+\]: Create \(total time: 820ms\)", message.text) or "819ms" in message.text
    assert message.pairs["audit-id"] == "x"
    (line,) = without_times(message)
    assert re.fullmatch(r'---"Object stored in database" (800|799)ms', line)


def test_at_v4_every_step_is_told_of(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(V4), Trace("Create"):
        step("first", {"len": 10})
        clock.after(0.75)
        with Trace("inner", fields={"key": "/a"}):
            step("within")
        step("last")
    (message,) = told(caplog)
    assert without_times(message) == [
        '---"first" len:10 0ms',
        '["inner" key:/a 0ms',
        ' ---"within" 0ms]',
        '---"last" 0ms',
    ]


def test_what_is_quick_is_not_told_of(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    def never() -> dict[str, str]:
        raise AssertionError("nobody is told")

    with caplog.at_level(V4), Trace("Get", fields=never):
        clock.after(0.25)
        step("done")
    with caplog.at_level(logging.INFO), Trace("Get", fields=never):
        clock.after(9.0)
    assert told(caplog) == []


def test_a_slow_part_of_something_with_more_patience_is_told_of_alone(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(V2), Trace("outer", threshold=10.0), Trace("inner"):
        clock.after(1.0)
    assert [message.text.split(": ", 1)[1] for message in told(caplog)] == ["inner (total time: 1000ms)"]


async def test_parallel_parts_each_have_their_own_steps(caplog: pytest.LogCaptureFixture) -> None:
    async def part(name: str) -> None:
        with Trace(name, threshold=0.0):
            await asyncio.sleep(0)
            step(f"of {name}")

    with caplog.at_level(V2), Trace("outer", threshold=0.0):
        await asyncio.gather(part("a"), part("b"))
    (message,) = told(caplog)
    lines = without_times(message)
    assert [re.sub(r" \d+ms", "", line) for line in lines] == ['["a"', ' ---"of a"]', '["b"', ' ---"of b"]']


def test_outside_of_operations_there_is_nothing_to_tell() -> None:
    assert CURRENT.get() is None
    step("nothing")
    record("nothing", 0.0)


async def test_what_outlives_an_operation_is_no_part_of_it() -> None:
    go_on = asyncio.Event()

    async def later() -> "Trace":
        await go_on.wait()
        step("not there any more")
        with Trace("later") as operation:
            pass
        return operation

    with Trace("Create") as trace:
        task = asyncio.create_task(later())
        step("done")
    go_on.set()
    operation = await task
    assert operation.parent is None
    assert [item[1] for item in trace._items or () if not isinstance(item, Trace)] == ["done"]


def test_an_error_passes_through(clock: Clock) -> None:
    with pytest.raises(KeyError), Trace("Create"):
        raise KeyError("x")
    assert CURRENT.get() is None
