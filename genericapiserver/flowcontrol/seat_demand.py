"""How many seats a level could use, over time: what decides about lending and borrowing.

Source: pkg/util/flowcontrol/fairqueuing/integrator.go and the seatDemandStats of apf_controller.go.
"""

import math
from typing import Final

import attrs

SMOOTHING: Final = 0.977
"""What is left of the smoothed demand after one period without any: about half after five minutes."""


@attrs.frozen
class Demand:
    """One period: the mean weighted with time, the deviation from it, and the highest value."""

    average: float
    deviation: float
    highest: float


class SeatDemandIntegrator:
    """Takes the demand whenever it changes and sums it up over a period."""

    __slots__ = ("_integral", "_integral_of_squares", "_last", "_start", "highest", "value")

    def __init__(self, now: float) -> None:
        self.value = 0
        self.highest = 0
        self._start = self._last = now
        self._integral = self._integral_of_squares = 0.0

    def set(self, now: float, value: int) -> None:
        """From *now* on the demand is *value*."""
        weighted = self.value * (now - self._last)
        self._last = now
        self._integral += weighted
        self._integral_of_squares += self.value * weighted
        self.value = value
        if value > self.highest:
            self.highest = value

    def take(self, now: float) -> Demand:
        """The period that ends now; the next one begins."""
        self.set(now, self.value)
        elapsed = now - self._start
        if elapsed > 0:
            average = self._integral / elapsed
            deviation = math.sqrt(max(0.0, self._integral_of_squares / elapsed - average * average))
        else:
            average, deviation = float(self.value), 0.0
        demand = Demand(average, deviation, self.highest)
        self._start, self._integral, self._integral_of_squares = now, 0.0, 0.0
        self.highest = self.value
        return demand


class SeatDemandStatistics:
    """What is known of a level's demand after any number of periods."""

    __slots__ = ("average", "deviation", "highest", "smoothed")

    def __init__(self) -> None:
        self.average = self.deviation = self.smoothed = 0.0
        self.highest = 0

    def update(self, demand: Demand) -> None:
        """Take in one period: a rise counts at once, a fall little by little."""
        self.highest = math.ceil(demand.highest)
        self.average, self.deviation = demand.average, demand.deviation
        envelope = demand.average + demand.deviation
        self.smoothed = max(envelope, SMOOTHING * self.smoothed + (1 - SMOOTHING) * envelope)
