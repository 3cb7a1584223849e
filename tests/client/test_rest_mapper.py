"""From kinds to resources, by discovery."""

import json
from contextlib import asynccontextmanager
from typing import Any

import pytest

from genericapiserver.apimachinery.schema import GroupVersionKind, GroupVersionResource
from genericapiserver.client.rest_mapper import NoMatchError, RESTMapper
from genericapiserver.client.transport import Response

RESOURCES = [
    {"name": "things", "kind": "Thing", "namespaced": True},
    {"name": "things/status", "kind": "Thing", "namespaced": True},
    {"name": "oldthings", "kind": "Thing", "namespaced": True},
    {"name": "racks", "kind": "Rack", "namespaced": False},
]


class Discovery:
    """Knows one version of one group."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.asked: list[str] = []

    async def request(self, method: str, path: str, **how: Any) -> Response:
        self.asked.append(path)
        known = path in ("/apis/example.com/v1", "/api/v1")
        return Response(self.status if known else 404, {}, json.dumps({"resources": RESOURCES}).encode())

    @asynccontextmanager
    async def stream(self, path: str, **how: Any) -> Any:
        yield None


async def test_a_kind_is_found_once_and_remembered() -> None:
    discovery = Discovery()
    mapper = RESTMapper(discovery)
    thing = await mapper.mapping_for(GroupVersionKind("example.com", "v1", "Thing"))
    assert thing.resource == GroupVersionResource("example.com", "v1", "things")
    assert (thing.path(), thing.path("ns")) == (
        "/apis/example.com/v1/things",
        "/apis/example.com/v1/namespaces/ns/things",
    )
    rack = await mapper.mapping_for(GroupVersionKind("example.com", "v1", "Rack"))
    assert (rack.namespaced, thing.namespaced) == (False, True)
    assert discovery.asked == ["/apis/example.com/v1"]
    mapper.reset()
    await mapper.mapping_for(GroupVersionKind("example.com", "v1", "Rack"))
    assert len(discovery.asked) == 2


async def test_the_core_group_has_a_path_of_its_own() -> None:
    mapping = await RESTMapper(Discovery()).mapping_for(GroupVersionKind("", "v1", "Thing"))
    assert mapping.path("ns") == "/api/v1/namespaces/ns/things"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (GroupVersionKind("example.com", "v1", "Nothing"), 'no matches for kind "Nothing" in version "example.com/v1"'),
        (GroupVersionKind("example.com", "v2", "Thing"), 'no matches for kind "Thing" in version "example.com/v2"'),
    ],
)
async def test_what_nobody_serves(kind: GroupVersionKind, text: str) -> None:
    with pytest.raises(NoMatchError, match=text):
        await RESTMapper(Discovery()).mapping_for(kind)


async def test_discovery_that_does_not_answer_is_not_remembered() -> None:
    discovery = Discovery(503)
    mapper = RESTMapper(discovery)
    for _ in range(2):
        with pytest.raises(ConnectionError, match=r"discovery of example\.com/v1 answered 503"):
            await mapper.mapping_for(GroupVersionKind("example.com", "v1", "Thing"))
    assert len(discovery.asked) == 2
