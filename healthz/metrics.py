"""Health checks as numbers (component-base/metrics/prometheus/slis). They have a registry of their own, at /metrics/slis."""

from prometheus_client import Counter, Gauge

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

        self._children: dict[tuple[str, str, bool], tuple[Gauge, Counter]] = {}

    def observe(self, name: str, type: str, *, healthy: bool) -> None:
        children = self._children.get((name, type, healthy))
        if children is None:
            status = "success" if healthy else "error"
            children = self._gauge.labels(name, type), self._total.labels(name, type, status)
            self._children[name, type, healthy] = children
        gauge, total = children
        gauge.set(1 if healthy else 0)
        total.inc()
