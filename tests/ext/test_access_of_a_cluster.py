"""An access store that follows the roles and bindings of a cluster, in a server."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from genericapiserver.apis.rbac_v1 import GROUP as RBAC
from genericapiserver.asgi import Receive, Scope, Send
from genericapiserver.authorization.builtin import PrivilegedGroupsAuthorizer
from genericapiserver.authorization.union import UnionAuthorizer
from genericapiserver.client.informer import InformerFactory
from genericapiserver.client.transport import InProcessTransport
from genericapiserver.ext import AccessSetAuthorizer, AccessStore
from tests.ext.support import GROUP, PATH, serving_store

ROOT = f"/apis/{RBAC}/v1/"
ROLE = {
    "metadata": {"name": "reader", "resourceVersion": "1"},
    "rules": [{"apiGroups": [GROUP], "resources": ["*"], "verbs": ["get", "list"]}],
}
BINDING = {
    "metadata": {"name": "readers", "resourceVersion": "2"},
    "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "reader"},
    "subjects": [{"apiGroup": RBAC, "kind": "User", "name": "jane"}],
}


class Cluster:
    """Lists one role; tells watches what the test pushes."""

    def __init__(self) -> None:
        self.may_list = asyncio.Event()
        self.watches: dict[str, asyncio.Queue[Any]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        resource = scope["path"].removeprefix(ROOT)
        await self.may_list.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if b"watch=1" in scope["query_string"]:
            queue = self.watches.setdefault(resource, asyncio.Queue())
            while True:
                line = json.dumps(await queue.get()).encode() + b"\n"
                await send({"type": "http.response.body", "body": line, "more_body": True})
        items = [ROLE] if resource == "clusterroles" else []
        listed = json.dumps({"metadata": {"resourceVersion": "1"}, "items": items}).encode()
        await send({"type": "http.response.body", "body": listed})

    def tell(self, resource: str, event: str, obj: Any) -> None:
        self.watches.setdefault(resource, asyncio.Queue()).put_nowait({"type": event, "object": obj})


async def test_roles_and_bindings_of_a_cluster_are_followed() -> None:
    cluster = Cluster()
    informers = InformerFactory(InProcessTransport(lambda: cluster))
    access = AccessStore.following(informers)
    authorizer = UnionAuthorizer(PrivilegedGroupsAuthorizer({"system:masters"}), AccessSetAuthorizer(access))
    async with serving_store(authorizer=authorizer, shared_informers=informers) as world:
        admin, jane = world.as_user("root", "system:masters"), world.as_user("jane")

        async def status(path: str, headers: dict[str, str]) -> int:
            return (await world.client.request("GET", path, headers=headers)).status

        assert await status("/readyz", admin) == 500  # nothing is listed yet
        assert await status(PATH, jane) == 403
        cluster.may_list.set()
        async with asyncio.timeout(60):
            await world.server.generic_api_server.wait_until_ready()
        assert await status("/readyz", admin) == 200
        assert await status(PATH, jane) == 403
        for event, code in (("ADDED", 200), ("DELETED", 403)):
            changed = asyncio.Event()
            informers.informer(f"{ROOT}clusterrolebindings", dict).add_listener(changed.set)
            cluster.tell("clusterrolebindings", event, BINDING)
            await asyncio.wait_for(changed.wait(), 60)
            assert await status(PATH, jane) == code
            assert await status(PATH, world.as_user("joe")) == 403
