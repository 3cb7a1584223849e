"""A view: a storage engine that holds its own writes and shows its delegate's objects behind them.

Reads fall through to the delegate, which may be a view itself, at any depth; a view without one is the base. What is
written in a view stays in it: the first write of a delegate's object copies it, deleting one leaves a mark that hides it.
Ranges are merged before anybody selects from them. Making a view over another (`fork`) copies nothing.

The history of a view is its own and its delegate's in revision order, as seen from it. The first write over a delegate's
object is a change of that object, not a new one; what happens below to a key that the view shadows (has written, or
hides) is not seen. A view is no snapshot: what its delegate writes to other keys shows at once. History is not copied
either: it is read where it happened, and each event judged by what the view shadowed at its revision.
"""

from collections.abc import Callable, Iterator
from heapq import merge
from typing import Self

from genericapiserver.storage.engine import (
    CompactedError,
    EngineClosedError,
    EngineError,
    EngineEvent,
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
from genericapiserver.storage.event_log import BATCH_EVENTS, EventLog, LogCursor
from genericapiserver.storage.views.family import ViewFamily
from genericapiserver.storage.views.layer import Layer


class ChangedBelowError(EngineError):
    """The delegate has written *key* since the view first did: what the view wrote rests on something that is gone."""

    def __init__(self, key: bytes) -> None:
        super().__init__(f"{key.decode(errors='replace')} has changed below the view since the view first wrote it")
        self.key = key


class ViewEngine:
    """A StorageEngine; all methods belong to one loop. `ViewEngine.base` makes the first of a family, `fork` the others."""

    def __init__(self, family: ViewFamily, delegate: "ViewEngine | None") -> None:
        self.family = family
        self.delegate = delegate
        self.changes = 0
        """How many writes were made in this view. What expires by itself is none."""
        self._layer = Layer()
        self._origin = family.floor if delegate is None else 0
        self._seen: dict[bytes, int] = {}
        self._forks: set[ViewEngine] = set()
        self._listening: set[ViewEngine] = set()
        self._log = EventLog(family.rev, floor_rev=self.floor_rev(), capacity=0, history=self._read_history)
        family.views.add(self)

    @classmethod
    def base(cls, family: ViewFamily | None = None) -> Self:
        return cls(family or ViewFamily(), None)

    def fork(self) -> "ViewEngine":
        """A view over this one. Costs the same whatever is in this one."""
        self._readable(0)
        made = ViewEngine(self.family, self)
        self._forks.add(made)
        return made

    # ---- where it is

    @property
    def shared(self) -> bool:
        return False

    @property
    def forks(self) -> frozenset["ViewEngine"]:
        """The open views straight over this one."""
        return frozenset(self._forks)

    def is_current(self) -> bool:
        return True

    async def catch_up(self) -> None:
        self._readable(0)

    def current_rev(self) -> int:
        """The newest revision of the family: this view has nothing to tell up to it that it does not tell."""
        return self.family.rev

    def compact_rev(self) -> int:
        return self.family.compact_rev

    def floor_rev(self) -> int:
        floor, view = self.family.floor, self
        while True:
            floor = max(floor, view._origin)
            if view.delegate is None:
                return floor
            view = view.delegate

    def size_bytes(self) -> int:
        """What the view itself has written."""
        return self._layer.value_bytes

    @property
    def own_keys(self) -> int:
        """How many keys it shadows."""
        return len(self._layer.keys)

    # ---- reading

    async def get(self, key: bytes, *, rev: int = 0) -> GetResult:
        current_rev = self._readable(rev)
        if rev and rev < current_rev:
            return GetResult(self._at(key, rev), current_rev)
        return GetResult(self.look(key), current_rev)

    async def range(self, start: bytes, end: bytes, *, limit: int = 0, rev: int = 0) -> RangeResult:
        current_rev = self._readable(rev)
        if rev and rev < current_rev:
            found = self._range_at(start, end, rev)
            total = len(found)
        else:
            found, total = self._range(start, end, limit)
        return RangeResult(found[:limit] if limit else found, total, current_rev)

    async def stats(self, start: bytes, end: bytes) -> RangeStats:
        self._readable(0)
        found, total = self._range(start, end, 0)
        return RangeStats(total, sum(len(kv.value) for kv in found))

    def look(self, key: bytes) -> KeyValue | None:
        """What is under *key* now, here or below."""
        view: ViewEngine | None = self
        while view is not None:
            current = view._layer.current
            if key in current:
                return current[key]
            view = view.delegate
        return None

    def _at(self, key: bytes, rev: int) -> KeyValue | None:
        for view in self._down():
            version = view._layer.at(key, rev)
            if version is not None and version.shadows:
                return version.kv
        return None

    def _range(self, start: bytes, end: bytes, limit: int) -> tuple[list[KeyValue], int]:
        """The first *limit* (0: all) and perhaps some more, and how many there are."""
        *over, (base, own) = [(view, view._layer.own_keys(start, end)) for view in self._down()]
        # So many of what the base has may be hidden by those over it, and no more.
        wanted = own[: limit + sum(len(keys) for _, keys in over)] if limit else own
        found = [kv for key in wanted if (kv := base._layer.current[key]) is not None]
        last = wanted[-1] if len(wanted) < len(own) else None
        total = len(own)
        for view, keys in reversed(over):
            if keys:
                found, total = view._laid_over(found, total, keys, last)
        return found, total

    def _laid_over(
        self, below: list[KeyValue], total: int, own: list[bytes], last: bytes | None
    ) -> tuple[list[KeyValue], int]:
        """What *below* of *total* becomes with the keys that this view shadows; it is complete up to *last*."""
        current, delegate = self._layer.current, self.delegate
        assert delegate is not None
        found = [kv for kv in below if kv.key not in current]
        for key in own:
            kv = current[key]
            total += (kv is not None) - (delegate.look(key) is not None)
            if kv is not None and (last is None or key <= last):
                found.append(kv)
        found.sort(key=_key)
        return found, total

    def _range_at(self, start: bytes, end: bytes, rev: int) -> list[KeyValue]:
        keys: set[bytes] = set()
        for view in self._down():
            keys.update(view._layer.known_keys(start, end))
        return [kv for key in sorted(keys) if (kv := self._at(key, rev)) is not None]

    # ---- writing

    async def put(self, key: bytes, value: bytes, *, expect_rev: int, ttl: float = 0.0) -> WriteResult:
        self._readable(0)
        return self._put(key, value, expect_rev, ttl)

    async def delete(self, key: bytes, *, expect_rev: int) -> WriteResult:
        self._readable(0)
        return self._delete(key, expect_rev)

    def expire_key(self, key: bytes, rev: int) -> None:
        """The time of what was written here at *rev* is over."""
        if not self._log.closed:
            # It is refused when the key was written again meanwhile, as it must be.
            self.changes -= self._delete(key, rev).ok

    def commit(self) -> int:
        """Write what this view has written to its delegate, all of it or nothing, and count the writes.

        The view is left with nothing of its own, and shows the same as before. Raises ChangedBelowError when the delegate
        has changed one of the keys since.
        """
        self._readable(0)
        delegate = self.delegate
        if delegate is None:
            raise ValueError("the base has no delegate to commit to")
        for key, seen in self._seen.items():
            below = delegate.look(key)
            if (below.mod_rev if below is not None else 0) != seen:
                raise ChangedBelowError(key)
        written = sorted(self._layer.current.items(), key=_written)
        self.reset()
        now = self.family.clock.now().timestamp()
        for key, kv in written:
            below = delegate.look(key)
            expect = below.mod_rev if below is not None else 0
            if kv is None:
                delegate._delete(key, expect)
            else:
                delegate._put(key, kv.value, expect, max(kv.expires_at - now, 0.001) if kv.expires_at else 0.0)
        return len(written)

    def reset(self, prefix: bytes = b"") -> None:
        """Give up what the view has written under *prefix*, and its history: watches, of its forks, too, have to begin
        anew. The count of changes begins anew as well, unless there is a prefix."""
        self._readable(0)
        rev = self.family.next_rev()
        layer = self._layer.without(prefix) if prefix else Layer()
        self.family.forgot(len(self._layer.events) - len(layer.events) + 1)
        self._layer, self._origin = layer, rev
        self._seen = {key: seen for key, seen in self._seen.items() if key in layer.current}
        if not prefix:
            self.changes = 0
        self.family.wrote(rev)
        for view in (self, *self._all_forks()):
            view._log.restart(rev, rev)

    def _put(self, key: bytes, value: bytes, expect_rev: int, ttl: float) -> WriteResult:
        family, existing = self.family, self.look(key)
        if (existing.mod_rev if existing is not None else 0) != expect_rev:
            return WriteResult(False, family.rev, existing)
        rev = family.next_rev()
        expires_at = family.clock.now().timestamp() + ttl if ttl > 0 else 0.0
        if existing is None:
            event = EngineEvent(rev, key, value, None, rev, 0)
        else:
            event = EngineEvent(rev, key, value, existing.value, existing.create_rev, existing.mod_rev)
        self._write(event, KeyValue(key, value, event.create_rev, rev, expires_at), shadows=True)
        if expires_at:
            family.expire_at(expires_at, self, key, rev)
        return WriteResult(True, rev, None)

    def _delete(self, key: bytes, expect_rev: int) -> WriteResult:
        family, existing = self.family, self.look(key)
        if existing is None or existing.mod_rev != expect_rev:
            return WriteResult(False, family.rev, existing)
        rev = family.next_rev()
        hides = self.delegate is not None and self.delegate.look(key) is not None
        event = EngineEvent(rev, key, None, existing.value, existing.create_rev, existing.mod_rev)
        self._write(event, None, shadows=hides)
        return WriteResult(True, rev, None)

    def _write(self, event: EngineEvent, kv: KeyValue | None, *, shadows: bool) -> None:
        key = event.key
        if self.delegate is not None and key not in self._layer.current:
            below = self.delegate.look(key)
            self._seen[key] = below.mod_rev if below is not None else 0
        self.changes += 1
        self._layer.record(event, kv, shadows=shadows)
        if not shadows:
            self._seen.pop(key, None)
        self.family.rev = event.rev
        self._announce(event)
        self.family.wrote(event.rev)

    def _announce(self, event: EngineEvent) -> None:
        """Tell those who watch this view, and the views over it in which the key is not shadowed."""
        telling = [self]
        while telling:
            view = telling.pop()
            if not view._log.idle:
                view._log.publish((event,))
            for over in tuple(view._listening):
                if not over.is_watched:
                    view._listening.discard(over)
                elif event.key not in over._layer.current:
                    telling.append(over)

    # ---- history

    @property
    def is_watched(self) -> bool:
        """Whether somebody waits for events of this view, or of one over it. It may be out of date, one event long."""
        return bool(self._listening) or not self._log.idle

    def watch(self, start: bytes, end: bytes | None, *, after_rev: int) -> LogCursor:
        self._listen()
        return self._log.watch(start, end, after_rev)

    async def history(self, start: bytes, end: bytes | None, *, after_rev: int, upto: int) -> WatchBatch:
        self._readable(after_rev)
        return await self._read_history(start, end, after_rev, upto)

    def subscribe(
        self,
        prefix: bytes,
        subscriber: Subscriber,
        *,
        closed: Callable[[], None] | None = None,
        lost: Callable[[], None] | None = None,
    ) -> Subscription:
        self._listen()
        return self._log.subscribe(prefix, subscriber, closed, lost)

    async def reached(self, rev: int) -> None:
        self._readable(0)
        self.counted()
        waiting = self.family.waiting
        waiting[self] = waiting.get(self, 0) + 1
        try:
            await self._log.reached(rev)
        finally:
            waiting[self] -= 1
            if not waiting[self]:
                del waiting[self]

    def counted(self) -> None:
        """Up to the newest revision of the family, everything is in the log that belongs there."""
        self._log.advance(self.family.rev)

    async def request_progress(self) -> None:
        self.report_progress()

    def report_progress(self, cursor: LogCursor | None = None) -> None:
        """Make idle watches, or this one, report where they are."""
        self.counted()
        if cursor is None:
            self._log.report_progress()
        else:
            cursor.request_progress()

    async def compact(self, rev: int) -> None:
        """In all views of the family."""
        self._readable(0)
        if rev < self.floor_rev():
            raise CompactedError(rev, self.floor_rev())
        self.family.compact(rev)

    def compacted(self, rev: int) -> int:
        """Called by the family: forget what was before *rev*. How many events are left."""
        self._layer.compact(rev)
        self.counted()
        self._log.raise_floor(rev, forget=False)
        return len(self._layer.events)

    async def _read_history(self, start: bytes, end: bytes | None, after_rev: int, upto: int) -> WatchBatch:
        chain = list(self._down())
        floor = self.floor_rev()
        if after_rev < floor:
            raise CompactedError(after_rev, floor)
        runs = (_run(view._layer, depth, after_rev, upto) for depth, view in enumerate(chain))
        found: list[EngineEvent] = []
        for rev, depth, event in merge(*runs):
            if not (event.key == start if end is None else start <= event.key < end):
                continue
            if any(view._shadowed(event.key, rev) for view in chain[:depth]):
                continue
            found.append(event)
            if len(found) == BATCH_EVENTS:
                return WatchBatch(found, rev)
        return WatchBatch(found, max(after_rev, upto))

    def _shadowed(self, key: bytes, rev: int) -> bool:
        version = self._layer.at(key, rev)
        return version is not None and version.shadows

    def _listen(self) -> None:
        """Have those below tell of their events from now on."""
        self._readable(0)
        for view in self._down():
            view.counted()
            if view.delegate is not None:
                view.delegate._listening.add(view)

    # ---- the end

    async def check(self) -> None:
        self._readable(0)

    async def aclose(self) -> None:
        """Close the view and those over it, and give back everything they hold."""
        self.close()

    def close(self) -> None:
        """The same at once. Idempotent."""
        if self._log.closed:
            return
        for view in reversed([self, *self._all_forks()]):
            view._close()

    def _close(self) -> None:
        """One view, over which there is none any more."""
        self._log.close()
        self.family.views.discard(self)
        self.family.forgot(len(self._layer.events))
        self._layer = Layer()
        self._seen.clear()
        if self.delegate is None:
            self.family.close()
        else:
            self.delegate._forks.discard(self)
            self.delegate._listening.discard(self)

    def _readable(self, rev: int) -> int:
        if self._log.closed:
            raise EngineClosedError("the storage engine is closed")
        if rev:
            if rev > self.family.rev:
                raise FutureRevisionError(rev, self.family.rev)
            floor = self.floor_rev()
            if rev < floor:
                raise CompactedError(rev, floor)
        return self.family.rev

    def _down(self) -> Iterator["ViewEngine"]:
        """This view, its delegate, and so on to the base."""
        view: ViewEngine | None = self
        while view is not None:
            yield view
            view = view.delegate

    def _all_forks(self) -> list["ViewEngine"]:
        """The views over this one, each after that which it is over."""
        found = list(self._forks)
        for view in found:
            found += view._forks
        return found


def _run(layer: Layer, depth: int, after_rev: int, upto: int) -> Iterator[tuple[int, int, EngineEvent]]:
    return ((event.rev, depth, event) for event in layer.events_between(after_rev, upto))


def _key(kv: KeyValue) -> bytes:
    return kv.key


def _written(item: tuple[bytes, KeyValue | None]) -> tuple[int, bytes]:
    """In the order of the writes; what is hidden goes first."""
    key, kv = item
    return (kv.mod_rev if kv is not None else 0), key
