"""What authorization counts (pkg/endpoints/filters/metrics.go)."""

from typing import Final

from prometheus_client import Counter, Histogram

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
        self._by_result: dict[str, tuple[Counter, Histogram]] = {}

    def observe(self, result: str, seconds: float) -> None:
        children = self._by_result.get(result)
        if children is None:
            children = self._by_result[result] = (self._attempts.labels(result), self._durations.labels(result))
        children[0].inc()
        children[1].observe(seconds)
