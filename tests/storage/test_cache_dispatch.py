"""Watches that select: only those that a change concerns look at it, and all see what the store says they should."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from genericapiserver.storage.cache_watch import CacheWatch
from genericapiserver.storage.cacher import Cacher
from genericapiserver.storage.memory import MemoryEngine
from genericapiserver.storage.retention import Retention
from genericapiserver.storage.selection import SelectionPredicate
from genericapiserver.storage.stored import StoredObject
from tests.conformance.storage_harness import Harness, Pod, Reader, everything, key_of, made, path_of
from tests.storage.selector_support import random_selectors, write_something

MANY = 1000


@pytest.fixture
async def harness() -> AsyncIterator[Harness]:
    async for ready in made(MemoryEngine(initial_rev=1, retention=Retention(interval=0, max_events=0)), cached=True):
        yield ready


def cache_of(harness: Harness) -> Cacher[Pod]:
    assert isinstance(harness.backend, Cacher)
    return harness.backend


class Looks:
    """Counts how often an object is held against a selector."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.number = 0
        matches = SelectionPredicate.matches

        def counting(predicate: SelectionPredicate, stored: StoredObject[Pod]) -> bool:
            self.number += 1
            return matches(predicate, stored)

        monkeypatch.setattr(SelectionPredicate, "matches", counting)


async def waiting_watches(cache: Cacher[Pod], selector: Callable[[int], dict[str, str]]) -> list[asyncio.Task[object]]:
    """Many watches of the whole resource, each with a selector of its own, that wait for something to happen."""
    current = await cache.get_current_resource_version()
    tasks: list[asyncio.Task[object]] = []
    for number in range(MANY):
        stream = await cache.watch("/pods/", everything(current, **selector(number)))
        assert isinstance(stream, CacheWatch)
        tasks.append(asyncio.create_task(stream.next_events()))
    await asyncio.sleep(0)
    return tasks


async def settle() -> None:
    """Let the loop go round until everybody who is concerned has been woken."""
    for _ in range(MANY):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    "selector",
    [
        pytest.param(lambda number: {"field_selector": f"metadata.name=p-{number}"}, id="one object"),
        pytest.param(lambda number: {"field_selector": f"spec.nodeName=n-{number}"}, id="one node"),
        pytest.param(lambda number: {"label_selector": f"team=t-{number}"}, id="one label"),
        pytest.param(lambda number: {"label_selector": f"team in (t-{number},other-{number})"}, id="one of two labels"),
        pytest.param(lambda number: {"label_selector": f"of-{number}=yes"}, id="a label of its own name"),
    ],
)
async def test_a_write_is_held_against_the_selectors_of_those_whom_it_concerns(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, selector: Callable[[int], dict[str, str]]
) -> None:
    tasks = await waiting_watches(cache_of(harness), selector)
    looks = Looks(monkeypatch)
    await harness.create("ns/p-7", node="n-7", labels_={"team": "t-7", "of-7": "yes", "app": "x"})
    await settle()
    assert [number for number, task in enumerate(tasks) if task.done()] == [7]
    assert looks.number == 1
    await harness.create("ns/nobodys", node="nobodys", labels_={"team": "nobodys"})
    await settle()
    assert looks.number == 1
    cache_of(harness)._feed.stop()
    await asyncio.wait(tasks)


async def test_what_leaves_a_value_is_told_to_those_who_want_the_old_one_and_the_new_one(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await harness.create("ns/p", labels_={"team": "t-1"})
    tasks = await waiting_watches(cache_of(harness), lambda number: {"label_selector": f"team=t-{number}"})
    looks = Looks(monkeypatch)
    await harness.update("ns/p", lambda pod: pod.metadata.labels.update(team="t-2"))
    await settle()
    done = [str(task.result()[0].type) for task in tasks if task.done()]  # type: ignore[index]
    assert done == ["DELETED", "ADDED"]
    assert looks.number == 4  # the old object and the new one, for both
    cache_of(harness)._feed.stop()
    await asyncio.wait(tasks)


async def test_a_watch_that_wants_both_values_hears_of_a_change_between_them_once(harness: Harness) -> None:
    await harness.create("ns/p", labels_={"team": "a"})
    current = await harness.backend.get_current_resource_version()
    reader = Reader(await harness.backend.watch("/pods/", everything(current, label_selector="team in (a,b)")))
    await harness.update("ns/p", lambda pod: pod.metadata.labels.update(team="b"))
    await reader.expect("MODIFIED", "ns/p")
    await reader.expect_nothing()


async def test_what_cannot_be_read_ends_watches_whatever_they_select(harness: Harness) -> None:
    current = await harness.backend.get_current_resource_version()
    readers = [
        Reader(await harness.backend.watch("/pods/", everything(current, **selector)))
        for selector in ({}, {"label_selector": "team=a"}, {"field_selector": "metadata.name=other"})
    ]
    harness.transformer.failure = lambda data: b"broken" in data
    await harness.put_raw("ns/broken", b"broken")
    for reader in readers:
        assert "transformer was told to fail" in (await reader.expect_error()).message


async def test_watches_leave_no_place_behind(harness: Harness) -> None:
    cache = cache_of(harness)
    selectors: list[dict[str, Any]] = [
        {},
        {"label_selector": "team=a"},
        {"label_selector": "team in (a,b)"},
        {"field_selector": "spec.nodeName=n"},
    ]
    streams = [await cache.watch("/pods/", everything("", **selector)) for selector in selectors * 2]
    assert len(cache._dispatch.watches()) == 8
    for stream in streams:
        assert not cache._dispatch.idle
        stream.close()
    assert cache._dispatch.idle


async def everything_pending(reader: Reader) -> list[tuple[str, int, str]]:
    """The events that a watch has now: on an engine in memory it waits for nothing but further ones."""
    found: list[tuple[str, int, str]] = []
    while True:
        task = asyncio.create_task(reader.next())
        for _ in range(20):
            await asyncio.sleep(0)
        if not task.done():
            task.cancel()
            return found
        event = task.result()
        assert event is not None
        found.append((str(event.type), event.stored.revision, path_of(event.stored)))


@pytest.mark.parametrize("seed", range(8))
async def test_watches_see_what_watches_on_the_store_see(harness: Harness, seed: int) -> None:
    chance, alive = random.Random(seed), set[str]()
    for _ in range(40):
        await write_something(harness, chance, alive)
    current = await harness.backend.get_current_resource_version()
    pairs = []
    for _ in range(25):
        label, field = random_selectors(chance)
        options = everything(current, label_selector=label, field_selector=field)
        prefix = chance.choice(["/pods/", "/pods/ns1/"])
        pairs.append(
            (
                f"{prefix} {label} {field}",
                Reader(await harness.backend.watch(prefix, options)),
                Reader(await harness.store.watch(prefix, options)),
            )
        )
    for _ in range(60):
        await write_something(harness, chance, alive)
    for what, cached, direct in pairs:
        expected = await everything_pending(direct)
        assert await everything_pending(cached) == expected, what


async def test_writes_to_other_objects_of_the_namespace_leave_a_watch_of_one_asleep(harness: Harness) -> None:
    await harness.create("ns/a")
    current = await harness.backend.get_current_resource_version()
    stream = await harness.backend.watch(key_of("ns"), everything(current, field_selector="metadata.name=a"))
    assert isinstance(stream, CacheWatch)
    await harness.create("ns/b")
    assert stream.pending == 0
    await harness.update("ns/a", lambda pod: pod.metadata.labels.update(x="y"))
    assert stream.pending == 1
    stream.close()
