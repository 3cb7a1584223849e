"""Watches on the cache: cursors into the changes of a key, a namespace or a resource, or of some objects there.

A `Bucket` holds the changes that concern its watches since there are some (`cache_dispatch`); others never wake them.
Every watch is a position in a bucket. Those that wait are woken once for whatever happened meanwhile, some in each turn
of the loop (`wake_turns`), and take everything pending at once. One that does not come back costs nothing: when the cache
has forgotten what it did not read, it ends without an event, and its client resumes or lists again.

Events are shared: a watch that selects everything passes on the very event objects of its neighbours, with the
encodings that are kept on them.

Source: k8s.io/apiserver pkg/storage/cacher/{cacher,cache_watcher}.go (behaviour; Go has a queue per watch instead).
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from genericapiserver.apimachinery.watch import EventType
from genericapiserver.storage.api_errors import deleted_but_corrupt, error_event
from genericapiserver.storage.cache_facets import Pin
from genericapiserver.storage.cache_state import CacheEvent
from genericapiserver.storage.errors import CorruptObjectError
from genericapiserver.storage.interface import WatchStreamBase
from genericapiserver.storage.selection import SelectionPredicate
from genericapiserver.storage.stored import StoredObject, WatchEvent

T = TypeVar("T")

AT_ONCE = 500
"""Events handed out per call: a consumer encodes them in one go, and others want the loop, too."""
TRIM_AT = 256
"""A bucket of so many changes is looked through for those that everybody has read."""


class Bucket(Generic[T]):
    """The changes under one key or prefix, for those who watch it; with a *pin* those of objects that have or had it."""

    __slots__ = ("_events", "_first", "pin", "place", "scheduled", "waiting", "watches")

    def __init__(self, place: str, pin: Pin | None = None) -> None:
        self.place = place
        self.pin = pin
        self.watches: set[CacheWatch[T]] = set()
        self.waiting: list[CacheWatch[T]] = []
        self.scheduled = False
        self._events: list[CacheEvent[T]] = []
        self._first = 0  # the number of the first event that is still here

    @property
    def end(self) -> int:
        """The number that the next event will have."""
        return self._first + len(self._events)

    def append(self, event: CacheEvent[T], forgotten: int) -> None:
        """Take *event* in. Changes up to the revision *forgotten* need not be kept for anybody."""
        if len(self._events) >= TRIM_AT and len(self._events) % TRIM_AT == 0:
            self._trim(forgotten)
        self._events.append(event)

    def _trim(self, forgotten: int) -> None:
        read = min((watch.position for watch in self.watches), default=self.end)
        drop = max(0, read - self._first)
        events = self._events
        while drop < len(events) and events[drop].revision <= forgotten:
            drop += 1
        del events[:drop]
        self._first += drop

    def take(self, position: int) -> list[CacheEvent[T]] | None:
        """The next events from number *position* on, at most AT_ONCE; None when they are no longer here."""
        start = position - self._first
        return None if start < 0 else self._events[start : start + AT_ONCE]

    def take_waiting(self) -> list["CacheWatch[T]"]:
        """The watches that wait, all of which are now to be woken."""
        self.scheduled = False
        waiting, self.waiting = self.waiting, []
        return waiting


class CacheWatch(WatchStreamBase[T]):
    """One watch. *initial* objects come first as ADDED, then *backlog*, then what the bucket gets from now on.

    Changes up to *after_rev* are skipped. *bookmark* makes the event for a revision, or None if it was asked for none.
    """

    def __init__(
        self,
        bucket: Bucket[T],
        predicate: SelectionPredicate,
        *,
        after_rev: int,
        initial: Sequence[StoredObject[T]] = (),
        backlog: Sequence[WatchEvent[T]] = (),
        bookmark: Callable[[], WatchEvent[T]] | None = None,
        on_close: Callable[["CacheWatch[T]"], None],
        on_left_behind: Callable[[], None] = lambda: None,
    ) -> None:
        self.bucket = bucket
        self._predicate = predicate
        self._everything = predicate.empty
        self._after_rev = after_rev
        self._initial = initial
        self._next = 0  # of the initial objects
        self._backlog = list(backlog)
        self._bookmark = bookmark
        self._bookmark_due = False
        self._on_close = on_close
        self._on_left_behind = on_left_behind
        self._ready: list[WatchEvent[T]] = []
        self._waiter: asyncio.Future[None] | None = None
        self._queued = False
        self._closed = False
        self.position = bucket.end
        self.last_rev = after_rev

    @property
    def initialized(self) -> bool:
        return not self._initial and not self._backlog

    @property
    def revision(self) -> int:
        return self.last_rev

    @property
    def pending(self) -> int | None:
        return self.bucket.end - self.position + len(self._initial) - self._next + len(self._backlog)

    @property
    def lag(self) -> float | None:
        waiting = self.bucket.take(self.position)
        return asyncio.get_running_loop().time() - waiting[0].time if waiting else 0.0

    async def next_events(self) -> list[WatchEvent[T]]:
        while not self._closed:
            events = self._pending()
            if events:
                return events
            if self._next < len(self._initial):
                await asyncio.sleep(0)  # a selector that finds little in much
            else:
                await self._wait()
        # What was prepared before the watch ended by itself (an ERROR) is still delivered.
        events, self._ready = self._ready, []
        return events

    async def _wait(self) -> None:
        """Return when there may be something, or when the watch has ended."""
        if self._closed:
            return
        waiter = self._waiter = asyncio.get_running_loop().create_future()
        self._queue()
        try:
            await waiter
        finally:
            self._waiter = None

    def _queue(self) -> None:
        """Be among those whom the next change wakes, unless it is this watch's turn to be woken anyway."""
        if not self._queued:
            self._queued = True
            self.bucket.waiting.append(self)

    def _pending(self) -> list[WatchEvent[T]]:
        if self._ready:
            events, self._ready = self._ready, []
            return events
        if self._next < len(self._initial):
            events = self._next_initial()
            if events or self._closed or self._next < len(self._initial):
                return events
        if self._backlog:
            events, self._backlog = self._backlog[:AT_ONCE], self._backlog[AT_ONCE:]
            return events
        while True:
            changes = self.bucket.take(self.position)
            if changes is None:
                self._on_left_behind()
                self.close()
                return []
            if not changes:
                return self._due_bookmark()
            events = self._select(changes)
            if events or self._closed:
                return events

    def _next_initial(self) -> list[WatchEvent[T]]:
        """Selected ones among the next initial objects."""
        chunk = self._initial[self._next : self._next + AT_ONCE]
        self._next += len(chunk)
        if self._next == len(self._initial):
            self._initial, self._next = (), 0
        matches = self._predicate.matches
        try:
            return [WatchEvent(EventType.ADDED, stored) for stored in chunk if self._everything or matches(stored)]
        except CorruptObjectError as error:
            return self._fail([], error)

    def _fail(self, events: list[WatchEvent[T]], error: BaseException) -> list[WatchEvent[T]]:
        """End with *error*, after *events*."""
        self._ready, self._backlog = [*events, error_event(error)], []
        self.close(deliver=True)
        return []

    def _select(self, changes: list[CacheEvent[T]]) -> list[WatchEvent[T]]:
        """What of *changes* this watch shows; moves on behind them."""
        self.position += len(changes)
        self.last_rev = max(self.last_rev, changes[-1].revision)
        events: list[WatchEvent[T]] = []
        for change in changes:
            if change.revision <= self._after_rev:
                continue
            unreadable = change.unreadable
            if unreadable is None and not self._everything:
                unreadable = change.unreadable_before  # as the reference, which reads both for a selector
            if unreadable is not None:
                assert unreadable.error is not None
                error = unreadable.error if change.current is not None else deleted_but_corrupt(unreadable.error)
                return self._fail(events, error)
            try:
                event = change.plain if self._everything else seen_by(self._predicate, change)
            except CorruptObjectError as corrupt:
                return self._fail(events, corrupt if change.current is not None else deleted_but_corrupt(corrupt))
            if event is not None:
                events.append(event)
        return events

    def _due_bookmark(self) -> list[WatchEvent[T]]:
        if not self._bookmark_due or self._bookmark is None:
            return []
        self._bookmark_due = False
        event = self._bookmark()
        revision = event.stored.revision
        if revision <= self.last_rev:
            return []
        self.last_rev = revision
        return [event]

    def wake_for_events(self) -> bool:
        """Called when the bucket got changes. False: none of them is for this watch, which goes on waiting."""
        self._queued = False
        waiter = self._waiter
        if waiter is None or waiter.done():
            return True
        if not self._everything:
            ready = self._pending()
            if ready:
                self._ready = ready
            elif not self._closed:
                self._queue()
                return False
        if not waiter.done():
            waiter.set_result(None)
        return True

    def offer_bookmark(self) -> None:
        """It is time for a bookmark, once everything before it has been read."""
        self._bookmark_due = True
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self, *, deliver: bool = False) -> None:
        """End the watch. With *deliver* what is ready is still given out."""
        if self._closed:
            return
        self._closed = True
        self._initial, self._next = (), 0
        if not deliver:
            self._ready = []
        self._on_close(self)
        if self._queued and self in self.bucket.waiting:
            self.bucket.waiting.remove(self)
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


def seen_by(predicate: SelectionPredicate, change: CacheEvent[T]) -> WatchEvent[T] | None:
    """The event that *change* is for a watch with selectors; the objects in it are shared."""
    current, previous = change.current, change.previous
    shown = current is not None and predicate.matches(current)
    was_shown = previous is not None and predicate.matches(previous)
    if shown:
        if was_shown == (previous is not None):
            return change.plain
        assert current is not None
        return WatchEvent(EventType.ADDED, current)
    return change.left if was_shown else None
