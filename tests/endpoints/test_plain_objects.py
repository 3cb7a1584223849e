"""Storages that keep plain objects: without uids, without stored forms, with errors of their own."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from genericapiserver.apimachinery.errors import InternalError, NotFoundError, StatusError
from genericapiserver.apimachinery.meta import ObjectMeta, Table, TableOptions
from genericapiserver.apimachinery.schema import GroupResource, GroupVersion, GroupVersionKind
from genericapiserver.apimachinery.types import deep_copy
from genericapiserver.apimachinery.watch import EventType
from genericapiserver.endpoints.installer import APIGroupVersion
from genericapiserver.filters.exception_recovery import with_exception_recovery
from genericapiserver.filters.request_info import with_request_info
from genericapiserver.registry.rest import UpdateResult
from genericapiserver.registry.table import DefaultTableConvertor
from genericapiserver.request import RequestContext, RequestInfoFactory, long_running_check
from genericapiserver.storage.interface import WatchStreamBase
from genericapiserver.storage.stored import WatchEvent
from tests.endpoints.test_installer import CODEC, SCHEME, client_of
from tests.support.asgi_client import ASGIClient
from tests.support.demo_api import GROUP, V1, Gadget, GadgetSpec, gadget, gadgets

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
PARTIAL = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"


class Stream(WatchStreamBase[Any]):
    """A few events, and the end."""

    def __init__(self, events: list[WatchEvent[Any]]) -> None:
        self._events = events

    async def next_events(self) -> list[WatchEvent[Any]]:
        events, self._events = self._events, []
        return events

    def close(self) -> None: ...


class Plain:
    """Gadgets by name, without uids or versions."""

    object_type = Gadget
    list_type = CODEC.scheme.type_for(V1.with_kind("GadgetList"))
    namespace_scoped = True
    singular_name = "gadget"

    def __init__(self, *names: str) -> None:
        self.objects = {name: Gadget(metadata=ObjectMeta(name=name, namespace="ns")) for name in names}
        self.error: Exception | None = None

    async def aclose(self) -> None: ...

    def group_version_kind(self, containing: GroupVersion) -> GroupVersionKind:
        return containing.with_kind("Gadget")

    async def get(self, context: RequestContext, name: str, options: Any) -> Any:
        if self.error is not None:
            raise self.error
        if name not in self.objects:
            raise NotFoundError(GroupResource(GROUP, "gadgets"), name)
        return deep_copy(self.objects[name])

    async def list(self, context: RequestContext, options: Any) -> Any:
        return self.list_type(items=list(self.objects.values()))

    def convert_to_table(self, context: RequestContext, obj: Any, options: TableOptions | None) -> Table:
        return DefaultTableConvertor(GroupResource(GROUP, "gadgets")).convert_to_table(context, obj, options)

    async def watch(self, context: RequestContext, options: Any) -> Stream:
        events = [WatchEvent(EventType.ADDED, obj) for obj in self.objects.values()]
        metadata = ObjectMeta(resource_version="7", annotations={"k8s.io/initial-events-end": "true"})
        return Stream([*events, WatchEvent(EventType.BOOKMARK, Gadget(metadata=metadata))])

    async def update(self, context: RequestContext, name: str, info: Any, **how: Any) -> UpdateResult:
        old = self.objects.get(name)
        new = await info.updated_object(context, Gadget() if old is None else deep_copy(old))
        self.objects[name] = new
        return UpdateResult(object=new, created=old is None)


def serve(storage: Plain, convert_error: Callable[[Exception], StatusError] | None = None) -> ASGIClient:
    installed = APIGroupVersion(
        group_version=V1, storage={"gadgets": storage}, scheme=SCHEME, codec=CODEC, convert_error=convert_error
    ).install()
    return client_of(installed)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json-patch+json", [{"op": "replace", "path": "/spec", "value": {"color": "green"}}]),
        ("application/merge-patch+json", {"spec": {"color": "green"}}),
        ("application/strategic-merge-patch+json", {"spec": {"color": "green"}}),
        ("application/apply-patch+yaml", gadget("a", color="green")),
    ],
)
async def test_an_object_without_a_uid_can_be_patched(kind: str, body: Any) -> None:
    storage = Plain("a")
    response = await serve(storage).request(
        "PATCH", f"{gadgets(name='a')}?fieldManager=me", body=body, headers={"content-type": kind}
    )
    assert (response.status, response.json()["spec"]) == (200, {"color": "green", "size": 1})
    assert storage.objects["a"].spec == GadgetSpec(color="green", size=1)


@pytest.mark.parametrize(
    ("kind", "code"), [("application/merge-patch+json", 404), ("application/apply-patch+yaml", 201)]
)
async def test_where_nothing_is_stored_only_apply_creates(kind: str, code: int) -> None:
    response = await serve(Plain()).request(
        "PATCH",
        f"{gadgets(name='a')}?fieldManager=me",
        body=gadget("a", color="green"),
        headers={"content-type": kind},
    )
    assert response.status == code


async def test_what_is_applied_with_a_uid_is_not_made() -> None:
    body = gadget("a", color="green")
    body["metadata"]["uid"] = "1"
    response = await serve(Plain()).request(
        "PATCH",
        f"{gadgets(name='a')}?fieldManager=me",
        body=body,
        headers={"content-type": "application/apply-patch+yaml"},
    )
    assert response.status == 409
    assert "uid mismatch: the provided object specified uid 1" in response.json()["message"]


@pytest.mark.parametrize("accept", ["application/json", "application/yaml", "application/json;pretty=1"])
async def test_a_long_list_is_written_like_a_short_one_while_others_are_served(accept: str) -> None:
    storage = Plain(*(f"n{number}" for number in range(2000)))
    client = serve(storage)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    busy = asyncio.create_task(others())
    await asyncio.sleep(0)
    before, response = turns, await client.request("GET", gadgets(), headers={"accept": accept})
    busy.cancel()
    assert turns - before > 3
    listed = storage.list_type(items=list(storage.objects.values()))
    media_type, _, pretty = accept.partition(";")
    assert response.body == CODEC.encode(listed, V1.with_kind("GadgetList"), media_type=media_type, pretty=bool(pretty))


async def test_a_long_table_is_written_in_parts() -> None:
    storage = Plain(*(f"n{number}" for number in range(1001)))
    table = (await serve(storage).request("GET", gadgets(), headers={"accept": TABLE})).json()
    assert [row["cells"][0] for row in table["rows"]] == list(storage.objects)
    assert table["rows"][1000]["object"]["metadata"]["name"] == "n1000"


async def test_a_watch_sends_plain_objects() -> None:
    response = await serve(Plain("a")).get(f"{gadgets()}?watch=1")
    added, bookmark = map(CODEC.decode, [line[line.index(b"{", 2) : -1] for line in response.body.splitlines()])
    assert (added.object.metadata.name, bookmark.object.metadata.resource_version) == ("a", "7")


async def test_a_watch_sends_plain_objects_as_tables() -> None:
    storage = Plain("a")
    async with serve(storage).open(
        "GET", f"{gadgets()}?watch=1&includeObject=None", headers={"accept": TABLE}
    ) as response:
        added, bookmark = await response.events(2)
    assert added["object"]["rows"][0]["object"] is None
    annotations = bookmark["object"]["rows"][0]["object"]["metadata"]["annotations"]
    assert annotations == {"k8s.io/initial-events-end": "true"}  # clients wait for it, whatever they asked for


async def test_a_watch_sends_plain_objects_as_metadata() -> None:
    async with serve(Plain("a")).open("GET", f"{gadgets()}?watch=1", headers={"accept": PARTIAL}) as response:
        added, _ = await response.events(2)
    assert (added["object"]["kind"], added["object"]["metadata"]["name"]) == ("PartialObjectMetadata", "a")


async def test_a_resource_that_says_its_kind_says_its_group_and_version() -> None:
    response = await serve(Plain()).get(f"/apis/{V1}")
    (entry,) = response.json()["resources"]
    assert (entry["group"], entry["version"], entry["kind"]) == (GROUP, "v1", "Gadget")


async def test_an_error_of_a_storage_becomes_what_the_group_says() -> None:
    storage = Plain()
    storage.error = ValueError("the disk is gone")
    response = await serve(storage, InternalError).get(gadgets(name="a"))
    assert (response.status, response.json()["reason"]) == (500, "InternalError")
    assert response.json()["message"] == "Internal error occurred: the disk is gone"


async def test_without_a_word_from_the_group_it_is_a_fault_of_the_program() -> None:
    storage = Plain()
    storage.error = ValueError("the disk is gone")
    client = serve(storage)
    handler = with_exception_recovery(client.app)
    client.app = with_request_info(handler, resolver=RequestInfoFactory(), long_running=long_running_check())
    response = await client.get(gadgets(name="a"))
    assert response.status == 500
    assert b"the disk is gone" not in response.body
