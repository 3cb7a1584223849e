"""The connections to an etcd cluster: which endpoint is asked, what is asked again elsewhere, and what failures mean.

Requests go to one endpoint until it fails; then to the next. Reads are asked again until there is an answer or their time
is over. A write is sent again only when it is certain that the first was not taken; else it raises EngineTimeoutError,
because sent twice it could find its own success in its way and be told to have lost.

All calls carry `hasleader`, so that a member that has lost its cluster refuses at once instead of waiting.

Source: go.etcd.io/etcd/client/v3 (retry_interceptor.go), k8s.io/apiserver
pkg/storage/storagebackend/factory/etcd3.go.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import attrs
import grpc
import grpc.aio

from genericapiserver.storage.engine import (
    DiskFullError,
    EngineClosedError,
    EngineError,
    EngineFaultError,
    EngineOpenError,
    EngineTimeoutError,
    TooLargeError,
    UnreachableError,
)
from genericapiserver.storage.etcd import messages

REQUEST_TIMEOUT: Final = 10.0
"""Seconds for one call, over all endpoints."""
TRY_TIMEOUT: Final = 3.0
"""Seconds after which a read is asked elsewhere."""
LARGEST: Final = 3 * 1024 * 1024 // 2
"""What etcd takes in one request by default."""
HAS_LEADER: Final = (("hasleader", "true"),)
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
_NOT_TAKEN: Final = ("failed to connect", "dns resolution failed", "etcdserver: no leader")
"""Beginnings of texts that say that a request has not reached the cluster."""
_UNKNOWN_END: Final = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
)
"""The request may have been carried out."""
_SECURE: Final = ("https", "unixs")
_SCHEMES: Final = ("", "http", "unix", *_SECURE)


class CompactedRangeError(EngineError):
    """The revision that was asked for has been compacted; etcd does not say to where."""


class FutureRangeError(EngineError):
    """The revision that was asked for does not exist yet."""


class LeaseGoneError(EngineError):
    """The lease has expired; nothing was written."""


@attrs.frozen(kw_only=True)
class TLSFiles:
    """What proves the cluster to us and us to the cluster, as paths; empty: the system's authorities, no certificate."""

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""

    def __bool__(self) -> bool:
        return bool(self.ca_file or self.cert_file or self.key_file)

    def credentials(self) -> Any:
        """Raises EngineOpenError for a file that cannot be read or that has no counterpart."""
        if bool(self.cert_file) != bool(self.key_file):
            missing = "a key" if self.cert_file else "a certificate"
            raise EngineOpenError(
                self.cert_file or self.key_file, f"there is no {missing[2:]} to it", f"Give {missing}, too, or neither"
            )
        ca, key, cert = (_read(path) for path in (self.ca_file, self.key_file, self.cert_file))
        return grpc.ssl_channel_credentials(ca, key, cert)


def _read(path: str) -> bytes | None:
    if not path:
        return None
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise EngineOpenError(
            path, f"{error.strerror}", "It was named as a TLS file for etcd; check path and permissions"
        ) from error
    if b"-----BEGIN" not in data:
        raise EngineOpenError(path, "there is no PEM block in it", "It was named as a TLS file for etcd")
    return data


class Endpoint:
    """One member of the cluster, by its URL. Raises EngineOpenError for one that is none."""

    def __init__(self, url: str, tls: TLSFiles) -> None:
        self.url = url
        scheme, target = _target(url)
        if scheme in _SECURE or (not scheme and tls):
            self.channel = grpc.aio.secure_channel(target, tls.credentials(), options=_OPTIONS)
        else:
            self.channel = grpc.aio.insecure_channel(target, options=_OPTIONS)
        self._calls = {
            name: self.channel.unary_unary(
                path, request_serializer=request.SerializeToString, response_deserializer=response.FromString
            )
            for name, (path, request, response) in _METHODS.items()
        }
        self._watch = self.channel.stream_stream(
            "/etcdserverpb.Watch/Watch",
            request_serializer=messages.WatchRequest.SerializeToString,
            response_deserializer=messages.WatchResponse.FromString,
        )

    async def call(self, method: str, request: Any, timeout: float) -> Any:
        return await self._calls[method](request, timeout=timeout, metadata=HAS_LEADER)

    def watch(self) -> Any:
        return self._watch(metadata=HAS_LEADER)


def _target(url: str) -> tuple[str, str]:
    """Scheme and what gRPC connects to."""
    parts = urlsplit(url if "://" in url else f"//{url}")
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


class EtcdClient:
    """Calls to the cluster behind *urls*. Belongs to the loop it was made on.

    *url* is the endpoint that is asked now; `failed` moves on to the next one.
    """

    def __init__(self, urls: Sequence[str], *, tls: TLSFiles, request_timeout: float = REQUEST_TIMEOUT) -> None:
        self._endpoints = [Endpoint(url, tls) for url in urls]
        self._index = 0
        self._timeout = request_timeout
        self._closed = False

    @property
    def endpoint(self) -> Endpoint:
        return self._endpoints[self._index]

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        return self._endpoints

    def failed(self, endpoint: Endpoint) -> None:
        """Ask another one from here on."""
        if endpoint is self.endpoint:
            self._index = (self._index + 1) % len(self._endpoints)

    async def read(self, method: str, request: Any, *, timeout: float = 0.0) -> Any:
        """A call that may be made twice. Raises EngineError."""
        return await self._call(method, request, timeout or self._timeout, again=True)

    async def write(self, method: str, request: Any) -> Any:
        """A call that must not be made twice. Raises EngineError."""
        return await self._call(method, request, self._timeout, again=False)

    async def _call(self, method: str, request: Any, timeout: float, *, again: bool) -> Any:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        pause = 0.01
        while True:
            if self._closed:
                raise EngineClosedError("the storage engine is closed")
            endpoint = self.endpoint
            left = deadline - loop.time()
            try:
                return await endpoint.call(method, request, min(left, TRY_TIMEOUT) if again else left)
            except grpc.aio.AioRpcError as error:
                failure = translated(error, endpoint.url)
                if self._closed:
                    raise EngineClosedError("the storage engine is closed") from error
                elsewhere = isinstance(failure, UnreachableError | EngineTimeoutError)
                if elsewhere:
                    self.failed(endpoint)
                if not (elsewhere and (again or _not_taken(error))) or loop.time() + pause >= deadline:
                    raise failure from error
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.5)

    async def aclose(self) -> None:
        self._closed = True
        for endpoint in self._endpoints:
            await endpoint.channel.close()


def _not_taken(error: grpc.aio.AioRpcError) -> bool:
    return (error.details() or "").lower().startswith(_NOT_TAKEN)


def translated(error: grpc.aio.AioRpcError, url: str) -> EngineError:
    """What *error* of the endpoint *url* means to an engine."""
    code, text = error.code(), error.details() or ""
    match code:
        case grpc.StatusCode.OUT_OF_RANGE if "compacted" in text:
            return CompactedRangeError(text)
        case grpc.StatusCode.OUT_OF_RANGE if "future" in text:
            return FutureRangeError(text)
        case grpc.StatusCode.NOT_FOUND if "lease not found" in text:
            return LeaseGoneError(text)
        case grpc.StatusCode.INVALID_ARGUMENT if "too large" in text:
            return TooLargeError(LARGEST, LARGEST)
        case grpc.StatusCode.RESOURCE_EXHAUSTED if "space exceeded" in text:
            return DiskFullError(text, url)
        case grpc.StatusCode.RESOURCE_EXHAUSTED if "too many requests" in text:
            return EngineTimeoutError(f"{url}: {text}")
        case grpc.StatusCode.UNAVAILABLE if _not_taken(error):
            return UnreachableError(f"{url}: {text}")
        case _ if code in _UNKNOWN_END:
            return EngineTimeoutError(f"{url}: {text}")
        case _:
            return EngineFaultError(f"etcd: {text or code.name}", url)
