"""One server's metrics. Names and labels are the reference's; prometheus-client keeps the values and writes the page.

Asking twice for one name gives the same metric, so that two servers may share a registry and two rooms a metric.
"""

from collections.abc import Sequence
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

M = TypeVar("M", bound=MetricWrapperBase)


class MetricsRegistry:
    """Makes counters, gauges and histograms in a prometheus registry of its own.

    Raises ValueError when a name is asked for as two kinds or with two sets of labels.
    """

    def __init__(self) -> None:
        self.collectors = CollectorRegistry(auto_describe=True)
        self._metrics: dict[str, MetricWrapperBase] = {}

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

    def has(self, name: str) -> bool:
        """Whether a metric was made under exactly this name."""
        return name in self._metrics

    def reset(self) -> None:
        """Start every series from zero again. Series stay, so that whoever observes may keep its labelled children."""
        for metric in self._metrics.values():
            for child in metric._metrics.values() if metric._labelnames else (metric,):
                child._metric_init()  # type: ignore[no-untyped-call]

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
