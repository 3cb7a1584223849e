"""lightkube, its asynchronous client with a generic resource."""

from collections.abc import AsyncIterator
from typing import Any

from lightkube import ApiError, AsyncClient, KubeConfig
from lightkube.generic_resource import create_namespaced_resource
from lightkube.types import PatchType

from tests.clients.conftest import NewRow
from tests.clients.scenario import GROUP, KIND, PLURAL, VERSION, Event, act, event
from tests.support.standalone import Standalone

NAMESPACE = "lightkube"
Flunder = create_namespaced_resource(GROUP, VERSION, KIND, PLURAL)


class LightkubeDriver:
    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def create(self, flunder: dict[str, Any]) -> Any:
        return (await self._client.create(Flunder.from_dict(flunder))).to_dict()

    async def list(self) -> Any:
        return [found.to_dict() async for found in self._client.list(Flunder, namespace=NAMESPACE)]

    async def watch(self, since: str | None = None) -> AsyncIterator[Event]:
        async for type, found in self._client.watch(Flunder, namespace=NAMESPACE, resource_version=since):
            yield event(type, found.to_dict())

    async def patch(self, name: str, patch: dict[str, Any]) -> Any:
        patched = await self._client.patch(Flunder, name, patch, namespace=NAMESPACE, patch_type=PatchType.MERGE)
        return patched.to_dict()

    async def apply(self, flunder: dict[str, Any], manager: str) -> Any:
        return (await self._client.apply(Flunder.from_dict(flunder), field_manager=manager)).to_dict()

    async def delete(self, name: str) -> None:
        await self._client.delete(Flunder, name, namespace=NAMESPACE)

    def status_of(self, error: Exception) -> int:
        assert isinstance(error, ApiError)
        return int(error.status.code)


async def test_lightkube(server: Standalone, new_row: NewRow) -> None:
    row = new_row("lightkube")
    client = AsyncClient(KubeConfig.from_file(server.kubeconfig).get(), namespace=NAMESPACE)
    try:
        await act(LightkubeDriver(client), server, row, NAMESPACE)
    finally:
        await client.close()
