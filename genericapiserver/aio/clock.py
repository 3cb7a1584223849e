"""Clocks are handed in, so that a test turns them by hand."""

import datetime as dt
import time
from typing import Protocol


class Clock(Protocol):
    """What asks for the time takes one of these."""

    def now(self) -> dt.datetime:
        """The wall clock, in UTC, with its time zone."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start that never go back."""


class SteadyClock:
    """The time of *clock* when this was made, and what has passed since: setting the wall clock does not move it.

    Where the machine sleeps, the time it was asleep may not count, as for *clock*'s `monotonic`.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._start = clock.now()
        self._since = clock.monotonic()

    def now(self) -> dt.datetime:
        return self._start + dt.timedelta(seconds=self._clock.monotonic() - self._since)

    def monotonic(self) -> float:
        return self._clock.monotonic()


class SystemClock:
    """The machine's own time."""

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    def monotonic(self) -> float:
        return time.monotonic()
