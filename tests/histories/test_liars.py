"""Stores that lie are caught: engines with one fault each, under the same clients as the real ones."""

import asyncio
import random
from collections.abc import Callable

import pytest

from genericapiserver.storage.engine import (
    EngineWatch,
    GetResult,
    KeyValue,
    RangeResult,
    StorageEngine,
    WatchBatch,
    WriteResult,
)
from genericapiserver.storage.memory import MemoryEngine
from tests.histories import story, workload
from tests.histories.places import place_on
from tests.histories.recording import History
from tests.histories.story import tell
from tests.histories.watches import check
from tests.histories.workload import plan

HISTORIES = 30
RARELY = 0.05


class Liar(MemoryEngine):
    """An engine that is right most of the time."""

    def __init__(self, seed: int) -> None:
        super().__init__(initial_rev=1)
        self.choice = random.Random(seed)

    def lies(self) -> bool:
        return self.choice.random() < RARELY


class ReadsTheReplaced(Liar):
    """Now and then a read is of the revision before the newest."""

    async def get(self, key: bytes, *, rev: int = 0) -> GetResult:
        found = await super().get(key, rev=rev)
        if rev or not self.lies() or self.current_rev() <= self.floor_rev():
            return found
        return GetResult((await super().get(key, rev=self.current_rev() - 1)).kv, found.rev)


class OverwritesOthers(Liar):
    """Now and then a write does not look at what it replaces."""

    async def put(self, key: bytes, value: bytes, *, expect_rev: int, ttl: float = 0.0) -> WriteResult:
        existing = (await super().get(key)).kv
        if existing is not None and self.lies():
            expect_rev = existing.mod_rev
        return await super().put(key, value, expect_rev=expect_rev, ttl=ttl)


class ForgetsWrites(Liar):
    """Now and then a write is acknowledged and not made."""

    async def put(self, key: bytes, value: bytes, *, expect_rev: int, ttl: float = 0.0) -> WriteResult:
        if self.lies() and not expect_rev and (await super().get(key)).kv is None:
            return WriteResult(True, self.current_rev() + 1, None)
        return await super().put(key, value, expect_rev=expect_rev, ttl=ttl)


class RefusesForNothing(Liar):
    """Now and then a create is refused because of what is not there."""

    async def put(self, key: bytes, value: bytes, *, expect_rev: int, ttl: float = 0.0) -> WriteResult:
        if not expect_rev and self.lies():
            return WriteResult(False, self.current_rev(), KeyValue(key, b"", 1, 1))
        return await super().put(key, value, expect_rev=expect_rev, ttl=ttl)


class ListsTwoMoments(Liar):
    """Now and then one object of a list is missing."""

    async def range(self, start: bytes, end: bytes, *, limit: int = 0, rev: int = 0) -> RangeResult:
        found = await super().range(start, end, limit=limit, rev=rev)
        if len(found.kvs) > 1 and self.lies():
            found.kvs.pop(0)
            return RangeResult(found.kvs, found.total - 1, found.rev)
        return found


class _Leaky:
    def __init__(self, cursor: EngineWatch, lies: Callable[[], bool]) -> None:
        self._cursor = cursor
        self._lies = lies

    async def next(self) -> WatchBatch:
        batch = await self._cursor.next()
        if batch.events and self._lies():
            del batch.events[0]
        return batch

    def close(self) -> None:
        self._cursor.close()


class SkipsEvents(Liar):
    """Now and then a watch does not bring an event."""

    def watch(self, start: bytes, end: bytes | None, *, after_rev: int) -> EngineWatch:
        return _Leaky(super().watch(start, end, after_rev=after_rev), self.lies)


@pytest.mark.parametrize(
    ("liar", "told"),
    [
        (ReadsTheReplaced, {"stale"}),
        (OverwritesOthers, {"lost update", "created twice"}),
        (ForgetsWrites, {"stale", "revision given twice", "list of no moment", "watch gap"}),
        (RefusesForNothing, {"stale"}),
        (ListsTwoMoments, {"list of no moment"}),
        (SkipsEvents, {"watch gap"}),
    ],
)
def test_a_store_that_lies_is_caught(liar: type[Liar], told: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (story, workload):  # what was never written is not worth waiting for
        monkeypatch.setattr(module, "SETTLING", 0.2)

    async def history(seed: int) -> History:
        async def opening() -> StorageEngine:
            return liar(seed)

        made = History(label=liar.__name__, seed=seed)
        async with place_on(opening, made, prefix="/registry", cached=[False]) as place:
            return await tell(plan(seed, faults=()), place)

    found = {violation.what for seed in range(HISTORIES) for violation in check(asyncio.run(history(seed)))}
    assert told & found
