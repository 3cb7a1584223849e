"""What engines have in common that keep every key in memory, with its history back to the floor.

Reads never wait. The engine decides what is written and when it may be seen; `_record` then puts it where reads find it and
`_log.publish` makes it visible, both in one section of loop code without an await.

Compaction raises the floor at once, and nothing before it can be read from then on. What keys were before is given back in
slices of time, which changes no answer: it is found by revision, and nobody asks for one below the floor.
"""

import asyncio
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Callable, Sequence

from genericapiserver.aio.slices import Steps, in_slices
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
)
from genericapiserver.storage.event_log import EventLog


def _revision(event: EngineEvent) -> int:
    return event.rev


class ResidentEngine:
    """The reading half of a StorageEngine that belongs to one process. *first_rev* is where its history begins."""

    def __init__(self, first_rev: int) -> None:
        if first_rev < 1:
            raise ValueError("revisions start at 1")
        self._log = EventLog(first_rev)
        self._compact_rev = 0
        self._value_bytes = 0
        self._current: dict[bytes, KeyValue] = {}
        self._keys: list[bytes] = []
        # What every key was, newest last, back to the floor; and the keys that have such a history, deleted ones too.
        self._versions: dict[bytes, list[EngineEvent]] = {}
        self._known_keys: list[bytes] = []
        # What the log has dropped, the newest first, and who looks through it for what keys no longer have to remember.
        self._dropped: deque[list[EngineEvent]] = deque()
        self._forgetting: asyncio.Task[None] | None = None

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

    def _record(self, event: EngineEvent, expires_at: float = 0.0) -> None:
        """Put *event*, the newest one, where reads find it."""
        key, value = event.key, event.value
        if value is None:
            del self._current[key]
            del self._keys[bisect_left(self._keys, key)]
        else:
            if key not in self._current:
                insort(self._keys, key)
            self._current[key] = KeyValue(key, value, event.create_rev, event.rev, expires_at)
        self._value_bytes += len(value or b"") - len(event.prev_value or b"")
        versions = self._versions.get(key)
        if versions is None:
            self._versions[key] = [event]
            insort(self._known_keys, key)
        else:
            versions.append(event)

    def _load(self, events: Sequence[tuple[EngineEvent, float]], rev: int) -> None:
        """Begin with *events*, the history up to *rev*, each with its expiry. Those up to the floor say what keys were."""
        floor = self._log.floor_rev
        for event, expires_at in events:
            key = event.key
            if event.value is None:
                self._current.pop(key, None)
            else:
                self._current[key] = KeyValue(key, event.value, event.create_rev, event.rev, expires_at)
            versions = self._versions.setdefault(key, [])
            if event.rev <= floor:
                versions.clear()
                if event.value is None:
                    del self._versions[key]
                    continue
            versions.append(event)
        self._keys = sorted(self._current)
        self._known_keys = sorted(self._versions)
        self._value_bytes = sum(len(kv.value) for kv in self._current.values())
        self._log.publish([event for event, _ in events if event.rev > floor])
        self._log.current_rev = rev

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

    def _forget(self, rev: int) -> None:
        """Let history begin at *rev*: of every key there will be what it was then and later."""
        dropped = self._log.raise_floor(rev, forget=True)
        if not dropped:
            return
        dropped.reverse()
        self._dropped.append(dropped)
        if self._forgetting is None or self._forgetting.done():
            self._forgetting = asyncio.get_running_loop().create_task(in_slices(self._give_up()), context=nobodys())

    def _give_up(self) -> Steps[None]:
        """Only keys that were written up to the floor can have more than what is to be kept."""
        while self._dropped:
            events = self._dropped[0]
            while events:
                self._trim(events.pop())  # from the end, so that events go one by one, too
                yield
            self._dropped.popleft()

    def _trim(self, dropped: EngineEvent) -> None:
        """Forget what the key of *dropped* was before the floor. That may lie higher than when the event was dropped, and
        the key may be gone by now, or new."""
        key = dropped.key
        versions = self._versions.get(key)
        if versions is None or versions[0].rev > dropped.rev:
            return
        keep = bisect_right(versions, self._log.floor_rev, key=_revision) - 1
        if versions[keep].value is None:
            keep += 1
        del versions[:keep]
        if not versions:
            del self._versions[key]
            del self._known_keys[bisect_left(self._known_keys, key)]

    def _stop_forgetting(self) -> None:
        """The engine is closed, and everything goes."""
        if self._forgetting is not None:
            self._forgetting.cancel()
