from prometheus_client.metrics_core import HistogramMetricFamily

from genericapiserver.metrics.timing import MANY, RatioHistogram, StateTimes


def shown(histogram: RatioHistogram) -> dict[str, float]:
    family = HistogramMetricFamily("ratio", "Ratio.")
    histogram.show(family, ())
    return {sample.labels.get("le", sample.name): sample.value for sample in family.samples}


def test_a_ratio_counts_every_nanosecond_that_it_lasted() -> None:
    histogram = RatioHistogram([0, 0.5, 1])
    histogram.add(0.0, 1.0)
    histogram.add(0.5, 0.25)
    histogram.add(2.0, 0.5)
    assert shown(histogram) == {
        "0.0": 1_000_000_000,
        "0.5": 1_250_000_000,
        "1.0": 1_250_000_000,
        "+Inf": 1_750_000_000,
        "ratio_count": 1_750_000_000,
        "ratio_sum": 1_125_000_000,
    }


def test_times_of_equal_states_come_together() -> None:
    folded: list[tuple[tuple[int], float]] = []

    def fold(state: tuple[int], seconds: float) -> None:
        folded.append((state, seconds))

    times: StateTimes[tuple[int]] = StateTimes(10.0, fold)
    for state, now in ((1, 11.0), (2, 11.5), (1, 13.0), (3, 13.0), (4, 12.0)):
        times.ends((state,), now)
    assert folded == []
    times.fold()
    assert folded == [((1,), 2.5), ((2,), 0.5)]
    times.fold()
    assert len(folded) == 2


def test_many_states_do_not_heap_up() -> None:
    seconds = 0.0

    def fold(state: tuple[int], lasted: float) -> None:
        nonlocal seconds
        seconds += lasted

    times: StateTimes[tuple[int]] = StateTimes(0.0, fold)
    for number in range(3 * MANY):
        times.ends((number,), number + 1.0)
    assert seconds == 2 * MANY
    times.fold()
    assert seconds == 3 * MANY
