"""TestStore: what a client sees of a resource, from its first object to its last, of both generations and both entries."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest

from genericapiserver.apimachinery.errors import ForbiddenError, NotFoundError, StatusError
from genericapiserver.apimachinery.meta import CreateOptions, ListOptions, Status
from genericapiserver.apimachinery.watch import EventType
from genericapiserver.ext import Context, WatchEvent
from tests.ext.support import (
    GENERATIONS,
    PATH,
    RESOURCE,
    MemoryStorage,
    MemoryStore,
    TestType,
    World,
    body,
    serving_storage,
    serving_store,
)

USER = {"x-user": "u"}


@attrs.frozen
class Answer:
    status: int
    headers: Any
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class InProcess:
    """Calls the server as an ASGI application."""

    def __init__(self, world: World) -> None:
        self._client = world.client

    async def request(self, method: str, path: str, content: Any = None) -> Answer:
        response = await self._client.request(method, path, headers=USER, body=content)
        return Answer(response.status, response.headers, response.body)

    @contextlib.asynccontextmanager
    async def watch(self) -> AsyncIterator[AsyncIterator[Any]]:
        async def events(response: Any) -> AsyncIterator[Any]:
            while True:
                (event,) = await response.events(1, timeout=60)
                yield event

        async with self._client.open("GET", f"{PATH}?watch=1", headers=USER) as response:
            yield events(response)


class OverTLS:
    """Asks over HTTPS."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def request(self, method: str, path: str, content: Any = None) -> Answer:
        response = await self._client.request(
            method,
            path,
            headers={**USER, "content-type": "application/json", "user-agent": "test", "accept": "*/*"},
            content=None if content is None else json.dumps(content),
        )
        return Answer(response.status_code, response.headers, response.content)

    @contextlib.asynccontextmanager
    async def watch(self) -> AsyncIterator[AsyncIterator[Any]]:
        async def events(response: Any) -> AsyncIterator[Any]:
            async for line in response.aiter_lines():
                yield json.loads(line)

        async with self._client.stream("GET", f"{PATH}?watch=1", headers=USER) as response:
            yield events(response)


@contextlib.asynccontextmanager
async def entry(world: World, name: str) -> AsyncIterator[InProcess | OverTLS]:
    if name == "in process":
        yield InProcess(world)
        return
    async with world.https() as client:
        yield OverTLS(client)


def without_system_fields(obj: Any) -> Any:
    metadata = {key: value for key, value in obj["metadata"].items() if key in ("name", "labels")}
    return {**obj, "metadata": metadata}


@pytest.mark.parametrize("through", ["in process", "over TLS"])
@pytest.mark.parametrize("generation", GENERATIONS)
async def test_acceptance_store_and_storage_generations(generation: str, through: str) -> None:
    """The twelve steps, and the four events that a watch that was opened first sees."""
    one, changed = body(data="1", detail={"note": "x"}), body(data="2", detail={"note": "x"})
    async with GENERATIONS[generation]() as world, entry(world, through) as client, client.watch() as events:
        assert (await client.request("DELETE", f"{PATH}/foo")).status == 404
        assert (await client.request("GET", PATH)).json()["items"] == []
        created = await client.request("POST", PATH, one)
        assert created.status == 201
        assert without_system_fields(created.json()) == one
        assert [each["metadata"]["name"] for each in (await client.request("GET", PATH)).json()["items"]] == ["foo"]
        assert without_system_fields((await client.request("GET", f"{PATH}/foo")).json()) == one
        updated = await client.request("PUT", f"{PATH}/foo", changed)
        assert (updated.status, without_system_fields(updated.json())) == (200, changed)
        assert [each["data"] for each in (await client.request("GET", PATH)).json()["items"]] == ["2"]
        deleted = await client.request("DELETE", f"{PATH}/foo")
        assert (deleted.status, without_system_fields(deleted.json())) == (200, changed)
        assert (await client.request("DELETE", f"{PATH}/foo")).status == 404
        assert (await client.request("GET", f"{PATH}/foo")).status == 404
        assert (await client.request("GET", PATH)).json()["items"] == []
        assert (await client.request("PUT", f"{PATH}/foo", one)).status == 201
        async with asyncio.timeout(60):
            seen = [await anext(events) for _ in range(4)]
    assert [(event["type"], without_system_fields(event["object"])) for event in seen] == [
        ("ADDED", one),
        ("MODIFIED", changed),
        ("DELETED", changed),
        ("ADDED", one),
    ]


@pytest.mark.parametrize("generation", GENERATIONS)
async def test_acceptance_in_process_and_tls(generation: str) -> None:
    """The same request through the ASGI entry and through HTTPS gives the same body."""
    async with GENERATIONS[generation]() as world, world.https() as https:
        await InProcess(world).request("POST", PATH, body())
        for path in (PATH, f"{PATH}/foo", f"{PATH}/bar", "/apis", "/openapi/v2", "/version", "/nowhere"):
            inside = await InProcess(world).request("GET", path)
            outside = await OverTLS(https).request("GET", path)
            assert (inside.status, inside.body) == (outside.status, outside.body)


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize(
    ("kind", "patch"),
    [
        ("application/json-patch+json", [{"op": "replace", "path": "/data", "value": "2"}]),
        ("application/merge-patch+json", {"data": "2"}),
        ("application/strategic-merge-patch+json", {"data": "2"}),
        ("application/apply-patch+yaml", body(data="2")),
    ],
)
async def test_objects_without_a_uid_can_be_patched(generation: str, kind: str, patch: Any) -> None:
    """The reference answers 404 to all but apply."""
    async with GENERATIONS[generation]() as world:
        await world.client.request("POST", PATH, headers=USER, body=body(detail={"note": "x"}))
        response = await world.client.request(
            "PATCH", f"{PATH}/foo?fieldManager=me", headers={**USER, "content-type": kind}, body=patch
        )
        assert (response.status, response.json()["data"], response.json()["detail"]) == (200, "2", {"note": "x"})


@pytest.mark.parametrize("generation", GENERATIONS)
async def test_only_apply_makes_an_object_from_a_patch(generation: str) -> None:
    async with GENERATIONS[generation]() as world:
        for kind, code in (("application/merge-patch+json", 404), ("application/apply-patch+yaml", 201)):
            response = await world.client.request(
                "PATCH", f"{PATH}/foo?fieldManager=me", headers={**USER, "content-type": kind}, body=body()
            )
            assert response.status == code


# ---- what a store is told


async def test_a_store_is_told_who_asks_for_what() -> None:
    store = MemoryStore()
    async with serving_store(store) as world:
        await world.client.get(f"{PATH}/foo", x_user="jane")
        (context,) = store.contexts
    assert context.user.name == "jane"
    assert context.authorizer is world.server.authorizer
    assert context.group_version_resource.group_resource == RESOURCE
    assert context.request.request_info.name == "foo"


async def test_selectors_reach_the_store_and_its_helper() -> None:
    async with serving_store() as world:
        for name, color in (("a", "red"), ("b", "blue")):
            labelled = body(name)
            labelled["metadata"]["labels"] = {"color": color}
            await world.client.request("POST", PATH, headers=USER, body=labelled)
        for query, names in (
            ("labelSelector=color=red", ["a"]),
            ("fieldSelector=metadata.name=b", ["b"]),
            ("labelSelector=color", ["a", "b"]),
            ("labelSelector=color=red&fieldSelector=metadata.name=b", []),
        ):
            listed = (await world.client.get(f"{PATH}?{query}", x_user="u")).json()["items"]
            assert [each["metadata"]["name"] for each in listed] == names


async def test_a_dry_run_that_would_create_stays_one() -> None:
    store = MemoryStore()
    async with serving_store(store) as world:
        response = await world.client.request("PUT", f"{PATH}/foo?dryRun=All", headers=USER, body=body())
    assert (response.status, store.objects) == (201, {})


@pytest.mark.parametrize(("name", "problem"), [("a/b", "may not contain '/'"), ("..", "may not be '..'")])
async def test_names_that_fit_into_no_path_are_refused(name: str, problem: str) -> None:
    store = MemoryStore()
    async with serving_store(store) as world:
        response = await world.client.request("POST", PATH, headers=USER, body=body(name))
    assert (response.status, store.objects) == (422, {})
    assert problem in json.loads(response.body)["message"]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_stale_resource_version_is_a_conflict(method: str) -> None:
    async with serving_store() as world:
        made = (await world.client.request("POST", PATH, headers=USER, body=body())).json()
        await world.client.request("PUT", f"{PATH}/foo", headers=USER, body=body(data="2"))
        stale = body(data="3")
        stale["metadata"]["resourceVersion"] = made["metadata"]["resourceVersion"]
        headers = {**USER, "content-type": "application/merge-patch+json" if method == "PATCH" else "application/json"}
        response = await world.client.request(method, f"{PATH}/foo", headers=headers, body=stale)
        assert response.status == 409
        assert "the object has been modified" in response.json()["message"]
        assert (await world.client.get(f"{PATH}/foo", x_user="u")).json()["data"] == "2"


@pytest.mark.parametrize("uid", ["mine", "another"])
async def test_preconditions_on_the_uid_hold(uid: str) -> None:
    store = MemoryStore()
    async with serving_store(store) as world:
        await world.client.request("POST", PATH, headers=USER, body=body())
        store.objects["foo"].metadata.uid = "mine"
        code = 200 if uid == "mine" else 409
        changed = body(data="2")
        changed["metadata"]["uid"] = uid
        assert (await world.client.request("PUT", f"{PATH}/foo", headers=USER, body=changed)).status == code
        deletion = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}}
        response = await world.client.request("DELETE", f"{PATH}/foo", headers=USER, body=deletion)
        assert response.status == code
        assert ("foo" in store.objects) is (uid == "another")


async def test_updates_at_once_are_made_one_after_the_other() -> None:
    """Each adds its own label, in a store that takes its time: none of them undoes another."""

    class Slow(MemoryStore):
        async def get(self, context: Context, name: str, options: Any) -> TestType:
            found = await super().get(context, name, options)
            await asyncio.sleep(0)
            return found

        async def update(self, context: Context, obj: TestType, options: Any) -> TestType:
            await asyncio.sleep(0)
            return await super().update(context, obj, options)

    store = Slow()
    async with serving_store(store) as world:
        await world.client.request("POST", PATH, headers=USER, body=body())

        async def label(number: int) -> int:
            patch = {"metadata": {"labels": {f"n{number}": "x"}}}
            headers = {**USER, "content-type": "application/merge-patch+json"}
            return (await world.client.request("PATCH", f"{PATH}/foo", headers=headers, body=patch)).status

        assert set(await asyncio.gather(*map(label, range(20)))) == {200}
    assert len(store.objects["foo"].metadata.labels) == 20


async def test_creates_at_once_make_one_object() -> None:
    class Slow(MemoryStore):
        async def get(self, context: Context, name: str, options: Any) -> TestType:
            await asyncio.sleep(0)
            return await super().get(context, name, options)

    async with serving_store(Slow()) as world:

        async def put() -> int:
            return (await world.client.request("PUT", f"{PATH}/foo", headers=USER, body=body())).status

        assert sorted(await asyncio.gather(*(put() for _ in range(5)))) == [200, 200, 200, 200, 201]


async def test_what_the_store_has_does_not_change_before_the_store_says_so() -> None:
    class Refusing(MemoryStore):
        async def update(self, context: Context, obj: TestType, options: Any) -> TestType:
            raise ForbiddenError(RESOURCE, obj.metadata.name, "no")

    store = Refusing()
    async with serving_store(store) as world:
        await world.client.request("POST", PATH, headers=USER, body=body(data="1"))
        response = await world.client.request("PUT", f"{PATH}/foo", headers=USER, body=body(data="2"))
    assert (response.status, store.objects["foo"].data) == (403, "1")


# ---- errors: TestDelegateError_*

CALLS = [
    ("get", "GET", f"{PATH}/foo", None),
    ("list", "GET", PATH, None),
    ("watch", "GET", f"{PATH}?watch=1", None),
    ("create", "POST", PATH, body("bar")),
    ("create", "PUT", f"{PATH}/bar", body("bar")),
    ("get", "PUT", f"{PATH}/foo", body()),
    ("update", "PUT", f"{PATH}/foo", body()),
    ("get", "DELETE", f"{PATH}/foo", None),
    ("delete", "DELETE", f"{PATH}/foo", None),
]


@pytest.mark.parametrize(("method", "verb", "path", "content"), CALLS, ids=lambda value: str(value)[:24])
async def test_acceptance_error_wrap(method: str, verb: str, path: str, content: Any) -> None:
    """A store that raises a plain exception is a 500 with its text, and before any header of a watch."""
    store = MemoryStore()
    store.objects["foo"] = TestType()
    store.objects["foo"].metadata.name = "foo"
    store.errors[method] = ValueError("the disk is gone")
    async with serving_store(store) as world:
        response = await world.client.request(verb, path, headers=USER, body=content)
    assert response.status == 500
    status = response.json()
    assert (status["kind"], status["reason"]) == ("Status", "InternalError")
    assert status["message"] == "Internal error occurred: the disk is gone"
    assert status["details"]["causes"] == [{"message": "the disk is gone"}]


@pytest.mark.parametrize(("method", "verb", "path", "content"), CALLS, ids=lambda value: str(value)[:24])
async def test_an_error_with_a_status_passes(method: str, verb: str, path: str, content: Any) -> None:
    store = MemoryStore()
    store.objects["foo"] = TestType()
    store.objects["foo"].metadata.name = "foo"
    store.errors[method] = ForbiddenError(RESOURCE, "foo", "ask somebody else")
    async with serving_store(store) as world:
        response = await world.client.request(verb, path, headers=USER, body=content)
    assert (response.status, response.json()["reason"]) == (403, "Forbidden")


async def test_a_plain_error_of_a_storage_is_wrapped_too() -> None:
    storage = MemoryStorage()
    storage.error = ValueError("the disk is gone")
    async with serving_storage(storage) as world:
        response = await world.client.get(f"{PATH}/foo", x_user="u")
    assert (response.status, response.json()["message"]) == (500, "Internal error occurred: the disk is gone")


async def test_a_store_that_returns_something_else_is_told_of() -> None:
    class Forgetful(MemoryStore):
        async def create(self, context: Context, obj: TestType, options: CreateOptions) -> Any:
            self.objects[obj.metadata.name] = obj

        async def list(self, context: Context, options: ListOptions) -> Any:
            return []

    async with serving_store(Forgetful()) as world:
        created = await world.client.request("POST", PATH, headers=USER, body=body())
        listed = await world.client.get(PATH, x_user="u")
    text = "Internal error occurred: object was of type NoneType, not of expected type ext.TestType"
    assert (created.status, created.json()["message"]) == (500, text)
    text = "Internal error occurred: object was of type list, not of expected type ext.TestTypeList"
    assert (listed.status, listed.json()["message"]) == (500, text)


# ---- watches


async def test_a_watch_may_be_a_generator() -> None:
    ended = asyncio.Event()

    class Generating(MemoryStore):
        async def watch(self, context: Context, options: ListOptions) -> Any:
            try:
                yield WatchEvent(EventType.ADDED, TestType(data="1"))
                await asyncio.Event().wait()
            finally:
                ended.set()

    async with serving_store(Generating()) as world:
        async with world.client.open("GET", f"{PATH}?watch=1", headers=USER) as response:
            (event,) = await response.events(1)
        assert (event["type"], event["object"]["data"]) == ("ADDED", "1")
        await asyncio.wait_for(ended.wait(), 60)  # the client is gone, so the store's watch is, too


async def test_what_a_generator_fails_with_at_once_is_the_response() -> None:
    class Failing(MemoryStore):
        async def watch(self, context: Context, options: ListOptions) -> Any:
            if context.user.name:
                raise NotFoundError(RESOURCE, "all of them")
            yield WatchEvent(EventType.ADDED, TestType())

    async with serving_store(Failing()) as world:
        response = await world.client.get(f"{PATH}?watch=1", x_user="u")
    assert (response.status, response.json()["reason"]) == (404, "NotFound")


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (ValueError("cut off"), "Internal error occurred: cut off"),
        (NotFoundError(RESOURCE, "x"), 'testtypes.ext.cattle.io "x" not found'),
        (WatchEvent(EventType.ADDED, 1), "Internal error occurred: object was of type int, not of expected type"),
        ("text", "Internal error occurred: the store sent a str instead of a WatchEvent"),
        (WatchEvent(EventType.ERROR, Status(message="as the store says", code=410)), "as the store says"),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_what_goes_wrong_in_a_watch_is_an_event(item: Any, message: str) -> None:
    class Breaking(MemoryStore):
        async def watch(self, context: Context, options: ListOptions) -> Any:
            yield WatchEvent(EventType.ADDED, TestType())
            await asyncio.sleep(0)
            if isinstance(item, Exception):
                raise item
            yield item

    async with (
        serving_store(Breaking()) as world,
        world.client.open("GET", f"{PATH}?watch=1", headers=USER) as response,
    ):
        added, error = await response.events(2)
        assert response.status == 200
        assert await response.line() == b""  # it ends
    assert added["type"] == "ADDED"
    assert (error["type"], error["object"]["kind"]) == ("ERROR", "Status")
    assert error["object"]["message"].startswith(message)


async def test_a_store_waits_for_a_client_that_does_not_read() -> None:
    made = 0

    class Endless(MemoryStore):
        async def watch(self, context: Context, options: ListOptions) -> Any:
            nonlocal made
            while True:
                made += 1
                yield WatchEvent(EventType.ADDED, TestType(data="x" * 100))

    from genericapiserver.ext.event_stream import MAX_PENDING, EventStream

    stream = EventStream(Endless().watch(None, ListOptions()), TestType)  # type: ignore[arg-type]
    async with stream:
        await stream.begin()
        assert made == MAX_PENDING
        assert stream.pending == MAX_PENDING
        assert len(await stream.next_events()) == MAX_PENDING
        assert len(await stream.next_events()) == MAX_PENDING


async def test_a_watch_that_is_closed_gives_nothing_more() -> None:
    store = MemoryStore()
    from genericapiserver.ext import EventStream

    stream = EventStream(store.broadcast.events(), TestType)
    async with stream:
        waiting = asyncio.create_task(stream.next_events())
        await asyncio.sleep(0)
        stream.close()
        assert await waiting == []
    assert store.broadcast.watches == set()


def test_errors_keep_their_status() -> None:
    """TestConvertError."""
    from genericapiserver.ext import convert_error

    known = NotFoundError(RESOURCE, "x")
    assert convert_error(known) is known
    other = convert_error(ValueError("why"))
    assert isinstance(other, StatusError)
    assert other.status().message == "Internal error occurred: why"
    assert (other.code, other.reason) == (500, "InternalError")
