"""How many reads and writes are served, and wait, as a part of what may be: a timing histogram.

Source: read_vs_write_current_requests of pkg/util/flowcontrol/metrics/metrics.go, which both limiters observe.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from prometheus_client.metrics_core import HistogramMetricFamily, Metric

from genericapiserver.metrics import MetricsRegistry
from genericapiserver.metrics.timing import RatioHistogram, StateTimes

NAME: Final = "apiserver_flowcontrol_read_vs_write_current_requests"
BUCKETS: Final = (0, 0.001, 0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1)

ReadsAndWrites = tuple[int, int, int, int]
"""Reads and writes that are served, then reads and writes that wait."""
_SERIES: Final = (
    ("executing", "readOnly"),
    ("executing", "mutating"),
    ("waiting", "readOnly"),
    ("waiting", "mutating"),
)

Limits = Callable[[], ReadsAndWrites]
"""What the numbers are a part of. 0: that number is not limited, or not known here, and has no series."""


class ReadWriteUtilization:
    """The histograms of one server."""

    def __init__(self, limits: Limits, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._state: ReadsAndWrites = (0, 0, 0, 0)
        self._histograms = [RatioHistogram(BUCKETS) for _ in _SERIES]
        self._times: StateTimes[ReadsAndWrites] = StateTimes(monotonic(), self._fold)

    @classmethod
    def shown_by(
        cls, registry: MetricsRegistry, limits: Limits, *, monotonic: Callable[[], float] = time.monotonic
    ) -> "ReadWriteUtilization":
        """The one that *registry* shows, made by the first server that asks."""
        return registry.shared_collector(NAME, lambda: cls(limits, monotonic=monotonic))

    def note(self, state: ReadsAndWrites) -> None:
        """From now on it is so many."""
        self._times.ends(self._state, self._monotonic())
        self._state = state

    def _fold(self, state: ReadsAndWrites, seconds: float) -> None:
        for number, limit, histogram in zip(state, self._limits(), self._histograms, strict=True):
            if limit:
                histogram.add(number / limit, seconds)

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        self.note(self._state)
        self._times.fold()
        family = HistogramMetricFamily(
            NAME,
            "EXPERIMENTAL: [ALPHA] Observations, at the end of every nanosecond, of the number of requests (as a fraction "
            "of the relevant limit) waiting or in regular stage of execution",
            labels=("phase", "request_kind"),
        )
        for labels, limit, histogram in zip(_SERIES, self._limits(), self._histograms, strict=True):
            if limit:
                histogram.show(family, labels)
        yield family

    def reset(self) -> None:
        self.note(self._state)
        self._times.fold()
        for histogram in self._histograms:
            histogram.reset()
