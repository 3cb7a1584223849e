"""One member of a cluster: its URL, the channel to it, the calls that can be made, and how many of them are under way."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import grpc
import grpc.aio

from genericapiserver.storage.engine import EngineOpenError
from genericapiserver.storage.etcd import messages
from genericapiserver.storage.etcd.tls import TLSMaterial
from genericapiserver.storage.grpc_metrics import STREAM, UNARY, MethodCalls

HAS_LEADER: Final = (("hasleader", "true"),)
WATCH: Final = "Watch"
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
)
_METHODS: Final = {
    "Range": ("/etcdserverpb.KV/Range", messages.RangeRequest, messages.RangeResponse),
    "Txn": ("/etcdserverpb.KV/Txn", messages.TxnRequest, messages.TxnResponse),
    "Compact": ("/etcdserverpb.KV/Compact", messages.CompactionRequest, messages.CompactionResponse),
    "LeaseGrant": ("/etcdserverpb.Lease/LeaseGrant", messages.LeaseGrantRequest, messages.LeaseGrantResponse),
    "Status": ("/etcdserverpb.Maintenance/Status", messages.StatusRequest, messages.StatusResponse),
}
_WATCH_PATH: Final = "/etcdserverpb.Watch/Watch"
_SECURE: Final = ("https", "unixs")
_SCHEMES: Final = ("", "http", "unix", *_SECURE)


def method_calls() -> dict[str, MethodCalls]:
    """The methods of a client, not counted yet."""
    calls = {name: MethodCalls(path, UNARY) for name, (path, _, _) in _METHODS.items()}
    return calls | {WATCH: MethodCalls(_WATCH_PATH, STREAM)}


class Endpoint:
    """Calls to the member at *url*, over TLS with *tls* where the URL says so. Raises EngineOpenError for no such URL."""

    def __init__(self, url: str, tls: TLSMaterial | None, calls: Mapping[str, MethodCalls]) -> None:
        self.url = url
        self.under_way = 0
        """Calls and streams that have not ended."""
        self._counts = calls
        scheme, target = _target(url)
        self.secure = scheme in _SECURE or (not scheme and tls is not None)
        if self.secure:
            credentials = (tls or TLSMaterial(None, None, None)).credentials()
            self.channel = grpc.aio.secure_channel(target, credentials, options=_OPTIONS)
        else:
            self.channel = grpc.aio.insecure_channel(target, options=_OPTIONS)
        self._calls = {
            name: self.channel.unary_unary(
                path, request_serializer=request.SerializeToString, response_deserializer=response.FromString
            )
            for name, (path, request, response) in _METHODS.items()
        }
        self._watch = self.channel.stream_stream(
            _WATCH_PATH,
            request_serializer=messages.WatchRequest.SerializeToString,
            response_deserializer=messages.WatchResponse.FromString,
        )

    async def call(self, method: str, request: Any, timeout: float) -> Any:
        """Raises grpc.aio.AioRpcError."""
        counts = self._counts[method]
        counts.started()
        counts.sent()
        self.under_way += 1
        try:
            response = await self._calls[method](request, timeout=timeout, metadata=HAS_LEADER)
        except grpc.aio.AioRpcError as error:
            counts.handled(error.code().name)
            raise
        else:
            counts.received()
            counts.handled("OK")
            return response
        finally:
            self.under_way -= 1

    def watch(self) -> "WatchStream":
        return WatchStream(self, self._watch(metadata=HAS_LEADER), self._counts[WATCH])


class WatchStream:
    """A stream of watches; `cancel` ends it."""

    def __init__(self, endpoint: Endpoint, call: Any, counts: MethodCalls) -> None:
        self._endpoint = endpoint
        self._call = call
        self._counts = counts
        self._handled = False
        counts.started()
        endpoint.under_way += 1
        call.add_done_callback(self._ended)

    async def write(self, request: Any) -> None:
        """Raises grpc.aio.AioRpcError, grpc.aio.UsageError, asyncio.InvalidStateError."""
        self._counts.sent()
        await self._call.write(request)

    async def read(self) -> Any:
        """The next response, or grpc.aio.EOF. Raises grpc.aio.AioRpcError."""
        try:
            response = await self._call.read()
        except grpc.aio.AioRpcError as error:
            self._count(error.code())
            raise
        if response is grpc.aio.EOF:
            self._count(grpc.StatusCode.OK)
        else:
            self._counts.received()
        return response

    def cancel(self) -> None:
        self._count(grpc.StatusCode.CANCELLED)
        self._call.cancel()

    def _count(self, code: grpc.StatusCode) -> None:
        if not self._handled:
            self._handled = True
            self._counts.handled(code.name)

    def _ended(self, call: Any) -> None:
        self._endpoint.under_way -= 1


def _target(url: str) -> tuple[str, str]:
    """Scheme and what gRPC connects to."""
    parts = urlsplit(url if "://" in url else f"//{url}")
    if "@" in parts.netloc:
        raise EngineOpenError(
            url.rpartition("@")[2],
            "there is a user in the URL of an etcd server",
            "Servers prove themselves by a certificate (--etcd-certfile, --etcd-keyfile); leave user and password out",
        )
    try:
        known = parts.scheme in _SCHEMES and (parts.port is not None or parts.scheme.startswith("unix"))
    except ValueError:
        known = False
    complete = parts.path if parts.scheme.startswith("unix") else parts.hostname and parts.path in ("", "/")
    if not known or not complete or parts.query:
        raise EngineOpenError(url, "this is no URL of an etcd server", "It looks like https://etcd.example.com:2379")
    if parts.scheme.startswith("unix"):
        return parts.scheme, f"unix:{parts.netloc}{parts.path}"
    return parts.scheme, parts.netloc
