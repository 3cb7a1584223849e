"""The timing histograms, on a clock that the test turns."""

from genericapiserver.filters.utilization import NAME, ReadWriteUtilization
from genericapiserver.flowcontrol.flow_metrics import FlowMetrics
from genericapiserver.flowcontrol.queue_set import WAITING, QueueSet, QueuingConfig
from genericapiserver.flowcontrol.work import WorkEstimate
from genericapiserver.metrics import MetricsRegistry

SECOND = 1e9


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def seconds(histogram: object) -> list[float]:
    values: list[float] = getattr(histogram, "_seconds")  # noqa: B009
    return [round(value, 6) for value in values]


def test_a_level_knows_for_how_long_it_was_how_full() -> None:
    time = Time()
    queues = QueueSet(clock=time, call_later=lambda seconds, call: None)
    queues.configure(QueuingConfig(queues=1, length_limit=10), 2)
    flow = FlowMetrics("level", "schema")
    work = WorkEstimate(initial_seats=1)
    time.now += 1  # idle
    first = queues.start(flow, (0,), "", work)
    time.now += 2  # half full
    second = queues.start(flow, (0,), "", work)
    third = queues.start(flow, (0,), "", work)
    assert third.state == WAITING
    time.now += 4  # full, and one of ten places taken
    queues.finish(first)
    queues.finish(second)
    queues.finish(third)
    time.now += 8  # idle again
    queues.measure()
    used = queues.utilization
    assert seconds(used.seats) == [9, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 4, 0]
    assert seconds(used.executing) == [9, 0, 0, 0, 0, 0, 0, 2, 0, 4, 0]
    assert seconds(used.waiting) == [11, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0]
    assert seconds(used.demand) == [9, 0, 2, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0]


def test_a_new_limit_does_not_change_the_past() -> None:
    time = Time()
    queues = QueueSet(clock=time, call_later=lambda seconds, call: None)
    queues.configure(QueuingConfig(), 1)
    queues.start(FlowMetrics("level", "schema"), (), "", WorkEstimate(initial_seats=1))
    time.now += 1
    queues.configure(QueuingConfig(), 10)
    time.now += 1
    queues.measure()
    assert seconds(queues.utilization.seats) == [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]


def test_reads_and_writes_are_parts_of_their_limits() -> None:
    time, registry = Time(), MetricsRegistry()
    used = ReadWriteUtilization.shown_by(registry, lambda: (4, 2, 0, 0), monotonic=time)
    assert ReadWriteUtilization.shown_by(registry, lambda: (1, 1, 1, 1)) is used
    used.note((2, 1, 0, 0))
    time.now += 3
    used.note((0, 0, 0, 0))

    def value(kind: str, le: str) -> float | None:
        labels = {"phase": "executing", "request_kind": kind, "le": le}
        return registry.collectors.get_sample_value(f"{NAME}_bucket", labels)

    for kind in ("readOnly", "mutating"):
        assert (value(kind, "0.4"), value(kind, "0.5")) == (0, 3 * SECOND)
    waiting = {"phase": "waiting", "request_kind": "readOnly"}
    assert registry.collectors.get_sample_value(f"{NAME}_count", waiting) is None
    registry.reset()
    assert value("readOnly", "+Inf") == 0
