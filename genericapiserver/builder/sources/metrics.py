"""How long sources take to answer, and how they fail. The reference has no such family: it has no sources."""

from collections.abc import Callable
from typing import Final

from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.metrics import MetricsRegistry

OK: Final = "ok"
REFUSED: Final = "refused"
"""An error of the API, or that there is no such object, or one already."""
FAILED: Final = "failed"
TIMEOUT: Final = "timeout"

BUCKETS: Final = (0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

ObserveCall = Callable[[str, str, float], None]
"""Takes the function, the outcome, and the seconds that it took."""


def nobody(call: str, outcome: str, seconds: float) -> None:
    """Counts nothing."""


def call_observer(registry: MetricsRegistry | None, resource: GroupResource) -> ObserveCall:
    """Counts in *registry* the calls of the source of *resource*."""
    if registry is None:
        return nobody
    histogram = registry.histogram(
        "apiserver_source_call_duration_seconds",
        "[ALPHA] How long the functions of a source took, by function and outcome: ok, refused, failed or timeout.",
        ("group", "resource", "call", "outcome"),
        buckets=BUCKETS,
    )

    def observe(call: str, outcome: str, seconds: float) -> None:
        histogram.labels(resource.group, resource.resource, call, outcome).observe(seconds)

    return observe
