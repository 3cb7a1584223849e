"""What every engine promises, see storage/engine.py."""

import asyncio
from collections.abc import Sequence

import pytest

from genericapiserver.storage.engine import (
    CompactedError,
    EngineClosedError,
    EngineEvent,
    EngineWatch,
    FutureRevisionError,
    StorageEngine,
    WriteResult,
    prefix_end,
)

A, B, C, D = b"/r/a", b"/r/b", b"/r/c", b"/r/d"
ALL = (b"/r/", b"/r0")


async def put(engine: StorageEngine, key: bytes, value: bytes) -> int:
    """Write whatever is there now."""
    existing = (await engine.get(key)).kv
    result = await engine.put(key, value, expect_rev=existing.mod_rev if existing else 0)
    assert result.ok
    return result.rev


async def remove(engine: StorageEngine, key: bytes) -> int:
    existing = (await engine.get(key)).kv
    assert existing is not None
    result = await engine.delete(key, expect_rev=existing.mod_rev)
    assert result.ok
    return result.rev


async def events(watch: EngineWatch, number: int) -> list[EngineEvent]:
    found: list[EngineEvent] = []
    async with asyncio.timeout(30):
        while len(found) < number:
            found.extend((await watch.next()).events)
    return found


async def keys_at(engine: StorageEngine, rev: int) -> list[bytes]:
    return [kv.key for kv in (await engine.range(*ALL, rev=rev)).kvs]


async def test_a_fresh_engine_is_at_its_first_revision_and_has_never_been_compacted(engine: StorageEngine) -> None:
    assert engine.current_rev() == 1
    assert engine.compact_rev() == 0
    assert (await engine.range(*ALL)) == ([], 0, 1)
    assert (await engine.range(*ALL, rev=1)) == ([], 0, 1)
    assert (await engine.get(A)) == (None, 1)


async def test_every_write_takes_the_next_revision_whatever_its_key(engine: StorageEngine) -> None:
    assert [await put(engine, A, b"1"), await put(engine, B, b"2"), await put(engine, A, b"3")] == [2, 3, 4]
    assert await remove(engine, B) == 5
    assert engine.current_rev() == 5


async def test_a_write_tells_what_is_there_when_it_expected_something_else(engine: StorageEngine) -> None:
    created = await engine.put(A, b"1", expect_rev=0)
    assert created == (True, 2, None)

    again = await engine.put(A, b"2", expect_rev=0)
    assert not again.ok
    assert again.current is not None
    assert again.current[:4] == (A, b"1", 2, 2)
    stale = await engine.put(A, b"2", expect_rev=1)
    assert not stale.ok
    missing = await engine.put(B, b"2", expect_rev=2)
    assert (missing.ok, missing.current) == (False, None)
    assert engine.current_rev() == 2

    updated = await engine.put(A, b"2", expect_rev=2)
    assert updated.ok
    kv = (await engine.get(A)).kv
    assert kv is not None
    assert kv[:4] == (A, b"2", 2, 3)


async def test_a_delete_needs_the_newest_revision(engine: StorageEngine) -> None:
    rev = await put(engine, A, b"1")
    stale = await engine.delete(A, expect_rev=rev - 1)
    assert not stale.ok
    assert stale.current is not None
    assert stale.current.value == b"1"
    assert (await engine.delete(A, expect_rev=rev)).ok
    gone = await engine.delete(A, expect_rev=rev)
    assert (gone.ok, gone.current) == (False, None)


async def test_a_key_created_again_starts_a_new_life(engine: StorageEngine) -> None:
    await put(engine, A, b"1")
    await remove(engine, A)
    rev = await put(engine, A, b"2")
    kv = (await engine.get(A)).kv
    assert kv is not None
    assert (kv.create_rev, kv.mod_rev) == (rev, rev)


async def test_a_range_is_in_byte_order_and_counts_beyond_its_limit(engine: StorageEngine) -> None:
    keys = [b"/r/b", b"/r/a-1", b"/r/a", b"/r/a/x", b"/r/\xc3\xa4", b"/r/B", b"/ra", b"/q/a"]
    for key in keys:
        await put(engine, key, key)
    found = await engine.range(*ALL)
    assert [kv.key for kv in found.kvs] == sorted(key for key in keys if key.startswith(b"/r/"))
    assert found.total == 6
    page = await engine.range(*ALL, limit=2)
    assert [kv.key for kv in page.kvs] == [b"/r/B", b"/r/a"]
    assert page.total == 6
    rest = await engine.range(page.kvs[-1].key + b"\x00", ALL[1], limit=10)
    assert (len(rest.kvs), rest.total) == (4, 4)
    assert (await engine.stats(*ALL)) == (6, sum(len(kv.value) for kv in found.kvs))


async def test_every_revision_since_the_floor_can_be_read(engine: StorageEngine) -> None:
    r1 = await put(engine, A, b"1")
    r2 = await put(engine, B, b"1")
    r3 = await put(engine, A, b"2")
    r4 = await remove(engine, A)
    r5 = await put(engine, C, b"1")
    assert [await keys_at(engine, rev) for rev in (r1 - 1, r1, r2, r3, r4, r5)] == [
        [], [A], [A, B], [A, B], [B], [B, C],
    ]  # fmt: skip
    at_r2 = (await engine.get(A, rev=r2)).kv
    at_r3 = (await engine.get(A, rev=r3)).kv
    assert at_r2 is not None
    assert at_r3 is not None
    assert (at_r2.value, at_r2.mod_rev, at_r3.value, at_r3.mod_rev) == (b"1", r1, b"2", r3)
    assert (await engine.get(A, rev=r4)).kv is None
    page = await engine.range(*ALL, limit=1, rev=r3)
    assert ([kv.key for kv in page.kvs], page.total) == ([A], 2)


async def test_a_revision_of_the_future_cannot_be_read(engine: StorageEngine) -> None:
    for read in (engine.get(A, rev=2), engine.range(*ALL, rev=2), engine.range(*ALL, rev=2**80)):
        with pytest.raises(FutureRevisionError) as caught:
            await read
        assert caught.value.current == 1


async def test_compaction_forgets_what_came_before_its_revision_only(engine: StorageEngine) -> None:
    await put(engine, A, b"1")
    await put(engine, A, b"2")
    r3 = await put(engine, B, b"1")
    r4 = await put(engine, A, b"3")
    r5 = await remove(engine, B)
    await put(engine, C, b"1")
    await engine.compact(r4)
    assert (engine.compact_rev(), engine.floor_rev()) == (r4, r4)
    for read in (engine.get(A, rev=r3), engine.range(*ALL, rev=r3)):
        with pytest.raises(CompactedError):
            await read
    assert await keys_at(engine, r4) == [A, B]
    assert await keys_at(engine, r5) == [A]
    at_r4 = (await engine.get(A, rev=r4)).kv
    assert at_r4 is not None
    assert at_r4.value == b"3"


async def test_compaction_to_the_same_or_an_older_revision_or_the_future_is_refused(engine: StorageEngine) -> None:
    await put(engine, A, b"1")
    rev = await put(engine, A, b"2")
    await engine.compact(rev)
    for again in (rev, rev - 1):
        with pytest.raises(CompactedError):
            await engine.compact(again)
    with pytest.raises(FutureRevisionError):
        await engine.compact(rev + 1)


async def test_compaction_past_a_tombstone_leaves_nothing_of_its_key(engine: StorageEngine) -> None:
    await put(engine, A, b"1")
    rev = await remove(engine, A)
    await engine.compact(rev)
    assert await keys_at(engine, rev) == []
    assert await put(engine, A, b"2") == rev + 1
    assert engine.current_rev() == rev + 1


async def test_a_watch_gives_previous_values_even_after_compaction(engine: StorageEngine) -> None:
    await put(engine, A, b"1")
    r2 = await put(engine, A, b"2")
    r3 = await put(engine, A, b"3")
    r4 = await remove(engine, A)
    await engine.compact(r2)
    watch = engine.watch(*ALL, after_rev=r2)
    assert await events(watch, 2) == [
        EngineEvent(r3, A, b"3", b"2", 2, r2),
        EngineEvent(r4, A, None, b"3", 2, r3),
    ]


async def test_a_watch_starts_after_its_revision_and_goes_on(engine: StorageEngine) -> None:
    r1 = await put(engine, A, b"1")
    r2 = await put(engine, B, b"1")
    watch = engine.watch(*ALL, after_rev=r1)
    assert [event.rev for event in await events(watch, 1)] == [r2]
    waiting = asyncio.create_task(watch.next())
    r3 = await put(engine, B, b"2")
    assert (await waiting) == ([EngineEvent(r3, B, b"2", b"1", r2, r2)], r3)
    watch.close()


async def test_a_watch_of_one_key_is_not_woken_by_others(engine: StorageEngine) -> None:
    watch = engine.watch(A, None, after_rev=1)
    waiting = asyncio.create_task(watch.next())
    await put(engine, A + b"/x", b"1")
    await put(engine, B, b"1")
    await asyncio.sleep(0)
    assert not waiting.done()
    rev = await put(engine, A, b"1")
    assert [event.rev for event in (await waiting).events] == [rev]
    watch.close()


async def test_a_watch_below_the_floor_ends_with_compacted(engine: StorageEngine) -> None:
    await put(engine, A, b"1")
    rev = await put(engine, A, b"2")
    await engine.compact(rev)
    with pytest.raises(CompactedError):
        await engine.watch(*ALL, after_rev=rev - 1).next()


async def test_compaction_passes_a_slow_watch_but_not_an_idle_one(engine: StorageEngine) -> None:
    slow, idle = engine.watch(*ALL, after_rev=1), engine.watch(D, None, after_rev=1)
    waiting = asyncio.create_task(idle.next())
    await asyncio.sleep(0)
    await put(engine, A, b"1")
    rev = await put(engine, A, b"2")
    await engine.compact(rev)
    with pytest.raises(CompactedError):
        await slow.next()
    rev = await put(engine, D, b"1")
    assert [event.rev for event in (await waiting).events] == [rev]
    idle.close()


async def test_a_watch_from_the_future_is_silent_until_it_has_passed(engine: StorageEngine) -> None:
    watch = engine.watch(*ALL, after_rev=4)
    waiting = asyncio.create_task(watch.next())
    for _ in range(3):
        await put(engine, A, b"1")
    await asyncio.sleep(0)
    assert not waiting.done()
    rev = await put(engine, A, b"2")
    assert [event.rev for event in (await waiting).events] == [rev] == [5]
    watch.close()


async def test_an_idle_watch_reports_progress_when_asked(engine: StorageEngine) -> None:
    watch = engine.watch(A, None, after_rev=1)
    waiting = asyncio.create_task(watch.next())
    rev = await put(engine, B, b"1")
    await engine.request_progress()
    assert await waiting == ([], rev)
    watch.close()


async def test_closing_a_watch_wakes_who_waits_for_it(engine: StorageEngine) -> None:
    watch = engine.watch(*ALL, after_rev=1)
    waiting = asyncio.create_task(watch.next())
    await asyncio.sleep(0)
    watch.close()
    with pytest.raises(EngineClosedError):
        await waiting


async def test_a_long_history_is_delivered_without_gaps(engine: StorageEngine) -> None:
    for start in range(0, 6000, 500):
        await asyncio.gather(*(engine.put(b"/r/%05d" % n, b"x", expect_rev=0) for n in range(start, start + 500)))
    watch = engine.watch(*ALL, after_rev=1)
    assert [event.rev for event in await events(watch, 6000)] == list(range(2, 6002))
    one = engine.watch(b"/r/00007", None, after_rev=1)
    assert [event.key for event in await events(one, 1)] == [b"/r/00007"]


async def test_subscribers_hear_of_a_write_in_order_and_before_its_writer(engine: StorageEngine) -> None:
    heard: list[EngineEvent] = []
    elsewhere: list[EngineEvent] = []

    def hear(news: Sequence[EngineEvent]) -> None:
        assert engine.current_rev() >= news[-1].rev
        heard.extend(news)

    subscription = engine.subscribe(b"/r/", hear)
    engine.subscribe(b"/elsewhere/", elsewhere.extend)

    async def write(number: int) -> None:
        result = await engine.put(b"/r/%d" % number, b"x", expect_rev=0)
        assert any(event.rev == result.rev for event in heard)

    await asyncio.gather(*(write(number) for number in range(50)), put(engine, b"/rest", b"x"))
    assert [event.rev for event in heard] == sorted(event.rev for event in heard)
    assert len(heard) == 50
    subscription.close()
    await put(engine, A, b"1")
    assert len(heard) == 50
    assert elsewhere == []


async def test_reached_returns_once_the_revision_is_there(engine: StorageEngine) -> None:
    await engine.reached(1)
    late, early = asyncio.create_task(engine.reached(3)), asyncio.create_task(engine.reached(2))
    given_up = asyncio.create_task(engine.reached(2))
    await asyncio.sleep(0)
    given_up.cancel()
    await put(engine, A, b"1")
    await early
    assert not late.done()
    await put(engine, A, b"2")
    await late


async def test_an_expired_key_is_deleted_by_an_ordinary_write(engine: StorageEngine) -> None:
    watch = engine.watch(*ALL, after_rev=1)
    loop = asyncio.get_running_loop()
    before = loop.time()
    result = await engine.put(A, b"1", expect_rev=0, ttl=0.2)
    created, deleted = await events(watch, 2)
    assert loop.time() - before >= 0.2
    assert (created.rev, deleted.rev, deleted.value, deleted.prev_value) == (result.rev, result.rev + 1, None, b"1")
    assert (await engine.get(A)).kv is None


async def test_a_write_without_ttl_takes_the_old_one_away(engine: StorageEngine) -> None:
    first = await engine.put(A, b"1", expect_rev=0, ttl=0.05)
    assert (await engine.put(A, b"2", expect_rev=first.rev)).ok
    await engine.put(B, b"1", expect_rev=0, ttl=0.1)
    watch = engine.watch(B, None, after_rev=engine.current_rev())
    await events(watch, 1)
    assert (await engine.get(A)).kv is not None


async def test_a_closed_engine_refuses_everything(engine: StorageEngine) -> None:
    watch = engine.watch(*ALL, after_rev=1)
    waiting = asyncio.create_task(watch.next())
    late = asyncio.create_task(engine.reached(100))
    await asyncio.sleep(0)
    await engine.aclose()
    await engine.aclose()
    for call in (engine.get(A), engine.put(A, b"1", expect_rev=0), engine.check(), engine.compact(1), waiting, late):
        with pytest.raises(EngineClosedError):
            await call


async def test_what_comes_while_the_engine_closes_is_answered(engine: StorageEngine) -> None:
    """Whether it is still done or refused: nobody waits for ever for a writer that has ended."""
    closing = asyncio.create_task(engine.aclose())
    calls: list[asyncio.Task[object]] = []
    while not closing.done():
        await asyncio.sleep(0)
        calls += [
            asyncio.create_task(engine.put(b"/r/%d" % len(calls), b"", expect_rev=0)),
            asyncio.create_task(engine.check()),
        ]
    async with asyncio.timeout(30):
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(each) for each in outcomes} <= {WriteResult, type(None), EngineClosedError}


async def test_a_healthy_engine_passes_its_check(engine: StorageEngine) -> None:
    await engine.check()


async def test_one_of_many_concurrent_writers_to_a_key_wins(engine: StorageEngine) -> None:
    results = await asyncio.gather(*(engine.put(A, b"%d" % n, expect_rev=0) for n in range(64)))
    winners = [n for n, result in enumerate(results) if result.ok]
    assert len(winners) == 1
    kv = (await engine.get(A)).kv
    assert kv is not None
    assert kv.value == b"%d" % winners[0]
    assert all(result.current is not None for result in results if not result.ok)


@pytest.mark.parametrize(
    ("prefix", "end"), [(b"/r/", b"/r0"), (b"a\xff", b"b"), (b"\xfe\xff\xff", b"\xff")], ids=["slash", "ff", "fe"]
)
def test_the_end_of_a_prefix_is_the_first_key_after_it(prefix: bytes, end: bytes) -> None:
    assert prefix_end(prefix) == end
