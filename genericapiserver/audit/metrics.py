"""What auditing counts. Names are the reference's (pkg/audit/metrics.go)."""

from prometheus_client import Counter

from genericapiserver.metrics import MetricsRegistry
from genericapiserver.request import AuditLevel


class AuditMetrics:
    """The audit family, registered in *registry*."""

    def __init__(self, registry: MetricsRegistry) -> None:
        self.events = registry.counter(
            "apiserver_audit_event_total",
            "[ALPHA] Counter of audit events generated and sent to the audit backend.",
        )
        self.errors = registry.counter(
            "apiserver_audit_error_total",
            "[ALPHA] Counter of audit events that failed to be audited properly. Plugin identifies the plugin affected "
            "by the error.",
            ("plugin",),
        )
        levels = registry.counter(
            "apiserver_audit_level_total",
            "[ALPHA] Counter of policy levels for audit events (1 per request).",
            ("level",),
        )
        self.rejected = registry.counter(
            "apiserver_audit_requests_rejected_total",
            "[ALPHA] Counter of apiserver requests rejected due to an error in audit logging backend.",
        )
        self._levels = levels
        self._children: list[Counter | None] = [None] * len(AuditLevel)

    def level(self, level: AuditLevel) -> None:
        """One request was to be recorded at *level*."""
        child = self._children[level]
        if child is None:
            child = self._children[level] = self._levels.labels(level.text)
        child.inc()
