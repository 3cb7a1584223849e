import asyncio
from collections.abc import Callable

import pytest

from genericapiserver.aio import Ended, EndingRate, InFlightRequests, InFlightWatches, NotAcceptingError, Signal


async def test_draining_waits_for_the_last_request_and_refuses_new_ones() -> None:
    in_flight = InFlightRequests()
    with in_flight:
        with in_flight:
            drained = asyncio.create_task(in_flight.drain())
            await asyncio.sleep(0)
            assert in_flight.count == 2
            with pytest.raises(NotAcceptingError, match="after Wait is forbidden"), in_flight:
                pass
        await asyncio.sleep(0)
        assert not drained.done()
    await drained
    assert in_flight.draining


async def test_with_nothing_in_flight_draining_is_over_at_once() -> None:
    await InFlightRequests().drain()


async def test_a_request_that_fails_is_counted_out() -> None:
    in_flight = InFlightRequests()
    with pytest.raises(ValueError, match="x"), in_flight:
        raise ValueError("x")
    assert in_flight.count == 0


# ---- watches


class Watch:
    """A watch that ends when it is told, and remembers when."""

    def __init__(self, watches: InFlightWatches, *, heeds: bool = True) -> None:
        self.watches = watches
        self.ending = watches.open()
        self.told_at: float | None = None
        self.ending.on_set(self.told)
        self.heeds = heeds

    def told(self) -> None:
        self.told_at = asyncio.get_running_loop().time()
        if self.heeds:
            self.watches.close(self.ending)


def at_rate(per_second: float, seconds: float) -> Callable[[int], EndingRate]:
    return lambda count: EndingRate(per_second, seconds)


async def test_watches_are_told_to_end_one_after_another() -> None:
    watches = InFlightWatches()
    opened = [Watch(watches) for _ in range(11)]
    counts: list[int] = []

    def rate(count: int) -> EndingRate:
        counts.append(count)
        return EndingRate(500, 10.0)

    began = asyncio.get_running_loop().time()
    assert await watches.end_all(rate) == Ended(11, 0)
    assert counts == [11]
    told = [watch.told_at - began for watch in opened if watch.told_at is not None]
    assert told == sorted(told)
    for turn, at in enumerate(told):
        assert at >= turn / 500 - 0.002, "no burst of more than one"


async def test_watches_that_end_by_themselves_take_no_turn() -> None:
    watches = InFlightWatches()
    first, gone, last = (Watch(watches, heeds=False) for _ in range(3))
    ending = asyncio.create_task(watches.end_all(at_rate(20, 10.0)))
    while not first.ending.is_set():
        await asyncio.sleep(0)
    assert not last.ending.is_set()
    for watch in (first, gone, last):
        watches.close(watch.ending)
    assert await ending == Ended(3, 0)


async def test_what_has_not_ended_in_time_is_told_and_left() -> None:
    watches = InFlightWatches()
    stubborn, late = Watch(watches, heeds=False), Watch(watches, heeds=False)
    ended = await watches.end_all(at_rate(0.001, 0.01))
    assert (ended, ended.in_time) == (Ended(2, 2), False)
    assert stubborn.ending.is_set()
    assert late.ending.is_set(), "its turn had not come, but the time is over"


async def test_no_watch_is_taken_once_they_are_ended() -> None:
    watches = InFlightWatches()
    assert await watches.end_all(at_rate(200, 1.0)) == Ended(0, 0)
    assert watches.draining
    with pytest.raises(NotAcceptingError, match="add with positive delta after Wait is forbidden"):
        watches.open()


async def test_watches_need_a_rate_to_end() -> None:
    watches = InFlightWatches()
    with pytest.raises(ValueError, match=r"^rate limiter factory must be specified$"):
        await watches.end_all(None)
    assert isinstance(watches.open(), Signal)
