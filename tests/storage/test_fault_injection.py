"""The n-th call of storage fails, for every n of a scripted session with a whole server, and in every manner."""

import asyncio

import pytest

from genericapiserver.storage.engine import EngineEvent, WriteResult
from genericapiserver.storage.errors import (
    StorageError,
    StorageInternalError,
    StorageTimeoutError,
    StorageUnreachableError,
)
from genericapiserver.storage.faulty import FaultyEngine, Manner
from genericapiserver.storage.memory import MemoryEngine
from tests.conformance.storage_harness import Harness, Reader, everything
from tests.storage.conftest import NO_COMPACTION
from tests.support.fault_session import HANGING, PATIENCE, Follower, Rig, Session, faulty_server, no_more_than

FEWEST = {True: 15, False: 50}
"""Calls that the session makes at least, with a cache and without."""


async def one_session(rig: Rig, namespace: str, manner: Manner, fail: int, *, lose: int = 0) -> int:
    """A session whose call *fail* fails, or whose news number *lose* are lost (0: none); how many calls it made."""
    faulty = rig.faulty
    session = Session(rig, namespace, manner)
    faulty.heal()
    faulty.lose_news()  # a cache starts anew each time, so that its filling fails, too
    follower = Follower(session)
    try:
        async with asyncio.timeout(PATIENCE):
            await follower.known.wait()
        faulty.lose_news()
        faulty.heal()
        if fail:
            faulty.fail(fail, manner)
        if lose:
            faulty.lose_news(lose)
        await session.run()
        calls = len(faulty.called)
        faulty.heal()
        session.check_told()
        session.check_answers()
        await session.check_state(faulty.engine)
        await follower.check()
        return calls
    finally:
        await follower.aclose()


# A full disk is a fault with another text.
MANNERS = [*(manner for manner in Manner if manner is not Manner.DISK_FULL), "cancelled", "cancelled afterwards"]


@pytest.mark.parametrize("cached", [True, False], ids=["cached", "plain"])
@pytest.mark.parametrize("how", MANNERS)
async def test_whatever_call_fails_nothing_is_lost_doubled_or_half_seen(how: str, cached: bool) -> None:
    manner = {"cancelled": Manner.HANG, "cancelled afterwards": Manner.HANG_AFTERWARDS}.get(how) or Manner(how)
    before = asyncio.all_tasks()
    async with faulty_server(MemoryEngine(initial_rev=1, retention=NO_COMPACTION), cached=cached) as rig:
        calls = await one_session(rig, "ns0", manner, 0)
        assert calls >= FEWEST[cached]
        rig.cancels = manner in HANGING and how != manner
        for fail in range(1, calls + 1):
            try:
                await one_session(rig, f"ns{fail}", manner, fail)
            except BaseException as error:
                error.add_note(f"call {fail} of {calls}: {how}")
                raise
    assert not no_more_than(before)


async def test_whatever_news_a_cache_loses_it_and_its_watches_come_to_know() -> None:
    """As behind an etcd whose history has been compacted while the connection was away."""
    before = asyncio.all_tasks()
    async with faulty_server(MemoryEngine(initial_rev=1, retention=NO_COMPACTION), cached=True) as rig:
        for lose in range(1, 16):
            await one_session(rig, f"ns{lose}", Manner.FAULT, 0, lose=lose)
    assert not no_more_than(before)


class Liar(MemoryEngine):
    """Acknowledges the write of one key without doing it."""

    async def put(self, key: bytes, value: bytes, *, expect_rev: int, ttl: float = 0.0) -> WriteResult:
        if key.endswith(b"/create-by-update"):
            return WriteResult(True, self.current_rev() + 1, None)
        return await super().put(key, value, expect_rev=expect_rev, ttl=ttl)


class Babbler(MemoryEngine):
    """Tells of one write twice."""

    def _write(self, event: EngineEvent, expires_at: float = 0.0) -> None:
        super()._write(event, expires_at)
        if event.key.endswith(b"/create-by-update"):
            self._log.publish((event,))


@pytest.mark.parametrize("engine_type", [Liar, Babbler])
async def test_an_engine_that_breaks_its_promises_is_found_out(engine_type: type[MemoryEngine]) -> None:
    async with faulty_server(engine_type(initial_rev=1, retention=NO_COMPACTION), cached=True) as rig:
        with pytest.raises(AssertionError):
            await one_session(rig, "ns", Manner.FAULT, 0)


@pytest.mark.parametrize("manner", [Manner.UNREACHABLE, Manner.DISK_FULL, Manner.TIMEOUT, Manner.HANG])
async def test_readiness_is_false_while_the_engine_fails_and_true_again(manner: Manner) -> None:
    async with faulty_server(MemoryEngine(initial_rev=1), cached=True) as rig:

        async def until(status: int) -> None:
            async with asyncio.timeout(PATIENCE):
                while (await rig.client.get("/readyz/etcd-readiness")).status != status:
                    await asyncio.sleep(0.02)

        await until(200)
        rig.faulty.fail(1, manner, times=10**6)
        await until(500)
        rig.faulty.heal()
        await until(200)


# ---- what asks the engine in passing


@pytest.mark.parametrize("cached", [True, False], ids=["cached", "plain"])
@pytest.mark.parametrize(
    ("manner", "error"),
    [
        (Manner.UNREACHABLE, StorageUnreachableError),
        (Manner.TIMEOUT, StorageTimeoutError),
        (Manner.DISK_FULL, StorageInternalError),
    ],
)
async def test_what_keeps_a_watch_from_beginning_is_an_error_of_storage(
    manner: Manner, error: type[StorageError], cached: bool
) -> None:
    faulty = FaultyEngine(MemoryEngine(initial_rev=1))
    harness = Harness(faulty, cached=cached)
    faulty.fail(1, manner)
    with pytest.raises(error):
        await harness.backend.watch("/pods", everything(1))
    assert faulty.called == ["subscribe" if cached else "watch"]
    faulty.fail(1, manner)
    with pytest.raises(error):
        await harness.backend.request_watch_progress()
    await harness.aclose()
    await faulty.aclose()


async def test_a_watch_of_history_that_goes_as_it_begins_ends_with_410() -> None:
    faulty = FaultyEngine(MemoryEngine(initial_rev=1))
    harness = Harness(faulty, cached=False)
    await harness.create("ns/a")
    faulty.fail(1, Manner.COMPACTED)
    reader = Reader(await harness.backend.watch("/pods", everything(1)))
    assert (await reader.expect_error()).code == 410
    await harness.aclose()
    await faulty.aclose()


async def test_a_watch_that_begins_while_its_cache_forgets_everything_misses_nothing() -> None:
    """It would otherwise wait in a cache that is filled anew, and never hear of what was written in between."""
    faulty = FaultyEngine(MemoryEngine(initial_rev=1, retention=NO_COMPACTION))
    harness = Harness(faulty, cached=True)
    await harness.create("ns/a")
    backend = harness.cacher()
    await backend.start()
    faulty.fail(1, Manner.HANG)
    starting = asyncio.create_task(backend.watch("/pods", everything(1)))
    await faulty.struck.wait()
    assert faulty.called == ["history"]
    faulty.lose_news()
    await harness.create("ns/b")
    faulty.release()
    reader = Reader(await starting)
    for name in ("ns/a", "ns/b"):
        await reader.expect("ADDED", name)
    await harness.create("ns/c")
    await reader.expect("ADDED", "ns/c")
    await harness.aclose()
    await faulty.aclose()
