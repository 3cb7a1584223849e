"""What the watch cache promises beyond a backend: sharing, waking, history, and that it agrees with its store."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import cast

import attrs
import pytest

from genericapiserver.apimachinery.errors import TooLargeResourceVersionError
from genericapiserver.apimachinery.meta import Status
from genericapiserver.apimachinery.watch import EventType
from genericapiserver.storage.bookmarks import AT_ONCE, BookmarkTimer
from genericapiserver.storage.cache_watch import AT_ONCE as EVENTS_AT_ONCE
from genericapiserver.storage.cache_watch import TRIM_AT, CacheWatch
from genericapiserver.storage.cacher import Cacher
from genericapiserver.storage.errors import (
    InvalidResourceVersionError,
    KeyNotFoundError,
    StorageError,
    StorageInternalError,
    StorageUnreachableError,
)
from genericapiserver.storage.interface import EXACT, ListOptions, WatchStream
from genericapiserver.storage.memory import MemoryEngine
from genericapiserver.storage.retention import Retention
from genericapiserver.storage.selection import SelectionPredicate
from genericapiserver.storage.sqlite import SQLiteEngine
from genericapiserver.storage.stored import WatchEvent
from tests.conformance.storage_harness import (
    Harness,
    Pod,
    Reader,
    everything,
    key_of,
    made,
    path_of,
)

NO_COMPACTION = Retention(interval=0, max_events=0)


@pytest.fixture
async def harness() -> AsyncIterator[Harness]:
    async for ready in made(MemoryEngine(initial_rev=1, retention=NO_COMPACTION), cached=True):
        yield ready


def cache_of(harness: Harness) -> Cacher[Pod]:
    assert isinstance(harness.backend, Cacher)
    return harness.backend


def node(name: str) -> Callable[[Pod], None]:
    def change(pod: Pod) -> None:
        pod.spec.node_name = name

    return change


async def turns(number: int = 5) -> None:
    """Let the loop go round."""
    for _ in range(number):
        await asyncio.sleep(0)


# ---- filling


async def test_requests_that_come_together_fill_the_cache_once(harness: Harness) -> None:
    await harness.store.create(key_of("ns/a"), Pod())
    with pytest.raises(StorageError, match="storage not ready"):
        harness.backend.readiness_check()
    found = await asyncio.gather(*(harness.backend.get_list("/pods/", everything()) for _ in range(20)))
    assert {len(one.items) for one in found} == {1}
    assert harness.watched.ranges == 1
    harness.backend.readiness_check()


async def test_a_failed_filling_is_told_and_tried_again(harness: Harness) -> None:
    async def fail(result: object) -> None:
        raise StorageError("not now")

    harness.watched.after_range = fail
    with pytest.raises(StorageError, match="not now"):
        await cache_of(harness).start()
    harness.watched.after_range = None
    await cache_of(harness).start()
    created = await harness.create("ns/a")
    assert await harness.backend.get(key_of("ns/a")) is created


async def test_writes_during_the_filling_are_not_lost(harness: Harness) -> None:
    await harness.store.create(key_of("ns/a"), Pod())

    async def write(result: object) -> None:
        await harness.store.create(key_of("ns/b"), Pod())
        await harness.store.delete(key_of("ns/a"))

    harness.watched.after_range = write
    found = await harness.backend.get_list("/pods/", everything())
    assert [stored.key for stored in found.items] == ["/pods/ns/b"]


async def test_closing_during_the_filling_ends_those_who_wait(harness: Harness) -> None:
    never = asyncio.Event()

    async def hang(result: object) -> None:
        await never.wait()

    harness.watched.after_range = hang
    waiting = asyncio.create_task(harness.backend.get(key_of("ns/a")))
    await turns()
    await cache_of(harness).aclose()
    with pytest.raises(StorageError, match="apiserver cacher is stopped"):
        await waiting
    with pytest.raises(StorageError, match="apiserver cacher is stopped"):
        await harness.backend.get(key_of("ns/a"))


async def test_a_cache_that_failed_ends_its_watches_and_fills_itself_again(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cache = cache_of(harness)
    (stream,) = await open_watches(cache, 1)

    def broken(*arguments: object) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patched:
        patched.setattr("genericapiserver.storage.cache_state.CacheState.apply", broken)
        created = await harness.create("ns/a")
    assert await next_batch(stream) == []
    assert '"The watch cache has failed and starts again" prefix="/pods/"' in caplog.text
    assert (await cache.get(key_of("ns/a"))).revision == created.revision
    updated = await harness.update("ns/a", node("n"))
    assert (await cache.get(key_of("ns/a"))) is updated


# ---- freshness


async def test_what_was_written_is_read_back_as_the_very_same_object(harness: Harness) -> None:
    await cache_of(harness).start()
    created = await harness.create("ns/a")
    assert await harness.backend.get(key_of("ns/a")) is created
    listed = await harness.backend.get_list("/pods/", everything())
    assert listed.items[0] is created
    updated = await harness.update("ns/a", node("n"))
    assert await harness.backend.get(key_of("ns/a"), resource_version=str(updated.revision)) is updated


async def test_a_write_past_the_cache_is_seen_at_once(harness: Harness) -> None:
    await harness.create("ns/a")
    deleted = await harness.store.delete(key_of("ns/a"))
    with pytest.raises(KeyNotFoundError, match=f"Key: /pods/ns/a, ResourceVersion: {deleted.revision}, "):
        await harness.backend.get(key_of("ns/a"))


async def test_a_read_waits_for_a_revision_that_comes_in_time(harness: Harness) -> None:
    backend = harness.cacher(freshness_timeout=30)
    created = await harness.create("ns/a")
    one = asyncio.create_task(backend.get(key_of("ns/a"), resource_version=str(created.revision + 1)))
    all_of_them = asyncio.create_task(backend.get_list("/pods/", everything(created.revision + 1)))
    await turns()
    assert not one.done()
    assert not all_of_them.done()
    updated = await harness.update("ns/a", node("n"))
    assert (await one).revision == updated.revision
    assert (await all_of_them).resource_version == updated.revision


async def test_a_revision_that_does_not_come_is_too_large(harness: Harness) -> None:
    await harness.create("ns/a")
    with pytest.raises(TooLargeResourceVersionError) as caught:
        await harness.backend.get(key_of("ns/a"), resource_version="100")
    assert str(caught.value) == "Timeout: Too large resource version: 100, current: 2"
    assert caught.value.retry_after_seconds == 1


async def test_one_key_at_a_revision_of_the_future_is_refused_at_once_when_it_is_to_be_exact(harness: Harness) -> None:
    await harness.create("ns/a")
    exact = ListOptions(resource_version="100", resource_version_match=EXACT, recursive=False)
    limited = ListOptions(resource_version="100", recursive=False, predicate=SelectionPredicate(limit=1))
    for options in (exact, limited):
        with pytest.raises(TooLargeResourceVersionError) as caught:
            await harness.backend.get_list(key_of("ns/a"), options)
        assert caught.value.retry_after_seconds == 0


async def test_initial_events_of_a_revision_that_does_not_come_are_one_error_event(harness: Harness) -> None:
    options = everything("100")
    options = attrs.evolve(options, send_initial_events=True)
    async with await harness.backend.watch("/pods/", options) as stream:
        [event] = await stream.next_events()
        assert event.type is EventType.ERROR
        assert isinstance(event.object, Status)
        assert event.object.code == 504
        assert event.object.message == "Timeout: Too large resource version: 100, current: 1"
        assert await stream.next_events() == []


async def test_a_resource_version_that_is_no_number_is_no_api_error(harness: Harness) -> None:
    text = 'resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax'
    with pytest.raises(InvalidResourceVersionError) as caught:
        await harness.backend.get(key_of("ns/a"), resource_version="abc")
    assert str(caught.value) == text
    with pytest.raises(InvalidResourceVersionError):
        await harness.backend.watch("/pods/", everything("abc"))


# ---- lists


async def test_a_limit_is_ignored_at_resource_version_zero(harness: Harness) -> None:
    for name in "abc":
        await harness.create(f"ns/{name}")
    found = await harness.backend.get_list("/pods/", everything("0", limit=1))
    assert (len(found.items), found.continue_token, found.remaining_item_count) == (3, "", None)


async def test_revisions_before_the_cache_began_come_from_the_store(harness: Harness) -> None:
    first = await harness.store.create(key_of("ns/a"), Pod())
    await harness.store.create(key_of("ns/b"), Pod())
    await cache_of(harness).start()
    harness.watched.ranges = 0
    found = await harness.backend.get_list("/pods/", everything(first.revision, EXACT))
    assert [stored.key for stored in found.items] == ["/pods/ns/a"]
    assert harness.watched.ranges == 1


@pytest.mark.parametrize("seed", range(6))
async def test_the_cache_and_its_store_agree_about_every_revision(harness: Harness, seed: int) -> None:
    chance = random.Random(seed)
    backend = harness.cacher(max_events=60)
    await backend.start()
    paths = [f"ns{number % 3}/{number:02}" for number in range(30)]
    alive: set[str] = set()
    for _ in range(120):
        path = chance.choice(paths)
        if path not in alive:
            alive.add(path)
            await harness.create(path, node=f"n{chance.randrange(3)}")
        elif chance.random() < 0.4:
            alive.remove(path)
            await harness.backend.delete(key_of(path))
        else:
            await harness.update(path, node(f"n{chance.randrange(3)}-{chance.random()}"))
    current = harness.engine.current_rev()
    for revision in range(2, current + 1):
        prefix = chance.choice(["/pods/", "/pods/ns1/"])
        limit = chance.randrange(4)
        selector = chance.choice(["", "spec.nodeName=n1", "metadata.name!=07"])
        token, pages = "", 0
        while True:
            version = "" if token else str(revision)
            options = everything(
                version, "" if token else EXACT, limit=limit, field_selector=selector, continue_token=token
            )
            cached = await backend.get_list(prefix, options)
            direct = await harness.store.get_list(prefix, options)
            assert [(stored.key, stored.revision, stored.value) for stored in cached.items] == [
                (stored.key, stored.revision, stored.value) for stored in direct.items
            ]
            assert cached.resource_version == direct.resource_version == revision
            assert cached.continue_token == direct.continue_token
            assert cached.remaining_item_count == direct.remaining_item_count
            token, pages = cached.continue_token, pages + 1
            if not token or pages > 3:
                break


# ---- watches


async def next_batch(stream: WatchStream[Pod]) -> list[WatchEvent[Pod]]:
    async with asyncio.timeout(30):
        return await stream.next_events()


async def open_watches(
    backend: Cacher[Pod], number: int, key: str = "/pods/", options: ListOptions | None = None
) -> list[WatchStream[Pod]]:
    current = await backend.get_current_resource_version()
    return [await backend.watch(key, options or everything(current)) for _ in range(number)]


async def test_events_and_their_encodings_are_shared_by_all_watches(harness: Harness) -> None:
    streams = await open_watches(cache_of(harness), 5)
    created = await harness.create("ns/a")
    batches = [await next_batch(stream) for stream in streams]
    assert len({id(batch[0]) for batch in batches}) == 1
    assert batches[0][0].object is created
    made_times = 0

    def encode(event: WatchEvent[Pod]) -> bytes:
        nonlocal made_times
        made_times += 1
        return str(event.type).encode()

    assert {batch[0].representation("json", encode) for batch in batches} == {b"ADDED"}
    # An initial event of the same object is the same bytes again.
    late = await cache_of(harness).watch("/pods/", everything("0"))
    assert (await next_batch(late))[0].representation("json", encode) == b"ADDED"
    assert made_times == 1
    deleted = await harness.backend.delete(key_of("ns/a"))
    batches = [await next_batch(stream) for stream in streams]
    assert len({id(batch[0].object) for batch in batches}) == 1
    assert batches[0][0].stored.revision == deleted.revision
    for stream in (*streams, late):
        stream.close()


async def test_what_happened_in_one_turn_comes_at_once(harness: Harness) -> None:
    (stream,) = await open_watches(cache_of(harness), 1)
    waiting = asyncio.create_task(next_batch(stream))
    await turns()
    for name in "abc":
        await harness.create(f"ns/{name}")  # the memory engine never gives the loop away
    assert [path_of(event.stored) for event in await waiting] == ["ns/a", "ns/b", "ns/c"]
    stream.close()


async def test_watches_of_other_keys_and_namespaces_sleep_on(harness: Harness) -> None:
    current = await harness.backend.get_current_resource_version()
    asleep = [
        await harness.backend.watch("/pods/other/", everything(current)),
        await harness.backend.watch("/pods/ns/b", ListOptions(resource_version=str(current))),
        await harness.backend.watch("/pods/", everything(current, field_selector="metadata.name=zzz")),
    ]
    awake = await harness.backend.watch("/pods/ns", everything(current))
    waiting = [asyncio.create_task(stream.next_events()) for stream in asleep]
    await turns()
    waiters = [stream._waiter for stream in asleep if isinstance(stream, CacheWatch)]
    created = await harness.create("ns/a")
    assert [event.stored.revision for event in await next_batch(awake)] == [created.revision]
    await turns()
    assert len(waiters) == 3
    assert all(waiter is not None and not waiter.done() for waiter in waiters)
    for stream in (*asleep, awake):
        stream.close()
    assert await asyncio.gather(*waiting) == [[], [], []]


async def test_a_slow_watch_keeps_its_events_until_history_has_passed_it(harness: Harness) -> None:
    backend = harness.cacher(max_events=2 * TRIM_AT)
    slow, slower, fast = await open_watches(backend, 3)
    for number in range(TRIM_AT + 10):
        await harness.create(f"ns/{number:04}")
        await next_batch(fast)
    got = 0
    while got < TRIM_AT + 10:
        got += len(await next_batch(slow))
    for number in range(4 * TRIM_AT):
        await harness.create(f"ns2/{number:04}")
        await next_batch(fast)
        if number % 100 == 0:
            await next_batch(slow)
    assert await next_batch(slower) == []
    while events := await next_batch(slow):
        if events[-1].stored.revision == harness.engine.current_rev():
            break
    assert events
    for stream in (slow, fast):
        stream.close()


async def test_initial_events_come_in_pieces_and_hold_nobody_up(harness: Harness) -> None:
    number = 3 * EVENTS_AT_ONCE + 1
    for index in range(number):
        await harness.create(f"ns/{index:05}")
    stream = await harness.backend.watch("/pods/", everything())
    sizes = [len(await next_batch(stream)) for _ in range(4)]
    assert sizes == [EVENTS_AT_ONCE, EVENTS_AT_ONCE, EVENTS_AT_ONCE, 1]
    stream.close()
    rare = await harness.backend.watch("/pods/", everything(field_selector=f"metadata.name={number - 1:05}"))
    assert len(await next_batch(rare)) == 1
    rare.close()


async def test_watches_that_begin_with_the_same_state_share_it_until_a_write(harness: Harness) -> None:
    for name in "abc":
        await harness.create(f"ns/{name}")
    cache = cache_of(harness)
    early = [await cache.watch(key, everything("0")) for key in ("/pods/", "/pods/", "/pods/ns/")]
    await harness.backend.delete(key_of("ns/b"))
    late = await cache.watch("/pods/", everything("0"))
    states = [stream._initial for stream in (*early, late) if isinstance(stream, CacheWatch)]
    assert states[0] is states[1]
    assert [path_of(stored) for stored in states[3]] == ["ns/a", "ns/c"]
    for stream in early:
        events = [*await next_batch(stream), *await next_batch(stream)]
        assert [(str(event.type), path_of(event.stored)) for event in events] == [
            ("ADDED", "ns/a"),
            ("ADDED", "ns/b"),
            ("ADDED", "ns/c"),
            ("DELETED", "ns/b"),
        ]
        stream.close()
    late.close()


async def test_the_end_of_a_watch_leaves_nothing_behind(harness: Harness) -> None:
    cache = cache_of(harness)
    async with await cache.watch("/pods/ns", everything()) as stream:
        assert isinstance(stream, CacheWatch)
        assert cache._dispatch.watches() == [stream]
    assert cache._dispatch.idle
    assert await stream.next_events() == []


async def test_closing_the_engine_ends_the_watches(harness: Harness) -> None:
    streams = await open_watches(cache_of(harness), 3)
    waiting = [asyncio.create_task(stream.next_events()) for stream in streams]
    await turns()
    await harness.engine.aclose()
    assert await asyncio.gather(*waiting) == [[], [], []]


async def test_a_watch_on_a_closed_engine_is_unreachable_and_no_other_failure(harness: Harness) -> None:
    """The registry knows what to say of that; it does not know what engines raise."""
    await harness.engine.aclose()
    for backend in (harness.store, harness.cacher()):
        with pytest.raises(StorageUnreachableError, match="the storage engine is closed"):
            await backend.watch("/pods/", everything(1))


async def test_bookmarks_are_shared(harness: Harness) -> None:
    backend = harness.cacher(bookmark_frequency=0.02)
    current = await backend.get_current_resource_version()
    streams = await open_watches(backend, 3, options=everything(current, bookmarks=True))
    waiting = [asyncio.create_task(next_batch(stream)) for stream in streams]
    rev = await harness.increase_rv()
    batches = await asyncio.gather(*waiting)
    assert {(str(batch[0].type), batch[0].stored.revision) for batch in batches} == {("BOOKMARK", rev)}
    assert len({id(batch[0].object) for batch in batches}) == 1
    for stream in streams:
        stream.close()


class Offered:
    """Stands for a watch, and counts in *told* who was offered a bookmark."""

    def __init__(self, told: list["Offered"]) -> None:
        self.told = told
        self.closed = False

    def offer_bookmark(self) -> None:
        self.told.append(self)


async def test_bookmarks_of_many_watches_take_several_turns_of_the_loop() -> None:
    told: list[Offered] = []
    timer = BookmarkTimer()
    watches = [Offered(told) for _ in range(3 * AT_ONCE + 1)]
    for watch in watches:
        timer.add(cast("CacheWatch[Pod]", watch), None)
    timer.offer_all()
    seen = []
    for _ in range(5):
        seen.append(len(told))
        await asyncio.sleep(0)
    assert seen == [AT_ONCE, 2 * AT_ONCE, 3 * AT_ONCE, 3 * AT_ONCE + 1, 3 * AT_ONCE + 1]
    assert set(told) == set(watches)
    timer.stop()


# ---- watches from the past


@pytest.mark.parametrize("engine_name", ["memory", "sqlite"])
async def test_a_watch_from_before_the_cache_began_is_replayed_from_history(engine_name: str, tmp_path: Path) -> None:
    engine = (
        MemoryEngine(initial_rev=1, retention=NO_COMPACTION)
        if engine_name == "memory"
        else await SQLiteEngine.open(tmp_path / "store.db", initial_rev=1, retention=NO_COMPACTION)
    )
    async for harness in made(engine, cached=False):
        created = await harness.create("ns/a")
        updated = await harness.update("ns/a", node("n1"))
        await harness.create("other/a")
        gone = await harness.backend.delete(key_of("ns/a"))
        backend = harness.cacher()
        await backend.start()
        for selector, expected in {
            "": [("ADDED", created), ("MODIFIED", updated), ("DELETED", gone)],
            "spec.nodeName=n1": [("ADDED", updated), ("DELETED", gone)],
        }.items():
            reader = Reader(await backend.watch("/pods/ns", everything(1, field_selector=selector)))
            for type_, stored in expected:
                await reader.expect(type_, "ns/a", stored.revision)
            late = await harness.update("ns/old", node("n1")) if selector else await harness.create("ns/old")
            await reader.expect("ADDED", "ns/old", late.revision)
            await reader.expect_nothing()
            reader.stream.close()


async def test_a_watch_resumes_after_a_restart(tmp_path: Path) -> None:
    async for harness in made(await SQLiteEngine.open(tmp_path / "store.db", retention=NO_COMPACTION), cached=True):
        seen = await harness.create("ns/a")
        missed = await harness.create("ns/b")
    async for harness in made(await SQLiteEngine.open(tmp_path / "store.db", retention=NO_COMPACTION), cached=True):
        reader = Reader(await harness.backend.watch("/pods/", everything(seen.revision)))
        await reader.expect("ADDED", "ns/b", missed.revision)
        reader.stream.close()


# ---- what cannot be read


async def test_an_unreadable_object_spoils_only_what_it_is_part_of(harness: Harness) -> None:
    await harness.create("ns/bad")
    good = await harness.create("other/good")
    harness.transformer.failure = lambda data: b'"bad"' in data
    backend = harness.cacher()
    for call in (
        backend.get(key_of("ns/bad")),
        backend.get_list("/pods/", everything()),
        backend.get_list("/pods/ns/bad", ListOptions()),
        backend.delete(key_of("ns/bad")),
    ):
        with pytest.raises(StorageInternalError):
            await call
    assert await backend.get(key_of("other/good"))
    listed = await backend.get_list("/pods/other", everything())
    assert [stored.revision for stored in listed.items] == [good.revision]
    await backend.delete(key_of("ns/bad"), ignore_store_read_error=True)
    assert len((await backend.get_list("/pods/", everything())).items) == 1
