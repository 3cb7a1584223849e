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
