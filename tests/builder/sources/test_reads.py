"""What follows from list() alone, and from get() beside it."""

import asyncio
import datetime as dt
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from genericapiserver.apimachinery import fields, labels
from genericapiserver.apimachinery.errors import NotFoundError
from genericapiserver.apimachinery.meta.internal import ListOptions
from genericapiserver.registry import rest
from genericapiserver.storage.factory import StorageConfig, open_engine
from genericapiserver.storage.memory import MemoryEngine
from tests.builder.sources.support import CONTEXT, WRITES, Note, Notes, declared, get, listed, note, opened

MADE = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("given", "served"),
    [
        ((), {"get", "list", "watch"}),
        (("get",), {"get", "list", "watch"}),
        (("create",), {"get", "list", "watch", "create"}),
        (("update",), {"get", "list", "watch", "update", "patch"}),
        (("delete",), {"get", "list", "watch", "delete", "deletecollection"}),
        (WRITES, {"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}),
    ],
    ids=["list", "get", "create", "update", "delete", "all"],
)
async def test_verbs_follow_from_the_functions(given: tuple[str, ...], served: set[str]) -> None:
    protocols = {
        "get": rest.Getter,
        "list": rest.Lister,
        "watch": rest.Watcher,
        "create": rest.Creator,
        "update": rest.Updater,
        "patch": rest.Patcher,
        "delete": rest.GracefulDeleter,
        "deletecollection": rest.CollectionDeleter,
    }
    async with opened(declared(Notes(), *given)) as store:
        assert {verb for verb, protocol in protocols.items() if isinstance(store, protocol)} == served


@pytest.mark.parametrize("verbs", [(), ("get",)])
async def test_a_read_asks_the_source(verbs: tuple[str, ...]) -> None:
    notes = Notes()
    async with opened(declared(notes, *verbs)) as store:
        assert await listed(store) == {}
        notes.put(note("a", "milk"))
        assert (await get(store, "a")).spec.text == "milk"
        notes.put(note("a", "eggs"))
        assert (await get(store, "a")).spec.text == "eggs"
        assert await listed(store) == {"a": "eggs"}
        notes.notes.clear()
        with pytest.raises(NotFoundError, match='"a" not found'):
            await get(store, "a")


async def test_one_object_is_asked_for_by_itself() -> None:
    notes = Notes()
    notes.put(note("a"), note("b"))
    async with opened(declared(notes, "get")) as store:
        await get(store, "a")
        assert notes.asked == {"get": 1}
        options = ListOptions(field_selector=fields.parse("metadata.name=b"))
        assert len((await store.list(CONTEXT, options)).items) == 1
        assert notes.asked == {"get": 2}


async def test_an_object_that_nobody_changed_keeps_its_version() -> None:
    notes = Notes()
    notes.put(note("a", "milk"), note("b"))
    async with opened(declared(notes)) as store:
        first = await get(store, "a")
        notes.put(note("b", "more"))
        assert (await get(store, "a")).metadata.resource_version == first.metadata.resource_version
        notes.put(note("a", "eggs"))
        second = await get(store, "a")
        assert int(second.metadata.resource_version) > int(first.metadata.resource_version)
        assert (first.metadata.generation, second.metadata.generation) == (1, 2)


async def test_a_change_of_labels_or_status_is_no_new_generation() -> None:
    notes = Notes()
    notes.put(note("a"))
    async with opened(declared(notes)) as store:
        await get(store, "a")
        notes.notes["a"].status.read_by = "me"
        notes.notes["a"].metadata.labels = {"k": "v"}
        found = await get(store, "a")
        assert (found.status.read_by, found.metadata.labels, found.metadata.generation) == ("me", {"k": "v"}, 1)


async def test_what_the_source_changes_in_its_own_objects_later_changes_nothing_that_was_told() -> None:
    notes = Notes()
    notes.put(note("a", "milk"))
    async with opened(declared(notes)) as store:
        page = await store.list(CONTEXT, ListOptions())
        notes.notes["a"].spec.text = "eggs"
        assert page.items[0].shared.spec.text == "milk"
        assert await listed(store) == {"a": "eggs"}


async def test_the_identity_of_an_object_is_the_same_for_every_server() -> None:
    uids = []
    for engine in (MemoryEngine(), MemoryEngine()):
        notes = Notes()
        notes.put(note("a"), note("b"))
        async with opened(declared(notes), engine) as store:
            uids.append([(await get(store, name)).metadata.uid for name in ("a", "b")])
        await engine.aclose()
    assert uids[0] == uids[1]
    assert uids[0][0] != uids[0][1]


async def test_the_identity_and_the_age_that_the_source_gives_count() -> None:
    notes = Notes()
    notes.put(note("a", uid="own", creation_timestamp=MADE.replace(tzinfo=None), generation=7))
    async with opened(declared(notes)) as store:
        metadata = (await get(store, "a")).metadata
        assert (metadata.uid, metadata.creation_timestamp, metadata.generation) == ("own", MADE, 7)


@pytest.mark.parametrize("storage", ["sqlite", "file"])
async def test_versions_and_ages_outlive_the_server_where_the_storage_does(storage: str, tmp_path: Path) -> None:
    notes = Notes()
    notes.put(note("a", "milk"), note("b"))
    seen = []
    for _ in range(2):
        engine = await open_engine(StorageConfig(type=storage, path=str(tmp_path / "objects")))
        async with opened(declared(notes), engine) as store:
            seen.append((await get(store, "a")).metadata)
        await engine.aclose()
        notes.put(note("b", "changed while nobody served"))
    assert seen[0] == seen[1]


async def test_what_was_written_when_the_type_was_another_one_is_written_anew() -> None:
    notes = Notes()
    notes.put(note("a", "milk"))
    async with opened(declared(notes)) as store:
        await get(store, "a")
        engine = store.backend._mirror.backend.store.engine
        key = b"/registry/sources/notes.fridge.example.com/ns/a"
        kept = (await engine.get(key)).kv
        await engine.put(key, kept.value.replace(b'"milk"', b"[1]"), expect_rev=kept.mod_rev)
        assert (await get(store, "a")).spec.text == "milk"


async def test_pages_are_of_one_snapshot_and_ask_the_source_once() -> None:
    notes = Notes()
    notes.put(*(note(name) for name in "abcde"))
    async with opened(declared(notes)) as store:
        page = await store.list(CONTEXT, ListOptions(limit=2))
        notes.notes.clear()
        rest_of_it = await store.list(CONTEXT, ListOptions(limit=10, continue_token=page.continue_token))
        assert [item.shared.metadata.name for item in (*page.items, *rest_of_it.items)] == list("abcde")
        assert notes.asked == {"list": 1}


async def test_selectors_of_labels_and_fields() -> None:
    notes = Notes()
    notes.put(note("a", "milk", labels={"k": "v"}), note("b", "eggs"))
    async with opened(declared(notes, selectable=["spec.text"])) as store:
        assert await listed(store, label_selector=labels.parse("k=v")) == {"a": "milk"}
        assert await listed(store, field_selector=fields.parse("spec.text=eggs")) == {"b": "eggs"}


async def test_any_version_is_answered_from_memory_while_it_is_younger_than_the_interval() -> None:
    notes = Notes()
    async with opened(declared(notes)) as store:
        assert await listed(store, resource_version="0") == {}
        notes.put(note("a", "milk"))
        assert await listed(store, resource_version="0") == {}
        assert notes.asked == {"list": 1}
        assert await listed(store) == {"a": "milk"}


async def test_any_version_asks_when_what_is_in_memory_is_older_than_the_interval() -> None:
    notes = Notes()
    async with opened(declared(notes, interval=1e-9)) as store:
        await listed(store, resource_version="0")
        notes.put(note("a", "milk"))
        assert await listed(store, resource_version="0") == {"a": "milk"}


async def test_the_newest_state_may_be_as_old_as_was_declared() -> None:
    notes = Notes()
    async with opened(declared(notes, max_age=3600.0)) as store:
        await listed(store)
        notes.put(note("a", "milk"))
        assert await listed(store) == {}


async def test_readers_at_once_share_a_list_that_began_after_they_came() -> None:
    begun, gate, calls = asyncio.Event(), asyncio.Event(), 0
    notes = Notes()

    async def slow() -> list[Note]:
        nonlocal calls
        calls += 1
        said = list(notes.notes.values())
        begun.set()
        await gate.wait()
        return said

    async with opened(declared(notes, list=slow)) as store, asyncio.TaskGroup() as readers:
        first = readers.create_task(listed(store))
        await begun.wait()
        notes.put(note("a", "milk"))  # the list() that is under way does not have it
        later = [readers.create_task(listed(store)) for _ in range(20)]
        await asyncio.sleep(0)
        gate.set()
        assert [await reader for reader in later] == [{"a": "milk"}] * 20
        await first
        assert calls == 2


async def test_a_reader_that_goes_away_does_not_take_the_others_along() -> None:
    begun, gate = asyncio.Event(), asyncio.Event()

    async def slow() -> list[Note]:
        begun.set()
        await gate.wait()
        return [note("a", "milk")]

    async with opened(declared(Notes(), list=slow)) as store:
        impatient = asyncio.create_task(listed(store))
        await begun.wait()
        patient = asyncio.create_task(listed(store))
        await asyncio.sleep(0)
        impatient.cancel()
        gate.set()
        assert await patient == {"a": "milk"}


async def test_plain_functions_never_block_the_loop() -> None:
    release, inside = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def blocking() -> list[Note]:
        loop.call_soon_threadsafe(inside.set)
        assert release.wait(30)
        return []

    async with opened(declared(Notes(), list=blocking)) as store:
        reader = asyncio.create_task(listed(store))
        await inside.wait()  # the loop runs on
        release.set()
        assert await reader == {}


def generated() -> Iterator[Note]:
    yield note("a", "milk")


async def generated_async() -> AsyncIterator[Note]:
    yield note("a", "milk")


async def coroutine() -> Any:
    return (note("a", "milk"),)


class Callable:
    async def __call__(self) -> list[Note]:
        return [note("a", "milk")]


@pytest.mark.parametrize(
    "function",
    [generated, generated_async, coroutine, lambda: coroutine(), lambda: generated_async(), Callable()],
    ids=["generator", "async-generator", "coroutine", "lambda", "lambda-async-generator", "object"],
)
async def test_a_list_may_come_in_many_shapes(function: Any) -> None:
    async with opened(declared(Notes(), list=function)) as store:
        assert await listed(store) == {"a": "milk"}


async def test_cluster_scoped_objects_are_asked_for_by_name() -> None:
    asked = []

    def one(name: str) -> Note | None:
        asked.append(name)
        return Note() if name == "nameless" else None

    async with opened(declared(Notes(), get=one, namespaced=False)) as store:
        assert not store.namespace_scoped
        with pytest.raises(NotFoundError):
            await get(store, "a")
        assert asked == ["a"]
