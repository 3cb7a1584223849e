"""kubernetes_asyncio: custom objects for everything."""

from collections.abc import AsyncIterator
from typing import Any

from kubernetes_asyncio import config, watch
from kubernetes_asyncio.client import ApiClient, ApiException, CustomObjectsApi

from tests.clients.conftest import NewRow
from tests.clients.scenario import GROUP, PLURAL, VERSION, Event, act, event
from tests.support.standalone import Standalone

NAMESPACE = "kubernetes-asyncio"
FLUNDERS = (GROUP, VERSION, NAMESPACE, PLURAL)


class KubernetesAsyncioDriver:
    def __init__(self, client: ApiClient) -> None:
        self._objects = CustomObjectsApi(client)

    async def create(self, flunder: dict[str, Any]) -> Any:
        return await self._objects.create_namespaced_custom_object(*FLUNDERS, flunder)

    async def list(self) -> Any:
        return (await self._objects.list_namespaced_custom_object(*FLUNDERS))["items"]

    async def watch(self, since: str | None = None) -> AsyncIterator[Event]:
        start = {} if since is None else {"resource_version": since}
        async with watch.Watch() as watcher:
            async for found in watcher.stream(self._objects.list_namespaced_custom_object, *FLUNDERS, **start):
                yield event(found["type"], found["object"])

    async def patch(self, name: str, patch: dict[str, Any]) -> Any:
        return await self._objects.patch_namespaced_custom_object(
            *FLUNDERS, name, patch, _content_type="application/merge-patch+json"
        )

    async def apply(self, flunder: dict[str, Any], manager: str) -> Any:
        name = flunder["metadata"]["name"]
        applied = await self._objects.patch_namespaced_custom_object(
            *FLUNDERS,
            name,
            flunder,
            field_manager=manager,
            _content_type="application/apply-patch+yaml",
        )
        if applied is None:  # the client expects 200 of a patch only, and gives nothing for the 201 of a new object
            return await self._objects.get_namespaced_custom_object(*FLUNDERS, name)
        return applied

    async def delete(self, name: str) -> None:
        await self._objects.delete_namespaced_custom_object(*FLUNDERS, name)

    def status_of(self, error: Exception) -> int:
        assert isinstance(error, ApiException)
        return int(error.status)


async def test_kubernetes_asyncio(server: Standalone, new_row: NewRow) -> None:
    row = new_row("kubernetes_asyncio")
    async with await config.new_client_from_config(str(server.kubeconfig)) as client:
        await act(KubernetesAsyncioDriver(client), server, row, NAMESPACE)
