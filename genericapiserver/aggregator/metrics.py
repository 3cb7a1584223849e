"""What an aggregator counts. Names, labels and texts are the reference's."""

import contextlib

from genericapiserver.metrics import MetricsRegistry

UNKNOWN_REASON = "UnknownReason"


class BackendCertificateMetrics:
    """The serving certificates of servers behind. Go: pkg/apiserver/metrics.go of k8s.io/kube-aggregator."""

    def __init__(self, metrics: MetricsRegistry) -> None:
        self.missing_san = metrics.counter(
            "apiserver_kube_aggregator_x509_missing_san_total",
            "[ALPHA] Counts the number of requests to servers missing SAN extension in their serving certificate OR the "
            "number of connection failures due to the lack of x509 certificate SAN extension missing (either/or, based on "
            "the runtime environment)",
        )
        self.insecure_sha1 = metrics.counter(
            "apiserver_kube_aggregator_x509_insecure_sha1_total",
            "[ALPHA] Counts the number of requests to servers with insecure SHA1 signatures in their serving certificate OR "
            "the number of connection failures due to the insecure SHA1 signatures (either/or, based on the runtime "
            "environment)",
        )


class AvailabilityMetrics:
    """Which APIServices are not available. Go: pkg/controllers/status/metrics/metrics.go."""

    def __init__(self, metrics: MetricsRegistry) -> None:
        self._gauge = metrics.gauge(
            "aggregator_unavailable_apiservice",
            "[ALPHA] Gauge of APIServices which are marked as unavailable broken down by APIService name.",
            ["name"],
        )
        self._counter = metrics.counter(
            "aggregator_unavailable_apiservice_total",
            "[ALPHA] Counter of APIServices which are marked as unavailable broken down by APIService name and reason.",
            ["name", "reason"],
        )

    def set_available(self, name: str) -> None:
        self._gauge.labels(name).set(0)

    def set_unavailable(self, name: str) -> None:
        self._gauge.labels(name).set(1)

    def became_unavailable(self, name: str, reason: str) -> None:
        """Count a transition."""
        self._counter.labels(name, reason or UNKNOWN_REASON).inc()

    def forget(self, name: str) -> None:
        """Show *name* no more: there is no such APIService."""
        with contextlib.suppress(KeyError):
            self._gauge.remove(name)
