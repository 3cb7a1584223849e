"""What clients of other servers count. Names, labels and buckets: metrics/prometheus/restclient of k8s.io/component-base.

Of that package's families only those are here that something stands behind: there is no rate limiter, no retry, and no
credential plugin.
"""

import contextlib
import time
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from genericapiserver.metrics import MetricsRegistry

NO_ANSWER: Final = "<error>"
"""The code of a request that nobody answered."""
_DURATION_BUCKETS: Final = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
_SIZE_BUCKETS: Final = (64, 256, 512, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216)


class Answer:
    """What came of one request, as far as it is known."""

    __slots__ = ("code", "size")

    def __init__(self) -> None:
        self.code = NO_ANSWER
        self.size: int | None = None

    def came(self, status: int, size: int | None = None) -> None:
        """An answer with *status*; *size* is that of its body, None for one that does not end."""
        self.code, self.size = str(status), size


class ClientMetrics:
    """The requests of one client to the server at *address*, which is the label `host`; nothing without a *registry*."""

    def __init__(self, registry: MetricsRegistry | None, address: str) -> None:
        self._host = urlsplit(address).netloc or address
        self._registry = registry
        if registry is None:
            return
        self._requests = registry.counter(
            "rest_client_requests_total",
            "[ALPHA] Number of HTTP requests, partitioned by status code, method, and host.",
            ["code", "method", "host"],
        )
        self._durations = registry.histogram(
            "rest_client_request_duration_seconds",
            "[ALPHA] Request latency in seconds. Broken down by verb, and host.",
            ["verb", "host"],
            buckets=_DURATION_BUCKETS,
        )
        self._request_sizes = registry.histogram(
            "rest_client_request_size_bytes",
            "[ALPHA] Request size in bytes. Broken down by verb and host.",
            ["verb", "host"],
            buckets=_SIZE_BUCKETS,
        )
        self._response_sizes = registry.histogram(
            "rest_client_response_size_bytes",
            "[ALPHA] Response size in bytes. Broken down by verb and host.",
            ["verb", "host"],
            buckets=_SIZE_BUCKETS,
        )

    @contextlib.contextmanager
    def request(self, method: str, size: int) -> Iterator[Answer]:
        """Count the request made in the block, whose body has *size* bytes; the block says what came of it."""
        answer = Answer()
        started = time.monotonic()
        try:
            yield answer
        finally:
            if self._registry is not None:
                self._requests.labels(answer.code, method, self._host).inc()
                self._durations.labels(method, self._host).observe(time.monotonic() - started)
                self._request_sizes.labels(method, self._host).observe(size)
                if answer.size is not None:
                    self._response_sizes.labels(method, self._host).observe(answer.size)
