"""What storage counts, under the names of the reference (pkg/storage/etcd3/metrics, pkg/storage/cacher/metrics).

The engine stands where etcd stands in the reference, so its calls are counted under etcd's names: dashboards look there.
A resource asks `StorageMetrics` once for a `ResourceMetrics`, which holds the children of its labels.

Never made, because what they count does not exist here: watch_cache_capacity_{increase,decrease}_total (the cache does not
change its size) and apiserver_storage_consistency_checks_total (it hears every write before the writer is answered).
etcd_lease_object_counts is made where there are leases, in etcd.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Protocol, runtime_checkable

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from genericapiserver.metrics import MetricsRegistry
from genericapiserver.metrics.plain import PlainCounter, PlainHistogram
from genericapiserver.storage.engine import StorageEngine

RESOURCE: Final = ("group", "resource")
CALL_BUCKETS: Final = (
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
)  # fmt: skip
LEASE_BUCKETS: Final = (10, 50, 100, 500, 1000, 2500, 5000)
WAIT_BUCKETS: Final = (0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3)
CLUSTER_ID: Final = "etcd-{}"
"""An engine, as the reference numbers its clusters."""

_COUNTERS: Final = {
    "apiserver_storage_list_total": "Number of LIST requests served from storage",
    "apiserver_storage_list_fetched_objects_total": "Number of objects read from storage in the course of serving a LIST "
    "request",
    "apiserver_storage_list_evaluated_objects_total": "Number of objects tested in the course of serving a LIST request "
    "from storage",
    "apiserver_storage_list_returned_objects_total": "Number of objects returned for a LIST request from storage",
    "apiserver_storage_events_received_total": "Number of etcd events received split by kind.",
    "apiserver_storage_decode_errors_total": "Number of stored object decode errors split by object type",
    "apiserver_cache_list_returned_objects_total": "Number of objects returned for a LIST request from watch cache",
    "apiserver_init_events_total": "Counter of init events processed in watch cache broken by resource type.",
    "apiserver_watch_cache_events_received_total": "Counter of events received in watch cache broken by resource type.",
    "apiserver_watch_cache_events_dispatched_total": "Counter of events dispatched in watch cache broken by resource type.",
    "apiserver_terminated_watchers_total": "Counter of watchers closed due to unresponsiveness broken by resource type.",
    "apiserver_watch_cache_initializations_total": "Counter of watch cache initializations broken by resource type.",
}
_INDEXED_COUNTERS: Final = {
    "apiserver_cache_list_total": "Number of LIST requests served from watch cache",
    "apiserver_cache_list_fetched_objects_total": "Number of objects read from watch cache in the course of serving a LIST "
    "request",
}
_GAUGES: Final = {
    "apiserver_watch_cache_resource_version": "Current resource version of watch cache broken by resource type.",
    "watch_cache_capacity": "Total capacity of watch cache broken by resource type.",
    "etcd_bookmark_counts": "Number of etcd bookmarks (progress notify events) split by kind.",
}


class StorageMetrics:
    """The families of one server's storage, registered in *registry*."""

    def __init__(self, registry: MetricsRegistry) -> None:
        self.registry = registry
        self.counters = {
            name: registry.counter(name, f"[ALPHA] {text}", RESOURCE) for name, text in _COUNTERS.items()
        } | {
            name: registry.counter(name, f"[ALPHA] {text}", (*RESOURCE, "index"))
            for name, text in _INDEXED_COUNTERS.items()
        }
        self.gauges = {name: registry.gauge(name, f"[ALPHA] {text}", RESOURCE) for name, text in _GAUGES.items()}
        labels = ("operation", *RESOURCE)
        self.calls = registry.counter(
            "etcd_requests_total", "[ALPHA] Etcd request counts for each operation and object type.", labels
        )
        self.call_errors = registry.counter(
            "etcd_request_errors_total",
            "[ALPHA] Etcd failed request counts for each operation and object type.",
            labels,
        )
        self.call_durations = registry.histogram(
            "etcd_request_duration_seconds",
            "[ALPHA] Etcd request latency in seconds for each operation and object type.",
            labels,
            buckets=CALL_BUCKETS,
        )
        self.read_waits = registry.histogram(
            "apiserver_watch_cache_read_wait_seconds",
            "[ALPHA] Histogram of time spent waiting for a watch cache to become fresh.",
            RESOURCE,
            buckets=WAIT_BUCKETS,
        )
        self.consistent_reads = registry.counter(
            "apiserver_watch_cache_consistent_read_total",
            "[ALPHA] Counter for consistent reads from cache.",
            (*RESOURCE, "success", "fallback"),
        )

    def resource(self, group: str, resource: str) -> "ResourceMetrics":
        """What the storage of one resource counts."""
        return ResourceMetrics(self, group, resource)


class ResourceMetrics:
    """The series of one resource. A series shows once something was counted in it."""

    def __init__(self, metrics: StorageMetrics, group: str, resource: str) -> None:
        self._metrics = metrics
        self._labels = (group, resource)
        self._children: dict[tuple[str, str], PlainCounter] = {}
        self._calls: dict[str, tuple[PlainCounter, PlainHistogram]] = {}
        self._waits: PlainHistogram | None = None
        self._consistent: PlainCounter | None = None
        self._revision: Callable[[float], None] | None = None

    @classmethod
    def unregistered(cls) -> "ResourceMetrics":
        """Counts for nobody."""
        return StorageMetrics(MetricsRegistry()).resource("", "")

    # ---- the engine

    def called(self, operation: str, seconds: float, *, failed: bool) -> None:
        """The engine has answered a call: get, list, create, update, delete or listWithCount."""
        children = self._calls.get(operation)
        if children is None:
            labels = (operation, *self._labels)
            children = self._calls[operation] = (
                self._metrics.calls.labels(*labels),
                self._metrics.call_durations.labels(*labels),
            )
        children[0].inc()
        children[1].observe(seconds)
        if failed:
            self._metrics.call_errors.labels(operation, *self._labels).inc()

    def listed(self, *, fetched: int, evaluated: int, returned: int) -> None:
        """A list was read from the engine."""
        self._add("apiserver_storage_list_total", 1)
        self._add("apiserver_storage_list_fetched_objects_total", fetched)
        self._add("apiserver_storage_list_evaluated_objects_total", evaluated)
        self._add("apiserver_storage_list_returned_objects_total", returned)

    def received(self, events: int) -> None:
        """A watch on the engine has brought *events*; none is a report of progress."""
        if events:
            self._add("apiserver_storage_events_received_total", events)
        else:
            self._metrics.gauges["etcd_bookmark_counts"].labels(*self._labels).inc()

    def decode_failed(self) -> None:
        """Stored bytes could not be read."""
        self._add("apiserver_storage_decode_errors_total", 1)

    # ---- the watch cache

    def cache_filled(self, revision: int, capacity: int) -> None:
        self._add("apiserver_watch_cache_initializations_total", 1)
        self._metrics.gauges["watch_cache_capacity"].labels(*self._labels).set(capacity)
        self._revision = self._metrics.gauges["apiserver_watch_cache_resource_version"].labels(*self._labels).set
        self._revision(revision)

    def cached(self, events: int, revision: int) -> None:
        """The cache has taken in *events*, up to *revision*, and put them where their watches find them."""
        self._add("apiserver_storage_events_received_total", events)
        self._add("apiserver_watch_cache_events_received_total", events)
        self._add("apiserver_watch_cache_events_dispatched_total", events)
        if self._revision is not None:
            self._revision(revision)

    def listed_from_cache(self, *, fetched: int, returned: int, index: str = "") -> None:
        """A list was answered from the cache, by way of *index* (`l:app`, `f:spec.nodeName`) if that is not empty.

        Clients may ask for any label, so the series of labels has the name of none.
        """
        index = "l:*" if index.startswith("l:") else index
        self._add("apiserver_cache_list_total", 1, index)
        self._add("apiserver_cache_list_fetched_objects_total", fetched, index)
        self._add("apiserver_cache_list_returned_objects_total", returned)

    def waited(self, seconds: float) -> None:
        """A read has waited for the cache to be as new as it asked for."""
        if self._waits is None:
            self._waits = self._metrics.read_waits.labels(*self._labels)
        self._waits.observe(seconds)

    def read_consistently(self) -> None:
        """A read of the most recent state was answered from the cache."""
        if self._consistent is None:
            self._consistent = self._metrics.consistent_reads.labels(*self._labels, "true", "false")
        self._consistent.inc()

    def watch_began(self, events: int) -> None:
        """A watch begins with *events*."""
        if events:
            self._add("apiserver_init_events_total", events)

    def watch_left_behind(self) -> None:
        """A watch was ended because it did not come back for its events in time."""
        self._add("apiserver_terminated_watchers_total", 1)

    def _add(self, name: str, amount: int, index: str = "") -> None:
        child = self._children.get((name, index))
        if child is None:
            labels = (*self._labels, index) if name in _INDEXED_COUNTERS else self._labels
            child = self._children[name, index] = self._metrics.counters[name].labels(*labels)
        child.inc(amount)


def count_leases(registry: MetricsRegistry, engine: StorageEngine) -> None:
    """Count in *registry* how many objects had a lease together, if *engine* knows leases."""
    if isinstance(engine, HasLeases):
        engine.on_lease_end = registry.histogram(
            "etcd_lease_object_counts",
            "[ALPHA] Number of objects attached to a single etcd lease.",
            (),
            buckets=LEASE_BUCKETS,
        ).observe


@runtime_checkable
class HasLeases(Protocol):
    """An engine whose keys expire by leases."""

    on_lease_end: Callable[[int], None]
    """Told how many objects were attached to a lease when the next one took its place."""


class EngineSize:
    """How much room engines take, asked when a page is written. *endpoint* names the kind of engine, not its place."""

    def __init__(self, registry: MetricsRegistry, sizes: Sequence[Callable[[], int]], endpoint: str) -> None:
        self._sizes = sizes
        self._endpoint = endpoint
        registry.deprecate("apiserver_storage_db_total_size_in_bytes", "1.28.0")
        registry.add_collector(self)

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "apiserver_storage_size_bytes",
            "[STABLE] Size of the storage database file physically allocated in bytes.",
            labels=("storage_cluster_id",),
        )
        old = GaugeMetricFamily(
            "apiserver_storage_db_total_size_in_bytes",
            "[ALPHA] Total size of the storage database file physically allocated in bytes.",
            labels=("endpoint",),
        )
        for number, asked in enumerate(self._sizes):
            size = asked()
            family.add_metric((CLUSTER_ID.format(number),), size)
            old.add_metric((f"{self._endpoint}-{number}" if number else self._endpoint,), size)
        yield family
        yield old

    def reset(self) -> None:
        """It is as large as it is."""
