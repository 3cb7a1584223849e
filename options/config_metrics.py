"""What is counted of configuration files that are read again while a server runs.

Source: pkg/server/options/{authentication,authorization,encryption}config/metrics of k8s.io/apiserver.
"""

from typing import Final

from genericapiserver.aio import Clock
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.metrics.labels import hash_label

_SPLIT: Final = "split by status and apiserver identity"
_TEXTS: Final = {
    "authentication": (
        "BETA",
        f"Total number of automatic reloads of authentication configuration {_SPLIT}.",
        f"Timestamp of the last automatic reload of authentication configuration {_SPLIT}.",
    ),
    "authorization": (
        "BETA",
        f"Total number of automatic reloads of authorization configuration {_SPLIT}.",
        f"Timestamp of the last automatic reload of authorization configuration {_SPLIT}.",
    ),
    "encryption": (
        "ALPHA",
        "Total number of reload successes and failures of encryption configuration split by apiserver identity.",
        "Timestamp of the last successful or failed automatic reload of encryption configuration split by apiserver "
        "identity.",
    ),
}
"""The stability, and the texts on the page of metrics, of what happened to each kind of file."""


class ConfigReloadMetrics:
    """The metrics of one file; *kind* is `authentication`, `authorization` or `encryption`."""

    def __init__(self, registry: MetricsRegistry, kind: str, api_server_id: str, clock: Clock) -> None:
        prefix = f"apiserver_{kind}_config_controller"
        stability, reloads, last = _TEXTS[kind]
        self._clock = clock
        self._server = hash_label(api_server_id)
        self._reloads = registry.counter(
            f"{prefix}_automatic_reloads_total",
            f"[{stability}] {reloads}",
            ["status", "apiserver_id_hash"],
        )
        self._timestamps = registry.gauge(
            f"{prefix}_automatic_reload_last_timestamp_seconds",
            f"[{stability}] {last}",
            ["status", "apiserver_id_hash"],
        )
        self._info = registry.gauge(
            f"{prefix}_last_config_info",
            f"[ALPHA] Information about the last applied {kind} configuration with hash as label, split by "
            "apiserver identity.",
            ["apiserver_id_hash", "hash"],
        )
        self._hash = ""

    def applied(self, data: bytes) -> None:
        """*data* is in use."""
        new = hash_label(data)
        if self._hash and self._hash != new:
            self._info.remove(self._server, self._hash)
        self._hash = new
        self._info.labels(self._server, new).set(1)

    def reloaded(self, data: bytes) -> None:
        """*data* was read and is in use."""
        self._count("success")
        self.applied(data)

    def failed(self) -> None:
        """The file was read, or could not be, and is not in use."""
        self._count("failure")

    def _count(self, status: str) -> None:
        self._reloads.labels(status, self._server).inc()
        self._timestamps.labels(status, self._server).set(self._clock.now().timestamp())
