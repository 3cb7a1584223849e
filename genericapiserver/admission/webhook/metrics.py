"""What is counted of webhooks. Names, labels and buckets are the reference's. Go: pkg/admission/metrics/metrics.go."""

from typing import Final, Literal

from genericapiserver.admission.metrics import BUCKETS
from genericapiserver.admission.operation import Operation
from genericapiserver.metrics import MetricsRegistry

WebhookType = Literal["admit", "validating"]
ErrorType = Literal["calling_webhook_error", "apiserver_internal_error", "no_error"]

WEBHOOK_BUCKETS: Final = (*BUCKETS, 10.0, 25.0)
CONDITION_BUCKETS: Final = (0.001, 0.005, 0.01, 0.025, 0.1, 0.2, 0.25)
HIGHEST_CODE: Final = 600
"""Codes come from webhooks; what lies above is counted as this one."""
NO_CODE: Final = 0


class WebhookMetrics:
    """The metrics of all webhooks of one server."""

    def __init__(self, metrics: MetricsRegistry) -> None:
        self._duration = metrics.histogram(
            "apiserver_admission_webhook_admission_duration_seconds",
            "[STABLE] Admission webhook latency histogram in seconds, identified by name and broken out for each operation "
            "and API resource and type (validate or admit).",
            ("name", "type", "operation", "rejected"),
            buckets=WEBHOOK_BUCKETS,
        )
        self._requests = metrics.counter(
            "apiserver_admission_webhook_request_total",
            "[ALPHA] Admission webhook request total, identified by name and broken out for each admission type "
            "(validating or admit) and operation. Additional labels specify whether the request was rejected or not and "
            "an HTTP status code. Codes greater than 600 are truncated to 600, to keep the metrics cardinality bounded.",
            ("name", "type", "operation", "code", "rejected"),
        )
        self._rejections = metrics.counter(
            "apiserver_admission_webhook_rejection_count",
            "[ALPHA] Admission webhook rejection count, identified by name and broken out for each admission type "
            "(validating or admit) and operation. Additional labels specify an error type (calling_webhook_error or "
            "apiserver_internal_error if an error occurred; no_error otherwise) and optionally a non-zero rejection code if "
            "the webhook rejects the request with an HTTP status code (honored by the apiserver when the code is greater or "
            "equal to 400). Codes greater than 600 are truncated to 600, to keep the metrics cardinality bounded.",
            ("name", "type", "operation", "error_type", "rejection_code"),
        )
        self._fail_open = metrics.counter(
            "apiserver_admission_webhook_fail_open_count",
            "[ALPHA] Admission webhook fail open count, identified by name and broken out for each admission type "
            "(validating or admit).",
            ("name", "type"),
        )

    def observe(
        self, name: str, type: WebhookType, operation: Operation, *, seconds: float, code: int, rejected: bool
    ) -> None:
        """One call, whatever came of it."""
        text = "true" if rejected else "false"
        self._duration.labels(name, type, operation.value, text).observe(seconds)
        self._requests.labels(name, type, operation.value, str(min(code, HIGHEST_CODE)), text).inc()

    def observe_rejection(
        self, name: str, type: WebhookType, operation: Operation, *, error_type: ErrorType, code: int
    ) -> None:
        """One write that did not go on because of a webhook."""
        self._rejections.labels(name, type, operation.value, error_type, str(min(code, HIGHEST_CODE))).inc()

    def observe_fail_open(self, name: str, type: WebhookType) -> None:
        """One write that went on although a webhook could not be asked."""
        self._fail_open.labels(name, type).inc()


class MatchConditionMetrics:
    """The metrics of match conditions, which webhooks and policies have."""

    def __init__(self, metrics: MetricsRegistry) -> None:
        labels = ("name", "kind", "type", "operation")
        self._errors = metrics.counter(
            "apiserver_admission_match_condition_evaluation_errors_total",
            "[ALPHA] Admission match condition evaluation errors count, identified by name of resource containing the match "
            "condition and broken out for each kind containing matchConditions (webhook or policy), operation and admission "
            "type (validate or admit).",
            labels,
        )
        self._exclusions = metrics.counter(
            "apiserver_admission_match_condition_exclusions_total",
            "[ALPHA] Admission match condition evaluation exclusions count, identified by name of resource containing the "
            "match condition and broken out for each kind containing matchConditions (webhook or policy), operation and "
            "admission type (validate or admit).",
            labels,
        )
        self._seconds = metrics.histogram(
            "apiserver_admission_match_condition_evaluation_seconds",
            "[ALPHA] Admission match condition evaluation time in seconds, identified by name and broken out for each kind "
            "containing matchConditions (webhook or policy), operation and type (validate or admit).",
            labels,
            buckets=CONDITION_BUCKETS,
        )

    def observe_error(self, name: str, kind: str, type: str, operation: Operation) -> None:
        self._errors.labels(name, kind, type, operation.value).inc()

    def observe_exclusion(self, name: str, kind: str, type: str, operation: Operation) -> None:
        self._exclusions.labels(name, kind, type, operation.value).inc()

    def observe_seconds(self, name: str, kind: str, type: str, operation: Operation, seconds: float) -> None:
        self._seconds.labels(name, kind, type, operation.value).observe(seconds)
