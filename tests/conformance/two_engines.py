"""Two engines on one SQLite file as one: it writes through the first, and reads and watches through the second."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from genericapiserver.storage.engine import (
    EngineWatch,
    GetResult,
    RangeResult,
    RangeStats,
    Subscriber,
    Subscription,
    WatchBatch,
    WriteResult,
)
from genericapiserver.storage.sqlite import SQLiteEngine


class TwoEngines:
    """A StorageEngine for the suites. It is behind its writer as the worker beside a writing worker is."""

    @classmethod
    async def open(cls, path: Path, **options: Any) -> "TwoEngines":
        writer = await SQLiteEngine.open(path, shared=True, **options)
        return cls(writer, await SQLiteEngine.open(path, shared=True, **options))

    def __init__(self, writer: SQLiteEngine, reader: SQLiteEngine) -> None:
        self.writer = writer
        self.reader = reader

    @property
    def shared(self) -> bool:
        return self.reader.shared

    def is_current(self) -> bool:
        return self.reader.is_current()

    async def catch_up(self) -> None:
        await self.reader.catch_up()

    def current_rev(self) -> int:
        return self.reader.current_rev()

    def compact_rev(self) -> int:
        return self.reader.compact_rev()

    def floor_rev(self) -> int:
        return self.reader.floor_rev()

    def size_bytes(self) -> int:
        return self.reader.size_bytes()

    async def get(self, key: bytes, *, rev: int = 0) -> GetResult:
        return await self.reader.get(key, rev=rev)

    async def range(self, start: bytes, end: bytes, *, limit: int = 0, rev: int = 0) -> RangeResult:
        return await self.reader.range(start, end, limit=limit, rev=rev)

    async def put(self, key: bytes, value: bytes, *, expect_rev: int, ttl: float = 0.0) -> WriteResult:
        return await self.writer.put(key, value, expect_rev=expect_rev, ttl=ttl)

    async def delete(self, key: bytes, *, expect_rev: int) -> WriteResult:
        return await self.writer.delete(key, expect_rev=expect_rev)

    async def stats(self, start: bytes, end: bytes) -> RangeStats:
        return await self.reader.stats(start, end)

    def watch(self, start: bytes, end: bytes | None, *, after_rev: int) -> EngineWatch:
        return self.reader.watch(start, end, after_rev=after_rev)

    async def history(self, start: bytes, end: bytes | None, *, after_rev: int, upto: int) -> WatchBatch:
        return await self.reader.history(start, end, after_rev=after_rev, upto=upto)

    def subscribe(
        self,
        prefix: bytes,
        subscriber: Subscriber,
        *,
        closed: Callable[[], None] | None = None,
        lost: Callable[[], None] | None = None,
    ) -> Subscription:
        return self.reader.subscribe(prefix, subscriber, closed=closed, lost=lost)

    async def reached(self, rev: int) -> None:
        await self.reader.reached(rev)

    async def request_progress(self) -> None:
        await self.reader.request_progress()

    async def compact(self, rev: int) -> None:
        await self.writer.compact(rev)

    async def check(self) -> None:
        await self.writer.check()
        await self.reader.check()

    async def aclose(self) -> None:
        await self.writer.aclose()
        await self.reader.aclose()
