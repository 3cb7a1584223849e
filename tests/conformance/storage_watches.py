"""The acceptance suite of storage: watches, their errors, bookmarks, initial events."""

import asyncio
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from genericapiserver.storage.interface import ListOptions, WatchStream
from genericapiserver.storage.stored import INITIAL_EVENTS_END_ANNOTATION, StoredObject, WatchEvent
from tests.conformance.storage_harness import (
    FOREVER,
    Harness,
    Pod,
    Reader,
    case,
    everything,
    key_of,
    open_watch,
    path_of,
    selecting,
)

MANY = 22


def labelled(value: str) -> Callable[[Pod], None]:
    def change(pod: Pod) -> None:
        pod.metadata.labels = {"select": value}

    return change


def place(node: str) -> Callable[[Pod], None]:
    def change(pod: Pod) -> None:
        pod.spec.node_name = node

    return change


def without_revision(stored: StoredObject[Pod]) -> bytes:
    return stored.value


# ---- selection


@pytest.mark.parametrize("recursive", [False, True], ids=["single key", "recursive"])
@pytest.mark.parametrize(
    ("selector", "steps"),
    [
        pytest.param("", "create>ADDED", id="WA-1"),
        pytest.param("select=in", "create>- in>ADDED", id="WA-2"),
        pytest.param("", "create>ADDED in>MODIFIED", id="WA-3"),
        pytest.param("select!=out", "create>ADDED out>DELETED", id="WA-4"),
        pytest.param("select=in", "create>- in>ADDED out>DELETED in>ADDED in2>MODIFIED delete>DELETED", id="WA-5"),
    ],
)
async def test_watch_shows_what_a_selector_selects(
    harness: Harness, recursive: bool, selector: str, steps: str
) -> None:
    key = "/pods/test-ns/" if recursive else key_of("test-ns/foo")
    options = attrs.evolve(
        everything(await harness.backend.get_current_resource_version(), label_selector=selector),
        recursive=recursive,
    )
    reader = await open_watch(harness.backend, key, options)
    before: StoredObject[Pod] | None = None
    for step in steps.split():
        action, _, expected = step.partition(">")
        if action == "create":
            after = await harness.create("test-ns/foo")
            await harness.create("test-ns-bad/foo", labels_={"select": "in"})
        elif action == "delete":
            after = await harness.backend.delete(key_of("test-ns/foo"))
        else:
            after = await harness.update("test-ns/foo", relabel(action))
            await harness.update("test-ns-bad/foo", labelled(action))
        if expected != "-":
            event = await reader.expect(expected, "test-ns/foo", after.revision)
            shown = before if expected == "DELETED" else after
            assert shown is not None
            assert event.value == shown.value
        before = after
    reader.stream.close()
    assert await reader.next() is None


def relabel(action: str) -> Callable[[Pod], None]:
    def change(pod: Pod) -> None:
        pod.metadata.labels = {"select": "in" if action.startswith("in") else "out"}
        pod.spec.node_name = action

    return change


# ---- where a watch starts


@case("WZ-1")
async def test_a_watch_from_zero_begins_with_what_is_there(harness: Harness) -> None:
    await harness.create("test-ns/foo")
    reader = await open_watch(harness.backend, key_of("test-ns/foo"), ListOptions(resource_version="0"))
    await reader.expect("ADDED", "test-ns/foo")
    updated = await harness.update("test-ns/foo", place("a"))
    await reader.expect("MODIFIED", "test-ns/foo", updated.revision)
    again = await open_watch(harness.backend, key_of("test-ns/foo"), ListOptions(resource_version="0"))
    await again.expect("ADDED", "test-ns/foo", updated.revision)
    reader.stream.close()
    again.stream.close()


@case("WZ-2")
async def test_a_watch_from_a_compacted_revision_is_too_old(harness: Harness) -> None:
    created = await harness.create("test-ns/foo")
    await harness.backend.stats()
    updated = await harness.update("test-ns/foo", place("a"))
    await harness.compact(updated.revision)
    fresh = await open_watch(harness.backend, key_of("test-ns/foo"), ListOptions(resource_version="0"))
    await fresh.expect("ADDED", "test-ns/foo", updated.revision)
    fresh.stream.close()
    options = ListOptions(resource_version=str(created.revision))
    reader = await open_watch(harness.backend, key_of("test-ns/foo"), options)
    status = await reader.expect_error()
    assert (status.code, status.reason) == (410, "Expired")
    if harness.cached:
        assert status.message == f"too old resource version: {created.revision} ({updated.revision})"
    else:
        assert status.message == "The resourceVersion for the provided watch is too old."


@case("WD-1")
async def test_a_deletion_is_seen_from_the_revision_before_it(harness: Harness) -> None:
    created = await harness.create("test-ns/foo")
    reader = await open_watch(harness.backend, key_of("test-ns/foo"), at(created))
    deleted = await harness.backend.delete(key_of("test-ns/foo"))
    await reader.expect("DELETED", "test-ns/foo", deleted.revision)
    reader.stream.close()


@case("WN-1")
async def test_a_watch_from_a_revision_begins_after_it(harness: Harness) -> None:
    created = await harness.create("test-ns/foo")
    reader = await open_watch(harness.backend, key_of("test-ns/foo"), at(created))
    updated = await harness.update("test-ns/foo", place("a"))
    event = await reader.expect("MODIFIED", "test-ns/foo", updated.revision)
    assert event.value == updated.value
    reader.stream.close()


def at(stored: StoredObject[Pod]) -> ListOptions:
    return ListOptions(resource_version=str(stored.revision))


@case("WY-1")
async def test_a_consumer_that_rests_gets_consecutive_events(harness: Harness) -> None:
    reader = await open_watch(
        harness.backend, "/pods/", everything(await harness.backend.get_current_resource_version())
    )
    created = [await harness.create(f"test-ns/{number:02}") for number in range(21)]
    first = await reader.expect("ADDED", "test-ns/00")
    await asyncio.sleep(0.1)
    got = [first]
    while len(got) < 21:
        event = await reader.next()
        assert event is not None
        got.append(event.stored)
    reader.stream.close()
    assert [stored.revision for stored in got] == [stored.revision for stored in created]


# ---- errors


@case("WE-1")
async def test_an_unreadable_object_ends_the_watch_with_an_error(harness: Harness) -> None:
    reader = await open_watch(harness.backend, key_of("test-ns/foo"), ListOptions(resource_version=await now(harness)))
    await harness.backend.stats()
    harness.transformer.failure = lambda data: True
    await harness.create("test-ns/foo")
    status = await reader.expect_error()
    assert status.code == 500


async def now(harness: Harness) -> str:
    return str(await harness.backend.get_current_resource_version())


@case("WE-2")
async def test_an_unreadable_object_can_be_deleted_unsafely(harness: Harness) -> None:
    created = await harness.create("test-ns/foo")
    await harness.backend.stats()
    harness.transformer.failure = lambda data: True
    if harness.cached:
        # The cache read the object when it could; one that starts now cannot.
        harness.backend = harness.cacher()
    reader = await open_watch(harness.backend, key_of("test-ns/foo"), at(created))
    with pytest.raises(Exception, match="transformer was told to fail"):
        await harness.backend.delete(key_of("test-ns/foo"))
    await harness.backend.delete(key_of("test-ns/foo"), ignore_store_read_error=True)
    status = await reader.expect_error()
    assert status.reason == "StorageReadError"
    assert "saw a DELETED event, but object data is corrupt" in status.message


@case("WE-3")
async def test_nothing_follows_an_error(harness: Harness) -> None:
    start = await now(harness)
    readers = [await open_watch(harness.backend, "/pods/test-ns/", everything(start)) for _ in range(10)]
    harness.transformer.failure = lambda data: b'"bad"' in data
    await harness.create("test-ns/bad")
    await harness.create("test-ns/good")
    for reader in readers:
        await reader.expect_error()


# ---- the life of a watch


@case("WC-1")
async def test_a_closed_watch_ends_without_events(harness: Harness) -> None:
    reader = await open_watch(harness.backend, key_of("abc"), ListOptions(resource_version="0"))
    waiting = asyncio.create_task(reader.stream.next_events())
    await asyncio.sleep(0)
    reader.stream.close()
    async with asyncio.timeout(FOREVER):
        assert await waiting == []


@case("WC-1 cancelled")
async def test_a_cancelled_reader_leaves_the_watch_usable(harness: Harness) -> None:
    reader = await open_watch(harness.backend, "/pods/", everything(await now(harness)))
    await reader.expect_nothing()
    created = await harness.create("test-ns/foo")
    await reader.expect("ADDED", "test-ns/foo", created.revision)
    reader.stream.close()


@case("WT-1")
async def test_watches_that_are_not_read_hold_up_nobody(harness: Harness) -> None:
    options = everything(await now(harness))
    idle = [await harness.backend.watch("/pods/", options) for _ in range(50)]
    reader = await open_watch(harness.backend, "/pods/", options)
    started = asyncio.get_running_loop().time()
    for number in range(MANY):
        created = await harness.create(f"test-ns/{number:02}")
        await reader.expect("ADDED", f"test-ns/{number:02}", created.revision)
    assert asyncio.get_running_loop().time() - started < 12.5
    for stream in (*idle, reader.stream):
        stream.close()


@case("WR-1")
async def test_a_deletion_shows_what_delete_returned(harness: Harness) -> None:
    created = await harness.create("test-ns/foo")
    reader = await open_watch(harness.backend, key_of("test-ns/foo"), at(created))
    deleted = await harness.backend.delete(key_of("test-ns/foo"))
    event = await reader.expect("DELETED", "test-ns/foo", deleted.revision)
    assert deleted.revision != created.revision
    assert event.value == deleted.value
    assert event.shared == deleted.shared
    reader.stream.close()


@case("WI-1")
async def test_an_open_watch_is_initialized(harness: Harness) -> None:
    async with asyncio.timeout(5), await harness.backend.watch("/pods/", everything()) as stream:
        assert stream is not None


@case("WP-1")
async def test_progress_is_a_bookmark_of_the_current_revision(harness: Harness) -> None:
    created = await harness.create("test-ns/foo")
    options = ListOptions(resource_version=str(created.revision), progress_notify=True)
    reader = await open_watch(harness.backend, key_of("test-ns/foo"), options)
    waiting = asyncio.create_task(reader.next())
    await asyncio.sleep(0)
    current = await harness.increase_rv()
    await harness.backend.request_watch_progress()
    event = await waiting
    assert event is not None
    assert (event.type, event.stored.revision) == ("BOOKMARK", current)
    assert event.stored.shared == bookmark_pod(current)
    reader.stream.close()


def bookmark_pod(revision: int, *, annotations: dict[str, str] | None = None) -> Pod:
    pod = Pod()
    pod.metadata.resource_version = str(revision)
    if annotations is not None:
        pod.metadata.annotations = annotations
    return pod


@pytest.mark.parametrize("bookmarks", [pytest.param(False, id="WB-1"), pytest.param(True, id="WB-2")])
async def test_a_bookmark_comes_before_the_end_of_a_watch_that_wants_it(
    cached_harness: Harness, bookmarks: bool
) -> None:
    harness = cached_harness
    options = attrs.evolve(everything(await now(harness), bookmarks=bookmarks), timeout=2.1)
    reader = await open_watch(harness.backend, "/pods/", options)
    created = await harness.create("test-ns/foo")
    await reader.expect("ADDED", "test-ns/foo", created.revision)
    current = await harness.increase_rv()
    if bookmarks:
        event = await reader.next()
        assert event is not None
        assert (event.type, event.stored.revision) == ("BOOKMARK", current)
        assert event.stored.shared == bookmark_pod(current)
    else:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await reader.next()
    reader.stream.close()


@case("WB-2 idle")
async def test_a_watch_with_nothing_new_gets_no_bookmark(cached_harness: Harness) -> None:
    backend = cached_harness.cacher(bookmark_frequency=0.01)
    reader = await open_watch(backend, "/pods/", everything(await now(cached_harness), bookmarks=True))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await reader.next()
    reader.stream.close()


@case("WB-3")
async def test_bookmarks_and_events_are_in_order(cached_harness: Harness) -> None:
    harness = cached_harness
    backend = harness.cacher(bookmark_frequency=0.005)
    reader = await open_watch(backend, "/pods/test-ns/", everything(await now(harness), bookmarks=True))

    async def write() -> None:
        for number in range(100):
            await harness.create(f"test-ns/{number:03}")
            await harness.increase_rv()
            await asyncio.sleep(0.002)

    writing = asyncio.create_task(write())
    last, added, marks = 0, 0, 0
    while added < 100 or not marks:
        event = await reader.next()
        assert event is not None
        if event.type == "BOOKMARK":
            marks += 1
            assert event.stored.revision >= last
        else:
            added += 1
            assert event.stored.revision > last
        last = event.stored.revision
    await writing
    assert marks >= 1
    reader.stream.close()


# ---- initial events


def with_initial_events(
    wanted: bool | None, version: str, *, bookmarks: bool, field: str = "", recursive: bool = True
) -> ListOptions:
    return ListOptions(
        resource_version=version,
        resource_version_match="NotOlderThan" if wanted is not None else "",
        recursive=recursive,
        send_initial_events=wanted,
        predicate=selecting(field_selector=field, bookmarks=bookmarks),
    )


@case("SI-0")
async def test_initial_events_without_bookmarks_of_one_key(harness: Harness) -> None:
    reader = await open_watch(
        harness.backend, "/pods/", with_initial_events(True, "", bookmarks=False, recursive=False)
    )
    reader.stream.close()


def initial_event_cases() -> list[Any]:
    cases = []
    number = 1
    for bookmarks in (True, False):
        for wanted in (True, False):
            for version in ("", "0", "1", "current"):
                cases.append(pytest.param(wanted, version, bookmarks, id=f"SI-{number}"))
                number += 1
    cases.append(pytest.param(None, "0", True, id="SI-17"))
    cases.append(pytest.param(None, "", True, id="SI-18"))
    return cases


@pytest.mark.parametrize(("wanted", "version", "bookmarks"), initial_event_cases())
async def test_initial_events(harness: Harness, wanted: bool | None, version: str, bookmarks: bool) -> None:
    created = [await harness.create(f"test-ns/{number}") for number in (1, 2, 3)]
    asked = str(created[-1].revision) if version == "current" else version
    reader = await open_watch(harness.backend, "/pods/", with_initial_events(wanted, asked, bookmarks=bookmarks))
    if wanted is not False or version == "1":
        for stored in created:
            await reader.expect("ADDED", path_of(stored), stored.revision)
    if wanted and bookmarks:
        await expect_end(reader, at_least=created[-1].revision)
    for number in (4, 5):
        stored = await harness.create(f"test-ns/{number}")
        await reader.expect("ADDED", path_of(stored), stored.revision)
    await reader.expect_nothing()
    reader.stream.close()


async def expect_end(reader: Reader, *, at_least: int) -> WatchEvent[Pod]:
    """The next event ends the initial ones."""
    event = await reader.next()
    assert event is not None
    assert event.type == "BOOKMARK"
    assert event.stored.revision >= at_least
    annotations = {INITIAL_EVENTS_END_ANNOTATION: "true"}
    assert event.stored.shared == bookmark_pod(event.stored.revision, annotations=annotations)
    return event


@case("SI-19")
async def test_the_end_of_the_initial_events_is_at_the_global_revision(harness: Harness) -> None:
    inside = await harness.create("ns-foo/a")
    elsewhere = await harness.create("ns-bar/b")
    reader = await open_watch(harness.backend, "/pods/ns-foo/", with_initial_events(True, "", bookmarks=True))
    await reader.expect("ADDED", "ns-foo/a", inside.revision)
    end = await expect_end(reader, at_least=elsewhere.revision)
    assert end.stored.revision == elsewhere.revision
    reader.stream.close()


@case("SI-20")
async def test_initial_events_of_one_name(harness: Harness) -> None:
    for number in range(3):
        last = await harness.create(f"test-ns/pod-{number}")
    options = with_initial_events(True, "", bookmarks=True, field="metadata.name=pod-1")
    reader = await open_watch(harness.backend, "/pods/", options)
    await reader.expect("ADDED", "test-ns/pod-1")
    end = await expect_end(reader, at_least=last.revision)
    assert end.stored.revision == last.revision
    reader.stream.close()


@case("SI future")
async def test_initial_events_of_the_future_are_refused_in_time(harness: Harness) -> None:
    options = with_initial_events(True, str(int(await now(harness)) + 100), bookmarks=True)
    try:
        stream: WatchStream[Pod] = await harness.backend.watch("/pods/", options)
    except Exception as error:  # noqa: BLE001 - a cache says it before the response, a store with an event
        assert harness.cached
        status = error.status()  # type: ignore[attr-defined]
    else:
        status = await Reader(stream).expect_error()
    assert status.code == 504
    assert status.details.retry_after_seconds > 0


@case("SI compacted")
async def test_initial_events_from_a_compacted_revision_are_fine(harness: Harness) -> None:
    created = await harness.create("test-ns/foo")
    updated = await harness.update("test-ns/foo", place("a"))
    await harness.compact(updated.revision)
    options = with_initial_events(True, str(created.revision), bookmarks=True)
    reader = await open_watch(harness.backend, "/pods/", options)
    await reader.expect("ADDED", "test-ns/foo", updated.revision)
    await expect_end(reader, at_least=updated.revision)
    reader.stream.close()
