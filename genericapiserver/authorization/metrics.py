"""What authorization counts: the filter (pkg/endpoints/filters/metrics.go), webhooks (plugin/pkg/authorizer/webhook), their
match conditions (pkg/authorization/metrics) and the configuration file (pkg/server/options/authorizationconfig)."""

import hashlib
from typing import Final

from prometheus_client import Counter, Histogram

from genericapiserver.aio import Clock
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
            "[ALPHA] Counter of authorization attempts broken down by result.",
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
            "[ALPHA] Number of questions asked of authorization webhooks.",
            ["name", "result"],
        )
        self._durations = registry.histogram(
            "apiserver_authorization_webhook_duration_seconds",
            "[ALPHA] Time that authorization webhooks took to answer.",
            ["name", "result"],
            buckets=_WEBHOOK_BUCKETS,
        )
        self._fail_open = registry.counter(
            "apiserver_authorization_webhook_evaluations_fail_open_total",
            "[ALPHA] Number of failed questions after which other authorizers were asked.",
            ["name", "result"],
        )
        self._match_errors = registry.counter(
            "apiserver_authorization_match_condition_evaluation_errors_total",
            "[ALPHA] Number of requests for which match conditions failed.",
            ["type", "name"],
        )
        self._exclusions = registry.counter(
            "apiserver_authorization_match_condition_exclusions_total",
            "[ALPHA] Number of requests that match conditions kept from an authorizer.",
            ["type", "name"],
        )
        self._match_durations = registry.histogram(
            "apiserver_authorization_match_condition_evaluation_seconds",
            "[ALPHA] Time that the match conditions of an authorizer took.",
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


class AuthorizationConfigMetrics:
    """Observed by who reads the file of --authorization-config."""

    def __init__(self, registry: MetricsRegistry, api_server_id: str, clock: Clock) -> None:
        prefix = "apiserver_authorization_config_controller"
        self._clock = clock
        self._server = _hash(api_server_id.encode()) if api_server_id else ""
        self._reloads = registry.counter(
            f"{prefix}_automatic_reloads_total",
            "[BETA] How often the authorization configuration was read again, by result and server.",
            ["status", "apiserver_id_hash"],
        )
        self._timestamps = registry.gauge(
            f"{prefix}_automatic_reload_last_timestamp_seconds",
            "[BETA] When the authorization configuration was last read again, by result and server.",
            ["status", "apiserver_id_hash"],
        )
        self._info = registry.gauge(
            f"{prefix}_last_config_info",
            "[ALPHA] The authorization configuration in use, as a hash.",
            ["apiserver_id_hash", "hash"],
        )
        self._hash = ""

    def applied(self, data: bytes) -> None:
        """*data* is in use."""
        new = _hash(data)
        if self._hash and self._hash != new:
            self._info.remove(self._server, self._hash)
        self._hash = new
        self._info.labels(self._server, new).set(1)

    def reloaded(self, data: bytes) -> None:
        """The file was read again, and *data* is in use."""
        self._count("success")
        self.applied(data)

    def failed(self) -> None:
        """The file was read again, or could not be, and is not in use."""
        self._count("failure")

    def _count(self, status: str) -> None:
        self._reloads.labels(status, self._server).inc()
        self._timestamps.labels(status, self._server).set(self._clock.now().timestamp())


def _hash(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
