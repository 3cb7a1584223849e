"""Many writers of one object: each gets through, without trying again for every other one."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from genericapiserver.storage.engine import WriteResult
from genericapiserver.storage.errors import KeyNotFoundError
from genericapiserver.storage.interface import ResponseMeta
from genericapiserver.storage.memory import MemoryEngine
from genericapiserver.storage.retention import Retention
from genericapiserver.storage.stored import StoredObject
from genericapiserver.storage.write_races import AT_ONCE, Race, WriteRaces
from tests.conformance.storage_harness import Harness, Pod, key_of, made

WRITERS = 60


class Durable(MemoryEngine):
    """Takes some turns of the loop for a write, as engines do that wait for a disk or a network."""

    async def put(self, key: bytes, value: bytes, *, expect_rev: int, ttl: float = 0.0) -> WriteResult:
        await _turns()
        return await super().put(key, value, expect_rev=expect_rev, ttl=ttl)

    async def delete(self, key: bytes, *, expect_rev: int) -> WriteResult:
        await _turns()
        return await super().delete(key, expect_rev=expect_rev)


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture(params=[False, True], ids=["store", "cache"])
async def harness(request: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    engine = Durable(initial_rev=1, retention=Retention(interval=0, max_events=0))
    async for ready in made(engine, cached=request.param):
        yield ready


class Tries:
    """Writers that count how often they try: each adds a label of its own."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self.number = 0

    async def write(self, name: str) -> StoredObject[Pod]:
        async def change(existing: StoredObject[Pod] | None, meta: ResponseMeta) -> tuple[Pod, int | None]:
            self.number += 1
            assert existing is not None
            pod = existing.object()
            pod.metadata.labels[name] = "yes"
            return pod, None

        return await self.harness.backend.guaranteed_update(key_of("ns/p"), change)

    def start(self) -> list[asyncio.Task[StoredObject[Pod]]]:
        return [asyncio.create_task(self.write(f"w-{number}")) for number in range(WRITERS)]


async def test_many_writers_of_an_object_try_a_few_times_each(harness: Harness) -> None:
    await harness.create("ns/p")
    tries = Tries(harness)
    written = await asyncio.gather(*tries.start())
    assert len({each.revision for each in written}) == WRITERS
    last = await harness.backend.get(key_of("ns/p"))
    assert len(last.object().metadata.labels) == WRITERS
    # The two that everybody has at once, one in turn, and one more for those who met somebody that had not lost yet.
    assert WRITERS < tries.number <= (AT_ONCE + 2) * WRITERS
    assert harness.store.access.races.contended == 0


async def test_a_delete_gets_through_between_many_writers(harness: Harness) -> None:
    await harness.create("ns/p")
    writers = Tries(harness).start()
    await asyncio.wait(writers, return_when=asyncio.FIRST_COMPLETED)
    deleted = await harness.backend.delete(key_of("ns/p"))
    outcomes = await asyncio.gather(*writers, return_exceptions=True)
    written = [each for each in outcomes if isinstance(each, StoredObject)]
    refused = [each for each in outcomes if isinstance(each, KeyNotFoundError)]
    assert written
    assert len(written) + len(refused) == WRITERS
    assert all(each.revision < deleted.revision for each in written)
    assert harness.store.access.races.contended == 0


async def test_who_came_with_an_old_version_is_told_at_once(harness: Harness) -> None:
    await harness.create("ns/p")
    seen = (await harness.backend.get(key_of("ns/p"))).revision

    async def change(existing: StoredObject[Pod] | None, meta: ResponseMeta) -> tuple[Pod, int | None]:
        assert existing is not None
        if existing.revision != seen:
            raise ValueError("the object has been modified")
        pod = existing.object()
        pod.metadata.labels["guarded"] = "yes"
        return pod, None

    others = Tries(harness).start()
    guarded = asyncio.create_task(harness.backend.guaranteed_update(key_of("ns/p"), change))
    with pytest.raises(ValueError, match="has been modified"):
        await guarded
    assert sum(task.done() for task in others) < AT_ONCE + 1
    await asyncio.gather(*others)


async def test_who_gives_up_waiting_holds_up_nobody(harness: Harness) -> None:
    await harness.create("ns/p")
    tries = Tries(harness)
    writers = tries.start()
    await asyncio.wait(writers, return_when=asyncio.FIRST_COMPLETED)
    await _turns()
    await _turns()
    for task in writers[1::2]:
        task.cancel()
    outcomes = await asyncio.gather(*writers, return_exceptions=True)
    assert all(isinstance(each, StoredObject) for each in outcomes[::2])
    assert harness.store.access.races.contended == 0


async def lose(race: Race) -> list[bool]:
    return [await race.lost() for _ in range(AT_ONCE)]


async def test_turns_are_taken_after_losing_twice_in_order_and_kept_until_the_end() -> None:
    races = WriteRaces()
    first, second, third = races.enter("a"), races.enter("a"), races.enter("a")
    assert await lose(first) == [False, True]
    assert await first.lost() is False  # it has its turn, and has not waited again
    waiting = [asyncio.create_task(lose(race)) for race in (second, third)]
    await _turns()
    assert not any(task.done() for task in waiting)
    await first.aclose()
    await waiting[0]
    await _turns()
    assert not waiting[1].done()
    await second.aclose()
    await waiting[1]
    await third.aclose()
    assert races.contended == 0


async def test_other_objects_do_not_wait() -> None:
    races = WriteRaces()
    first, other = races.enter("a"), races.enter("b")
    await lose(first)
    await lose(other)
    await first.aclose()
    await other.aclose()


async def test_nobody_waits_for_ever_for_a_turn() -> None:
    """Who has it may itself wait for the write that waits, in a webhook."""
    races = WriteRaces(patience=0.0)
    holder, waiting = races.enter("a"), races.enter("a")
    holder._patience = 60.0
    await lose(holder)
    assert await lose(waiting) == [False, True]
    assert races.contended == 1
    await holder.aclose()
    assert await waiting.lost() is True  # asks again, and finds the turn free
    assert races.contended == 1
    await waiting.aclose()
    assert races.contended == 0
