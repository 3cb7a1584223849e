"""The health check of a storage engine: how long it waits, how often it asks, and what several probers hear."""

import asyncio
from typing import Any

import pytest

from genericapiserver.healthz import HealthCheckError
from genericapiserver.options.storage import StorageCheck
from genericapiserver.storage.engine import EngineError
from tests.support.clock import HandClock


class Engine:
    """As much of an engine as the check needs."""

    def __init__(self) -> None:
        self.asked = 0
        self.error: Exception | None = None
        self.answers = asyncio.Event()
        self.answers.set()

    async def check(self) -> None:
        self.asked += 1
        await self.answers.wait()
        if self.error is not None:
            raise self.error


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def new_check(engine: Any, clock: HandClock, timeout: float = 2.0) -> StorageCheck:
    return StorageCheck(engine, timeout, clock)


async def failure(check: StorageCheck) -> str:
    """What *check* says is wrong; empty when nothing is."""
    try:
        await check({})
    except HealthCheckError as error:
        return str(error)
    return ""


async def test_the_engine_is_asked_once_in_half_the_timeout(clock: HandClock) -> None:
    engine = Engine()
    check = new_check(engine, clock)
    heard = []
    for clock.seconds, error in ((0.0, None), (0.99, EngineError("gone")), (1.0, EngineError("gone")), (1.5, None)):
        engine.error = error
        heard.append((await failure(check), engine.asked))
    assert heard == [("", 1), ("", 1), ("gone", 2), ("gone", 2)]
    clock.seconds = 2.0
    assert await failure(check) == ""


@pytest.mark.parametrize(
    ("error", "reason"),
    [(EngineError("disk I/O error"), "disk I/O error"), (OSError("odd"), "odd"), (KeyError(), "KeyError")],
)
async def test_whatever_the_engine_raises_is_the_reason(error: Exception, reason: str, clock: HandClock) -> None:
    engine = Engine()
    engine.error = error
    check = new_check(engine, clock)
    assert [await failure(check), await failure(check)] == [reason, reason]


async def test_an_engine_that_hangs_is_given_up_after_the_timeout(clock: HandClock) -> None:
    engine = Engine()
    engine.answers.clear()
    reason = "error getting data from etcd: context deadline exceeded"
    assert await failure(new_check(engine, clock, timeout=0.02)) == reason


async def test_probers_that_come_together_hear_one_answer(clock: HandClock) -> None:
    engine = Engine()
    check = new_check(engine, clock)
    assert await failure(check) == ""
    engine.answers.clear()
    engine.error = EngineError("gone")
    clock.seconds = 1.0
    probers = [asyncio.create_task(failure(check)) for _ in range(3)]
    await asyncio.sleep(0)
    clock.seconds = 5.0  # whoever comes now waits as well
    probers.append(asyncio.create_task(failure(check)))
    await asyncio.sleep(0)
    assert not any(prober.done() for prober in probers), "the answer before would be a lie"
    engine.answers.set()
    assert await asyncio.gather(*probers) == ["gone"] * 4
    assert engine.asked == 2


async def test_a_prober_that_gives_up_leaves_the_answer_to_others(clock: HandClock) -> None:
    engine = Engine()
    engine.answers.clear()
    engine.error = EngineError("gone")
    check = new_check(engine, clock)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(check({}), 0.01)
    engine.answers.set()
    assert await failure(check) == "gone"
    assert engine.asked == 1
