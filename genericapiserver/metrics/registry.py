"""One server's metrics. Names and labels are the reference's; prometheus-client describes and collects them.

Asking twice for one name gives the same metric, so that two servers may share a registry and two rooms a metric.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Protocol, TypeVar, cast

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from genericapiserver.metrics.plain import PlainCounter, PlainFamily, PlainGauge, PlainHistogram, PlainMetric
from genericapiserver.metrics.policy import Entry, MetricsPolicy

M = TypeVar("M", PlainCounter, PlainGauge, PlainHistogram)


class ResettableCollector(Protocol):
    """Keeps numbers in a form of its own and writes families from them when the page is asked for."""

    def describe(self) -> Iterable[Metric]:
        """Nothing: what stands here is checked when the collector is added, which asks for no page."""

    def collect(self) -> Iterable[Metric]: ...

    def reset(self) -> None: ...


C = TypeVar("C", bound=ResettableCollector)


class MetricsRegistry:
    """Makes counters, gauges and histograms in a prometheus registry of its own.

    Raises ValueError when a name is asked for as two kinds or with two sets of labels. *deprecated* is the release since
    when a metric should no longer be used (`1.27.0`); `policy` says what comes of it.
    """

    def __init__(self, *, policy: MetricsPolicy | None = None) -> None:
        self.policy = policy or MetricsPolicy()
        self.collectors = CollectorRegistry(auto_describe=True)
        self._metrics: dict[str, PlainMetric] = {}
        self._collectors: list[ResettableCollector] = []
        self._deprecated: dict[str, str] = {}
        self._shared: dict[str, ResettableCollector] = {}
        self._twins: dict[str, PlainFamily] = {}
        self.targets: set[tuple[str, str, str, str]] = set()
        """Group, version, resource and subresource of everything that requests are served for.

        Who counts requests by what their clients asked for asks here first: a client can make any number of names up.
        """
        self.describes_itself = False
        """Whether the page also says how many metrics there are."""

    def counter(self, name: str, help: str, labels: Sequence[str] = (), *, deprecated: str = "") -> PlainCounter:
        return self._get(PlainCounter, name, labels) or self._keep(
            name,
            PlainCounter(name, help, labels, registry=self._room_for(name, name.removesuffix("_total"))),
            deprecated,
        )

    def gauge(self, name: str, help: str, labels: Sequence[str] = (), *, deprecated: str = "") -> PlainGauge:
        return self._get(PlainGauge, name, labels) or self._keep(
            name, PlainGauge(name, help, labels, registry=self._room_for(name, f"{name}_total")), deprecated
        )

    def _room_for(self, name: str, twin: str) -> CollectorRegistry | None:
        """Where the metric *name* is registered; nowhere beside *twin*, of which prometheus-client thinks it is the same.

        The reference has a gauge and a counter whose names differ in `_total` only. Pages are written from the metrics
        themselves.
        """
        return None if twin != name and twin in self._metrics else self.collectors

    def histogram(
        self, name: str, help: str, labels: Sequence[str] = (), *, buckets: Sequence[float], deprecated: str = ""
    ) -> PlainHistogram:
        return self._get(PlainHistogram, name, labels) or self._keep(
            name, PlainHistogram(name, help, labels, registry=self.collectors, buckets=buckets), deprecated
        )

    def histogram_twin(self, name: str, help: str, source: PlainHistogram, *, deprecated: str = "") -> None:
        """Show what *source* has counted under a second *name*, too, which costs nothing until a page is written."""
        self._deprecated[name] = deprecated
        self._twins[name] = PlainFamily(source, name, help)

    def deprecate(self, name: str, since: str) -> None:
        """Say that the family *name* of a collector is deprecated since the release *since*."""
        self._deprecated[name] = since

    def add_collector(self, collector: ResettableCollector) -> None:
        """Have the page show what *collector* keeps, for what changes too often for metrics with labels."""
        self._collectors.append(collector)
        self.collectors.register(_as_collector(collector))

    def shared_collector(self, name: str, make: Callable[[], C]) -> C:
        """The collector that is called *name*, made and added by the first who asks; servers may share a registry."""
        found = self._shared.get(name)
        if found is None:
            made = make()
            self._shared[name] = made
            self.add_collector(made)
            return made
        # Whoever uses a name knows what stands behind it.
        return cast("C", found)

    def has(self, name: str) -> bool:
        """Whether a metric was made under exactly this name."""
        return name in self._metrics

    def families(self) -> Iterator[Metric]:
        """What a page shows, by the names it is served under, made one after the other; `name` of a family is that name."""
        entries: list[Entry] = [
            (name, metric._documentation, partial(PlainFamily, metric, name, metric._documentation))
            for name, metric in self._metrics.items()
        ]
        entries += [(name, twin.documentation, partial(_itself, twin)) for name, twin in self._twins.items()]
        own = set(self._metrics.values())
        # There is no public way to ask for single collectors, and asking for all makes the whole page at once.
        for collector in list(self.collectors._collector_to_names):
            if collector not in own:
                entries += [
                    (self._served_name(family), family.documentation, partial(_itself, family))
                    for family in collector.collect()
                ]
        yield from self.policy.apply(entries, self._deprecated, about=self.describes_itself)

    def _served_name(self, family: Metric) -> str:
        """The name a counter was made with: prometheus-client cuts `_total` off and puts it on whether it was there."""
        if family.type == "counter":
            total = f"{family.name}_total"
            return family.name if self.has(family.name) and not self.has(total) else total
        return family.name

    def reset(self) -> None:
        """Start every series from zero again. Series stay, so that whoever observes may keep its labelled children."""
        for metric in self._metrics.values():
            for child in metric._metrics.values() if metric._labelnames else (metric,):
                child._metric_init()
        for collector in self._collectors:
            collector.reset()

    def _get(self, kind: type[M], name: str, labels: Sequence[str]) -> M | None:
        metric = self._metrics.get(name)
        if metric is None:
            return None
        if not isinstance(metric, kind) or tuple(metric._labelnames) != tuple(labels):
            raise ValueError(f"metric {name!r} is registered already, as another kind or with other labels")
        return metric

    def _keep(self, name: str, metric: M, deprecated: str) -> M:
        self._metrics[name] = metric
        if deprecated:
            self._deprecated[name] = deprecated
        return metric


def _itself(family: Metric) -> Metric:
    return family


def _as_collector(collector: ResettableCollector) -> Collector:
    """The library wants a class of its own, of which it uses the two methods."""

    class _Collector(Collector):
        def describe(self) -> Iterable[Metric]:
            return collector.describe()

        def collect(self) -> Iterable[Metric]:
            return collector.collect()

    return _Collector()
