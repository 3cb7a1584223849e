"""Histograms of ratios over time: for how many nanosecond of wall time a ratio was in each bucket.

The reference observes the ratio at the end of every nanosecond, and books them whenever the ratio changes. Here what is
booked at a change is only for how long the state that ended has lasted; ratios and buckets follow from the states when a
page is written, or when there are many of them. Source: metrics/prometheusextension of k8s.io/component-base,
pkg/util/flowcontrol/metrics/timing_ratio_histogram.go of k8s.io/apiserver.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Final, Generic, TypeVar

from prometheus_client.metrics_core import HistogramMetricFamily

from genericapiserver.metrics.plain import bound_text

S = TypeVar("S", bound=tuple[int, ...])

NANOSECONDS: Final = 1e9
MANY: Final = 1024
"""So many different states are folded at once, so that they cannot take any room worth mentioning."""


class RatioHistogram:
    """For how long a ratio was in each bucket."""

    __slots__ = ("_bounds", "_seconds", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = [*bounds, float("inf")]
        self.reset()

    def add(self, ratio: float, seconds: float) -> None:
        """The ratio was *ratio* for *seconds*."""
        self._seconds[bisect_left(self._bounds, ratio)] += seconds
        self._sum += ratio * seconds

    def show(self, family: HistogramMetricFamily, labels: Sequence[str]) -> None:
        """Add the series to *family*, as a count of nanoseconds."""
        counts = accumulate(round(seconds * NANOSECONDS) for seconds in self._seconds)
        buckets = [(bound_text(bound), float(count)) for bound, count in zip(self._bounds, counts, strict=True)]
        family.add_metric(labels, buckets, self._sum * NANOSECONDS)

    def reset(self) -> None:
        self._seconds = [0.0] * len(self._bounds)
        self._sum = 0.0


class StateTimes(Generic[S]):
    """For how long each state has lasted since the last fold. *fold* is given every state with its seconds."""

    __slots__ = ("_fold", "_last", "_seconds")

    def __init__(self, now: float, fold: Callable[[S, float], None]) -> None:
        self._seconds: dict[S, float] = {}
        self._last = now
        self._fold = fold

    def ends(self, state: S, now: float) -> None:
        """*state* has been the state since the last call, and may change now."""
        elapsed = now - self._last
        if elapsed <= 0:
            return
        self._last = now
        seconds = self._seconds
        if state in seconds:
            seconds[state] += elapsed
        else:
            if len(seconds) >= MANY:
                self.fold()
            seconds[state] = elapsed

    def fold(self) -> None:
        """Hand out what has come together. Ratios are those of this moment: call it before what they refer to changes."""
        for state, seconds in self._seconds.items():
            self._fold(state, seconds)
        self._seconds.clear()
