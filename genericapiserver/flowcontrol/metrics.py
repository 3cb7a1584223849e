"""The page of metrics about flow control, written from plain numbers when somebody asks for it.

Names, labels and buckets are the reference's (pkg/util/flowcontrol/metrics/metrics.go). Left out: epoch_advance_total, since
virtual time does not jump back here.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import Final, Protocol

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from genericapiserver.flowcontrol.flow_metrics import Distribution, FlowMetrics
from genericapiserver.flowcontrol.queue_set import QueueSet
from genericapiserver.flowcontrol.seat_demand import SeatDemandStatistics
from genericapiserver.flowcontrol.utilization import LevelUtilization
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.metrics.plain import PlainGauge
from genericapiserver.metrics.timing import RatioHistogram

PREFIX: Final = "apiserver_flowcontrol_"
_FLOW: Final = ("priority_level", "flow_schema")
_LEVEL: Final = ("priority_level",)


class MeasuredLevel(Protocol):
    """What the page shows of a level."""

    nominal: int
    minimum: int
    maximum: int
    current: int
    target: float
    queues: QueueSet
    demand: SeatDemandStatistics

    @property
    def name(self) -> str: ...


_FLOW_GAUGES: Final[tuple[tuple[str, str, Callable[[FlowMetrics], int]], ...]] = (
    (
        "current_inqueue_requests",
        "[BETA] Number of requests currently pending in queues of the API Priority and Fairness subsystem",
        lambda flow: flow.waiting,
    ),
    (
        "current_inqueue_seats",
        "[ALPHA] Number of seats currently pending in queues of the API Priority and Fairness subsystem",
        lambda flow: flow.waiting_seats,
    ),
    (
        "current_executing_requests",
        "[BETA] Number of requests in initial (for a WATCH) or any (for a non-WATCH) execution stage in the API Priority "
        "and Fairness subsystem",
        lambda flow: flow.executing,
    ),
    (
        "current_executing_seats",
        "[BETA] Concurrency (number of seats) occupied by the currently executing (initial stage for a WATCH, any stage "
        "otherwise) requests in the API Priority and Fairness subsystem",
        lambda flow: flow.executing_seats,
    ),
    (
        "request_concurrency_in_use",
        "[ALPHA] Concurrency (number of seats) occupied by the currently executing (initial stage for a WATCH, any stage "
        "otherwise) requests in the API Priority and Fairness subsystem",
        lambda flow: flow.executing_seats,
    ),
)
_FLOW_COUNTERS: Final[tuple[tuple[str, str, Callable[[FlowMetrics], int]], ...]] = (
    (
        "dispatched_requests_total",
        "[BETA] Number of requests executed by API Priority and Fairness subsystem",
        lambda flow: flow.dispatched,
    ),
    (
        "request_dispatch_no_accommodation_total",
        "[ALPHA] Number of times a dispatch attempt resulted in a non accommodation due to lack of available seats",
        lambda flow: flow.no_accommodation,
    ),
)
_FLOW_HISTOGRAMS: Final[
    tuple[
        tuple[str, str, tuple[str, ...], tuple[tuple[tuple[str, ...], Callable[[FlowMetrics], Distribution]], ...]], ...
    ]
] = (
    (
        "request_wait_duration_seconds",
        "[BETA] Length of time a request spent waiting in its queue",
        ("execute",),
        ((("true",), lambda flow: flow.waited), (("false",), lambda flow: flow.waited_refused)),
    ),
    (
        "request_execution_seconds",
        "[ALPHA] Duration of initial stage (for a WATCH) or any (for a non-WATCH) stage of request execution in the API "
        "Priority and Fairness subsystem",
        ("type",),
        ((("regular",), lambda flow: flow.executed), (("watch",), lambda flow: flow.executed_watches)),
    ),
    (
        "request_queue_length_after_enqueue",
        "[ALPHA] Length of queue in the API Priority and Fairness subsystem, as seen by each request after it is enqueued",
        (),
        (((), lambda flow: flow.queue_length),),
    ),
    (
        "work_estimated_seats",
        "[ALPHA] Number of estimated seats (maximum of initial and final seats) associated with requests in API Priority "
        "and Fairness",
        (),
        (((), lambda flow: flow.estimated_seats),),
    ),
    (
        "watch_count_samples",
        "[ALPHA] count of watchers for mutating requests in API Priority and Fairness",
        (),
        (((), lambda flow: flow.watch_counts),),
    ),
)
_LEVEL_GAUGES: Final[tuple[tuple[str, str, Callable[[MeasuredLevel], float]], ...]] = (
    (
        "nominal_limit_seats",
        "[BETA] Nominal number of execution seats configured for each priority level",
        lambda level: level.nominal,
    ),
    (
        "request_concurrency_limit",
        "[ALPHA] Nominal number of execution seats configured for each priority level",
        lambda level: level.nominal,
    ),
    (
        "lower_limit_seats",
        "[ALPHA] Configured lower bound on number of execution seats available to each priority level",
        lambda level: level.minimum,
    ),
    (
        "upper_limit_seats",
        "[ALPHA] Configured upper bound on number of execution seats available to each priority level",
        lambda level: level.maximum,
    ),
    (
        "current_limit_seats",
        "[ALPHA] current derived number of execution seats available to each priority level",
        lambda level: level.current,
    ),
    ("target_seats", "[ALPHA] Seat allocation targets", lambda level: level.target),
    (
        "demand_seats_high_watermark",
        "[ALPHA] High watermark, over last adjustment period, of demand_seats",
        lambda level: level.demand.highest,
    ),
    (
        "demand_seats_average",
        "[ALPHA] Time-weighted average, over last adjustment period, of demand_seats",
        lambda level: level.demand.average,
    ),
    (
        "demand_seats_stdev",
        "[ALPHA] Time-weighted standard deviation, over last adjustment period, of demand_seats",
        lambda level: level.demand.deviation,
    ),
    ("demand_seats_smoothed", "[ALPHA] Smoothed seat demands", lambda level: level.demand.smoothed),
    ("current_r", "[ALPHA] R(time of last change)", lambda level: level.queues.r),
    ("dispatch_r", "[ALPHA] R(time of last dispatch)", lambda level: level.queues.dispatch_r),
    ("latest_s", "[ALPHA] S(most recently dispatched request)", lambda level: level.queues.latest_s),
)
_BOUNDS: Final[tuple[tuple[str, str, Callable[[QueueSet], tuple[float, float]]], ...]] = (
    (
        "next_s_bounds",
        "[ALPHA] min and max, over queues, of S(oldest waiting request in queue)",
        lambda queues: queues.s_bounds,
    ),
    (
        "next_discounted_s_bounds",
        "[ALPHA] min and max, over queues, of S(oldest waiting request in queue) - estimated work in progress",
        lambda queues: queues.discounted_s_bounds,
    ),
)


_PHASES: Final = ("priority_level", "phase")
_UTILIZATIONS: Final[
    tuple[tuple[str, str, tuple[str, ...], tuple[tuple[str, Callable[[LevelUtilization], RatioHistogram]], ...]], ...]
] = (
    (
        "priority_level_seat_utilization",
        "[ALPHA] Observations, at the end of every nanosecond, of utilization of seats for any stage of execution (but only "
        "initial stage for WATCHes)",
        _PHASES,
        (("executing", lambda level: level.seats),),
    ),
    (
        "priority_level_request_utilization",
        "[ALPHA] Observations, at the end of every nanosecond, of number of requests (as a fraction of the relevant limit) "
        "waiting or in any stage of execution (but only initial stage for WATCHes)",
        _PHASES,
        (("waiting", lambda level: level.waiting), ("executing", lambda level: level.executing)),
    ),
    (
        "demand_seats",
        "[ALPHA] Observations, at the end of every nanosecond, of (the number of seats each priority level could use) / "
        "(nominal number of seats for that level)",
        _LEVEL,
        (("", lambda level: level.demand),),
    ),
)
_DEPRECATED: Final = {"request_concurrency_limit": "1.30.0", "request_concurrency_in_use": "1.31.0"}


def fair_fraction(registry: MetricsRegistry) -> PlainGauge:
    """The gauge that is there without flow control, too."""
    return registry.gauge(
        f"{PREFIX}seat_fair_frac",
        "[ALPHA] Fair fraction of server's concurrency to allocate to each priority level that can use it",
    )


class FlowControlMetrics:
    """The numbers of one server's levels and schemas."""

    def __init__(self, registry: MetricsRegistry) -> None:
        self.fair_fraction = fair_fraction(registry)
        self._flows: dict[tuple[str, str], FlowMetrics] = {}
        self._levels: Callable[[], Iterable[MeasuredLevel]] = tuple
        for name, since in _DEPRECATED.items():
            registry.deprecate(PREFIX + name, since)
        registry.add_collector(self)

    def flow(self, level: str, schema: str) -> FlowMetrics:
        """The numbers of *schema* at *level*; the same object each time."""
        key = (level, schema)
        flow = self._flows.get(key)
        if flow is None:
            flow = self._flows[key] = FlowMetrics(level, schema)
        return flow

    def retain(self, flows: set[tuple[str, str]]) -> None:
        """Forget what is not in *flows* and has nothing to do."""
        for key, flow in list(self._flows.items()):
            if key not in flows and not flow.executing_seats and not flow.waiting:
                del self._flows[key]

    def watch(self, levels: Callable[[], Iterable[MeasuredLevel]]) -> None:
        """Show the levels that *levels* gives."""
        self._levels = levels

    def reset(self) -> None:
        for flow in self._flows.values():
            flow.reset()
        for level in self._levels():
            level.queues.measure()
            for histogram in level.queues.utilization.histograms:
                histogram.reset()

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        """The families, in the library's form."""
        flows = list(self._flows.values())
        for name, text, read in _FLOW_GAUGES:
            gauge = GaugeMetricFamily(PREFIX + name, text, labels=_FLOW)
            for flow in flows:
                if flow.dispatched or flow.rejected or flow.waiting:
                    gauge.add_metric((flow.level, flow.schema), read(flow))
            yield gauge
        for name, text, read in _FLOW_COUNTERS:
            counter = CounterMetricFamily(PREFIX + name, text, labels=_FLOW)
            for flow in flows:
                if value := read(flow):
                    counter.add_metric((flow.level, flow.schema), value)
            yield counter
        yield _rejected(flows)
        for name, text, more, distributions in _FLOW_HISTOGRAMS:
            histogram = HistogramMetricFamily(PREFIX + name, text, labels=(*_FLOW, *more))
            for flow in flows:
                for values, distribution in distributions:
                    _add(histogram, (flow.level, flow.schema, *values), distribution(flow))
            yield histogram
        yield from _level_families(sorted(self._levels(), key=lambda level: level.name))


def _rejected(flows: Iterable[FlowMetrics]) -> Metric:
    counter = CounterMetricFamily(
        f"{PREFIX}rejected_requests_total",
        "[BETA] Number of requests rejected by API Priority and Fairness subsystem",
        labels=(*_FLOW, "reason"),
    )
    for flow in flows:
        for reason, count in flow.rejected.items():
            counter.add_metric((flow.level, flow.schema, reason), count)
    return counter


def _level_families(levels: Iterable[MeasuredLevel]) -> Iterator[Metric]:
    levels = list(levels)
    for name, text, read in _LEVEL_GAUGES:
        gauge = GaugeMetricFamily(PREFIX + name, text, labels=_LEVEL)
        for level in levels:
            gauge.add_metric((level.name,), read(level))
        yield gauge
    for name, text, bounds in _BOUNDS:
        gauge = GaugeMetricFamily(PREFIX + name, text, labels=(*_LEVEL, "bound"))
        for level in levels:
            if level.queues.queues:
                for bound, value in zip(("min", "max"), bounds(level.queues), strict=True):
                    gauge.add_metric((level.name, bound), value)
        yield gauge
    yield from _utilizations(levels)


def _utilizations(levels: Iterable[MeasuredLevel]) -> Iterator[Metric]:
    for level in levels:
        level.queues.measure()
    for name, text, labels, histograms in _UTILIZATIONS:
        family = HistogramMetricFamily(PREFIX + name, f"EXPERIMENTAL: {text}", labels=labels)
        for level in levels:
            for phase, histogram in histograms:
                histogram(level.queues.utilization).show(family, (level.name, phase) if phase else (level.name,))
        yield family


def _add(histogram: HistogramMetricFamily, labels: tuple[str, ...], distribution: Distribution) -> None:
    if not any(distribution.counts):
        return
    bounds = [*(str(float(bound)) for bound in distribution.bounds), "+Inf"]
    counts = accumulate(distribution.counts)
    histogram.add_metric(labels, list(zip(bounds, counts, strict=True)), distribution.sum)
