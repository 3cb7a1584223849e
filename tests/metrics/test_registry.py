import pytest
from prometheus_client import generate_latest

from genericapiserver.metrics import MetricsRegistry


def test_two_registries_know_nothing_of_each_other() -> None:
    first, second = MetricsRegistry(), MetricsRegistry()
    first.counter("requests_total", "Requests.").inc()
    second.counter("requests_total", "Requests.")
    assert b"requests_total 1.0" in generate_latest(first.collectors)
    assert b"requests_total 0.0" in generate_latest(second.collectors)


def test_a_name_asked_for_twice_is_one_metric() -> None:
    registry = MetricsRegistry()
    assert registry.gauge("g", "G.", ["a"]) is registry.gauge("g", "G.", ["a"])


def test_a_name_of_another_kind_is_refused() -> None:
    registry = MetricsRegistry()
    registry.gauge("g", "G.")
    with pytest.raises(ValueError, match="registered already"):
        registry.counter("g", "G.")
    with pytest.raises(ValueError, match="registered already"):
        registry.gauge("g", "G.", ["label"])


def test_reset_forgets_what_was_observed_and_keeps_children_usable() -> None:
    registry = MetricsRegistry()
    child = registry.counter("c_total", "C.", ["a"]).labels("x")
    child.inc(7)
    registry.histogram("h", "H.", buckets=[1, 2]).observe(1)
    registry.reset()
    text = generate_latest(registry.collectors).decode()
    assert 'c_total{a="x"} 0.0' in text
    child.inc()
    assert 'c_total{a="x"} 1.0' in generate_latest(registry.collectors).decode()
    assert "h_count 0.0" in text


def test_a_counter_may_be_called_as_a_gauge_is_but_for_total() -> None:
    """aggregator_unavailable_apiservice and aggregator_unavailable_apiservice_total are two metrics of the reference."""
    for first in ("gauge", "counter"):
        registry = MetricsRegistry()
        if first == "gauge":
            registry.gauge("things", "How many there are.", ["name"]).labels("a").set(3)
        registry.counter("things_total", "How many there were.", ["name"]).labels("a").inc(5)
        if first == "counter":
            registry.gauge("things", "How many there are.", ["name"]).labels("a").set(3)
        families = {family.name: [sample.value for sample in family.samples] for family in registry.families()}
        assert families == {"things": [3], "things_total": [5]}
