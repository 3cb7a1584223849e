"""kubernetes, the official client: custom objects, and the dynamic client for server-side apply."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from kubernetes import config, dynamic, watch
from kubernetes.client import ApiException, CustomObjectsApi

from tests.clients.conftest import NewRow
from tests.clients.scenario import API_VERSION, GROUP, KIND, PLURAL, VERSION, Event, act, event, from_thread
from tests.support.standalone import Standalone

NAMESPACE = "kubernetes"
FLUNDERS = (GROUP, VERSION, NAMESPACE, PLURAL)


class KubernetesDriver:
    def __init__(self, kubeconfig: Path) -> None:
        self._client = config.new_client_from_config(str(kubeconfig))
        self._objects = CustomObjectsApi(self._client)
        self._resource = dynamic.DynamicClient(self._client).resources.get(api_version=API_VERSION, kind=KIND)

    async def create(self, flunder: dict[str, Any]) -> Any:
        return await asyncio.to_thread(lambda: self._objects.create_namespaced_custom_object(*FLUNDERS, flunder))

    async def list(self) -> Any:
        return (await asyncio.to_thread(lambda: self._objects.list_namespaced_custom_object(*FLUNDERS)))["items"]

    def watch(self, since: str | None = None) -> AsyncIterator[Event]:
        start = {} if since is None else {"resource_version": since}

        watcher = watch.Watch()

        def events() -> Iterator[Event]:
            for found in watcher.stream(self._objects.list_namespaced_custom_object, *FLUNDERS, **start):
                yield event(found["type"], found["object"])

        return from_thread(events, watcher.stop)

    async def patch(self, name: str, patch: dict[str, Any]) -> Any:
        return await asyncio.to_thread(
            lambda: self._objects.patch_namespaced_custom_object(
                *FLUNDERS, name, patch, _content_type="application/merge-patch+json"
            )
        )

    async def apply(self, flunder: dict[str, Any], manager: str) -> Any:
        applied = await asyncio.to_thread(self._resource.server_side_apply, flunder, field_manager=manager)
        return applied.to_dict()

    async def delete(self, name: str) -> None:
        await asyncio.to_thread(lambda: self._objects.delete_namespaced_custom_object(*FLUNDERS, name))

    def status_of(self, error: Exception) -> int:
        assert isinstance(error, ApiException)
        return int(error.status)


async def test_kubernetes(server: Standalone, new_row: NewRow) -> None:
    row = new_row("kubernetes")
    await act(await asyncio.to_thread(KubernetesDriver, server.kubeconfig), server, row, NAMESPACE)
