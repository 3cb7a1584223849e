"""Plain metrics on the page: the same text as for any family, in pieces that are small."""

import json

from genericapiserver.metrics import MetricsRegistry
from genericapiserver.metrics.delimited import delimited_pieces
from genericapiserver.metrics.exposition import Page, exposition, from_json, to_json
from genericapiserver.metrics.text import pieces, render
from genericapiserver.metrics.values import number

BUCKETS = (0.005, 0.1, 2.5, 1e6)


def filled() -> MetricsRegistry:
    registry = MetricsRegistry()
    counter = registry.counter("odd_total", "[ALPHA] Odd\nthings.", ["second", "first"])
    counter.labels('a "quoted"\nline\\', "z").inc(1234567)
    counter.labels("", "").inc(0.5)
    registry.counter("unlabelled", "[ALPHA] One.").inc()
    registry.gauge("level", "[ALPHA] Level.").set(-0.00001234)
    histogram = registry.histogram("took_seconds", "[ALPHA] Took.", ["verb"], buckets=BUCKETS)
    for value in (0.001, 0.1, 3e7):
        histogram.labels("GET").observe(value)
    registry.histogram("alone_seconds", "[ALPHA] Alone.", buckets=BUCKETS).observe(0.3)
    registry.histogram("never_seconds", "[ALPHA] Never.", ["verb"], buckets=BUCKETS)
    registry.histogram_twin("twin_seconds", "[ALPHA] Twin.", histogram)
    return registry


def test_plain_families_read_like_those_made_of_samples() -> None:
    registry = filled()
    text = render(registry).decode()
    assert text == render(Page(exposition(registry))).decode()
    assert 'odd_total{first="z",second="a \\"quoted\\"\\nline\\\\"} 1.234567e+06\n' in text
    assert 'twin_seconds_bucket{verb="GET",le="1e+06"} 2\n' in text
    assert 'alone_seconds_bucket{le="+Inf"} 1\nalone_seconds_sum 0.3\nalone_seconds_count 1\n' in text
    assert "level -1.234e-05\n" in text
    assert "unlabelled 1\n" in text
    assert "never_seconds" not in text


def test_a_page_passes_between_processes_with_the_labels_of_a_series_once() -> None:
    page = exposition(filled())
    sent = json.dumps(to_json(page))
    assert from_json(json.loads(sent)) == page
    assert sent.count("GET") == 2  # the histogram, and its twin
    assert sent.count("2.5") == 3


def test_whole_numbers_become_powers_at_a_million() -> None:
    values = {0: "0", 999999: "999999", 1e6: "1e+06", -2.5: "-2.5", 0.0001: "0.0001", 0.00001: "1e-05"}
    assert {value: number(value) for value in values} == values
    assert [number(float(text)) for text in ("inf", "-inf", "nan")] == ["+Inf", "-Inf", "NaN"]


def test_a_family_of_thousands_of_series_comes_in_small_pieces() -> None:
    """Whoever writes the page can only let others in between two pieces."""
    registry = MetricsRegistry()
    histogram = registry.histogram("took_seconds", "[ALPHA] Took.", ["resource"], buckets=BUCKETS)
    for at in range(1000):
        histogram.labels(f"resource{at}").observe(at)
    assert max(map(len, pieces(registry))) < 1000
    assert len(list(delimited_pieces(registry))) > 1000
