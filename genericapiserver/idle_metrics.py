"""Metrics without labels of what this server has no part for, or has not loaded: they are there from the start, with 0.

In the reference every family exists from the start, and one without labels shows its 0. Here parts are loaded where they are
used, and bring their metrics along; what can have no other value than 0 until then is made here, so that rules which watch
for a change find something to watch.
"""

from typing import Final

from genericapiserver.admission.metrics import WebhookCertificateMetrics
from genericapiserver.audit.metrics import AuditMetrics
from genericapiserver.authentication.metrics import CertificateMetrics
from genericapiserver.flowcontrol.metrics import fair_fraction
from genericapiserver.metrics import MetricsRegistry

_COUNTERS: Final = {
    "apiserver_storage_data_key_generation_failures_total": "[ALPHA] Total number of failed data encryption key(DEK) "
    "generation operations.",
    "apiserver_storage_envelope_transformation_cache_misses_total": "[ALPHA] Total number of cache misses while accessing "
    "key decryption key(KEK).",
    "apiserver_validation_declarative_validation_mismatch_total": "[BETA] Number of times declarative validation results "
    "differed from handwritten validation results for core types.",
    "apiserver_validation_declarative_validation_panic_total": "[BETA] Number of times declarative validation has panicked "
    "during validation.",
    "apiserver_validation_duplicate_validation_error_total": "[INTERNAL] Number of duplicate validation errors during "
    "validation.",
}
_KEY_BUCKETS: Final = tuple(5e-6 * 2**exponent for exponent in range(14))


def register_idle_metrics(registry: MetricsRegistry) -> None:
    """Have *registry* show what there is nothing to count of."""
    for name, text in _COUNTERS.items():
        registry.counter(name, text)
    registry.gauge(
        "apiserver_envelope_encryption_dek_cache_fill_percent",
        "[ALPHA] Percent of the cache slots currently occupied by cached DEKs.",
    )
    registry.histogram(
        "apiserver_storage_data_key_generation_duration_seconds",
        "[ALPHA] Latencies in seconds of data encryption key(DEK) generation operations.",
        buckets=_KEY_BUCKETS,
    )
    AuditMetrics(registry)
    CertificateMetrics(registry)
    WebhookCertificateMetrics(registry)
    fair_fraction(registry)
