"""What authorization counts (pkg/endpoints/filters/metrics.go)."""

from typing import Final

from genericapiserver.metrics import MetricsRegistry

_DURATION_BUCKETS: Final = tuple(0.001 * 2**exponent for exponent in range(15))


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

    def observe(self, result: str, seconds: float) -> None:
        self._attempts.labels(result).inc()
        self._durations.labels(result).observe(seconds)
