"""What the generic store counts by itself (pkg/endpoints/metrics of k8s.io/apiserver)."""

from collections.abc import Callable
from typing import Final

from genericapiserver.metrics import MetricsRegistry
from genericapiserver.metrics.plain import PlainHistogram

BUCKETS: Final = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 5)

ObserveComparison = Callable[[str, float], None]
"""Takes the way that a comparison took through the code, and its seconds."""


def comparison_observer(registry: MetricsRegistry) -> ObserveComparison:
    """Counts in *registry* how long it takes to see whether an update changes more than times."""
    histogram = registry.histogram(
        "apiserver_request_timestamp_comparison_time",
        "[ALPHA] Time taken for comparison of old vs new objects in UPDATE or PATCH requests",
        ("code_path",),
        buckets=BUCKETS,
    )
    children: dict[str, PlainHistogram] = {}

    def observe(code_path: str, seconds: float) -> None:
        child = children.get(code_path)
        if child is None:
            child = children[code_path] = histogram.labels(code_path)
        child.observe(seconds)

    return observe
