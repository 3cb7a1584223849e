"""Watches by polling and comparing: while somebody watches, and with every rule of other watches."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genericapiserver.apimachinery import labels
from genericapiserver.apimachinery.meta.internal import ListOptions
from genericapiserver.apimachinery.watch import EventType
from genericapiserver.builder import Source
from genericapiserver.registry.generic.store import Store
from genericapiserver.storage.memory import MemoryEngine
from genericapiserver.storage.stored import INITIAL_EVENTS_END_ANNOTATION
from tests.builder.sources.support import (
    CONTEXT,
    WRITES,
    Note,
    Notes,
    declared,
    get,
    listed,
    note,
    opened,
    soon,
    update,
)

TEXTS = st.dictionaries(st.sampled_from("abcde"), st.sampled_from(["milk", "eggs", "tea"]), max_size=5)


class Follower:
    """Applies the events of a watch, as an informer does."""

    def __init__(self, known: dict[str, str], revision: int) -> None:
        self.known = known
        self.revisions = [revision]

    def apply(self, event: Any) -> None:
        self.revisions.append(event.stored.revision)
        obj = event.stored.shared
        name = obj.metadata.name
        assert (event.type is EventType.ADDED) == (name not in self.known)
        if event.type is EventType.DELETED:
            assert self.known.pop(name) == obj.spec.text
        else:
            self.known[name] = obj.spec.text


async def started(store: Store) -> Follower:
    page = await store.list(CONTEXT, ListOptions())
    return Follower({item.shared.metadata.name: item.shared.spec.text for item in page.items}, page.resource_version)


async def next_events(stream: Any, number: int) -> list[Any]:
    events: list[Any] = []
    while len(events) < number:
        events += await soon(stream.next_events())
    return events


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(snapshots=st.lists(TEXTS, min_size=1, max_size=8), verb=st.sampled_from(["", "get"]))
def test_who_applies_the_events_ends_at_the_last_snapshot(snapshots: list[dict[str, str]], verb: str) -> None:
    async def story() -> None:
        notes = Notes()
        source = declared(notes, *([verb] if verb else []))
        async with opened(source) as store:
            follower = await started(store)
            options = ListOptions(resource_version=str(follower.revisions[0]))
            async with await store.watch(CONTEXT, options) as stream:
                for texts in snapshots:
                    before = follower.known.copy()
                    notes.set(texts)
                    page = await store.list(CONTEXT, ListOptions())
                    changes = {name for name in before | texts if before.get(name) != texts.get(name)}
                    for event in await next_events(stream, len(changes)):
                        follower.apply(event)
                    assert follower.known == texts
                    assert follower.revisions[-1] == page.resource_version
            assert all(one < other for one, other in zip(follower.revisions, follower.revisions[1:], strict=False))

    asyncio.run(story())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(st.tuples(st.booleans(), st.sampled_from("abc"), st.sampled_from(["milk", "eggs"])), max_size=10))
def test_writes_through_the_server_and_in_the_source_make_one_history(steps: list[tuple[bool, str, str]]) -> None:
    async def story() -> None:
        notes = Notes()
        async with opened(declared(notes, *WRITES)) as store:
            follower = await started(store)
            options = ListOptions(resource_version=str(follower.revisions[0]))
            async with await store.watch(CONTEXT, options) as stream:
                for through, name, text in steps:
                    changes = name not in notes.notes or notes.notes[name].spec.text != text
                    if through:
                        await update(store, note(name, text), name=name, force=True)
                    else:
                        notes.put(note(name, text))
                        await listed(store)
                    for event in await next_events(stream, int(changes)):
                        follower.apply(event)
                    assert follower.known == {name: each.spec.text for name, each in notes.notes.items()}
            assert all(one < other for one, other in zip(follower.revisions, follower.revisions[1:], strict=False))

    asyncio.run(story())


async def polled(source: Source, stream: Any, number: int) -> list[Any]:
    source.changed()
    return await next_events(stream, number)


async def test_a_watch_hears_of_changes_by_polling() -> None:
    notes = Notes()
    async with opened(declared(notes, interval=0.01)) as store, await store.watch(CONTEXT, ListOptions()) as stream:
        notes.put(note("a", "milk"))
        (event,) = await next_events(stream, 1)
        assert (event.type, event.stored.shared.spec.text) == (EventType.ADDED, "milk")


async def test_a_source_that_tells_is_looked_at_at_once() -> None:
    notes = Notes()
    source = declared(notes)
    async with opened(source) as store, await store.watch(CONTEXT, ListOptions()) as stream:
        notes.put(note("a", "milk"))
        assert [event.type for event in await polled(source, stream, 1)] == [EventType.ADDED]
        notes.put(note("a", "eggs"))
        assert [event.type for event in await polled(source, stream, 1)] == [EventType.MODIFIED]
        notes.notes.clear()
        assert [event.type for event in await polled(source, stream, 1)] == [EventType.DELETED]


async def test_the_source_is_polled_only_while_somebody_watches() -> None:
    async with opened(declared(Notes())) as store:
        polling = store.backend.polling
        assert not polling.running
        one, other = await store.watch(CONTEXT, ListOptions()), await store.watch(CONTEXT, ListOptions())
        assert polling.running
        one.close()
        one.close()
        assert polling.running
        other.close()
        assert not polling.running


async def test_a_watch_that_cannot_begin_leaves_no_polling() -> None:
    notes = Notes(failure=OSError())
    async with opened(declared(notes)) as store:
        with pytest.raises(Exception, match="failed in list"):
            await store.watch(CONTEXT, ListOptions())
        assert not store.backend.polling.running


async def test_a_watch_from_a_version_hears_what_happened_while_nobody_looked() -> None:
    notes = Notes()
    notes.put(note("a", "milk"))
    async with opened(declared(notes)) as store:
        version = (await store.list(CONTEXT, ListOptions())).resource_version
        notes.put(note("a", "eggs"), note("b"))
        await listed(store)
        async with await store.watch(CONTEXT, ListOptions(resource_version=str(version))) as stream:
            assert [event.type for event in await next_events(stream, 2)] == [EventType.MODIFIED, EventType.ADDED]


async def test_a_watch_resumes_after_a_restart(tmp_path: Any) -> None:
    notes = Notes()
    notes.put(note("a", "milk"))
    engine = MemoryEngine(initial_rev=1)  # the storage outlives the server
    async with opened(declared(notes), engine) as store:
        version = (await store.list(CONTEXT, ListOptions())).resource_version
    notes.put(note("a", "eggs"))
    async with opened(declared(notes), engine) as store:
        stream = await store.watch(CONTEXT, ListOptions(resource_version=str(version)))
        (event,) = await next_events(stream, 1)
        assert (event.type, event.stored.shared.spec.text) == (EventType.MODIFIED, "eggs")
    await engine.aclose()


async def test_a_version_that_is_forgotten_is_gone() -> None:
    notes = Notes()
    engine = MemoryEngine(initial_rev=1)
    async with opened(declared(notes), engine) as store:
        version = (await store.list(CONTEXT, ListOptions())).resource_version
        for text in ("milk", "eggs", "tea"):
            notes.put(note("a", text))
            await listed(store)
        await engine.compact(engine.current_rev())
        async with await store.watch(CONTEXT, ListOptions(resource_version=str(version))) as stream:
            (event,) = await next_events(stream, 1)
            assert (event.type, event.object.code, event.object.reason) == (EventType.ERROR, 410, "Expired")
    await engine.aclose()


async def test_initial_events_end_with_a_bookmark() -> None:
    notes = Notes()
    notes.put(note("a"), note("b"))
    async with opened(declared(notes)) as store:
        options = ListOptions(
            send_initial_events=True, allow_watch_bookmarks=True, resource_version_match="NotOlderThan"
        )
        async with await store.watch(CONTEXT, options) as stream:
            events = await next_events(stream, 3)
            assert [event.type for event in events] == [EventType.ADDED, EventType.ADDED, EventType.BOOKMARK]
            assert INITIAL_EVENTS_END_ANNOTATION in events[-1].stored.shared.metadata.annotations


async def test_an_object_that_stops_matching_is_deleted_for_its_watch() -> None:
    notes = Notes()
    notes.put(note("a", labels={"k": "v"}))
    source = declared(notes)
    async with opened(source) as store:
        stream = await store.watch(CONTEXT, ListOptions(label_selector=labels.parse("k=v")))
        await next_events(stream, 1)
        notes.put(note("a"))
        assert [event.type for event in await polled(source, stream, 1)] == [EventType.DELETED]


async def test_watches_stay_open_while_the_source_fails(caplog: pytest.LogCaptureFixture) -> None:
    notes = Notes()
    notes.put(note("a"))
    failed, source = asyncio.Event(), declared(notes)
    loop = asyncio.get_running_loop()

    def failing() -> list[Note]:
        failure = notes.failure
        if failure is None:
            return notes.list()
        loop.call_soon_threadsafe(failed.set)
        raise failure

    source.functions["list"] = failing
    async with opened(source) as store, await store.watch(CONTEXT, ListOptions()) as stream:
        await next_events(stream, 1)
        notes.failure = OSError()
        source.changed()
        await soon(failed.wait())
        notes.failure = None
        notes.notes.clear()
        assert [event.type for event in await polled(source, stream, 1)] == [EventType.DELETED]
    assert "Watches are behind" in caplog.text


async def test_closing_the_store_ends_the_polling() -> None:
    async with opened(declared(Notes())) as store:
        await store.watch(CONTEXT, ListOptions())
        polling = store.backend.polling
    assert not polling.running


async def test_a_single_read_is_an_event_too() -> None:
    notes = Notes()
    async with opened(declared(notes, "get")) as store, await store.watch(CONTEXT, ListOptions()) as stream:
        notes.put(note("a", "milk"))
        await get(store, "a")
        assert [event.type for event in await next_events(stream, 1)] == [EventType.ADDED]
