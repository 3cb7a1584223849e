"""What the watch cache knows: every object in key order, and the newest changes with what was there before.

The past of the last changes needs no copies: the state at a revision is the state now with the changes since then undone,
newest first. So a page of a list that began a moment ago costs the list and a few corrections.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Generic, TypeVar

from genericapiserver.apimachinery.watch import EventType
from genericapiserver.storage.cache_index import Indexes
from genericapiserver.storage.stored import ObjectForm, StoredObject, WatchEvent

T = TypeVar("T")

FEW_CORRECTIONS = 64
"""Up to so many corrections are made one by one in the sorted list; more are cheaper by sorting anew."""


class UnreadableObject(StoredObject[T]):
    """Stored bytes that the transformer has refused with *error*, which is None once it has read them after all.

    Its key may come back, by a file that is read again or a plugin that answers again. What knows this object then knows
    a readable one, changes of the past included.
    """

    __slots__ = ("error",)

    def __init__(self, key: str, revision: int, value: bytes, form: ObjectForm[T], error: Exception) -> None:
        super().__init__(key, revision, value, form)
        self.error: Exception | None = error

    @property
    def readable(self) -> bool:
        return self.error is None

    def heal(self, value: bytes) -> None:
        """*value* is what the bytes mean."""
        self.value, self.error = value, None


class CacheEvent(Generic[T]):
    """One change: *current* is None for a deletion, *previous* for a creation. Shared by all watches."""

    __slots__ = ("_left", "_plain", "current", "key", "previous", "revision", "time")

    def __init__(
        self,
        key: str,
        revision: int,
        time: float,
        current: StoredObject[T] | None,
        previous: StoredObject[T] | None,
    ) -> None:
        self.key = key
        self.revision = revision
        self.time = time
        self.current = current
        self.previous = previous
        self._plain: WatchEvent[T] | None = None
        self._left: WatchEvent[T] | None = None

    @property
    def plain(self) -> WatchEvent[T]:
        """The event for a watch that selects everything."""
        event = self._plain
        if event is None:
            if self.current is None:
                event = self.left
            else:
                event = WatchEvent(EventType.ADDED if self.previous is None else EventType.MODIFIED, self.current)
            self._plain = event
        return event

    @property
    def left(self) -> WatchEvent[T]:
        """DELETED, with the old object at the revision of the change: it was deleted, or left the selection."""
        event = self._left
        if event is None:
            assert self.previous is not None
            event = self._left = WatchEvent(EventType.DELETED, self.previous.at_revision(self.revision))
        return event

    @property
    def unreadable(self) -> "UnreadableObject[T] | None":
        """The object that keeps this change from being shown."""
        shown = self.previous if self.current is None else self.current
        return shown if isinstance(shown, UnreadableObject) and shown.error is not None else None

    @property
    def unreadable_before(self) -> "UnreadableObject[T] | None":
        """The object that keeps a selector from telling what was shown before this change."""
        before = self.previous
        return before if isinstance(before, UnreadableObject) and before.error is not None else None


class CacheState(Generic[T]):
    """Objects and changes up to the newest one. `start_rev` is the oldest revision whose successors are all known.

    It begins without objects, as of *revision*: `load` puts in those that there were.
    """

    def __init__(self, revision: int, *, max_events: int, window: float) -> None:
        self.items: list[StoredObject[T]] = []  # in key order
        self.keys: list[str] = []
        self.by_key: dict[str, StoredObject[T]] = {}
        self.unreadable: set[str] = set()
        self.value_bytes = 0
        self.start_rev = revision
        self.indexes: Indexes[T] = Indexes()
        self.heals = 0
        """How many objects could be read after all."""
        self._shown: dict[str, list[StoredObject[T]]] = {}
        self._events: list[CacheEvent[T]] = []
        self._head = 0  # events before it are forgotten; the list is cut now and then
        self._max_events = max_events
        self._window = window

    # ---- changing

    def load(self, objects: Sequence[StoredObject[T]]) -> None:
        """Put in *objects*, whose keys come after those that are in, in order."""
        self.items += objects
        self.keys += [stored.key for stored in objects]
        self.by_key.update((stored.key, stored) for stored in objects)
        self.unreadable.update(stored.key for stored in objects if isinstance(stored, UnreadableObject))
        self.value_bytes += sum(len(stored.value) for stored in objects)

    def apply(self, key: str, revision: int, time: float, current: StoredObject[T] | None) -> CacheEvent[T] | None:
        """Take a change in; None when it deletes what was not there."""
        previous = self.by_key.get(key)
        if previous is None and current is None:
            return None
        if self._shown:
            self._shown.clear()
        if previous is None:
            assert current is not None
            index = bisect_left(self.keys, key)
            self.keys.insert(index, key)
            self.items.insert(index, current)
        else:
            index = bisect_left(self.keys, key)
            self.value_bytes -= len(previous.value)
            self.unreadable.discard(key)
            if current is None:
                del self.keys[index], self.items[index], self.by_key[key]
            else:
                self.items[index] = current
        if current is not None:
            self.by_key[key] = current
            self.value_bytes += len(current.value)
            if isinstance(current, UnreadableObject):
                self.unreadable.add(key)
        if self.indexes.any:
            self.indexes.change(previous, current)
        event = CacheEvent(key, revision, time, current, previous)
        self._events.append(event)
        return event

    def heal(self, stored: UnreadableObject[T], value: bytes) -> None:
        """The transformer has read *stored*, of which the bytes are *value*."""
        before = len(stored.value)
        stored.heal(value)
        if self.by_key.get(stored.key) is stored:
            self.value_bytes += len(value) - before
            self.unreadable.discard(stored.key)
            self.indexes.change(None, stored)
        self.heals += 1

    def forget(self, now: float) -> bool:
        """Drop changes that are too many or older than the window; True when there were some."""
        events, head = self._events, self._head
        oldest = now - self._window
        head = max(head, len(events) - self._max_events)
        while head < len(events) and events[head].time < oldest:
            head += 1
        if head == self._head:
            return False
        self.start_rev = events[head - 1].revision
        self._head = head
        if head > 1000 and head * 2 > len(events):
            del events[:head]
            self._head = 0
        return True

    # ---- reading

    def bounds(self, prefix: str, start: str = "") -> tuple[int, int]:
        """Where the keys under *prefix*, which ends in a slash, lie; from *start* on if given."""
        low = bisect_left(self.keys, start or prefix)
        return low, bisect_left(self.keys, prefix[:-1] + "0", low)  # "0" follows "/"

    def shown(self, prefix: str) -> Sequence[StoredObject[T]]:
        """The objects under *prefix*, which ends in a slash: a list that stays as it is, the same one until the next write.

        Clients that come back together, after a restart, all begin their watches with it.
        """
        found = self._shown.get(prefix)
        if found is None:
            low, high = self.bounds(prefix)
            found = self._shown[prefix] = self.items[low:high]
        return found

    @property
    def change_count(self) -> int:
        """How many changes are remembered."""
        return len(self._events) - self._head

    def events_after(self, revision: int) -> Iterator[CacheEvent[T]]:
        """Changes after *revision*, oldest first; complete if it is not below `start_rev`."""
        first = bisect_right(self._events, revision, self._head, key=_revision)
        return islice(self._events, first, None)

    def items_at(self, prefix: str, start: str, revision: int, limit: int = 0) -> tuple[list[StoredObject[T]], int]:
        """The first *limit* objects (0: all) under *prefix* from *start* on as they were at *revision*, and how many
        there were from *start* on. *revision* is not below `start_rev`."""
        low, high = self.bounds(prefix, start)
        corrections = self.corrections(prefix, start or prefix, revision)
        total = high - low
        for key, old in corrections.items():
            total += (old is not None) - (key in self.by_key)
        # Of so many objects no correction leaves fewer than *limit*, unless there are no more.
        stop = min(high, low + limit + len(corrections)) if limit else high
        items, keys = self.items[low:stop], self.keys[low:stop]
        if stop < high:
            corrections = {key: old for key, old in corrections.items() if key <= keys[-1]}
        if len(corrections) > FEW_CORRECTIONS:
            items = _merged(dict(zip(keys, items, strict=True)), corrections)
        else:
            _correct(keys, items, corrections)
        return items[:limit] if limit else items, total

    def last_key(self, prefix: str, changed: Mapping[str, StoredObject[T] | None]) -> str:
        """The last key under *prefix* with *changed* undone, what `corrections` gives; empty when there is none."""
        low, high = self.bounds(prefix)
        while high > low and self.keys[high - 1] in changed:
            high -= 1
        unchanged = self.keys[high - 1] if high > low else ""
        return max((key for key, old in changed.items() if old is not None and key > unchanged), default=unchanged)

    def corrections(self, prefix: str, first: str, revision: int) -> dict[str, StoredObject[T] | None]:
        """What was at *revision* under the keys from *first* on that have changed since; None: nothing."""
        corrections: dict[str, StoredObject[T] | None] = {}
        for event in self.events_after(revision):
            key = event.key
            if key not in corrections and key >= first and key.startswith(prefix):
                corrections[key] = event.previous
        return corrections


def _correct(keys: list[str], items: list[StoredObject[T]], corrections: dict[str, StoredObject[T] | None]) -> None:
    """Make *corrections* in two parallel lists, one by one."""
    for key, old in corrections.items():
        index = bisect_left(keys, key)
        present = index < len(keys) and keys[index] == key
        if old is None:
            if present:
                del keys[index], items[index]
        elif present:
            items[index] = old
        else:
            keys.insert(index, key)
            items.insert(index, old)


def _merged(
    objects: dict[str, StoredObject[T]], corrections: dict[str, StoredObject[T] | None]
) -> list[StoredObject[T]]:
    for key, old in corrections.items():
        if old is None:
            objects.pop(key, None)
        else:
            objects[key] = old
    return [objects[key] for key in sorted(objects)]


def _revision(event: CacheEvent[T]) -> int:
    return event.revision
