"""Stored bytes that cannot be read at once: who reads waits, in order, together, and not for ever."""

import asyncio
from collections.abc import AsyncIterator

import attrs
import pytest

from genericapiserver.apimachinery.watch import EventType
from genericapiserver.storage.cacher import Cacher
from genericapiserver.storage.errors import StorageInternalError
from genericapiserver.storage.interface import ListOptions, ResponseMeta
from genericapiserver.storage.memory import MemoryEngine
from genericapiserver.storage.retention import Retention
from genericapiserver.storage.stored import StoredObject
from genericapiserver.storage.transformer import TransformationPendingError
from tests.conformance.storage_harness import (
    CODEC,
    Harness,
    Pod,
    Reader,
    everything,
    key_of,
    made,
    new_pod,
    open_watch,
)

NO_COMPACTION = Retention(interval=0, max_events=0)


class Seals:
    """A transformer that knows a seal once it was broken; `sealed` makes what others have sealed."""

    def __init__(self) -> None:
        self.outcomes: dict[bytes, asyncio.Future[None]] = {}
        self.asked = 0

    def outcome(self, name: bytes) -> "asyncio.Future[None]":
        return self.outcomes.setdefault(name, asyncio.get_running_loop().create_future())

    def broken(self, name: bytes) -> None:
        """What is sealed so can be read from now on."""
        if self.outcomes.get(name) is not None and self.outcomes[name].done():
            del self.outcomes[name]
        self.outcome(name).set_result(None)

    def fails(self, name: bytes) -> None:
        self.outcome(name).set_exception(ValueError(f"no key for {name.decode()}"))

    def from_storage(self, data: bytes, context: bytes) -> tuple[bytes, bool]:
        if not data.startswith(b"seal:"):
            return data, False
        _, name, value = data.split(b":", 2)
        outcome = self.outcome(name)
        if outcome.done():
            outcome.result()
            return value, False
        self.asked += 1
        raise TransformationPendingError(lambda: asyncio.shield(outcome))

    def to_storage(self, data: bytes, context: bytes) -> bytes:
        return data


def sealed(path: str, name: bytes, *, node: str = "") -> bytes:
    return b"seal:" + name + b":" + CODEC.encode(new_pod(path, node=node))


@pytest.fixture(params=["store", "cache"])
async def harness(request: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    async for ready in made(MemoryEngine(initial_rev=1, retention=NO_COMPACTION), cached=request.param == "cache"):
        ready.store.access.transformer = Seals()
        yield ready


@pytest.fixture
async def cached() -> AsyncIterator[Harness]:
    async for ready in made(MemoryEngine(initial_rev=1, retention=NO_COMPACTION), cached=True):
        ready.store.access.transformer = Seals()
        yield ready


def seals(harness: Harness) -> Seals:
    found = harness.store.access.transformer
    assert isinstance(found, Seals)
    return found


async def turns(number: int = 10) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def test_reads_wait_for_what_they_need(harness: Harness) -> None:
    await harness.put_raw("ns/a", sealed("ns/a", b"x"))
    reads = [
        asyncio.create_task(harness.backend.get(key_of("ns/a"))),
        asyncio.create_task(harness.backend.get_list("/pods/", everything())),
        asyncio.create_task(harness.update("ns/a", lambda pod: None)),
    ]
    await turns()
    assert not any(read.done() for read in reads)
    seals(harness).broken(b"x")
    async with asyncio.timeout(30):
        await asyncio.gather(*reads)
    assert (await harness.backend.get(key_of("ns/a"))).shared.metadata.name == "a"


async def test_what_cannot_be_read_after_all_is_an_error(harness: Harness) -> None:
    await harness.put_raw("ns/a", sealed("ns/a", b"x"))
    reads = [
        asyncio.create_task(harness.backend.get(key_of("ns/a"))),
        asyncio.create_task(harness.backend.get_list("/pods/", everything())),
        asyncio.create_task(harness.update("ns/a", lambda pod: None)),
    ]
    await turns()
    seals(harness).fails(b"x")
    async with asyncio.timeout(30):
        outcomes = await asyncio.gather(*reads, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StorageInternalError] * 3
    assert [str(outcome) for outcome in outcomes] == [
        "no key for x",
        'unable to transform key "/registry/pods/ns/a": no key for x',
        "no key for x",
    ]


async def test_what_comes_back_is_read_without_a_restart(harness: Harness) -> None:
    await harness.put_raw("ns/a", sealed("ns/a", b"x"))
    await harness.put_raw("ns/b", sealed("ns/b", b"x"))
    seals(harness).fails(b"x")
    for _ in range(2):
        with pytest.raises(StorageInternalError):
            await harness.backend.get(key_of("ns/a"))
        with pytest.raises(StorageInternalError):
            await harness.backend.get_list("/pods/", everything())
    seals(harness).broken(b"x")
    assert (await harness.backend.get(key_of("ns/a"))).shared.metadata.name == "a"
    assert len((await harness.backend.get_list("/pods/", everything())).items) == 2
    reader = await open_watch(harness.backend, "/pods/", everything())
    await reader.expect("ADDED", "ns/a")
    await reader.expect("ADDED", "ns/b")


async def test_an_unsafe_deletion_waits_and_then_deletes(harness: Harness) -> None:
    await harness.put_raw("ns/a", sealed("ns/a", b"x"))
    deletion = asyncio.create_task(harness.backend.delete(key_of("ns/a"), ignore_store_read_error=True))
    await turns()
    assert not deletion.done()
    seals(harness).fails(b"x")
    await deletion
    with pytest.raises(Exception, match="key not found"):
        await harness.backend.get(key_of("ns/a"))


async def test_an_update_that_lost_a_race_waits_for_the_winners_object(harness: Harness) -> None:
    await harness.create("ns/a")
    tries = 0

    async def apply(existing: StoredObject[Pod] | None, meta: ResponseMeta) -> tuple[Pod, int | None]:
        nonlocal tries
        tries += 1
        assert existing is not None
        if tries == 1:
            await harness.put_raw("ns/a", sealed("ns/a", b"x", node="theirs"))
        pod = existing.object()
        pod.metadata.labels = {"ours": "too"}
        return pod, None

    update = asyncio.create_task(harness.backend.guaranteed_update(key_of("ns/a"), apply))
    await turns()
    seals(harness).broken(b"x")
    async with asyncio.timeout(30):
        updated = await update
    assert updated.shared.spec.node_name == "theirs"
    assert updated.shared.metadata.labels == {"ours": "too"}


async def test_a_watch_keeps_the_order_while_it_waits(harness: Harness) -> None:
    reader = await open_watch(harness.backend, "/pods/", everything())
    await harness.create("ns/a")
    await reader.expect("ADDED", "ns/a")
    await harness.put_raw("ns/b", sealed("ns/b", b"x"))
    await harness.create("ns/c")
    await harness.put_raw("ns/d", sealed("ns/d", b"y"))
    await harness.store.delete(key_of("ns/c"))
    following = asyncio.create_task(reader.next())
    await turns()
    assert not following.done()
    seals(harness).broken(b"x")
    event = await following
    assert event is not None
    assert event.stored.key == "/pods/ns/b"
    await reader.expect("ADDED", "ns/c")
    following = asyncio.create_task(reader.next())
    await turns()
    assert not following.done()
    seals(harness).broken(b"y")
    event = await following
    assert event is not None
    assert event.stored.key == "/pods/ns/d"
    await reader.expect("DELETED", "ns/c")


async def test_what_a_watch_cannot_read_after_all_ends_it_with_an_error(harness: Harness) -> None:
    reader = await open_watch(harness.backend, "/pods/", everything())
    await harness.create("ns/a")
    await harness.put_raw("ns/b", sealed("ns/b", b"x"))
    await harness.create("ns/c")
    await reader.expect("ADDED", "ns/a")
    following = asyncio.create_task(reader.expect_error())
    await turns()
    assert not following.done()
    seals(harness).fails(b"x")
    status = await following
    assert (status.code, status.message) == (500, "Internal error occurred: no key for x")


async def test_a_watch_from_before_waits_for_history_and_heals_it(harness: Harness) -> None:
    begun = (await harness.create("ns/a")).revision
    await harness.put_raw("ns/a", sealed("ns/a", b"x", node="n"))
    await harness.create("ns/b")
    seals(harness).fails(b"x")
    with pytest.raises(StorageInternalError):
        await harness.backend.get(key_of("ns/a"))
    failing = await open_watch(harness.backend, "/pods/", everything(begun))
    await failing.expect_error()
    seals(harness).broken(b"x")
    reader = await open_watch(harness.backend, "/pods/", everything(begun))
    await reader.expect("MODIFIED", "ns/a")
    await reader.expect("ADDED", "ns/b")
    selecting = await open_watch(harness.backend, "/pods/", everything(begun, field_selector="spec.nodeName=n"))
    await selecting.expect("ADDED", "ns/a")


async def test_a_watch_may_be_left_while_it_waits_and_go_on(harness: Harness) -> None:
    reader = await open_watch(harness.backend, "/pods/", everything())
    await harness.put_raw("ns/a", sealed("ns/a", b"x"))
    leaving = asyncio.create_task(reader.stream.next_events())
    await turns()
    leaving.cancel()
    await asyncio.wait([leaving])
    seals(harness).broken(b"x")
    await reader.expect("ADDED", "ns/a")


async def test_a_closed_watch_gives_nothing_more(harness: Harness) -> None:
    reader = await open_watch(harness.backend, "/pods/", everything())
    await harness.put_raw("ns/a", sealed("ns/a", b"x"))
    waiting = asyncio.create_task(reader.stream.next_events())
    await turns()
    reader.stream.close()
    seals(harness).broken(b"x")
    assert await waiting == []


# ---- the watch cache


async def started(harness: Harness) -> Cacher[Pod]:
    assert isinstance(harness.backend, Cacher)
    await harness.backend.start()
    return harness.backend


async def test_readers_never_see_a_cache_from_before_what_it_waits_for(cached: Harness) -> None:
    cache = await started(cached)
    await cached.create("ns/a")
    await cached.put_raw("ns/b", sealed("ns/b", b"x"))
    await cached.create("ns/c")
    cache.readiness_check()
    assert cache.status().objects == 1
    reads = [
        asyncio.create_task(cache.get(key_of("ns/c"))),
        asyncio.create_task(cache.get_list("/pods/", everything())),
        asyncio.create_task(cache.get_list("/pods/", everything("0"))),
        asyncio.create_task(cache.stats()),
    ]
    await turns()
    assert not any(read.done() for read in reads)
    seals(cached).broken(b"x")
    async with asyncio.timeout(30):
        await asyncio.gather(*reads)
    assert len((await cache.get_list("/pods/", everything())).items) == 3
    assert cached.watched.ranges == 1, "it was not filled anew"


async def test_a_seal_is_asked_for_once_while_the_cache_waits(cached: Harness) -> None:
    await started(cached)
    for number in range(50):
        await cached.put_raw(f"ns/{number}", sealed(f"ns/{number}", b"x"))
    assert seals(cached).asked == 1
    seals(cached).broken(b"x")
    assert len((await cached.backend.get_list("/pods/", everything())).items) == 50


async def test_no_bookmark_overtakes_what_the_cache_waits_for(cached: Harness) -> None:
    cache = await started(cached)
    options = everything(bookmarks=True)
    reader = await open_watch(cache, "/pods/", options)
    await cached.create("ns/a")
    await reader.expect("ADDED", "ns/a")
    before = cached.engine.current_rev()
    await cached.put_raw("ns/b", sealed("ns/b", b"x"))
    await cached.increase_rv()
    await cache.request_watch_progress()
    following = asyncio.create_task(reader.next())
    await turns()
    if following.done():
        early = following.result()
        assert early is not None
        assert early.type is EventType.BOOKMARK
        assert early.stored.revision <= before
        following = asyncio.create_task(reader.next())
    seals(cached).broken(b"x")
    event = await following
    assert event is not None
    assert (event.type, event.stored.key) == (EventType.ADDED, "/pods/ns/b")


async def test_a_watch_that_begins_while_the_cache_waits_misses_nothing(cached: Harness) -> None:
    cache = await started(cached)
    begun = (await cached.create("ns/a")).revision
    await cached.put_raw("ns/b", sealed("ns/b", b"x"))
    readers = [
        asyncio.create_task(open_watch(cache, "/pods/", everything(begun))),
        asyncio.create_task(open_watch(cache, "/pods/", attrs.evolve(everything(), send_initial_events=True))),
    ]
    await turns()
    seals(cached).broken(b"x")
    from_before, with_state = await asyncio.gather(*readers)
    await from_before.expect("ADDED", "ns/b")
    await with_state.expect("ADDED", "ns/a")
    await with_state.expect("ADDED", "ns/b")
    await cached.create("ns/c")
    for reader in (from_before, with_state):
        await reader.expect("ADDED", "ns/c")


async def test_a_watch_whose_history_is_read_while_the_cache_halts_misses_nothing(cached: Harness) -> None:
    begun = (await cached.create("ns/a")).revision
    await cached.create("ns/b")
    cache = await started(cached)
    read = cached.engine.history

    async def and_then_halt(*arguments: object, **named: object) -> object:
        batch = await read(*arguments, **named)  # type: ignore[arg-type]
        if len(seals(cached).outcomes) == 0:
            await cached.put_raw("ns/c", sealed("ns/c", b"x"))
        return batch

    cached.watched.history = and_then_halt  # type: ignore[attr-defined]
    opening = asyncio.create_task(open_watch(cache, "/pods/", everything(begun)))
    await turns()
    assert not opening.done()
    seals(cached).broken(b"x")
    reader: Reader = await opening
    await reader.expect("ADDED", "ns/b")
    await reader.expect("ADDED", "ns/c")
    await reader.expect_nothing()


async def test_what_fails_spoils_only_what_it_is_part_of_until_it_is_healed(cached: Harness) -> None:
    cache = await started(cached)
    reader = await open_watch(cache, "/pods/other/", everything())
    await cached.put_raw("ns/a", sealed("ns/a", b"x"))
    await cached.create("other/b")
    await turns()
    seals(cached).fails(b"x")
    await reader.expect("ADDED", "other/b")
    assert len((await cache.get_list("/pods/other/", everything())).items) == 1
    with pytest.raises(StorageInternalError, match="no key for x"):
        await cache.get(key_of("ns/a"))
    seals(cached).broken(b"x")
    assert len((await cache.get_list("/pods/", everything())).items) == 2
    assert cached.watched.ranges == 1, "nothing was read from the engine for it"


async def test_a_selector_that_needs_what_was_before_ends_with_an_error(cached: Harness) -> None:
    cache = await started(cached)
    await cached.put_raw("ns/a", sealed("ns/a", b"x"))
    seals(cached).fails(b"x")
    await turns()
    everyone = await open_watch(cache, "/pods/", everything(cached.engine.current_rev()))
    selecting = await open_watch(
        cache, "/pods/", everything(cached.engine.current_rev(), field_selector="spec.nodeName=n")
    )
    await cached.put_raw("ns/a", CODEC.encode(new_pod("ns/a", node="n")))
    await everyone.expect("MODIFIED", "ns/a")
    assert (await selecting.expect_error()).message == "Internal error occurred: no key for x"


async def test_a_filling_waits_once_for_what_it_does_not_get(cached: Harness) -> None:
    for name in ("a", "b", "c"):
        await cached.put_raw(f"ns/{name}", sealed(f"ns/{name}", name.encode()))
    await cached.store.create(key_of("ns/d"), new_pod("ns/d"))
    reading = asyncio.create_task(cached.backend.get(key_of("ns/d")))
    await turns()
    seals(cached).fails(b"a")
    async with asyncio.timeout(30):
        assert (await reading).shared.metadata.name == "d"
    seals(cached).broken(b"b")
    assert (await cached.backend.get(key_of("ns/b"))).shared.metadata.name == "b"
    for seal in (b"a", b"c"):
        seals(cached).broken(seal)
    assert len((await cached.backend.get_list("/pods/", everything())).items) == 4


async def test_many_objects_are_healed_in_turns(cached: Harness) -> None:
    for number in range(300):
        await cached.put_raw(f"ns/{number}", sealed(f"ns/{number}", b"x"))
    seals(cached).fails(b"x")
    with pytest.raises(StorageInternalError):
        await cached.backend.get_list("/pods/", everything())
    seals(cached).broken(b"x")
    assert len((await cached.backend.get_list("/pods/", everything())).items) == 300


async def test_a_cache_that_is_reset_while_it_waits_is_filled_anew(cached: Harness) -> None:
    cache = await started(cached)
    await cached.put_raw("ns/a", sealed("ns/a", b"x"))
    reading = asyncio.create_task(cache.get(key_of("ns/a")))
    await turns()
    cache._feed.reset()
    seals(cached).broken(b"x")
    async with asyncio.timeout(30):
        assert (await reading).shared.metadata.name == "a"
    assert cached.watched.ranges == 2


async def test_a_cache_can_be_closed_while_it_waits(cached: Harness) -> None:
    cache = await started(cached)
    await cached.put_raw("ns/a", sealed("ns/a", b"x"))
    async with asyncio.timeout(30):
        await cache.aclose()


async def test_a_list_of_one_key_waits_too(harness: Harness) -> None:
    await harness.put_raw("ns/a", sealed("ns/a", b"x"))
    listing = asyncio.create_task(harness.backend.get_list(key_of("ns/a"), ListOptions(recursive=False)))
    await turns()
    assert not listing.done()
    seals(harness).broken(b"x")
    assert len((await listing).items) == 1
