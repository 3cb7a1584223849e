"""What is counted of transformations. Source: pkg/storage/value/metrics.go of k8s.io/apiserver."""

from typing import Final

from genericapiserver.metrics import MetricsRegistry
from genericapiserver.metrics.plain import PlainCounter, PlainHistogram

FROM_STORAGE: Final = "from_storage"
TO_STORAGE: Final = "to_storage"
OK: Final = "OK"
FAILED: Final = "unknown-non-grpc"
"""The status of a failure that no call of a plugin has caused."""


class TransformationMetrics:
    """The families of one server."""

    def __init__(self, registry: MetricsRegistry) -> None:
        self._durations = registry.histogram(
            "apiserver_storage_transformation_duration_seconds",
            "[ALPHA] Latencies in seconds of value transformation operations.",
            ["transformation_type", "transformer_prefix"],
            buckets=[5e-6 * 2**power for power in range(25)],
        )
        self._operations = registry.counter(
            "apiserver_storage_transformation_operations_total",
            "[ALPHA] How often values were transformed, by resource, direction, prefix and outcome: `OK`, or how it failed.",
            ["resource", "transformation_type", "transformer_prefix", "status"],
        )

        self._children: dict[tuple[str, ...], tuple[PlainCounter, PlainHistogram | None]] = {}

    def record(self, resource: str, direction: str, prefix: str, seconds: float, *, failed: bool = False) -> None:
        """One transformation. Failures have no duration."""
        key = (resource, direction, prefix, FAILED if failed else OK)
        children = self._children.get(key)
        if children is None:
            durations = None if failed else self._durations.labels(direction, prefix)
            children = self._children[key] = (self._operations.labels(*key), durations)
        operations, latencies = children
        operations.inc()
        if latencies is not None:
            latencies.observe(seconds)
