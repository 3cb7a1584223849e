"""How full a level is over time: its timing histograms (pkg/util/flowcontrol/metrics/metrics.go)."""

from collections.abc import Sequence
from typing import Final

from genericapiserver.metrics.timing import RatioHistogram, StateTimes

SEAT_BUCKETS: Final = (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1)
REQUEST_BUCKETS: Final = (0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.25, 0.5, 0.75, 1)
DEMAND_BUCKETS: Final = (0.2, 0.4, 0.6, 0.8, 1, 1.2, 1.4, 1.7, 2, 2.8, 4, 6)

LevelState = tuple[int, int, int, int]
"""Seats taken, requests that execute, requests that wait, seats they wait for."""


class LevelUtilization:
    """The histograms of one level."""

    __slots__ = ("_places", "_seats", "demand", "executing", "seats", "times", "waiting")

    def __init__(self, now: float) -> None:
        self.seats = RatioHistogram(SEAT_BUCKETS)
        self.executing = RatioHistogram(REQUEST_BUCKETS)
        self.waiting = RatioHistogram(REQUEST_BUCKETS)
        self.demand = RatioHistogram(DEMAND_BUCKETS)
        self.times: StateTimes[LevelState] = StateTimes(now, self._fold)
        self._seats = 1
        self._places = 1

    def resize(self, *, seats: int, places: int) -> None:
        """From now on ratios refer to so many *seats*, and *places* in queues."""
        self.times.fold()
        self._seats, self._places = max(1, seats), max(1, places)

    def _fold(self, state: LevelState, seconds: float) -> None:
        taken, executing, waiting, wanted = state
        self.seats.add(taken / self._seats, seconds)
        self.executing.add(executing / self._seats, seconds)
        self.waiting.add(waiting / self._places, seconds)
        self.demand.add((taken + wanted) / self._seats, seconds)

    @property
    def histograms(self) -> Sequence[RatioHistogram]:
        return self.seats, self.executing, self.waiting, self.demand
