"""What the authenticators of issuers count (plugin/pkg/authenticator/token/oidc/metrics.go)."""

from collections.abc import Callable
from typing import Final

from genericapiserver.metrics import MetricsRegistry
from genericapiserver.metrics.labels import hash_label

_BUCKETS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_PREFIX: Final = "apiserver_authentication_jwt_authenticator"


class JWTMetrics:
    """The metrics of every issuer of one server."""

    def __init__(self, registry: MetricsRegistry, api_server_id: str, now: Callable[[], float]) -> None:
        self._now = now
        self._server = hash_label(api_server_id)
        self._latency = registry.histogram(
            f"{_PREFIX}_latency_seconds",
            "[ALPHA] Latency of jwt authentication operations in seconds. This is the time spent authenticating a token for "
            "cache miss only (i.e. when the token is not found in the cache).",
            ["result", "jwt_issuer_hash"],
            buckets=_BUCKETS,
        )
        self._timestamps = registry.gauge(
            f"{_PREFIX}_jwks_fetch_last_timestamp_seconds",
            "[ALPHA] Timestamp of the last successful or failed JWKS fetch split by result, api server identity and jwt "
            "issuer for the JWT authenticator.",
            ["result", "jwt_issuer_hash", "apiserver_id_hash"],
        )
        self._key_sets = registry.gauge(
            f"{_PREFIX}_jwks_fetch_last_key_set_info",
            "[ALPHA] Information about the last JWKS fetched by the JWT authenticator with hash as label, split by api "
            "server identity and jwt issuer.",
            ["jwt_issuer_hash", "apiserver_id_hash", "hash"],
        )
        self._hashes: dict[str, str] = {}

    def for_issuer(self, issuer: str) -> "JWKSMetrics":
        return JWKSMetrics(self, hash_label(issuer))

    def latency(self, result: str, issuer: str, seconds: float) -> None:
        self._latency.labels(result, issuer).observe(seconds)

    def fetched(self, result: str, issuer: str) -> None:
        self._timestamps.labels(result, issuer, self._server).set(self._now())

    def key_set(self, issuer: str, data: bytes) -> None:
        new, old = hash_label(data), self._hashes.get(issuer)
        if new == old:
            return
        if old is not None:
            self._key_sets.remove(issuer, self._server, old)
        self._hashes[issuer] = new
        self._key_sets.labels(issuer, self._server, new).set(1)

    def forget(self, issuer: str) -> None:
        """Drop the series of an issuer that is gone from the configuration."""
        if (old := self._hashes.pop(issuer, None)) is not None:
            self._key_sets.remove(issuer, self._server, old)
        for result in ("success", "failure"):
            self._timestamps.remove(result, issuer, self._server)


class JWKSMetrics:
    """The metrics of one issuer."""

    def __init__(self, metrics: JWTMetrics, issuer: str) -> None:
        self._metrics = metrics
        self._issuer = issuer

    def fetched(self, data: bytes) -> None:
        self._metrics.key_set(self._issuer, data)
        self._metrics.fetched("success", self._issuer)

    def failed(self) -> None:
        self._metrics.fetched("failure", self._issuer)

    def latency(self, result: str, seconds: float) -> None:
        self._metrics.latency(result, self._issuer, seconds)

    def forget(self) -> None:
        self._metrics.forget(self._issuer)
