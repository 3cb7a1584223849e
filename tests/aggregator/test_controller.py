"""The queue: once however often it was added, one worker a name, pauses that double. The clock is the test's."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from genericapiserver.aggregator.controller import Controller, TryAgainError


class Timers:
    """Time that stands still until a test lets it pass."""

    def __init__(self) -> None:
        self.set: list[tuple[float, Callable[[], None]]] = []

    def __call__(self, seconds: float, function: Callable[[], None]) -> "Timers.Timer":
        entry = (seconds, function)
        self.set.append(entry)
        return Timers.Timer(self, entry)

    class Timer:
        def __init__(self, timers: "Timers", entry: tuple[float, Callable[[], None]]) -> None:
            self._timers, self._entry = timers, entry

        def cancel(self) -> None:
            if self._entry in self._timers.set:
                self._timers.set.remove(self._entry)

    def fire(self) -> float:
        """Let the time of the next one come; how long that would have been."""
        seconds, function = self.set.pop(0)
        function()
        return seconds


@contextlib.asynccontextmanager
async def running(controller: Controller) -> AsyncIterator[Controller]:
    task = asyncio.create_task(controller.run())
    try:
        yield controller
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def recorded(done: list[str]) -> Callable[[str], Awaitable[None]]:
    async def reconcile(name: str) -> None:
        done.append(name)

    return reconcile


async def test_a_name_that_waits_is_worked_on_once() -> None:
    done: list[str] = []
    controller = Controller("test", recorded(done))
    for name in ("a", "b", "a", "a"):
        controller.add(name)
    async with running(controller):
        await controller.settled()
    assert done == ["a", "b"]


async def test_what_is_added_during_the_work_on_it_is_worked_on_again_and_never_twice_at_once() -> None:
    release, working, most = asyncio.Event(), 0, 0
    done = 0

    async def reconcile(name: str) -> None:
        nonlocal working, most, done
        working += 1
        most = max(most, working)
        await release.wait()
        working -= 1
        done += 1

    controller = Controller("test", reconcile, workers=5)
    async with running(controller):
        controller.add("a")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        controller.add("a")
        controller.add("a")
        release.set()
        await controller.settled()
    assert (done, most) == (2, 1)


@pytest.mark.parametrize("error", [TryAgainError(), ConnectionError("gone")], ids=["quietly", "with a word"])
async def test_failures_are_tried_again_after_pauses_that_double_up_to_thirty_seconds(error: Exception) -> None:
    timers, failing = Timers(), True

    async def reconcile(name: str) -> None:
        if failing:
            raise error

    controller = Controller("test", reconcile, call_later=timers)
    pauses: list[float] = []
    async with running(controller):
        controller.add("a")
        await controller.settled()
        for _ in range(15):
            pauses.append(timers.fire())
            await controller.settled()
        assert controller.retries("a") == 16
        failing = False
        timers.fire()
        await controller.settled()
        assert (controller.retries("a"), timers.set) == (0, [])
    assert pauses[:4] == [0.005, 0.01, 0.02, 0.04]
    assert pauses[-3:] == [20.48, 30.0, 30.0]
