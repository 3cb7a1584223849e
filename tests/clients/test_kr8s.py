"""kr8s, its asynchronous interface with a class made for flunders.

It has no server-side apply of its own; `call_api` sends it.
"""

import json
from collections.abc import AsyncIterator
from typing import Any

from kr8s import ServerError
from kr8s.asyncio import Api, api
from kr8s.asyncio.objects import APIObject, new_class

from tests.clients.conftest import NewRow
from tests.clients.matrix import CORE
from tests.clients.scenario import API_VERSION, KIND, PLURAL, Event, act, event
from tests.support.standalone import Standalone

NAMESPACE = "kr8s"
Flunder = new_class(KIND, version=API_VERSION, namespaced=True, plural=PLURAL)


class Kr8sDriver:
    def __init__(self, client: Api) -> None:
        self._client = client

    async def _object(self, flunder: dict[str, Any]) -> APIObject:
        made: APIObject = await Flunder(flunder, api=self._client)
        return made

    async def create(self, flunder: dict[str, Any]) -> Any:
        made = await self._object(flunder)
        await made.create()
        return made.to_dict()

    async def list(self) -> Any:
        return [found.to_dict() async for found in self._client.get(PLURAL, namespace=NAMESPACE)]

    async def watch(self, since: str | None = None) -> AsyncIterator[Event]:
        while True:  # the client leaves it to its user to go on
            async for type, found in self._client.watch(PLURAL, namespace=NAMESPACE, since=since):
                since = found.metadata.resourceVersion
                yield event(type, found.to_dict())

    async def patch(self, name: str, patch: dict[str, Any]) -> Any:
        found = await Flunder.get(name, namespace=NAMESPACE, api=self._client)
        await found.patch(patch)
        return found.to_dict()

    async def apply(self, flunder: dict[str, Any], manager: str) -> Any:
        async with self._client.call_api(
            "PATCH",
            version=API_VERSION,
            namespace=NAMESPACE,
            url=f"{PLURAL}/{flunder['metadata']['name']}",
            params={"fieldManager": manager},
            content=json.dumps(flunder),
            headers={"Content-Type": "application/apply-patch+yaml"},
        ) as response:
            return response.json()

    async def delete(self, name: str) -> None:
        await (await Flunder.get(name, namespace=NAMESPACE, api=self._client)).delete()

    def status_of(self, error: Exception) -> int:
        assert isinstance(error, ServerError)
        assert error.response is not None
        return int(error.response.status_code)


async def test_kr8s(server_with_core: Standalone, new_row: NewRow) -> None:
    # Told that its version is gone, it asks for the same one again, and again.
    row = new_row("kr8s", needs=CORE, leaves_out={"expiry"})
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    assert server_with_core.admin.request("POST", "/api/v1/namespaces", namespace).status == 201
    client = await api(kubeconfig=str(server_with_core.kubeconfig))
    await act(Kr8sDriver(client), server_with_core, row, NAMESPACE)
