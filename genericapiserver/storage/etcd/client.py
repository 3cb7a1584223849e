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
from typing import Any, Final

import grpc
import grpc.aio

from genericapiserver.aio import is_being_cancelled
from genericapiserver.storage.engine import (
    DiskFullError,
    EngineClosedError,
    EngineError,
    EngineFaultError,
    EngineTimeoutError,
    TooLargeError,
    UnreachableError,
)
from genericapiserver.storage.etcd.endpoint import Endpoint, method_calls
from genericapiserver.storage.etcd.tls import TLSMaterial

REQUEST_TIMEOUT: Final = 10.0
"""Seconds for one call, over all endpoints."""
LIST_TIMEOUT: Final = 60.0
"""The same for a page of a list, which may be hundreds of megabytes: as long as a request of a client may take."""
TRY_TIMEOUT: Final = 3.0
"""Seconds after which a read is asked elsewhere, twice as many each time: a slow answer is not a lost one for ever."""
PAGE_TRY_TIMEOUT: Final = 15.0
"""The same for a page: 300 MiB take six seconds on a machine with other work. Smaller reads find out who is down before."""
LARGEST: Final = 3 * 1024 * 1024 // 2
"""What etcd takes in one request by default."""
_NOT_TAKEN: Final = ("failed to connect", "dns resolution failed", "errors resolving", "etcdserver: no leader")
"""Beginnings of texts that say that a request has not reached the cluster."""
_UNKNOWN_END: Final = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
)
"""The request may have been carried out."""


class CompactedRangeError(EngineError):
    """The revision that was asked for has been compacted; etcd does not say to where."""


class FutureRangeError(EngineError):
    """The revision that was asked for does not exist yet."""


class LeaseGoneError(EngineError):
    """The lease has expired; nothing was written."""


class EtcdClient:
    """Calls to the cluster behind *urls*. Belongs to the loop it was made on.

    *url* is the endpoint that is asked now; `failed` moves on to the next one.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        tls: TLSMaterial | None = None,
        request_timeout: float = REQUEST_TIMEOUT,
    ) -> None:
        self.calls = method_calls()
        """What is asked, for who counts it."""
        self.problem = ""
        """Why the last call failed that no member answered; empty once one has."""
        self._endpoints = [Endpoint(url, tls, self.calls) for url in urls]
        self._retired: list[Endpoint] = []
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

    def replace(self, old: Endpoint, new: Endpoint) -> None:
        """Ask *new* in place of *old*, which ends when nothing on it is under way any more."""
        self._endpoints[self._endpoints.index(old)] = new
        self._retired.append(old)

    async def close_retired(self) -> None:
        """Close what has been replaced and is not in use."""
        for endpoint in [each for each in self._retired if not each.under_way]:
            self._retired.remove(endpoint)
            await endpoint.channel.close()

    async def read(self, method: str, request: Any, *, timeout: float = 0.0, patience: float = TRY_TIMEOUT) -> Any:
        """A call that may be made twice, in *timeout* seconds, of which the first may take *patience*. Raises
        EngineError."""
        return await self._call(method, request, timeout or self._timeout, patience)

    async def write(self, method: str, request: Any) -> Any:
        """A call that must not be made twice. Raises EngineError."""
        return await self._call(method, request, self._timeout, 0.0)

    async def _call(self, method: str, request: Any, timeout: float, patience: float) -> Any:
        """Without *patience* there is one try, but for those that certainly did not reach the cluster."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        pause = 0.01
        while True:
            if self._closed:
                raise EngineClosedError("the storage engine is closed")
            endpoint = self.endpoint
            left = deadline - loop.time()
            try:
                response = await endpoint.call(method, request, min(left, patience) if patience else left)
            except asyncio.CancelledError:
                if is_being_cancelled():
                    raise
                raise EngineClosedError("the storage engine is closed") from None  # which ends what is under way
            except grpc.aio.AioRpcError as error:
                failure = translated(error, endpoint.url)
                if self._closed:
                    raise EngineClosedError("the storage engine is closed") from error
                elsewhere = isinstance(failure, UnreachableError | EngineTimeoutError)
                if elsewhere:
                    self.problem = str(failure)
                    self.failed(endpoint)
                if not (elsewhere and (patience or _not_taken(error))) or loop.time() + pause >= deadline:
                    raise failure from error
            else:
                self.problem = ""
                return response
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.5)
            patience *= 2 if isinstance(failure, EngineTimeoutError) else 1

    async def aclose(self) -> None:
        self._closed = True
        for endpoint in (*self._endpoints, *self._retired):
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
        case grpc.StatusCode.RESOURCE_EXHAUSTED if "larger than max" in text:  # of gRPC in the member, at 2 MiB
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
