"""Writes through the server: the source first, then what the server keeps of it."""

import asyncio
from typing import Any

import pytest

from genericapiserver.apimachinery.errors import (
    AlreadyExistsError,
    ConflictError,
    MethodNotSupportedError,
    NotFoundError,
    RequestEntityTooLargeError,
)
from genericapiserver.apimachinery.meta import DeleteOptions
from genericapiserver.apimachinery.meta.internal import ListOptions
from genericapiserver.apimachinery.types import deep_copy
from genericapiserver.builder.resource import new_scheme
from genericapiserver.config import ConfigError
from genericapiserver.registry.status_store import StatusStrategy
from genericapiserver.storage.memory import MemoryEngine
from tests.builder.sources.support import (
    CONTEXT,
    WRITES,
    Engine,
    Note,
    Notes,
    create,
    declared,
    delete,
    get,
    listed,
    note,
    opened,
    update,
)


async def test_what_is_created_is_in_the_source() -> None:
    notes = Notes()
    async with opened(declared(notes, *WRITES)) as store:
        made = await create(store, note("a", "milk"))
        assert notes.notes["a"].spec.text == "milk"
        found = await get(store, "a")
        assert found == made
        assert made.metadata.resource_version
        with pytest.raises(AlreadyExistsError):
            await create(store, note("a"))


async def test_what_appeared_in_the_source_meanwhile_already_exists() -> None:
    notes = Notes()
    async with opened(declared(notes, "create")) as store:
        await listed(store)
        notes.put(note("a"))
        with pytest.raises(AlreadyExistsError):
            await create(store, note("a"))
        assert "create" not in notes.asked


async def test_a_name_that_only_the_source_knows_to_be_taken_already_exists() -> None:
    def taken(obj: Note) -> None:
        raise FileExistsError

    async with opened(declared(Notes(), create=taken)) as store:
        with pytest.raises(AlreadyExistsError):
            await create(store, note("a"))


async def test_an_update_with_a_stale_version_is_a_conflict_and_changes_nothing() -> None:
    notes = Notes()
    notes.put(note("a", "milk"))
    async with opened(declared(notes, *WRITES)) as store:
        mine, theirs = await get(store, "a"), await get(store, "a")
        theirs.spec.text = "theirs"
        await update(store, theirs)
        mine.spec.text = "mine"
        with pytest.raises(ConflictError, match="the object has been modified"):
            await update(store, mine)
        assert notes.notes["a"].spec.text == "theirs"


async def test_an_update_over_a_change_made_in_the_source_is_a_conflict() -> None:
    notes = Notes()
    notes.put(note("a", "milk"))
    async with opened(declared(notes, *WRITES)) as store:
        mine = await get(store, "a")
        notes.put(note("a", "edited by hand"))
        mine.spec.text = "mine"
        with pytest.raises(ConflictError):
            await update(store, mine)
        assert notes.notes["a"].spec.text == "edited by hand"


async def test_of_many_writers_with_one_version_one_succeeds() -> None:
    notes = Notes()
    notes.put(note("a", "0"))
    async with opened(declared(notes, *WRITES)) as store:
        seen = await get(store, "a")

        async def write(number: int) -> str:
            mine = deep_copy(seen)
            mine.spec.text = str(number)
            try:
                await update(store, mine)
            except ConflictError:
                return ""
            return mine.spec.text

        outcomes = [each for each in await asyncio.gather(*map(write, range(1, 21))) if each]
        assert outcomes == [notes.notes["a"].spec.text]
        assert notes.asked["update"] == 1


async def test_increments_of_many_writers_all_count() -> None:
    notes = Notes()
    notes.put(note("a", "0"))
    async with opened(declared(notes, *WRITES)) as store:

        async def increment(context: Any, obj: Note | None, old: Note) -> Note:
            old.spec.text = str(int(old.spec.text) + 1)
            return old

        await asyncio.gather(*(update(store, None, increment) for _ in range(25)))
        assert notes.notes["a"].spec.text == "25"


async def test_an_update_that_changes_nothing_does_not_reach_the_source() -> None:
    notes = Notes()
    notes.put(note("a", "milk"))
    async with opened(declared(notes, *WRITES)) as store:
        found = await get(store, "a")
        result = await update(store, deep_copy(found))
        assert result.object.revision == int(found.metadata.resource_version)
        assert "update" not in notes.asked


async def test_what_is_too_large_to_be_kept_does_not_reach_the_source() -> None:
    notes = Notes()
    notes.put(note("a", "milk"))
    async with opened(declared(notes, *WRITES)) as store:
        found = await get(store, "a")
        found.spec.text = "x" * 2_000_000
        with pytest.raises(RequestEntityTooLargeError):
            await update(store, found)
        with pytest.raises(RequestEntityTooLargeError):
            await create(store, note("b", "x" * 2_000_000))
        assert await listed(store) == {"a": "milk"}


async def test_what_the_source_makes_of_a_write_is_the_answer() -> None:
    def shouting(obj: Note) -> Note:
        return note(obj.metadata.name, obj.spec.text.upper())

    notes = Notes()
    async with opened(declared(notes, create=shouting)) as store:
        assert (await create(store, note("a", "milk"))).spec.text == "MILK"


async def test_a_source_that_does_not_show_a_write_yet_is_taken_at_its_word() -> None:
    async with opened(declared(Notes(), create=lambda obj: None)) as store:
        made = await create(store, note("a", "milk"))
        assert made.spec.text == "milk"
        assert made.metadata.uid == store.backend._mirror._identity.uid("ns", "a")


async def test_labels_that_the_source_does_not_keep_stay() -> None:
    notes = Notes()
    async with opened(declared(notes, *WRITES)) as store:
        await create(store, note("a", "milk", labels={"mine": "1"}, annotations={"why": "so"}))
        notes.put(note("a", "eggs", labels={"theirs": "1"}))
        found = await get(store, "a")
        assert found.metadata.labels == {"mine": "1", "theirs": "1"}
        assert found.metadata.annotations == {"why": "so"}


async def test_labels_that_the_source_takes_back_go() -> None:
    notes = Notes()
    notes.put(note("a", "milk", labels={"theirs": "1"}))
    async with opened(declared(notes, *WRITES)) as store:
        await get(store, "a")
        notes.put(note("a", "milk"))
        found = await get(store, "a")
        assert (found.metadata.labels, found.metadata.managed_fields) == ({}, None)


async def test_labels_of_a_source_that_nobody_can_write_to_are_its_own() -> None:
    notes = Notes()
    notes.put(note("a", labels={"theirs": "1"}))
    async with opened(declared(notes)) as store:
        assert (await get(store, "a")).metadata.managed_fields is None
        notes.put(note("a"))
        assert (await get(store, "a")).metadata.labels == {}


class ReadStatus(StatusStrategy):
    """What has been read."""


async def test_a_status_is_written_through_its_subresource_alone() -> None:
    notes = Notes()
    notes.put(note("a", "milk"))
    kept: list[Note] = []

    def keep(obj: Note) -> Note:
        kept.append(obj)
        notes.notes["a"].status.read_by = obj.status.read_by
        return notes.notes["a"]

    async with opened(declared(notes, status=ReadStatus, update=keep), below="status") as store:
        found = await get(store, "a")
        found.spec.text, found.status.read_by = "eggs", "me"
        result = await update(store, found)
        assert [(each.spec.text, each.status.read_by) for each in kept] == [("milk", "me")]
        shown = result.object.shared
        assert (shown.spec.text, shown.status.read_by, shown.metadata.generation) == ("milk", "me", 1)


async def test_deleting() -> None:
    notes = Notes()
    notes.put(note("a"), note("b"))
    async with opened(declared(notes, *WRITES)) as store:
        await delete(store, "a")
        assert list(notes.notes) == ["b"]
        with pytest.raises(NotFoundError):
            await delete(store, "a")


async def test_what_is_gone_when_it_is_to_be_deleted_is_not_found() -> None:
    def gone(namespace: str, name: str) -> None:
        raise KeyError(name)

    notes = Notes()
    notes.put(note("a"))
    async with opened(declared(notes, delete=gone)) as store:
        with pytest.raises(NotFoundError):
            await delete(store, "a")


async def test_finalizers_hold_an_object_in_the_source() -> None:
    notes = Notes()
    async with opened(declared(notes, *WRITES)) as store:
        await create(store, note("a", "milk", finalizers=["example.com/wait"]))
        result = await delete(store, "a")
        assert (result.immediate, list(notes.notes)) == (False, ["a"])
        held = await get(store, "a")
        assert held.metadata.deletion_timestamp is not None
        held.metadata.finalizers = []
        await update(store, held)
        assert notes.notes == {}
        with pytest.raises(NotFoundError):
            await get(store, "a")
        assert "update" not in notes.asked  # finalizers are no business of the source


async def test_deleting_a_collection() -> None:
    notes = Notes()
    notes.put(*(note(name) for name in "abc"))
    async with opened(declared(notes, *WRITES)) as store:
        await store.delete_collection(CONTEXT, validate=None, options=None, list_options=ListOptions())
        assert notes.notes == {}


async def test_a_dry_run_writes_nothing_anywhere() -> None:
    notes = Notes()
    notes.put(note("a", "milk"))
    async with opened(declared(notes, *WRITES)) as store:
        found = await get(store, "a")
        await create(store, note("b"), dry_run=["All"])
        changed = deep_copy(found)
        changed.spec.text = "eggs"
        await update(store, changed, dry_run=["All"])
        await delete(store, "a", DeleteOptions(dry_run=["All"]))
        assert await get(store, "a") == found
        assert set(notes.asked) <= {"get", "list"}


async def test_what_cannot_be_created_is_not_created_by_an_apply_either() -> None:
    async with opened(declared(Notes(), "update")) as store:
        with pytest.raises(MethodNotSupportedError, match="create is not supported"):
            await update(store, note("a"), force=True)


async def test_a_list_that_began_before_a_write_does_not_undo_it() -> None:
    begun, gate = asyncio.Event(), asyncio.Event()
    notes = Notes()
    notes.put(note("a", "old"), note("b"))

    async def slow() -> list[Note]:
        said = list(notes.notes.values())
        begun.set()
        await gate.wait()
        return said

    async with opened(declared(notes, *WRITES, list=slow)) as store:
        changed = await get(store, "a")
        await get(store, "b")
        reader = asyncio.create_task(listed(store))
        await begun.wait()
        changed.spec.text = "new"
        await update(store, changed)
        await delete(store, "b")
        gate.set()
        assert await reader == {"a": "new"}


async def test_a_list_that_saw_what_was_made_and_deleted_meanwhile_does_not_bring_it_back() -> None:
    begun, made, said, gate = asyncio.Event(), asyncio.Event(), asyncio.Event(), asyncio.Event()
    notes = Notes()

    async def slow() -> list[Note]:
        begun.set()
        await made.wait()
        objects = list(notes.notes.values())
        said.set()
        await gate.wait()
        return objects

    async with opened(declared(notes, *WRITES, list=slow)) as store:
        reader = asyncio.create_task(listed(store))
        await begun.wait()
        await create(store, note("a", "milk"))
        made.set()
        await said.wait()
        await delete(store, "a")
        gate.set()
        assert await reader == {}


async def test_several_processes_may_not_write() -> None:
    source = declared(Notes(), "update")
    scheme = new_scheme([source])
    with pytest.raises(ConfigError, match="--workers=1"):
        source.storages(Engine(scheme, source, MemoryEngine(), shared=True), scheme)
    assert declared(Notes()).storages(Engine(scheme, source, MemoryEngine(), shared=True), scheme)
