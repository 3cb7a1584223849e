"""What authentication counts. Names, labels and buckets are the reference's (pkg/endpoints/filters/metrics.go,
pkg/authentication/{token/cache/stats.go,request/x509/x509.go}, pkg/server/options/authentication metrics)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import Counter, Histogram

from genericapiserver.metrics import MetricsRegistry

_DURATION_BUCKETS: Final = tuple(0.001 * 2**exponent for exponent in range(15))
_EXPIRATION_BUCKETS: Final = (
    0,
    1800,
    3600,
    7200,
    21600,
    43200,
    86400,
    172800,
    345600,
    604800,
    2592000,
    7776000,
    15552000,
    31104000,
)
_DELEGATED_BUCKETS: Final = (0.25, 0.5, 0.7, 1, 1.5, 3, 5, 10)
_DEFAULT_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

_KNOWN_USERS: Final = frozenset(
    {"admin", "client", "kube_proxy", "kubelet", "system:serviceaccount:kube-system:default"}
)


def compress_username(name: str) -> str:
    """The few names that may be a label; everybody else shares one."""
    if name in _KNOWN_USERS:
        return name
    return "email_id" if "@" in name else "other"


class AuthenticationMetrics:
    """Observed by the authentication filter."""

    def __init__(self, registry: MetricsRegistry) -> None:
        users = registry.counter(
            "authenticated_user_requests",
            "[ALPHA] Counter of authenticated requests broken out by username.",
            ["username"],
        )
        attempts = registry.counter("authentication_attempts", "[ALPHA] Counter of authenticated attempts.", ["result"])
        durations = registry.histogram(
            "authentication_duration_seconds",
            "[ALPHA] Authentication duration in seconds broken out by result.",
            ["result"],
            buckets=_DURATION_BUCKETS,
        )
        self._users = users
        self._attempts = attempts
        self._durations = durations
        # Finding a child by its labels costs more than counting, and a child that is never found must not be shown.
        self._by_user: dict[str, Counter] = {}
        self._by_result: dict[str, tuple[Counter, Histogram]] = {}

    def success(self, username: str, seconds: float) -> None:
        name = compress_username(username)
        user = self._by_user.get(name)
        if user is None:
            user = self._by_user[name] = self._users.labels(name)
        user.inc()
        self._observe("success", seconds)

    def failure(self, seconds: float) -> None:
        self._observe("failure", seconds)

    def error(self, seconds: float) -> None:
        self._observe("error", seconds)

    def _observe(self, result: str, seconds: float) -> None:
        children = self._by_result.get(result)
        if children is None:
            children = self._by_result[result] = (self._attempts.labels(result), self._durations.labels(result))
        children[0].inc()
        children[1].observe(seconds)


class CertificateMetrics:
    """Observed by the client certificate authenticator."""

    def __init__(self, registry: MetricsRegistry) -> None:
        self._expiration = registry.histogram(
            "apiserver_client_certificate_expiration_seconds",
            "[ALPHA] Distribution of the remaining lifetime on the certificate used to authenticate a request.",
            buckets=_EXPIRATION_BUCKETS,
        )

    def remaining_lifetime(self, seconds: float) -> None:
        self._expiration.observe(seconds)


class TokenCacheMetrics:
    """Observed by the token cache."""

    def __init__(self, registry: MetricsRegistry) -> None:
        self._requests = registry.counter(
            "authentication_token_cache_request_total", "[ALPHA] Requests to the token cache.", ["status"]
        )
        self._durations = registry.histogram(
            "authentication_token_cache_request_duration_seconds",
            "[ALPHA] Time that requests spent in the token cache.",
            ["status"],
            buckets=_DEFAULT_BUCKETS,
        )
        self._fetches = registry.counter(
            "authentication_token_cache_fetch_total", "[ALPHA] Lookups behind the token cache.", ["status"]
        )
        self._active = registry.gauge(
            "authentication_token_cache_active_fetch_count",
            "[ALPHA] Lookups under way, and requests that wait for one of another request.",
            ["status"],
        )

    def hit(self, seconds: float) -> None:
        self._requests.labels("hit").inc()
        self._durations.labels("hit").observe(seconds)

    def miss(self, seconds: float) -> None:
        self._requests.labels("miss").inc()
        self._durations.labels("miss").observe(seconds)

    @contextmanager
    def fetching(self) -> Iterator[None]:
        with self._active.labels("in_flight").track_inprogress():
            try:
                yield
            except BaseException:
                self._fetches.labels("error").inc()
                raise
            self._fetches.labels("ok").inc()

    @contextmanager
    def blocked(self) -> Iterator[None]:
        with self._active.labels("blocked").track_inprogress():
            yield


class DelegationMetrics:
    """Observed by a webhook: one pair for TokenReview (`authn`), one for SubjectAccessReview (`authz`)."""

    def __init__(self, registry: MetricsRegistry, kind: str) -> None:
        self._requests = registry.counter(
            f"apiserver_delegated_{kind}_request_total",
            "[ALPHA] Number of HTTP requests partitioned by status code.",
            ["code"],
        )
        self._durations = registry.histogram(
            f"apiserver_delegated_{kind}_request_duration_seconds",
            "[ALPHA] Request latency in seconds. Broken down by status code.",
            ["code"],
            buckets=_DELEGATED_BUCKETS,
        )

    def observe(self, code: str, seconds: float) -> None:
        self._requests.labels(code).inc()
        self._durations.labels(code).observe(seconds)


class ServiceAccountTokenMetrics:
    """Observed by the authenticator of service account tokens (pkg/serviceaccount/metrics.go of k8s.io/kubernetes)."""

    def __init__(self, registry: MetricsRegistry) -> None:
        self._legacy = registry.counter(
            "serviceaccount_legacy_tokens_total", "[ALPHA] Cumulative legacy service account tokens used"
        )
        self._stale = registry.counter(
            "serviceaccount_stale_tokens_total", "[ALPHA] Cumulative stale projected service account tokens used"
        )
        self._valid = registry.counter(
            "serviceaccount_valid_tokens_total", "[ALPHA] Cumulative valid projected service account tokens used"
        )

    def legacy(self) -> None:
        self._legacy.inc()

    def stale(self) -> None:
        self._stale.inc()

    def valid(self) -> None:
        self._valid.inc()
