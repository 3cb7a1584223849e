"""One server's metrics. Names and labels are the reference's; prometheus-client keeps the values and writes the page.

Asking twice for one name gives the same metric, so that two servers may share a registry and two rooms a metric.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

M = TypeVar("M", bound=MetricWrapperBase)


class ResettableCollector(Protocol):
    """Keeps numbers in a form of its own and writes families from them when the page is asked for."""

    def describe(self) -> Iterable[Metric]:
        """Nothing: what stands here is checked when the collector is added, which asks for no page."""

    def collect(self) -> Iterable[Metric]: ...

    def reset(self) -> None: ...


class MetricsRegistry:
    """Makes counters, gauges and histograms in a prometheus registry of its own.

    Raises ValueError when a name is asked for as two kinds or with two sets of labels.
    """

    def __init__(self) -> None:
        self.collectors = CollectorRegistry(auto_describe=True)
        self._metrics: dict[str, MetricWrapperBase] = {}
        self._collectors: list[ResettableCollector] = []

    def counter(self, name: str, help: str, labels: Sequence[str] = ()) -> Counter:
        return self._get(Counter, name, labels) or self._keep(
            name, Counter(name, help, labels, registry=self.collectors)
        )

    def gauge(self, name: str, help: str, labels: Sequence[str] = ()) -> Gauge:
        return self._get(Gauge, name, labels) or self._keep(name, Gauge(name, help, labels, registry=self.collectors))

    def histogram(self, name: str, help: str, labels: Sequence[str] = (), *, buckets: Sequence[float]) -> Histogram:
        return self._get(Histogram, name, labels) or self._keep(
            name, Histogram(name, help, labels, registry=self.collectors, buckets=buckets)
        )

    def add_collector(self, collector: ResettableCollector) -> None:
        """Have the page show what *collector* keeps, for what changes too often for metrics with locks."""
        self._collectors.append(collector)
        self.collectors.register(_as_collector(collector))

    def has(self, name: str) -> bool:
        """Whether a metric was made under exactly this name."""
        return name in self._metrics

    def reset(self) -> None:
        """Start every series from zero again. Series stay, so that whoever observes may keep its labelled children."""
        for metric in self._metrics.values():
            for child in metric._metrics.values() if metric._labelnames else (metric,):
                child._metric_init()  # type: ignore[no-untyped-call]
        for collector in self._collectors:
            collector.reset()

    def _get(self, kind: type[M], name: str, labels: Sequence[str]) -> M | None:
        metric = self._metrics.get(name)
        if metric is None:
            return None
        if not isinstance(metric, kind) or tuple(metric._labelnames) != tuple(labels):
            raise ValueError(f"metric {name!r} is registered already, as another kind or with other labels")
        return metric

    def _keep(self, name: str, metric: M) -> M:
        self._metrics[name] = metric
        return metric


def _as_collector(collector: ResettableCollector) -> Collector:
    """The library wants a class of its own, of which it uses the two methods."""

    class _Collector(Collector):
        def describe(self) -> Iterable[Metric]:
            return collector.describe()

        def collect(self) -> Iterable[Metric]:
            return collector.collect()

    return _Collector()
