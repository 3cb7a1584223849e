"""What is counted of the requests of one flow schema at one priority level, in plain numbers.

A request changes about ten of these. The metrics library would take a lock for each; here the page of metrics reads them
when it is asked for (see `metrics`).
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

DURATIONS: Final = (0.0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0)
QUEUE_LENGTHS: Final = (0, 10, 25, 50, 100, 250, 500, 1000)
SEATS: Final = (1, 2, 4, 8, 16, 32, 64, 100)
WATCH_COUNTS: Final = (0, 1, 10, 100, 1000, 10000)


class Distribution:
    """A histogram's numbers: how many values up to each bound, and their sum."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum: float = 0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def reset(self) -> None:
        self.counts = [0] * len(self.counts)
        self.sum = 0


class FlowMetrics:
    """The numbers of one schema at one level. Gauges are what is so now; the others only grow."""

    __slots__ = (
        "dispatched",
        "estimated_seats",
        "executed",
        "executed_watches",
        "executing",
        "executing_seats",
        "level",
        "no_accommodation",
        "queue_length",
        "rejected",
        "schema",
        "waited",
        "waited_refused",
        "waiting",
        "waiting_seats",
        "watch_counts",
    )

    def __init__(self, level: str, schema: str) -> None:
        self.level = level
        self.schema = schema
        self.waiting = self.waiting_seats = self.executing = self.executing_seats = 0
        self.dispatched = self.no_accommodation = 0
        self.rejected: dict[str, int] = {}
        self.waited = Distribution(DURATIONS)
        self.waited_refused = Distribution(DURATIONS)
        self.executed = Distribution(DURATIONS)
        self.executed_watches = Distribution(DURATIONS)
        self.queue_length = Distribution(QUEUE_LENGTHS)
        self.estimated_seats = Distribution(SEATS)
        self.watch_counts = Distribution(WATCH_COUNTS)

    def reject(self, reason: str) -> None:
        self.rejected[reason] = self.rejected.get(reason, 0) + 1

    def reset(self) -> None:
        """Start what only grows from zero; what is so now stays."""
        self.dispatched = self.no_accommodation = 0
        self.rejected = dict.fromkeys(self.rejected, 0)
        for distribution in (
            self.waited,
            self.waited_refused,
            self.executed,
            self.executed_watches,
            self.queue_length,
            self.estimated_seats,
            self.watch_counts,
        ):
            distribution.reset()
