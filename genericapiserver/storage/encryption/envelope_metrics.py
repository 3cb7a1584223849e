"""What is counted of key management services.

Source: pkg/storage/value/encrypt/envelope/metrics and pkg/storage/value/metrics.go of k8s.io/apiserver.
"""

from collections import OrderedDict
from typing import Final

import attrs

from genericapiserver.aio import Clock
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.metrics.labels import hash_label
from genericapiserver.metrics.plain import PlainCounter, PlainGauge

_PREFIX: Final = "apiserver_envelope_encryption"
_MOST_KEYS: Final = 100
"""Keys of which there are series; the one that was not used for longest goes."""


@attrs.frozen
class _Use:
    total: PlainCounter
    last: PlainGauge


class EnvelopeMetrics:
    """The families of one server."""

    def __init__(self, registry: MetricsRegistry, api_server_id: str, clock: Clock) -> None:
        self._clock = clock
        self._server = hash_label(api_server_id)
        provider = ("provider_name",)
        key = (*provider, "key_id_hash", "apiserver_id_hash")
        self._latencies = registry.histogram(
            f"{_PREFIX}_kms_operations_latency_seconds",
            "[ALPHA] KMS operation duration with gRPC error code status total.",
            (*provider, "method_name", "grpc_status_code"),
            buckets=[0.0001 * 2**power for power in range(20)],
        )
        self._uses = registry.counter(
            f"{_PREFIX}_key_id_hash_total",
            "[ALPHA] Number of times a keyID is used split by transformation type, provider, and apiserver identity.",
            ("transformation_type", *key),
        )
        self._last_uses = registry.gauge(
            f"{_PREFIX}_key_id_hash_last_timestamp_seconds",
            "[ALPHA] The last time in seconds when a keyID was used.",
            ("transformation_type", *key),
        )
        self._last_statuses = registry.gauge(
            f"{_PREFIX}_key_id_hash_status_last_timestamp_seconds",
            "[ALPHA] The last time in seconds when a keyID was returned by the Status RPC call.",
            key,
        )
        self._invalid = registry.counter(
            f"{_PREFIX}_invalid_key_id_from_status_total",
            "[ALPHA] Number of times an invalid keyID is returned by the Status RPC call split by error.",
            (*provider, "error"),
        )
        self._seeds = registry.gauge(
            f"{_PREFIX}_dek_source_cache_size",
            "[ALPHA] Number of records in data encryption key (DEK) source cache. On a restart, this value is an "
            "approximation of the number of decrypt RPC calls the server will make to the KMS plugin.",
            provider,
        )
        self._misses = registry.counter(
            "apiserver_storage_envelope_transformation_cache_misses_total",
            "[ALPHA] Total number of cache misses while accessing key decryption key(KEK).",
        )
        self._generations = registry.histogram(
            "apiserver_storage_data_key_generation_duration_seconds",
            "[ALPHA] Latencies in seconds of data encryption key(DEK) generation operations.",
            buckets=[5e-6 * 2**power for power in range(14)],
        )
        self._used: OrderedDict[tuple[str, str, str], _Use] = OrderedDict()
        self._seen: OrderedDict[tuple[str, str], PlainGauge] = OrderedDict()

    def called(self, provider: str, method: str, code: str, seconds: float) -> None:
        """A call of *provider* has ended with *code*."""
        self._latencies.labels(provider, method, code).observe(seconds)

    def used(self, direction: str, provider: str, key_id: str) -> None:
        """A value was read or written with a seed of *key_id*."""
        place = (direction, provider, key_id)
        use = self._used.get(place)
        if use is None:
            labels = (direction, provider, hash_label(key_id), self._server)
            use = self._used[place] = _Use(self._uses.labels(*labels), self._last_uses.labels(*labels))
            if len(self._used) > _MOST_KEYS:
                (direction, provider, key_id), _ = self._used.popitem(last=False)
                labels = (direction, provider, hash_label(key_id), self._server)
                self._uses.remove(*labels)
                self._last_uses.remove(*labels)
        else:
            self._used.move_to_end(place)
        use.total.inc()
        use.last.set(self._clock.now().timestamp())

    def told(self, provider: str, key_id: str) -> None:
        """*provider* says that it encrypts with *key_id*."""
        place = (provider, key_id)
        last = self._seen.get(place)
        if last is None:
            last = self._seen[place] = self._last_statuses.labels(provider, hash_label(key_id), self._server)
            if len(self._seen) > _MOST_KEYS:
                (provider, key_id), _ = self._seen.popitem(last=False)
                self._last_statuses.remove(provider, hash_label(key_id), self._server)
        else:
            self._seen.move_to_end(place)
        last.set(self._clock.now().timestamp())

    def told_invalid(self, provider: str, *, empty: bool) -> None:
        """*provider* has named a key that cannot be one."""
        self._invalid.labels(provider, "empty" if empty else "too_long").inc()

    def knows(self, provider: str, seeds: int) -> None:
        """So many seeds of *provider* are in memory."""
        self._seeds.labels(provider).set(seeds)

    def missed(self) -> None:
        """A seed was not in memory."""
        self._misses.inc()

    def generated(self, seconds: float) -> None:
        """A seed was made."""
        self._generations.observe(seconds)
