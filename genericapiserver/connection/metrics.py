"""What the connection layer counts."""

from genericapiserver.metrics import MetricsRegistry


class ConnectionMetrics:
    """`apiserver_tls_handshake_errors_total` is the reference's, which has no metrics of connections; others are ours."""

    def __init__(self, registry: MetricsRegistry | None = None) -> None:
        registry = registry or MetricsRegistry()
        self.tls_handshake_errors = registry.counter(
            "apiserver_tls_handshake_errors_total",
            "[ALPHA] Number of requests dropped with 'TLS handshake error from' error",
        )
        self.refused = registry.counter(
            "genericapiserver_connections_refused_total",
            "[ALPHA] Number of connections closed at once because of --max-connections or --max-connections-per-address",
            ["limit"],
        )
