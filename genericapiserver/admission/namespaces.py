"""Namespaces as plugins know them: from an informer, and from the API server itself where that may be behind.

A server that stands alone without namespaces among its resources has them as mere names: they always exist, are active, and
carry the one label that every namespace has, so that selectors by name work there, too (`NamedNamespaces`).
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final, Protocol
from urllib.parse import quote

from genericapiserver.aio import Signal
from genericapiserver.apimachinery.errors import (
    GenericServerResponseError,
    InternalError,
    NotFoundError,
    StatusError,
    from_status,
)
from genericapiserver.apimachinery.meta import ObjectMeta, Status
from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apis.core_v1 import NAMESPACE_ACTIVE, NAMESPACE_NAME_LABEL, Namespace, NamespaceStatus
from genericapiserver.client.informer import Informer, InformerFactory
from genericapiserver.client.transport import Transport

PATH: Final = "/api/v1/namespaces"
RESOURCE: Final = GroupResource("", "namespaces")
_CODEC: Final = CodecFactory(Scheme("namespaces"))


class Namespaces(Protocol):
    """Where plugins look namespaces up."""

    @property
    def synced(self) -> Signal:
        """Fires when look-ups can be answered."""

    def cached(self, name: str) -> Namespace | None:
        """The namespace as last heard of. Not to be changed."""

    async def appearing(self, name: str, timeout: float) -> Namespace | None:
        """The namespace, if word of it comes within *timeout* seconds. Not to be changed."""

    async def live(self, name: str) -> Namespace:
        """The namespace as it is now. Raises NotFoundError, and InternalError when that cannot be found out."""

    async def labels(self, name: str) -> Mapping[str, str]:
        """The labels, by whatever way finds them. Raises as `live`."""


def decode_namespace(document: Mapping[str, Any]) -> Namespace:
    """A namespace from its JSON."""
    return _CODEC.from_unstructured(document, Namespace)[0]


class WatchedNamespaces:
    """Namespaces of an API server: *informer* follows them, *transport* asks."""

    def __init__(self, informer: Informer[Namespace], transport: Transport) -> None:
        self.synced = informer.synced
        self._informer = informer
        self._transport = transport
        self._changed = asyncio.Event()
        informer.add_listener(self._wake)

    @classmethod
    def from_factory(cls, factory: InformerFactory) -> "WatchedNamespaces":
        """Those that the informers of *factory* can see."""
        return cls(factory.informer(PATH, decode_namespace), factory.transport)

    def cached(self, name: str) -> Namespace | None:
        return self._informer.get(name)

    async def appearing(self, name: str, timeout: float) -> Namespace | None:
        try:
            async with asyncio.timeout(timeout):
                while (namespace := self._informer.get(name)) is None:
                    await self._changed.wait()
        except TimeoutError:
            return None
        return namespace

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def live(self, name: str) -> Namespace:
        try:
            response = await self._transport.request("GET", f"{PATH}/{quote(name, safe='')}")
            document = json.loads(response.body)
            if response.status == 200:
                return decode_namespace(document)
            status = _CODEC.from_unstructured(document, Status)[0]
        except ConnectionError as error:
            raise InternalError(error) from error
        except ValueError as error:
            raise InternalError(f"the answer about namespace {name} is not understood: {error}") from error
        failure: StatusError = from_status(status) if status.code else GenericServerResponseError(response.status)
        if failure.code == NotFoundError.code:
            raise failure
        raise InternalError(failure)

    async def labels(self, name: str) -> Mapping[str, str]:
        namespace = self.cached(name) or await self.live(name)
        return namespace.metadata.labels


class NamedNamespaces:
    """Namespaces of a server that has none: whatever a request names is one."""

    def __init__(self) -> None:
        self.synced = Signal("namespaces are names")
        self.synced.set()

    def cached(self, name: str) -> Namespace:
        return Namespace(
            metadata=ObjectMeta(name=name, labels={NAMESPACE_NAME_LABEL: name}),
            status=NamespaceStatus(phase=NAMESPACE_ACTIVE),
        )

    async def appearing(self, name: str, timeout: float) -> Namespace:
        return self.cached(name)

    async def live(self, name: str) -> Namespace:
        return self.cached(name)

    async def labels(self, name: str) -> Mapping[str, str]:
        return {NAMESPACE_NAME_LABEL: name}
