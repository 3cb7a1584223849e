"""An engine as one resource sees it: the same engine, whose calls are told to an observer.

Everything that asks the engine for keys passes here once, so that counting, timing and tracing have one place each. What
the engine answers without asking anybody (revisions, watches, subscriptions) is passed through untouched.
"""

from collections.abc import Awaitable
from time import perf_counter
from typing import Protocol, TypeVar

from genericapiserver.storage.engine import GetResult, RangeResult, RangeStats, StorageEngine, WriteResult

R = TypeVar("R")


class EngineObserver(Protocol):
    """Hears of calls that have ended."""

    def called(self, operation: str, seconds: float, *, failed: bool) -> None:
        """*operation* is get, list, create, update, delete or listWithCount, as etcd's are called in the reference."""


class ObservedEngine:
    """A StorageEngine that is *engine* and tells *observer*.

    A write of a key that must be absent counts as create, though the reference knows an update that may create.
    """

    def __init__(self, engine: StorageEngine, observer: EngineObserver) -> None:
        self._engine = engine
        self._observer = observer
        # Not methods that call on: a read from the cache asks for the revision, and nothing is to come between.
        self.shared = engine.shared
        self.is_current = engine.is_current
        self.catch_up = engine.catch_up
        self.current_rev = engine.current_rev
        self.compact_rev = engine.compact_rev
        self.floor_rev = engine.floor_rev
        self.size_bytes = engine.size_bytes
        self.watch = engine.watch
        self.history = engine.history
        self.subscribe = engine.subscribe
        self.reached = engine.reached
        self.request_progress = engine.request_progress
        self.compact = engine.compact
        self.check = engine.check
        self.aclose = engine.aclose

    async def get(self, key: bytes, *, rev: int = 0) -> GetResult:
        return await self._observed("get", self._engine.get(key, rev=rev))

    async def range(self, start: bytes, end: bytes, *, limit: int = 0, rev: int = 0) -> RangeResult:
        return await self._observed("list", self._engine.range(start, end, limit=limit, rev=rev))

    async def put(self, key: bytes, value: bytes, *, expect_rev: int, ttl: float = 0.0) -> WriteResult:
        call = self._engine.put(key, value, expect_rev=expect_rev, ttl=ttl)
        return await self._observed("update" if expect_rev else "create", call)

    async def delete(self, key: bytes, *, expect_rev: int) -> WriteResult:
        return await self._observed("delete", self._engine.delete(key, expect_rev=expect_rev))

    async def stats(self, start: bytes, end: bytes) -> RangeStats:
        return await self._observed("listWithCount", self._engine.stats(start, end))

    async def _observed(self, operation: str, call: Awaitable[R]) -> R:
        begun = perf_counter()
        try:
            result = await call
        except BaseException:
            self._observer.called(operation, perf_counter() - begun, failed=True)
            raise
        self._observer.called(operation, perf_counter() - begun, failed=False)
        return result
