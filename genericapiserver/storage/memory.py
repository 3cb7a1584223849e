"""The engine that keeps everything in memory: for tests, for caches, for servers whose objects may be lost.

Every write is one section of loop code without an await, so nothing needs a lock. Its first revision is the time in
microseconds: after a restart it is far above whatever the process before gave out, and clients with old revisions are
told to list again (rule 4 of the engines).
"""

import asyncio
import time
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable
from heapq import heappop, heappush

from genericapiserver.aio import Clock, SystemClock
from genericapiserver.logs.served import nobodys
from genericapiserver.storage.engine import (
    CompactedError,
    EngineClosedError,
    EngineEvent,
    EngineWatch,
    FutureRevisionError,
    GetResult,
    KeyValue,
    RangeResult,
    RangeStats,
    Subscriber,
    Subscription,
    WatchBatch,
    WriteResult,
)
from genericapiserver.storage.event_log import EventLog
from genericapiserver.storage.retention import CompactionSchedule, Retention


def _revision(event: EngineEvent) -> int:
    return event.rev


class MemoryEngine:
    """A StorageEngine without a disk. *initial_rev* is for tests that count revisions.

    Background work (expiry, compaction) starts with the first write and runs on timers of that loop.
    """

    def __init__(
        self,
        *,
        initial_rev: int | None = None,
        retention: Retention | None = None,
        clock: Clock | None = None,
    ) -> None:
        first = time.time_ns() // 1000 if initial_rev is None else initial_rev
        if first < 1:
            raise ValueError("revisions start at 1")
        self._log = EventLog(first)
        self._compact_rev = 0
        self._value_bytes = 0
        self._current: dict[bytes, KeyValue] = {}
        self._keys: list[bytes] = []
        # What every key was, newest last, back to the floor; and the keys that have such a history, deleted ones too.
        self._versions: dict[bytes, list[EngineEvent]] = {}
        self._known_keys: list[bytes] = []
        self._clock = clock or SystemClock()
        self._expiries: list[tuple[float, bytes, int]] = []
        self._expiry_timer: asyncio.TimerHandle | None = None
        self._retention = retention or Retention()
        self._schedule: CompactionSchedule | None = None
        self._compaction_timer: asyncio.TimerHandle | None = None

    @property
    def shared(self) -> bool:
        return False

    def is_current(self) -> bool:
        return True

    async def catch_up(self) -> None:
        self._readable(0)

    def current_rev(self) -> int:
        return self._log.current_rev

    def compact_rev(self) -> int:
        return self._compact_rev

    def floor_rev(self) -> int:
        return self._log.floor_rev

    def size_bytes(self) -> int:
        return self._value_bytes

    async def get(self, key: bytes, *, rev: int = 0) -> GetResult:
        current_rev = self._readable(rev)
        if rev and rev < current_rev:
            return GetResult(self._at(key, rev), current_rev)
        return GetResult(self._current.get(key), current_rev)

    async def range(self, start: bytes, end: bytes, *, limit: int = 0, rev: int = 0) -> RangeResult:
        current_rev = self._readable(rev)
        if rev and rev < current_rev:
            return self._range_at(start, end, limit, rev, current_rev)
        low = bisect_left(self._keys, start)
        high = bisect_left(self._keys, end, low)
        stop = min(high, low + limit) if limit else high
        current = self._current
        return RangeResult([current[key] for key in self._keys[low:stop]], high - low, current_rev)

    async def stats(self, start: bytes, end: bytes) -> RangeStats:
        self._readable(0)
        keys = self._keys[bisect_left(self._keys, start) : bisect_left(self._keys, end)]
        return RangeStats(len(keys), sum(len(self._current[key].value) for key in keys))

    async def put(self, key: bytes, value: bytes, *, expect_rev: int, ttl: float = 0.0) -> WriteResult:
        self._readable(0)
        existing = self._current.get(key)
        if (existing.mod_rev if existing is not None else 0) != expect_rev:
            return WriteResult(False, self._log.current_rev, existing)
        self._start_timers()
        rev = self._log.current_rev + 1
        expires_at = self._clock.now().timestamp() + ttl if ttl > 0 else 0.0
        if existing is None:
            create_rev, event = rev, EngineEvent(rev, key, value, None, rev, 0)
            insort(self._keys, key)
        else:
            create_rev = existing.create_rev
            event = EngineEvent(rev, key, value, existing.value, create_rev, existing.mod_rev)
        self._current[key] = KeyValue(key, value, create_rev, rev, expires_at)
        self._remember(event)
        if expires_at:
            heappush(self._expiries, (expires_at, key, rev))
            self._arm_expiry()
        return WriteResult(True, rev, None)

    async def delete(self, key: bytes, *, expect_rev: int) -> WriteResult:
        self._readable(0)
        return self._delete(key, expect_rev)

    def _delete(self, key: bytes, expect_rev: int) -> WriteResult:
        existing = self._current.get(key)
        if existing is None or existing.mod_rev != expect_rev:
            return WriteResult(False, self._log.current_rev, existing)
        rev = self._log.current_rev + 1
        del self._current[key]
        del self._keys[bisect_left(self._keys, key)]
        self._remember(EngineEvent(rev, key, None, existing.value, existing.create_rev, existing.mod_rev))
        return WriteResult(True, rev, None)

    def watch(self, start: bytes, end: bytes | None, *, after_rev: int) -> EngineWatch:
        self._readable(0)
        return self._log.watch(start, end, after_rev)

    async def history(self, start: bytes, end: bytes | None, *, after_rev: int, upto: int) -> WatchBatch:
        self._readable(after_rev)
        return self._log.read(start, end, after_rev, upto)

    def subscribe(
        self,
        prefix: bytes,
        subscriber: Subscriber,
        *,
        closed: Callable[[], None] | None = None,
        lost: Callable[[], None] | None = None,
    ) -> Subscription:
        self._readable(0)
        return self._log.subscribe(prefix, subscriber, closed, lost)

    async def reached(self, rev: int) -> None:
        await self._log.reached(rev)

    async def request_progress(self) -> None:
        self._log.report_progress()

    async def compact(self, rev: int) -> None:
        self._readable(0)
        if rev > self._log.current_rev:
            raise FutureRevisionError(rev, self._log.current_rev)
        if rev <= self._compact_rev or rev < self._log.floor_rev:
            raise CompactedError(rev, self._log.floor_rev)
        self._compact(rev)

    async def check(self) -> None:
        self._readable(0)

    async def aclose(self) -> None:
        self._log.close()
        for timer in (self._expiry_timer, self._compaction_timer):
            if timer is not None:
                timer.cancel()

    def expire(self) -> None:
        """Delete the keys whose time is over. A timer calls this; tests with a clock of their own may."""
        now = self._clock.now().timestamp()
        while self._expiries and self._expiries[0][0] <= now:
            _, key, rev = heappop(self._expiries)
            self._delete(key, rev)  # refused when the key was written again meanwhile, as it must be
        self._expiry_timer = None
        self._arm_expiry()

    def _readable(self, rev: int) -> int:
        log = self._log
        if log.closed:
            raise EngineClosedError("the storage engine is closed")
        if rev:
            if rev > log.current_rev:
                raise FutureRevisionError(rev, log.current_rev)
            if rev < log.floor_rev:
                raise CompactedError(rev, log.floor_rev)
        return log.current_rev

    def _remember(self, event: EngineEvent) -> None:
        self._value_bytes += len(event.value or b"") - len(event.prev_value or b"")
        versions = self._versions.get(event.key)
        if versions is None:
            self._versions[event.key] = [event]
            insort(self._known_keys, event.key)
        else:
            versions.append(event)
        self._log.publish((event,))
        if self._schedule is not None:
            target = self._schedule.overflow(events=len(self._log), current_rev=event.rev)
            if target > self._log.floor_rev:
                self._compact(target)

    def _at(self, key: bytes, rev: int) -> KeyValue | None:
        versions = self._versions.get(key)
        if versions is None:
            return None
        index = bisect_right(versions, rev, key=_revision) - 1
        if index < 0:
            return None
        event = versions[index]
        return None if event.value is None else KeyValue(key, event.value, event.create_rev, event.rev)

    def _range_at(self, start: bytes, end: bytes, limit: int, rev: int, current_rev: int) -> RangeResult:
        low = bisect_left(self._known_keys, start)
        high = bisect_left(self._known_keys, end, low)
        found: list[KeyValue] = []
        total = 0
        for key in self._known_keys[low:high]:
            kv = self._at(key, rev)
            if kv is not None:
                total += 1
                if not limit or total <= limit:
                    found.append(kv)
        return RangeResult(found, total, current_rev)

    def _compact(self, rev: int) -> None:
        """Keep of every key what it was at *rev* and later. Only keys written up to *rev* can have more than that."""
        self._compact_rev = rev
        for key in {event.key for event in self._log.raise_floor(rev, forget=True)}:
            versions = self._versions[key]
            keep = bisect_right(versions, rev, key=_revision) - 1
            if versions[keep].value is None:
                keep += 1
            del versions[:keep]
            if not versions:
                del self._versions[key]
                del self._known_keys[bisect_left(self._known_keys, key)]

    def _start_timers(self) -> None:
        if self._schedule is None:
            loop = asyncio.get_running_loop()
            self._schedule = CompactionSchedule(
                self._retention, now=loop.time(), current_rev=max(self._log.current_rev, 1)
            )
            self._arm_compaction(loop)

    def _arm_compaction(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._schedule is not None and self._schedule.next_time != float("inf"):
            self._compaction_timer = loop.call_at(
                self._schedule.next_time, self._compact_by_time, loop, context=nobodys()
            )

    def _compact_by_time(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._schedule is None or self._log.closed:
            return
        target = self._schedule.due(now=loop.time(), current_rev=self._log.current_rev)
        if target > self._log.floor_rev:
            self._compact(target)
        self._arm_compaction(loop)

    def _arm_expiry(self) -> None:
        """One timer, for the key that expires first."""
        if not self._expiries or self._log.closed:
            return
        loop = asyncio.get_running_loop()
        due = loop.time() + max(0.0, self._expiries[0][0] - self._clock.now().timestamp()) + 0.001
        if self._expiry_timer is not None:
            if self._expiry_timer.when() <= due:
                return
            self._expiry_timer.cancel()
        self._expiry_timer = loop.call_at(due, self.expire, context=nobodys())
