"""What is counted of the certificates a server uses.

The reference counts the reloads of its authentication and encryption files, and nothing of these; the names here follow
those (`..._automatic_reloads_total`, `..._automatic_reload_last_timestamp_seconds`). *name* is the provider's, which is
made of what it is for and the files it comes from.
"""

from genericapiserver.certificates.changes import LoadState
from genericapiserver.metrics import MetricsRegistry


class DynamicCertificateMetrics:
    """Told by the controller of the serving certificates."""

    def __init__(self, registry: MetricsRegistry | None = None) -> None:
        registry = registry or MetricsRegistry()
        self._serving_end = registry.gauge(
            "apiserver_serving_certificate_expiration_timestamp_seconds",
            "[ALPHA] When the first certificate ends in the chain that is served, in seconds since 1970.",
            ["name"],
        )
        self._bundle_end = registry.gauge(
            "apiserver_client_ca_bundle_expiration_timestamp_seconds",
            "[ALPHA] When the next authority ends of those that client certificates are believed for, in seconds "
            "since 1970.",
            ["name"],
        )
        self._reloads = registry.counter(
            "apiserver_dynamic_certificates_automatic_reloads_total",
            "[ALPHA] Readings of changed certificates and authorities, by whether what was read is in use.",
            ["name", "status"],
        )
        self._last = registry.gauge(
            "apiserver_dynamic_certificates_automatic_reload_last_timestamp_seconds",
            "[ALPHA] When certificates and authorities were last loaded, or failed to be, in seconds since 1970.",
            ["name", "status"],
        )
        self._stale = registry.gauge(
            "apiserver_dynamic_certificates_stale",
            "[ALPHA] 1 while the source holds something that cannot be used, so that the content before it stays in use.",
            ["name"],
        )
        self._counted: dict[str, tuple[int, int]] = {}

    def serving_ends(self, name: str, time: float) -> None:
        self._serving_end.labels(name).set(time)

    def bundle_ends(self, name: str, time: float) -> None:
        self._bundle_end.labels(name).set(time)

    def state(self, name: str, state: LoadState) -> None:
        """Show *state*, and count what has happened since it was shown before."""
        loads, failures = self._counted.get(name, (0, 0))
        self._counted[name] = (state.loads, state.failures)
        for status, count, before, at in (
            ("success", state.loads, loads, state.loaded_at),
            ("failure", state.failures, failures, state.failed_at),
        ):
            self._reloads.labels(name, status).inc(count - before)
            if at is not None:
                self._last.labels(name, status).set(at)
        self._stale.labels(name).set(bool(state.problem))
