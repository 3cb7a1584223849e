"""ChangeLog: a watch begins where a list ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genericapiserver.apimachinery.errors import BadRequestError, ResourceExpiredError, TooLargeResourceVersionError
from genericapiserver.apimachinery.meta import ListOptions, ObjectMeta
from genericapiserver.apimachinery.watch import EventType
from genericapiserver.ext import ChangeLog, Context, WatchEvent
from tests.ext.support import PATH, MemoryStore, TestType, serving_store

ADDED, MODIFIED, DELETED = EventType.ADDED, EventType.MODIFIED, EventType.DELETED


def thing(name: str, color: str = "") -> TestType:
    return TestType(metadata=ObjectMeta(name=name, labels={"color": color} if color else {}))


def seen(events: list[Any]) -> list[tuple[str, str, str]]:
    return [(event.event.value, event.object.metadata.name, event.object.metadata.resource_version) for event in events]


async def take(events: AsyncIterator[WatchEvent[TestType]], count: int) -> list[WatchEvent[TestType]]:
    async with asyncio.timeout(60):
        return [await anext(events) for _ in range(count)]


def log_of(*names: str, capacity: int = 8) -> ChangeLog[TestType]:
    log = ChangeLog(TestType, capacity=capacity)
    for name in names:
        log.record(ADDED, thing(name))
    return log


async def test_a_watch_from_a_list_misses_nothing() -> None:
    log = log_of("a")
    version = log.resource_version
    log.record(ADDED, thing("b"))
    events = log.watch(ListOptions(resource_version=version), tuple)
    log.record(MODIFIED, thing("b"), before=thing("b"))
    log.record(DELETED, thing("a"))
    assert seen(await take(events, 3)) == [("ADDED", "b", "3"), ("MODIFIED", "b", "4"), ("DELETED", "a", "5")]
    waiting = asyncio.ensure_future(take(events, 1))
    await asyncio.sleep(0)
    log.record(ADDED, thing("c"))
    assert seen(await waiting) == [("ADDED", "c", "6")]


@pytest.mark.parametrize("version", ["", "0"])
async def test_a_watch_without_a_version_begins_with_what_there_is(version: str) -> None:
    log = log_of()
    now = [log.record(ADDED, thing("a")), log.record(ADDED, thing("b"))]
    events = log.watch(ListOptions(resource_version=version), lambda: now)
    assert seen(await take(events, 2)) == [("ADDED", "a", "2"), ("ADDED", "b", "3")]
    log.record(DELETED, thing("a"))
    assert seen(await take(events, 1)) == [("DELETED", "a", "4")]


async def test_clients_that_ask_are_told_where_the_beginning_ends() -> None:
    log = log_of()
    now = [log.record(ADDED, thing("a"))]
    options = ListOptions(resource_version="1", send_initial_events=True, allow_watch_bookmarks=True)
    added, bookmark = await take(log.watch(options, lambda: now), 2)
    assert seen([added]) == [("ADDED", "a", "2")]
    assert bookmark.event is EventType.BOOKMARK
    assert bookmark.object.metadata == ObjectMeta(
        resource_version="2", annotations={"k8s.io/initial-events-end": "true"}
    )


async def test_clients_that_want_no_bookmarks_get_none() -> None:
    """A watch without a version gets the initial events by default."""
    log = log_of()
    now = [log.record(ADDED, thing("a"))]
    events = log.watch(ListOptions(send_initial_events=True), lambda: now)
    assert seen(await take(events, 1)) == [("ADDED", "a", "2")]
    log.record(MODIFIED, thing("a"))
    assert seen(await take(events, 1)) == [("MODIFIED", "a", "3")]


async def test_what_comes_into_a_selection_is_added_and_what_leaves_it_is_deleted() -> None:
    log = log_of()
    events = log.watch(ListOptions(resource_version="1", label_selector="color=red"), tuple)
    red, blue = "red", "blue"
    for event, after, before in (
        (ADDED, red, None),
        (ADDED, blue, None),
        (MODIFIED, red, red),
        (MODIFIED, blue, red),
        (MODIFIED, blue, blue),
        (MODIFIED, red, blue),
        (DELETED, blue, None),
        (DELETED, red, None),
    ):
        log.record(event, thing("a", after), before=None if before is None else thing("a", before))
    assert [(event, version) for event, _, version in seen(await take(events, 5))] == [
        ("ADDED", "2"),
        ("MODIFIED", "4"),
        ("DELETED", "5"),
        ("ADDED", "7"),
        ("DELETED", "9"),
    ]


async def test_what_is_not_visible_is_not_told() -> None:
    log = log_of("a", "b")
    events = log.watch(ListOptions(resource_version="1"), tuple, visible=lambda obj: obj.metadata.name == "b")
    assert seen(await take(events, 1)) == [("ADDED", "b", "3")]


@pytest.mark.parametrize(
    ("version", "error"),
    [
        ("x", BadRequestError),
        ("-1", BadRequestError),
        ("²", BadRequestError),
        ("2", ResourceExpiredError),
        ("99", TooLargeResourceVersionError),
    ],
)
def test_a_version_that_is_not_known_is_refused_before_the_watch_begins(version: str, error: type[Exception]) -> None:
    log = log_of("a", "b", "c", "d", capacity=2)
    with pytest.raises(error):
        log.watch(ListOptions(resource_version=version), tuple)


async def test_a_client_that_is_too_slow_is_told_so() -> None:
    log = log_of("a", capacity=2)
    events = log.watch(ListOptions(resource_version="2"), tuple)
    for name in "bcd":
        log.record(ADDED, thing(name))
    with pytest.raises(ResourceExpiredError, match=r"too old resource version: 2 \(3\)"):
        await take(events, 1)


async def test_versions_may_go_on_from_another_process() -> None:
    log = ChangeLog(TestType, first_version=100)
    assert (log.resource_version, log.record(ADDED, thing("a")).metadata.resource_version) == ("100", "101")


@given(st.lists(st.sampled_from(["a", "b", "c"]), max_size=12), st.data())
def test_a_list_and_a_watch_make_what_a_later_list_is(writes: list[str], data: st.DataObject) -> None:
    """Whatever happens between, and wherever the list was made."""
    objects: dict[str, TestType] = {}
    log = ChangeLog(TestType, capacity=100)
    at = data.draw(st.integers(0, len(writes)))
    listed: dict[str, str] = {}
    version = log.resource_version
    for index, name in enumerate(writes):
        if index == at:
            listed = {key: obj.metadata.resource_version for key, obj in objects.items()}
            version = log.resource_version
        if name in objects and data.draw(st.booleans()):
            log.record(DELETED, thing(name))
            del objects[name]
        else:
            event = MODIFIED if name in objects else ADDED
            objects[name] = log.record(event, thing(name), before=objects.get(name))
    if at == len(writes):
        listed = {key: obj.metadata.resource_version for key, obj in objects.items()}
        version = log.resource_version

    async def watch() -> None:
        missed = int(log.resource_version) - int(version)
        events = log.watch(ListOptions(resource_version=version), tuple)
        for event in await take(events, missed):
            obj: Any = event.object
            if event.event is DELETED:
                del listed[obj.metadata.name]
            else:
                listed[obj.metadata.name] = obj.metadata.resource_version

    asyncio.run(watch())
    assert listed == {name: obj.metadata.resource_version for name, obj in objects.items()}


async def test_a_version_that_is_not_known_is_the_response() -> None:
    class Logging(MemoryStore):
        async def watch(self, context: Context, options: ListOptions) -> AsyncIterator[WatchEvent[TestType]]:
            return log_of("a", "b", "c", capacity=1).watch(options, tuple)

    async with serving_store(Logging()) as world:
        response = await world.client.get(f"{PATH}?watch=1&resourceVersion=1", x_user="u")
    assert (response.status, response.json()["reason"]) == (410, "Expired")
