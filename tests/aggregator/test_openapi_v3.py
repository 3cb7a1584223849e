"""/openapi/v3 of an aggregator: every row of what the reference's tests of its v3 aggregator prove."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from genericapiserver.aggregator.openapi_fetch import OpenAPIError, fetch_v3_root
from genericapiserver.aggregator.openapi_v3 import OpenAPIV3Aggregator
from genericapiserver.asgi import Scope
from genericapiserver.authentication.user import UserInfo
from genericapiserver.request import CONTEXT_KEY, RequestContext, RequestInfo
from tests.aggregator.backends import Backend, Page, Timers, api_service, transport
from tests.support.asgi_client import ASGIClient

GROUP_VERSION = "apis/group.example.com/v1"
USER = UserInfo(name="alice", groups=("dev",))


def put_context(scope: Scope) -> None:
    scope[CONTEXT_KEY] = RequestContext(request_info=RequestInfo(), path=scope["path"], user=USER)


def v3(*names: str, **bodies: Any) -> Backend:
    """A server with documents of these *names*."""
    root = {"paths": {name: {"serverRelativeURL": f"/openapi/v3/{name}?hash=X"} for name in names}}
    backend = Backend({"/openapi/v3": root})
    for name in names:
        backend.put(f"/openapi/v3/{name}", {"openapi": "3.0.0", **bodies})
    return backend


class Front:
    def __init__(self, *local: Backend) -> None:
        self.timers = Timers()
        self.aggregator = OpenAPIV3Aggregator(local, transport=transport, call_later=self.timers.call_later)
        self.following = self.aggregator.following

        async def app(scope: Any, receive: Any, send: Any) -> None:
            root = scope["path"] == "/openapi/v3"
            handler = self.aggregator.serve_root if root else self.aggregator.serve_document
            await handler(scope, receive, send)

        self.client = ASGIClient(app, prepare=put_context)

    async def root(self) -> dict[str, str]:
        paths: dict[str, Any] = (await self.client.get("/openapi/v3")).json()["paths"]
        return {name: item["serverRelativeURL"] for name, item in paths.items()}

    async def document(self, name: str) -> Any:
        answer = await self.client.get(f"/openapi/v3/{name}")
        return answer.status, answer.json() if answer.body else None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.following.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def next_round(self) -> None:
        self.timers.fire()
        await self.following.controller.settled()


async def test_v2_api_service() -> None:
    """A server that knows nothing of v3: its v2 is converted, and gone with the APIService."""
    front = Front()
    info = {"title": "Kubernetes", "version": "unversioned"}
    backend = Backend({"/openapi/v2": {"swagger": "2.0", "info": info}})
    front.following.add_api_service(api_service("v1.group.example.com"), backend)
    async with front.running():
        assert front.timers.seconds == [1.0]
        await front.next_round()
        root = await front.root()
        answer = await front.client.get(root[GROUP_VERSION])
        assert (
            answer.body == b'{"openapi":"3.0.0","info":{"title":"Kubernetes","version":"unversioned"},"components":{}}'
        )
        assert "immutable" in answer.headers["cache-control"]
        generation = root[GROUP_VERSION]
        paths: Any = {"/apis/group.example.com/v1/foos": {}, "/apis/other/v1/foos": {}}
        backend.put("/openapi/v2", {"swagger": "2.0", "info": info, "paths": paths})
        await front.next_round()
        assert (await front.root())[GROUP_VERSION] != generation
        _, document = await front.document(GROUP_VERSION)
        assert list(document["paths"]) == ["/apis/group.example.com/v1/foos"]
        front.following.remove_api_service("v1.group.example.com")
        assert await front.root() == {}
        assert await front.document(GROUP_VERSION) == (404, None)


async def test_v3_api_service() -> None:
    """The root is fetched, bodies are asked for when somebody wants them, as the one who does."""
    front = Front()
    backend = v3(GROUP_VERSION, info={"title": "backend"})
    front.following.add_api_service(api_service("v1.group.example.com"), backend)
    async with front.running():
        await front.next_round()
        assert backend.paths() == ["/openapi/v3"]
        assert backend.asked[0].user == "system:aggregator"
        root = await front.root()
        assert root == {GROUP_VERSION: f"/openapi/v3/{GROUP_VERSION}?hash=X"}
        answer = await front.client.get(root[GROUP_VERSION])
        assert answer.json() == {"openapi": "3.0.0", "info": {"title": "backend"}}
        assert (backend.asked[-1].user, backend.asked[-1].groups) == ("alice", ("dev",))
        assert front.timers.seconds == [60.0]


async def test_v3_root_api_service() -> None:
    """The documents of this process are there, without anything registered."""
    front = Front(v3("apis/apiregistration.k8s.io/v1", info={"title": "own"}), v3("apis/foo/v1", "version"))
    assert list(await front.root()) == ["apis/apiregistration.k8s.io/v1", "apis/foo/v1", "version"]
    status, document = await front.document("apis/apiregistration.k8s.io/v1")
    assert (status, document["info"]) == (200, {"title": "own"})


async def test_what_changes_in_this_process_is_seen_at_once() -> None:
    local = v3("apis/foo/v1")
    front = Front(local)
    assert list(await front.root()) == ["apis/foo/v1"]
    local.put("/openapi/v3", {"paths": {"apis/foo/v2": {}}})
    assert await front.root() == {"apis/foo/v2": "/openapi/v3/apis/foo/v2"}


async def test_an_unknown_path_is_an_empty_404() -> None:
    front = Front(v3("apis/foo/v1"))
    assert await front.document("apis/foo/v9") == (404, None)


async def test_the_server_that_an_api_service_names_has_its_document_and_this_process_all_others() -> None:
    local = v3("apis/a/v1", "apis/b/v1", title="local")
    front = Front(local)
    greedy, right = v3("apis/a/v1", "apis/b/v1", "apis/c/v1", title="greedy"), v3("apis/b/v1", title="right")
    front.following.add_api_service(api_service("v1.c", group_priority=10000), greedy)
    front.following.add_api_service(api_service("v1.b"), right)
    async with front.running():
        await front.next_round()
        found = {name: (await front.document(name))[1]["title"] for name in await front.root()}
        assert found == {"apis/a/v1": "local", "apis/b/v1": "right", "apis/c/v1": "greedy"}
        front.following.update_api_service(api_service("v1.b", None), right)
        assert (await front.document("apis/b/v1"))[1]["title"] == "local"


async def test_a_failing_server_is_skipped_and_tried_again_later() -> None:
    front = Front(v3("apis/a/v1"))
    backend = v3(GROUP_VERSION)
    backend.broken = 500
    front.following.add_api_service(api_service("v1.group.example.com"), backend)
    async with front.running():
        await front.next_round()
        assert list(await front.root()) == ["apis/a/v1"]
        assert front.timers.seconds == [60.0]
        backend.broken = 0
        await front.next_round()
        assert list(await front.root()) == ["apis/a/v1", GROUP_VERSION]
        backend.broken = 500
        await front.next_round()
        assert list(await front.root()) == ["apis/a/v1", GROUP_VERSION]  # what it said last


async def test_a_server_that_gets_v3_is_no_longer_converted() -> None:
    front = Front()
    backend = Backend({"/openapi/v2": {"swagger": "2.0", "info": {}}})
    front.following.add_api_service(api_service("v1.group.example.com"), backend)
    async with front.running():
        await front.next_round()
        assert (await front.document(GROUP_VERSION))[1]["components"] == {}
        backend.put("/openapi/v3", {"paths": {GROUP_VERSION: {}}})
        backend.put(f"/openapi/v3/{GROUP_VERSION}", {"title": "its own"})
        await front.next_round()
        assert (await front.document(GROUP_VERSION))[1] == {"title": "its own"}


async def test_a_server_that_hangs_blocks_nothing() -> None:
    front = Front(v3("apis/a/v1"))
    hanging = v3(GROUP_VERSION)
    hanging.gate = asyncio.Event()
    front.following.add_api_service(api_service("v1.group.example.com"), hanging)
    async with front.running():
        front.timers.fire()
        while not hanging.asked:
            await asyncio.sleep(0)
        async with asyncio.timeout(20):
            assert list(await front.root()) == ["apis/a/v1"]


@pytest.mark.parametrize(
    "item", [{}, 3, {"serverRelativeURL": "https://elsewhere/x"}, {"serverRelativeURL": "/openapi/v3/apis/b/v1?hash=1"}]
)
async def test_addresses_that_lead_elsewhere_are_replaced(item: Any) -> None:
    backend = Backend({"/openapi/v3": {"paths": {"apis/a/v1": item}}})
    assert await fetch_v3_root(transport(backend, USER)) == {
        "apis/a/v1": {"serverRelativeURL": "/openapi/v3/apis/a/v1"}
    }


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'{"a":' + b"[" * 100000])
async def test_a_root_that_is_none(body: bytes) -> None:
    with pytest.raises(OpenAPIError, match="malformed"):
        await fetch_v3_root(transport(Backend({"/openapi/v3": Page(body)}), USER))
    assert await fetch_v3_root(transport(Backend({"/openapi/v3": Page(json.dumps({"paths": 1}).encode())}), USER)) == {}
