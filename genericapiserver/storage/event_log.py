"""The newest events of an engine in memory, and everybody who waits for the next one.

Both local engines own one: the memory engine's is its whole history, the SQLite engine's is a tail in front of its
`log` table. `publish` is the one place where a revision becomes visible: it moves `current_rev`, tells subscribers, and
wakes cursors and those who wait for a revision, all in one go on the loop.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from genericapiserver.storage.engine import (
    CompactedError,
    EngineClosedError,
    EngineError,
    EngineEvent,
    Subscriber,
    WatchBatch,
)
from genericapiserver.storage.revision_waiters import RevisionWaiters

BATCH_EVENTS = 1000
"""At most so many events are handed to a cursor at once, so that a long history does not hold up the loop."""

HistoryReader: TypeAlias = Callable[[bytes, bytes | None, int, int], Awaitable[WatchBatch]]
"""(start, end, after, up to) -> the next events of older history and the revision up to which they are complete."""


class EventLog:
    """Events after `start_rev`, oldest first; `current_rev` is the newest revision that may be seen. Several events may
    have one revision (etcd deletes all keys of a lease at once); they are published together.

    *floor_rev* is where history begins if it is older than that. *capacity* bounds how many events stay in memory (None:
    all of them, until they are forgotten); *history* reads what has left it.
    """

    def __init__(
        self,
        current_rev: int,
        *,
        floor_rev: int | None = None,
        capacity: int | None = None,
        history: HistoryReader | None = None,
    ) -> None:
        self.current_rev = current_rev
        self.start_rev = current_rev
        self.floor_rev = current_rev if floor_rev is None else floor_rev
        self.closed = False
        self._events: list[EngineEvent] = []
        self._capacity = capacity
        self._history = history
        self._cursors: set[LogCursor] = set()
        self._subscribers: dict[bytes, list[LogSubscription]] = {}
        self._waiters = RevisionWaiters()

    def __len__(self) -> int:
        return len(self._events)

    def publish(self, events: Sequence[EngineEvent]) -> None:
        """Make *events* visible; they follow each other and what was published before."""
        if not events:
            return
        self._events.extend(events)
        self.current_rev = events[-1].rev
        if self._subscribers:
            self._tell_subscribers(events)
        for cursor in self._cursors:
            cursor.offer(events)
        self._waiters.tell(self.current_rev)
        if self._capacity is not None and len(self._events) > self._capacity + self._capacity // 4:
            self._drop(len(self._events) - self._capacity)

    @property
    def idle(self) -> bool:
        """Whether nobody watches and nobody has subscribed."""
        return not self._cursors and not self._subscribers

    def advance(self, current_rev: int) -> None:
        """Nothing that belongs here was written up to *current_rev*: others count on with the same numbers."""
        if current_rev > self.current_rev:
            self.current_rev = current_rev
            if not self._events:
                self.start_rev = current_rev
            self._waiters.tell(current_rev)

    def _tell_subscribers(self, events: Sequence[EngineEvent]) -> None:
        if len(events) == 1:
            for prefix in self._prefixes(events[0].key):
                for subscription in self._subscribers.get(prefix, ()):
                    subscription.subscriber(events)
            return
        batches: dict[bytes, list[EngineEvent]] = {}
        for event in events:
            for prefix in self._prefixes(event.key):
                batches.setdefault(prefix, []).append(event)
        for prefix, batch in batches.items():
            for subscription in self._subscribers.get(prefix, ()):
                subscription.subscriber(batch)

    def _prefixes(self, key: bytes) -> list[bytes]:
        """The subscribed prefixes of *key*. Prefixes end in `/`, so a key has as many as it has segments."""
        found = []
        end = key.find(b"/")
        while end >= 0:
            prefix = key[: end + 1]
            if prefix in self._subscribers:
                found.append(prefix)
            end = key.find(b"/", end + 1)
        return found

    def restart(self, current_rev: int, floor_rev: int) -> None:
        """Go on at *current_rev* without the events before it, which nobody knows; subscribers are told that they lost
        them, and cursors that are before *floor_rev* will be."""
        self._events.clear()
        self.current_rev = self.start_rev = current_rev
        self.floor_rev = floor_rev
        for subscription in [subscription for group in self._subscribers.values() for subscription in group]:
            if subscription.lost is not None:
                subscription.lost()
        for cursor in self._cursors:
            cursor.look()
        self._waiters.tell(current_rev)

    def subscribe(
        self,
        prefix: bytes,
        subscriber: Subscriber,
        closed: Callable[[], None] | None = None,
        lost: Callable[[], None] | None = None,
    ) -> "LogSubscription":
        if not prefix.endswith(b"/"):
            raise ValueError(f"a subscription needs a prefix that ends in a slash, not {prefix!r}")
        subscription = LogSubscription(self, prefix, subscriber, closed, lost)
        # Lists are replaced, not changed: one may be iterated over right now.
        self._subscribers[prefix] = [*self._subscribers.get(prefix, ()), subscription]
        return subscription

    def unsubscribe(self, subscription: "LogSubscription") -> None:
        prefix = subscription.prefix
        left = [other for other in self._subscribers.get(prefix, ()) if other is not subscription]
        if left:
            self._subscribers[prefix] = left
        else:
            self._subscribers.pop(prefix, None)

    async def reached(self, rev: int) -> None:
        """Return once *rev* is visible. Raises EngineClosedError when the engine is closed before."""
        if self.closed:
            raise EngineClosedError("the storage engine is closed")
        if rev <= self.current_rev:
            return
        await self._waiters.wait_for(rev)

    def watch(self, start: bytes, end: bytes | None, after_rev: int) -> "LogCursor":
        cursor = LogCursor(self, start, end, after_rev, self._history)
        self._cursors.add(cursor)
        return cursor

    def discard(self, cursor: "LogCursor") -> None:
        self._cursors.discard(cursor)

    def report_progress(self) -> None:
        """Make every idle cursor report the current revision."""
        for cursor in self._cursors:
            cursor.request_progress()

    def read(self, start: bytes, end: bytes | None, after_rev: int, upto: int | None = None) -> WatchBatch:
        """Events in memory after *after_rev* up to *upto*, and the revision up to which they are complete."""
        events = self._events
        first = bisect_right(events, after_rev, key=_revision)
        stop = len(events) if upto is None else bisect_right(events, upto, first, key=_revision)
        found: list[EngineEvent] = []
        for index in range(first, stop):
            event = events[index]
            if len(found) >= BATCH_EVENTS and event.rev > events[index - 1].rev:  # revisions are not torn apart
                return WatchBatch(found, events[index - 1].rev)
            if event.key == start if end is None else start <= event.key < end:
                found.append(event)
        return WatchBatch(found, max(after_rev, self.current_rev) if upto is None else upto)

    def raise_floor(self, rev: int, *, forget: bool) -> list[EngineEvent]:
        """Nothing before *rev* may be read any more. With *forget* the events leave the memory, too, and are returned.

        Cursors without anything to read are not behind and move along.
        """
        self.floor_rev = max(self.floor_rev, rev)
        for cursor in self._cursors:
            cursor.move_along()
        if not forget:
            return []
        return self._drop(bisect_right(self._events, rev, key=_revision))

    def _drop(self, number: int) -> list[EngineEvent]:
        dropped = self._events[:number]
        if dropped:
            del self._events[:number]
            self.start_rev = dropped[-1].rev
        return dropped

    def close(self) -> None:
        """Wake everybody; cursors and waiters raise EngineClosedError."""
        self.closed = True
        for cursor in tuple(self._cursors):
            cursor.close()
        self._waiters.close()
        subscriptions = [subscription for group in self._subscribers.values() for subscription in group]
        self._subscribers.clear()
        for subscription in subscriptions:
            if subscription.closed is not None:
                subscription.closed()


def _revision(event: EngineEvent) -> int:
    return event.rev


class LogSubscription:
    """One subscriber's place in a log."""

    __slots__ = ("_log", "closed", "lost", "prefix", "subscriber")

    def __init__(
        self,
        log: EventLog,
        prefix: bytes,
        subscriber: Subscriber,
        closed: Callable[[], None] | None,
        lost: Callable[[], None] | None,
    ) -> None:
        self._log = log
        self.prefix = prefix
        self.subscriber = subscriber
        self.closed = closed
        self.lost = lost

    def close(self) -> None:
        self._log.unsubscribe(self)


class LogCursor:
    """A watch: a position, and a wake-up call while somebody waits at the end."""

    def __init__(
        self, log: EventLog, start: bytes, end: bytes | None, after_rev: int, history: HistoryReader | None
    ) -> None:
        self._log = log
        self._start = start
        self._end = end
        self._position = after_rev
        self._history = history
        self._pending = True
        self._progress = False
        self._closed = False
        self._waiter: asyncio.Future[None] | None = None
        self._error: EngineError | None = None

    def offer(self, events: Sequence[EngineEvent]) -> None:
        """Called by the log: wake up if one of *events* is ours."""
        if self._pending:
            return
        start, end = self._start, self._end
        for event in events:
            if event.key == start if end is None else start <= event.key < end:
                self._pending = True
                self._wake()
                return

    def look(self) -> None:
        """Called by the log: there may be something of ours."""
        self._pending = True
        self._wake()

    def request_progress(self) -> None:
        self._progress = True
        self._wake()

    def move_along(self) -> None:
        """Called by the log before history goes: with nothing pending, the position is the newest revision."""
        if not self._pending:
            self._position = max(self._position, self._log.current_rev)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def next(self) -> WatchBatch:
        log = self._log
        while True:
            if self._closed:
                raise self._error or EngineClosedError("the watch is closed")
            if self._pending:
                batch = await self._read()
                if batch.events:
                    return batch
                continue
            if self._progress:
                self._progress = False
                self._position = max(self._position, log.current_rev)
                return WatchBatch([], self._position)
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    async def _read(self) -> WatchBatch:
        log = self._log
        if self._position < log.floor_rev:
            error = CompactedError(self._position, log.floor_rev)
            self._finish(error)
            raise error
        if self._position < log.start_rev and self._history is not None:
            try:
                batch = await self._history(self._start, self._end, self._position, log.start_rev)
            except CompactedError as error:
                self._finish(error)
                raise
        else:
            batch = log.read(self._start, self._end, self._position)
        self._position = batch.rev
        if batch.rev >= log.current_rev:
            self._pending = False
        return batch

    def _finish(self, error: EngineError | None) -> None:
        self._error = error
        self._closed = True
        self._log.discard(self)
        self._wake()

    def close(self) -> None:
        if not self._closed:
            self._finish(None)
