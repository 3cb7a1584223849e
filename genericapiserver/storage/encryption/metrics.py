"""What is counted of transformations. Source: pkg/storage/value/metrics.go of k8s.io/apiserver."""

from typing import Final

from genericapiserver.aio import Clock, SystemClock
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.metrics.plain import PlainCounter, PlainHistogram
from genericapiserver.storage.encryption.envelope_metrics import EnvelopeMetrics

FROM_STORAGE: Final = "from_storage"
TO_STORAGE: Final = "to_storage"
OK: Final = "OK"


class TransformationMetrics:
    """The families of one server; `envelope` has those of key management services."""

    def __init__(self, registry: MetricsRegistry, *, api_server_id: str = "", clock: Clock | None = None) -> None:
        self.envelope = EnvelopeMetrics(registry, api_server_id, clock or SystemClock())
        self._durations = registry.histogram(
            "apiserver_storage_transformation_duration_seconds",
            "[ALPHA] Latencies in seconds of value transformation operations.",
            ["transformation_type", "transformer_prefix"],
            buckets=[5e-6 * 2**power for power in range(25)],
        )
        self._operations = registry.counter(
            "apiserver_storage_transformation_operations_total",
            "[ALPHA] Total number of transformations. Successful transformation will have a status 'OK' and a varied status "
            "string when the transformation fails. The status, resource, and transformation_type fields can be used for "
            "alerting purposes. For example, you can monitor for encryption/decryption failures using the "
            "transformation_type (e.g., from_storage for decryption and to_storage for encryption). Additionally, these "
            "fields can be used to ensure that the correct transformers are applied to each resource.",
            ["resource", "transformation_type", "transformer_prefix", "status"],
        )

        self._children: dict[tuple[str, ...], tuple[PlainCounter, PlainHistogram | None]] = {}

    def record(self, resource: str, direction: str, prefix: str, seconds: float, *, status: str = OK) -> None:
        """One transformation. Failures have no duration."""
        key = (resource, direction, prefix, status)
        children = self._children.get(key)
        if children is None:
            durations = self._durations.labels(direction, prefix) if status == OK else None
            children = self._children[key] = (self._operations.labels(*key), durations)
        operations, latencies = children
        operations.inc()
        if latencies is not None:
            latencies.observe(seconds)
