"""The seeds' example type, and servers of it within the test."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import attrs

from genericapiserver.apimachinery.field import FieldError, Path, invalid
from genericapiserver.apimachinery.meta import Object
from genericapiserver.apimachinery.schema import GroupVersionResource
from genericapiserver.apimachinery.types import api_type, field
from genericapiserver.builder import MemoryConnProvider, RunningServer, ServerBuilder, Storage
from genericapiserver.client import RESTClient

GROUP = "core.tilt.dev"
API_VERSION = f"{GROUP}/v1alpha1"
MANIFESTS = f"/apis/{API_VERSION}/manifests"
TOKEN = "test-token"
"""Of servers that live in tests."""
CONFLICT = (
    'Operation cannot be fulfilled on manifests.core.tilt.dev "a": the object has been modified; '
    "please apply your changes to the latest version and try again"
)


@api_type
class ManifestSpec:
    """ManifestSpec is what is wanted."""

    message: str = field(default="", doc="What to say.")


@api_type
class ManifestStatus:
    """ManifestStatus is what is."""

    message: str = field(default="", doc="What was said.")

    def copy_to(self, parent: Manifest) -> None:
        parent.status = self


@api_type
class Manifest(Object):
    """Manifest is a thing with a message."""

    group_version_resource = GroupVersionResource(GROUP, "v1alpha1", "manifests")
    namespace_scoped = False
    short_names = ("m",)

    spec: ManifestSpec = field(factory=ManifestSpec)
    status: ManifestStatus = field(factory=ManifestStatus)

    def get_status(self) -> ManifestStatus:
        return self.status

    def validate(self) -> list[FieldError]:
        if self.spec.message == "bad":
            return [invalid(Path("spec", "message"), self.spec.message, "is bad")]
        return []


def manifest(name: str = "a", *, message: str = "", status: str = "", **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": "Manifest",
        "metadata": {"name": name, **metadata},
        "spec": {"message": message} if message else {},
        "status": {"message": status} if status else {},
    }


@attrs.frozen
class Answer:
    """One answer: its status, and the object in its body."""

    status: int
    body: Any

    @property
    def version(self) -> int:
        return int(self.body["metadata"]["resourceVersion"])

    @property
    def names(self) -> list[str]:
        return [item["metadata"]["name"] for item in self.body["items"]]


@attrs.frozen
class Asking:
    """A running server, and short ways to ask it something."""

    running: RunningServer
    client: RESTClient

    async def __call__(
        self, method: str, path: str = "", body: Any = None, *, media_type: str = "application/json", **query: str
    ) -> Answer:
        path = path if path.startswith("/") else f"{MANIFESTS}/{path}".rstrip("/")
        data = b"" if body is None else json.dumps(body).encode()
        answer = await self.client.request(method, path, query=query, headers={"content-type": media_type}, body=data)
        return Answer(answer.status, json.loads(answer.body))

    async def create(self, name: str = "a", **further: Any) -> Answer:
        """The answer, which is a 201."""
        answer = await self("POST", body=manifest(name, **further))
        assert answer.status == 201, answer.body
        return answer

    @contextlib.asynccontextmanager
    async def watch(self, **query: str) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """The events of a watch, one by one."""
        async with self.client.stream(MANIFESTS, query={"watch": "1", **query}) as response:
            assert response.status == 200

            async def events() -> AsyncIterator[dict[str, Any]]:
                async for line in response.lines:
                    yield json.loads(line)

            yield events()

    @contextlib.asynccontextmanager
    async def anonymous(self, **changes: Any) -> AsyncIterator[Asking]:
        """The same as somebody else: without a token unless *changes* have one."""
        client = self.running.new_client(**{"bearer_token": "", **changes})
        try:
            yield Asking(self.running, client)
        finally:
            await client.aclose()


def manifests(storage: Storage | None = None) -> ServerBuilder:
    """A builder of a server for manifests, over connections in memory."""
    builder = ServerBuilder(name="tilt").with_bearer_token(TOKEN).with_conn_provider(MemoryConnProvider())
    builder.with_openapi_definitions("tilt", "0.1.0")
    if storage is None:
        return builder.with_resource_memory_storage(Manifest, "data")
    return builder.with_resource(Manifest, storage=storage)


@contextlib.asynccontextmanager
async def serving(builder: ServerBuilder | None = None) -> AsyncIterator[Asking]:
    async with (builder or manifests()).serving() as running:
        yield Asking(running, running.client)


def event(seen: Mapping[str, Any]) -> tuple[str, str]:
    """Type and name of an event."""
    return seen["type"], seen["object"]["metadata"]["name"]
