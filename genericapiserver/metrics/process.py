"""What a page says about the process and the program, apart from what prometheus-client's own collectors say."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.metrics_core import GaugeMetricFamily, Metric


class _Collector:
    """Families that are made anew for each page and cannot be reset."""

    def describe(self) -> Iterable[Metric]:
        return ()

    def reset(self) -> None:
        """What is so stays so."""


class LoopCollector(_Collector):
    """The tasks of the event loop that writes the page: what goroutines are to a server in Go."""

    def collect(self) -> Iterator[Metric]:
        try:
            tasks = len(asyncio.all_tasks())
        except RuntimeError:  # asked from outside of a loop
            return
        yield GaugeMetricFamily("python_asyncio_tasks", "Number of unfinished asyncio tasks.", value=tasks)


class ConstantCollector(_Collector):
    """One gauge without labels or with one set of them, whose value never changes."""

    def __init__(self, name: str, help: str, value: float, labels: Mapping[str, str] | None = None) -> None:
        self._name = name
        self._help = help
        self._value = value
        self._labels = labels or {}

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(self._name, self._help, labels=tuple(self._labels))
        family.add_metric(tuple(self._labels.values()), self._value)
        yield family


def start_time_collector(started: float) -> ConstantCollector:
    """`process_start_time_seconds`, for a page without the other figures of the process."""
    return ConstantCollector(
        "process_start_time_seconds", "[ALPHA] Start time of the process since unix epoch in seconds.", started
    )
