"""The gRPC client of a plugin of a key management service, over a unix socket.

Source: k8s.io/apiserver pkg/storage/value/encrypt/envelope/kmsv2/grpc_service.go.
"""

import asyncio
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from genericapiserver.storage.encryption import kms_messages as messages
from genericapiserver.storage.encryption.kms_service import KMSCallError, KMSEncrypted, KMSStatus

_SERVICE: Final = "/v2.KeyManagementService/"
_METHODS: Final = {
    "Status": (messages.StatusRequest, messages.StatusResponse),
    "Encrypt": (messages.EncryptRequest, messages.EncryptResponse),
    "Decrypt": (messages.DecryptRequest, messages.DecryptResponse),
}
_OPTIONS: Final = (
    ("grpc.default_authority", "localhost"),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
    # A plugin that starts again is found at once: calls wait for it, for their time.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
)

Observe = Callable[[str, str, float], None]
"""Told of each call: its method, the code of its end, and its seconds."""


class KMSClient:
    """A KMSService at *endpoint* (`unix:///run/kms.sock`, `unix:///@abstract`). A call has *timeout* seconds.

    Nothing is connected before the first call, which has to be made on the loop that all others are. Raises ValueError for
    an endpoint without a path.
    """

    def __init__(self, endpoint: str, *, timeout: float, observe: Observe = lambda *_: None) -> None:
        self._target = _target(endpoint)
        self._timeout = timeout
        self._observe = observe
        self._channel: grpc.aio.Channel | None = None
        self._calls: dict[str, Any] = {}
        self._closed = False

    async def status(self) -> KMSStatus:
        found = await self._call("Status", messages.StatusRequest())
        return KMSStatus(found.version, found.healthz, found.key_id)

    async def encrypt(self, plaintext: bytes, *, uid: str) -> KMSEncrypted:
        found = await self._call("Encrypt", messages.EncryptRequest(plaintext=plaintext, uid=uid))
        return KMSEncrypted(found.ciphertext, found.key_id, dict(found.annotations))

    async def decrypt(self, ciphertext: bytes, *, uid: str, key_id: str, annotations: Mapping[str, bytes]) -> bytes:
        request = messages.DecryptRequest(ciphertext=ciphertext, uid=uid, key_id=key_id, annotations=annotations)
        plaintext: bytes = (await self._call("Decrypt", request)).plaintext
        return plaintext

    async def aclose(self) -> None:
        self._closed = True
        if self._channel is not None:
            await self._channel.close()

    async def _call(self, method: str, request: Any) -> Any:
        if self._closed:
            raise KMSCallError("Canceled", "grpc: the client connection is closing")
        begun = perf_counter()
        code = "OK"
        try:
            answer = await self._method(method)(request, timeout=self._timeout, wait_for_ready=True)
            return _METHODS[method][1].FromString(answer)
        except grpc.aio.AioRpcError as error:
            code = _code(error.code())
            raise KMSCallError(code, _details(error)) from None
        except DecodeError as error:
            code = "Internal"
            raise KMSCallError(code, f"grpc: failed to unmarshal the received message: {error}") from None
        except asyncio.CancelledError:
            code = "Canceled"
            if not self._was_closed():
                raise
            raise KMSCallError(code, "grpc: the client connection is closing") from None
        finally:
            self._observe(f"{_SERVICE}{method}", code, perf_counter() - begun)

    def _was_closed(self) -> bool:
        """Whether a call was cancelled because the connection is, and not because its caller is."""
        task = asyncio.current_task()
        return self._closed and not (task is not None and task.cancelling())

    def _method(self, method: str) -> Any:
        call = self._calls.get(method)
        if call is None:
            if self._channel is None:
                self._channel = grpc.aio.insecure_channel(self._target, options=_OPTIONS)
            # The answer is read in _call: here gRPC would log what is wrong with it, with a traceback, and give nothing.
            call = self._calls[method] = self._channel.unary_unary(
                f"{_SERVICE}{method}", request_serializer=_METHODS[method][0].SerializeToString
            )
        return call


def _target(endpoint: str) -> str:
    path = unquote(urlsplit(endpoint).path)
    if path in ("", "/"):
        raise ValueError(f'there is no path in the endpoint "{endpoint}": say unix:///PATH, or unix:///@NAME')
    return f"unix-abstract:{path[2:]}" if path.startswith("/@") else f"unix:{path}"


def _code(code: grpc.StatusCode) -> str:
    """Go's name: `DeadlineExceeded`."""
    return "Canceled" if code is grpc.StatusCode.CANCELLED else code.name.title().replace("_", "")


def _details(error: grpc.aio.AioRpcError) -> str:
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return "context deadline exceeded"
    return " ".join((error.details() or "").split())
