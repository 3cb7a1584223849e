"""Health checks as numbers (component-base/metrics/prometheus/slis). They have a registry of their own, at /metrics/slis."""

from genericapiserver.metrics import MetricsRegistry


class HealthMetrics:
    """Observed for each check that a root page runs; *type* is healthz, livez or readyz."""

    def __init__(self, registry: MetricsRegistry) -> None:
        self._gauge = registry.gauge(
            "kubernetes_healthcheck",
            "[STABLE] This metric records the result of a single healthcheck.",
            ["name", "type"],
        )
        self._total = registry.counter(
            "kubernetes_healthchecks_total",
            "[STABLE] This metric records the results of all healthcheck.",
            ["name", "type", "status"],
        )

    def observe(self, name: str, type: str, *, healthy: bool) -> None:
        self._gauge.labels(name, type).set(1 if healthy else 0)
        self._total.labels(name, type, "success" if healthy else "error").inc()
