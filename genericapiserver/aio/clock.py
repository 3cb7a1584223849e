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


class SystemClock:
    """The machine's own time."""

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    def monotonic(self) -> float:
        return time.monotonic()
