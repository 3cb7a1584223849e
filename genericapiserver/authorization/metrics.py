"""What authorization counts: the filter (pkg/endpoints/filters/metrics.go), webhooks (plugin/pkg/authorizer/webhook), and
their match conditions (pkg/authorization/metrics)."""

from typing import Final

from prometheus_client import Counter, Histogram

from genericapiserver.metrics import MetricsRegistry

_DURATION_BUCKETS: Final = tuple(0.001 * 2**exponent for exponent in range(15))
_WEBHOOK_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_MATCH_CONDITION_BUCKETS: Final = (0.001, 0.005, 0.01, 0.025, 0.1, 0.2, 0.25)
_WEBHOOK: Final = "Webhook"


class AuthorizationMetrics:
    """Observed by the authorization filter; result is allowed, denied, no-opinion or error."""

    def __init__(self, registry: MetricsRegistry) -> None:
        attempts = registry.counter(
            "authorization_attempts_total",
            "[ALPHA] Counter of authorization attempts broken down by result. It can be either 'allowed', 'denied', "
            "'no-opinion' or 'error'.",
            ["result"],
        )
        durations = registry.histogram(
            "authorization_duration_seconds",
            "[ALPHA] Authorization duration in seconds broken out by result.",
            ["result"],
            buckets=_DURATION_BUCKETS,
        )
        self._attempts = attempts
        self._durations = durations
        self._by_result: dict[str, tuple[Counter, Histogram]] = {}

    def observe(self, result: str, seconds: float) -> None:
        children = self._by_result.get(result)
        if children is None:
            children = self._by_result[result] = (self._attempts.labels(result), self._durations.labels(result))
        children[0].inc()
        children[1].observe(seconds)


class WebhookMetrics:
    """Observed by webhooks and their match conditions, by the name of the webhook."""

    def __init__(self, registry: MetricsRegistry) -> None:
        self._evaluations = registry.counter(
            "apiserver_authorization_webhook_evaluations_total",
            "[ALPHA] Round-trips to authorization webhooks.",
            ["name", "result"],
        )
        self._durations = registry.histogram(
            "apiserver_authorization_webhook_duration_seconds",
            "[ALPHA] Request latency in seconds.",
            ["name", "result"],
            buckets=_WEBHOOK_BUCKETS,
        )
        self._fail_open = registry.counter(
            "apiserver_authorization_webhook_evaluations_fail_open_total",
            "[ALPHA] NoOpinion results due to webhook timeout or error.",
            ["name", "result"],
        )
        self._match_errors = registry.counter(
            "apiserver_authorization_match_condition_evaluation_errors_total",
            "[ALPHA] Total number of errors when an authorization webhook encounters a match condition error split by "
            "authorizer type and name.",
            ["type", "name"],
        )
        self._exclusions = registry.counter(
            "apiserver_authorization_match_condition_exclusions_total",
            "[ALPHA] Total number of exclusions when an authorization webhook is skipped because match conditions exclude "
            "it.",
            ["type", "name"],
        )
        self._match_durations = registry.histogram(
            "apiserver_authorization_match_condition_evaluation_seconds",
            "[ALPHA] Authorization match condition evaluation time in seconds, split by authorizer type and name.",
            ["type", "name"],
            buckets=_MATCH_CONDITION_BUCKETS,
        )

    def asked(self, name: str, result: str, seconds: float, *, fails_open: bool) -> None:
        """*result* is success, error, timeout or canceled."""
        self._evaluations.labels(name, result).inc()
        self._durations.labels(name, result).observe(seconds)
        if fails_open and result != "success":
            self._fail_open.labels(name, result).inc()

    def match_conditions(self, name: str, seconds: float, *, excluded: bool, failed: bool) -> None:
        self._match_durations.labels(_WEBHOOK, name).observe(seconds)
        if excluded:
            self._exclusions.labels(_WEBHOOK, name).inc()
        if failed:
            self._match_errors.labels(_WEBHOOK, name).inc()
