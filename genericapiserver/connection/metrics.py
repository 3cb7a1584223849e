"""What the connection layer counts."""

from genericapiserver.metrics import MetricsRegistry

ENDED_BY = ("client", "idle", "shutdown", "asked", "error", "flood", "stalled")
"""Why HTTP/2 connections end: the peer closed it; nothing ran on it; the server stops; a response asked for it (also
--goaway-chance); the peer broke the protocol; it sent too much that asks for nothing; it did not read, or did not go on."""


class HTTP2Metrics:
    """Ours: the reference has no metrics of connections or streams. Children are made once, so counting costs no look-up."""

    def __init__(self, registry: MetricsRegistry) -> None:
        ended = registry.counter(
            "apiserver_http2_connections_ended_total",
            "[ALPHA] Number of HTTP/2 connections that ended, by the reason.",
            ["reason"],
        )
        self.connections_ended = {reason: ended.labels(reason) for reason in ENDED_BY}
        self.streams_refused = registry.counter(
            "apiserver_http2_streams_refused_total",
            "[ALPHA] Number of HTTP/2 requests refused because too many ran on their connection, or because it was ending.",
        )
        self.streams_reset = registry.counter(
            "apiserver_http2_streams_reset_total",
            "[ALPHA] Number of HTTP/2 requests ended before their response, by their client or for its fault.",
        )
        self.streams_stalled = registry.counter(
            "apiserver_http2_streams_stalled_total",
            "[ALPHA] Number of HTTP/2 requests given up because their client did not read the response.",
        )


class ConnectionMetrics:
    """`apiserver_tls_handshake_errors_total` is the reference's, which has no metrics of connections; others are ours."""

    def __init__(self, registry: MetricsRegistry | None = None) -> None:
        registry = registry or MetricsRegistry()
        self.tls_handshake_errors = registry.counter(
            "apiserver_tls_handshake_errors_total",
            "[ALPHA] Number of requests dropped with 'TLS handshake error from' error",
        )
        self.http2 = HTTP2Metrics(registry)
        self.refused = registry.counter(
            "genericapiserver_connections_refused_total",
            "[ALPHA] Number of connections closed at once because of --max-connections or --max-connections-per-address",
            ["limit"],
        )
