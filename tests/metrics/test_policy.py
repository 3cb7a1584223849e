"""What operators and releases hide (k8s.io/component-base, metrics/{opts,registry}_test.go)."""

import pytest

from genericapiserver.metrics import MetricsPolicy, MetricsRegistry, Release
from genericapiserver.metrics.text import render


def page(registry: MetricsRegistry) -> str:
    return render(registry).decode()


@pytest.mark.parametrize(
    ("stability", "deprecated", "version", "hidden", "marked"),
    [
        ("ALPHA", "", "1.35", False, False),
        ("ALPHA", "1.36.0", "1.35", False, False),
        ("ALPHA", "1.35.0", "1.35", True, True),
        ("BETA", "1.35.0", "1.35", False, True),
        ("BETA", "1.34.0", "1.35", True, True),
        ("STABLE", "1.34.0", "1.35", False, True),
        ("STABLE", "1.34.0", "1.36", False, True),
        ("STABLE", "1.34.0", "1.37", True, True),
        ("ALPHA", "1.27.0", "", False, False),
    ],
)
@pytest.mark.parametrize("shown", [False, True], ids=["", "hidden metrics are shown"])
def test_when_a_deprecated_metric_goes(
    stability: str, deprecated: str, version: str, hidden: bool, marked: bool, shown: bool
) -> None:
    policy = MetricsPolicy(version=Release.parse(version) if version else None, show_hidden=shown)
    registry = MetricsRegistry(policy=policy)
    registry.describes_itself = True
    registry.counter("old_total", f"[{stability}] Old.", deprecated=deprecated).inc()
    text = page(registry)
    assert ("\nold_total 1\n" in text) is (shown or not hidden)
    assert ("hidden_metrics_total 1\n" in text) is (hidden and not shown)
    since = f"(Deprecated since {deprecated}) "
    assert (f"# HELP old_total [{stability}] {since if marked else ''}Old.\n" in text) is (shown or not hidden)
    if shown or not hidden:
        labels = f'deprecated_version="{deprecated if marked else ""}",stability_level="{stability}"'
        assert f"registered_metrics_total{{{labels}}} 1\n" in text


def test_a_disabled_metric_is_not_served_and_counted() -> None:
    registry = MetricsRegistry(policy=MetricsPolicy(disabled=frozenset({"gone_total"})))
    registry.describes_itself = True
    registry.counter("gone_total", "[ALPHA] Gone.").inc()
    registry.counter("kept_total", "[ALPHA] Kept.").inc()
    text = page(registry)
    assert "gone_total" not in text
    assert "\nkept_total 1\n" in text
    assert "\ndisabled_metrics_total 1\n" in text


def test_values_that_are_not_allowed_become_one() -> None:
    allowed = {("asked_total", "who"): frozenset({"a", "b"}), ("took_seconds", "who"): frozenset({"a"})}
    registry = MetricsRegistry(policy=MetricsPolicy(allowed=allowed))
    registry.describes_itself = True
    asked = registry.counter("asked_total", "[ALPHA] Asked.", ["who", "how"])
    took = registry.histogram("took_seconds", "[ALPHA] Took.", ["who"], buckets=[1, 2])
    for who in "abcd":
        asked.labels(who, "well").inc(2)
        took.labels(who).observe(1.5)
    for _ in range(2):
        text = page(registry)
        assert 'asked_total{how="well",who="a"} 2\n' in text
        assert 'asked_total{how="well",who="unexpected"} 4\n' in text
        assert 'who="c"' not in text
        assert 'took_seconds_bucket{who="unexpected",le="1"} 0\n' in text
        assert 'took_seconds_bucket{who="unexpected",le="+Inf"} 3\n' in text
        assert 'took_seconds_count{who="unexpected"} 3\n' in text
        assert "\ncardinality_enforcement_unexpected_categorizations_total 5\n" in text


def test_a_registry_without_a_page_of_its_own_says_nothing_about_itself() -> None:
    registry = MetricsRegistry()
    registry.counter("kept_total", "[ALPHA] Kept.")
    assert "registered_metrics_total" not in page(registry)


def test_a_twin_shows_what_the_original_counted() -> None:
    registry = MetricsRegistry()
    original = registry.histogram("new_seconds", "[ALPHA] New.", ["verb"], buckets=[1])
    for _ in range(2):
        registry.histogram_twin("old_seconds", "[ALPHA] Old.", original, deprecated="1.27.0")
    original.labels("GET").observe(0.5)
    text = page(registry)
    assert [line.replace("old", "new").replace("Old", "New") for line in text.splitlines() if "old" in line] == [
        line for line in text.splitlines() if "new" in line
    ]
