"""Calls over gRPC, counted under the names of go-grpc-prometheus, which the reference registers for its etcd client.

Used by engines that are asked over gRPC, and free of gRPC itself: codes come as their names.
Source: k8s.io/apiserver pkg/storage/storagebackend/factory/etcd3.go.
"""

from typing import Final, Protocol, runtime_checkable

from genericapiserver.metrics import MetricsRegistry
from genericapiserver.metrics.plain import PlainCounter
from genericapiserver.storage.engine import StorageEngine

METHOD: Final = ("grpc_type", "grpc_service", "grpc_method")
UNARY: Final = "unary"
STREAM: Final = "bidi_stream"
_NAMES: Final = {"OK": "OK", "CANCELLED": "Canceled"}


class MethodCalls:
    """The calls of one method; counts for nobody until it is given to `GRPCMetrics.follow`."""

    def __init__(self, path: str, kind: str) -> None:
        service, _, method = path.lstrip("/").partition("/")
        self.labels = (kind, service, method)
        self._metrics: GRPCMetrics | None = None
        self._started = self._sent = self._received = PlainCounter("unregistered", "", registry=None)
        self._handled: dict[str, PlainCounter] = {}

    def follow(self, metrics: "GRPCMetrics") -> None:
        """Count in *metrics* from here on."""
        self._metrics = metrics
        self._started = metrics.started.labels(*self.labels)
        self._sent = metrics.sent.labels(*self.labels)
        self._received = metrics.received.labels(*self.labels)
        self._handled = {}

    def started(self) -> None:
        self._started.inc()

    def sent(self) -> None:
        self._sent.inc()

    def received(self) -> None:
        self._received.inc()

    def handled(self, code: str) -> None:
        """A call has ended with *code*, the name of a grpc.StatusCode."""
        counter = self._handled.get(code)
        if counter is None:
            if self._metrics is None:
                return
            name = _NAMES.get(code) or code.title().replace("_", "")
            counter = self._handled[code] = self._metrics.handled.labels(*self.labels, name)
        counter.inc()


class GRPCMetrics:
    """The families, in *registry*."""

    def __init__(self, registry: MetricsRegistry) -> None:
        self.started = registry.counter(
            "grpc_client_started_total", "Total number of RPCs started on the client.", METHOD
        )
        self.handled = registry.counter(
            "grpc_client_handled_total",
            "Total number of RPCs completed by the client, regardless of success or failure.",
            (*METHOD, "grpc_code"),
        )
        self.received = registry.counter(
            "grpc_client_msg_received_total", "Total number of RPC stream messages received by the client.", METHOD
        )
        self.sent = registry.counter(
            "grpc_client_msg_sent_total", "Total number of gRPC stream messages sent by the client.", METHOD
        )


@runtime_checkable
class AsksOverGRPC(Protocol):
    """An engine that calls a server."""

    @property
    def calls(self) -> dict[str, MethodCalls]:
        """Its methods by name."""


def count_calls(registry: MetricsRegistry, engine: StorageEngine) -> None:
    """Count in *registry* what *engine* asks over gRPC, if it does."""
    if isinstance(engine, AsksOverGRPC):
        metrics = GRPCMetrics(registry)
        for calls in engine.calls.values():
            calls.follow(metrics)
