"""The engine that keeps everything in memory: for tests, for caches, for servers whose objects may be lost.

Every write is one section of loop code without an await, so nothing needs a lock. Its first revision is the time in
microseconds: after a restart it is far above whatever the process before gave out, and clients with old revisions are
told to list again (rule 4 of the engines).
"""

import asyncio

from genericapiserver.aio import Clock, SteadyClock, SystemClock
from genericapiserver.logs.served import nobodys
from genericapiserver.storage.engine import (
    CompactedError,
    EngineEvent,
    FutureRevisionError,
    WriteResult,
    first_revision,
)
from genericapiserver.storage.resident import ResidentEngine
from genericapiserver.storage.retention import CompactionSchedule, Expiries, Retention


class MemoryEngine(ResidentEngine):
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
        first = first_revision() if initial_rev is None else initial_rev
        super().__init__(first)
        self._clock = SteadyClock(clock or SystemClock())
        self._expiries = Expiries()
        self._expiry_timer: asyncio.TimerHandle | None = None
        self._retention = retention or Retention()
        self._schedule: CompactionSchedule | None = None
        self._compaction_timer: asyncio.TimerHandle | None = None

    async def put(self, key: bytes, value: bytes, *, expect_rev: int, ttl: float = 0.0) -> WriteResult:
        self._readable(0)
        existing = self._current.get(key)
        if (existing.mod_rev if existing is not None else 0) != expect_rev:
            return WriteResult(False, self._log.current_rev, existing)
        self._start_timers()
        rev = self._log.current_rev + 1
        expires_at = self._clock.now().timestamp() + ttl if ttl > 0 else 0.0
        if existing is None:
            event = EngineEvent(rev, key, value, None, rev, 0)
        else:
            event = EngineEvent(rev, key, value, existing.value, existing.create_rev, existing.mod_rev)
        self._write(event, expires_at)
        if expires_at:
            self._expiries.add(expires_at, key, rev)
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
        self._write(EngineEvent(rev, key, None, existing.value, existing.create_rev, existing.mod_rev))
        return WriteResult(True, rev, None)

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
        self._stop_forgetting()
        for timer in (self._expiry_timer, self._compaction_timer):
            if timer is not None:
                timer.cancel()

    def expire(self) -> None:
        """Delete the keys whose time is over. A timer calls this; tests with a clock of their own may."""
        now = self._clock.now().timestamp()
        for key, rev in self._expiries.due(now):
            self._delete(key, rev)  # refused when the key was written again meanwhile, as it must be
        self._expiry_timer = None
        self._arm_expiry()

    def _write(self, event: EngineEvent, expires_at: float = 0.0) -> None:
        self._record(event, expires_at)
        self._log.publish((event,))
        if self._schedule is not None:
            target = self._schedule.overflow(events=len(self._log), current_rev=event.rev)
            if target > self._log.floor_rev:
                self._compact(target)

    def _compact(self, rev: int) -> None:
        self._compact_rev = rev
        self._forget(rev)

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
        due = loop.time() + max(0.0, self._expiries.next_time - self._clock.now().timestamp()) + 0.001
        if self._expiry_timer is not None:
            if self._expiry_timer.when() <= due:
                return
            self._expiry_timer.cancel()
        self._expiry_timer = loop.call_at(due, self.expire, context=nobodys())
