"""Clients of a view: the same requests over the network, or straight into the server of this process.

Both have the same answers, because both ask the same handlers; in memory there is no socket and no HTTP in between.
Source: ClientFacades in gardener's scaling-advisor api/common/types.
"""

import asyncio
import enum
import json
from collections.abc import AsyncIterator, Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self

from genericapiserver.apimachinery.errors import from_status
from genericapiserver.apimachinery.meta import Status
from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.client.informer import Informer
from genericapiserver.client.transport import Response, Transport
from genericapiserver.minkapi.kinds import ServedKind

MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH: Final = "application/strategic-merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"
_JSON: Final = {"content-type": "application/json"}


class ClientAccessMode(enum.StrEnum):
    """How the clients of a view reach it."""

    NETWORK = "network"
    IN_MEMORY = "in-memory"


class ResourceClient:
    """The requests about objects of one kind. Objects are plain JSON values; errors are those of the API."""

    def __init__(self, transport: Transport, kind: ServedKind, codecs: CodecFactory, *, prefix: str) -> None:
        self.kind = kind
        self._transport = transport
        self._codecs = codecs
        version = kind.group_version
        self._root = f"{prefix}/apis/{version}" if version.group else f"{prefix}/api/{version.version}"

    async def create(self, obj: Mapping[str, Any], *, namespace: str = "", **query: str) -> dict[str, Any]:
        return await self._send("POST", self._path(namespace), obj, query)

    async def get(self, name: str, *, namespace: str = "", **query: str) -> dict[str, Any]:
        return await self._send("GET", self._path(namespace, name), None, query)

    async def list(self, *, namespace: str = "", **query: str) -> dict[str, Any]:
        """*query* may be `labelSelector`, `fieldSelector`, `limit` and the like."""
        return await self._send("GET", self._path(namespace), None, query)

    async def update(
        self, obj: Mapping[str, Any], *, namespace: str = "", subresource: str = "", **query: str
    ) -> dict[str, Any]:
        return await self._send("PUT", self._path(namespace, obj["metadata"]["name"], subresource), obj, query)

    async def patch(
        self,
        name: str,
        patch: Any,
        *,
        namespace: str = "",
        content_type: str = MERGE_PATCH,
        subresource: str = "",
        **query: str,
    ) -> dict[str, Any]:
        path = self._path(namespace, name, subresource)
        return await self._send("PATCH", path, patch, query, {"content-type": content_type})

    async def apply(self, obj: Mapping[str, Any], *, field_manager: str, namespace: str = "", **query: str) -> Any:
        """Server-side apply. *query* may be `force="true"`."""
        query["fieldManager"] = field_manager
        name = obj["metadata"]["name"]
        return await self.patch(name, obj, namespace=namespace, content_type=APPLY_PATCH, **query)

    async def post(self, name: str, subresource: str, obj: Mapping[str, Any], *, namespace: str = "") -> dict[str, Any]:
        """Create a subresource, such as a binding."""
        return await self._send("POST", self._path(namespace, name, subresource), obj, {})

    async def delete(self, name: str, *, namespace: str = "", **query: str) -> dict[str, Any]:
        return await self._send("DELETE", self._path(namespace, name), None, query)

    async def delete_collection(self, *, namespace: str = "", **query: str) -> dict[str, Any]:
        return await self._send("DELETE", self._path(namespace), None, query)

    async def watch(self, *, namespace: str = "", **query: str) -> AsyncIterator[dict[str, Any]]:
        """The events as they come, `{"type": ..., "object": ...}`, until the server ends the watch."""
        query["watch"] = "true"
        async with self._transport.stream(self._path(namespace), query=query) as response:
            if response.status != 200:
                raise self._error(b"".join([line async for line in response.lines]))
            async for line in response.lines:
                if line:
                    yield json.loads(line)

    def informer(self, *, namespace: str = "", query: Mapping[str, str] | None = None) -> Informer[Any]:
        """A local copy of the objects, kept current while its `run` runs; see `ClientFacades.start`."""

        def decode(value: dict[str, Any]) -> Any:
            return self._codecs.from_unstructured(value, self.kind.object_type)[0]

        return Informer(self._transport, self._path(namespace), decode, query=query)

    def _path(self, namespace: str, *below: str) -> str:
        scope = ["namespaces", namespace] if namespace and self.kind.namespaced else []
        return "/".join([self._root, *scope, self.kind.plural, *(segment for segment in below if segment)])

    async def _send(
        self, method: str, path: str, body: Any, query: Mapping[str, str], headers: Mapping[str, str] = _JSON
    ) -> dict[str, Any]:
        data = b"" if body is None else json.dumps(body).encode()
        response: Response = await self._transport.request(
            method, path, query=query, headers=headers if data else {}, body=data
        )
        if response.status >= 400:
            raise self._error(response.body)
        document: dict[str, Any] = json.loads(response.body)
        return document

    def _error(self, body: bytes) -> Exception:
        try:
            status, _ = self._codecs.from_unstructured(json.loads(body), Status)
        except ValueError:
            return ConnectionError(f"the answer is no Status: {body[:200]!r}")
        return from_status(status)


class ClientFacades:
    """Everything that talks to one view in one *mode*; close it, or use it as a context manager.

    Informers of `informer` are started by `start` and end with the facades.
    """

    def __init__(
        self,
        mode: ClientAccessMode,
        transport: Transport,
        kinds: Callable[[GroupVersionKind], ServedKind],
        codecs: CodecFactory,
        *,
        prefix: str,
    ) -> None:
        self.mode = mode
        self.transport = transport
        self._kinds = kinds
        self._codecs = codecs
        self._prefix = prefix
        self._informers: list[Informer[Any]] = []
        self._tasks: list[asyncio.Task[None]] = []

    def resource(self, gvk: GroupVersionKind) -> ResourceClient:
        """The client of a kind. Raises StoreNotFoundError for one that is not served."""
        return ResourceClient(self.transport, self._kinds(gvk), self._codecs, prefix=self._prefix)

    def informer(self, gvk: GroupVersionKind, *, namespace: str = "") -> Informer[Any]:
        """An informer of a kind, which `start` starts."""
        made = self.resource(gvk).informer(namespace=namespace)
        self._informers.append(made)
        return made

    async def start(self) -> None:
        """Start the informers that were asked for and return once each has its first list."""
        waiting, self._informers = self._informers, []
        self._tasks += [asyncio.create_task(informer.run()) for informer in waiting]
        for informer in waiting:
            await informer.synced.wait()

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        close = getattr(self.transport, "aclose", None)
        if close is not None:
            await close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()
