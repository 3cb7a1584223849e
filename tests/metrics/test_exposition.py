"""What a metrics page shows as data, and what the pages of several processes come to together."""

import pytest

from genericapiserver.metrics import MetricsRegistry
from genericapiserver.metrics.exposition import Family, cumulative, exposition, from_json, merged, to_json


def gauge(name: str, *values: float) -> list[list[Family]]:
    return [[Family(name, "gauge", "help", [(name, (), value)])] for value in values]


def value(families: list[Family], name: str, **labels: str) -> float:
    (found,) = (
        number
        for family in families
        for sample, pairs, number in family.samples
        if sample == name and dict(pairs) == labels
    )
    return found


def registry(requests: int) -> MetricsRegistry:
    made = MetricsRegistry()
    counter = made.counter("apiserver_request_total", "Requests.", ["verb"])
    histogram = made.histogram("apiserver_request_duration_seconds", "Seconds.", buckets=(0.1, 1.0))
    for number in range(requests):
        counter.labels("GET").inc()
        histogram.observe(number)
    return made


def test_counters_and_histograms_add_up() -> None:
    together = merged([exposition(registry(2)), exposition(registry(3))])
    assert value(together, "apiserver_request_total", verb="GET") == 5
    assert value(together, "apiserver_request_duration_seconds_bucket", le="0.1") == 2
    assert value(together, "apiserver_request_duration_seconds_bucket", le="+Inf") == 5
    assert value(together, "apiserver_request_duration_seconds_count") == 5
    assert value(together, "apiserver_request_duration_seconds_sum") == 1 + 3
    assert [family.name for family in together] == sorted(family.name for family in together)


def test_series_that_one_process_alone_has_are_shown_as_they_are() -> None:
    other = MetricsRegistry()
    other.counter("apiserver_request_total", "Requests.", ["verb"]).labels("LIST").inc()
    together = merged([exposition(registry(2)), exposition(other)])
    assert value(together, "apiserver_request_total", verb="GET") == 2
    assert value(together, "apiserver_request_total", verb="LIST") == 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("apiserver_current_inflight_requests", 5.0),
        ("process_resident_memory_bytes", 5.0),
        ("process_open_fds", 5.0),
        ("process_start_time_seconds", 2.0),
        ("process_max_fds", 2.0),
        ("kubernetes_healthcheck", 2.0),
        ("apiserver_storage_objects", 3.0),
        ("apiserver_resource_objects", 3.0),
        ("apiserver_requested_deprecated_apis", 3.0),
        ("kubernetes_build_info", 3.0),
        ("etcd_bookmark_revision", 3.0),
    ],
)
def test_a_gauge_is_added_up_unless_all_measure_the_same_thing(name: str, expected: float) -> None:
    assert value(merged(gauge(name, 2.0, 3.0)), name) == expected


def test_a_page_survives_the_way_between_processes() -> None:
    page = exposition(registry(2))
    assert from_json(to_json(page)) == page


def test_what_counts_on_after_a_process_is_what_was_counted() -> None:
    page = [*exposition(registry(1)), *gauge("apiserver_current_inflight_requests", 3.0)[0]]
    assert [family.kind for family in cumulative(page)] == ["histogram", "counter"]


def test_processes_that_do_not_agree_on_a_kind_do_not_spoil_the_page() -> None:
    name = "apiserver_request_total"
    together = merged([gauge(name, 2.0)[0], exposition(registry(1))])
    assert value(together, name) == 2.0
