"""Which watches a change concerns, found without asking each of them.

Watches lie in buckets: those of one key or prefix that select everything, or that nothing can be said about, in one;
those that pin a label or a field (`cache_facets`) in one for each set of values. A change goes into the buckets of its key,
of every prefix of it, and there into those of the values that its object has or had. So a thousand watches of single
objects, nodes or teams cost a write no more than one does, and only who is concerned wakes up.

Source: k8s.io/apiserver pkg/storage/cacher/cacher.go (startDispatching, indexedWatchers).
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from genericapiserver.storage.cache_facets import Facet, Pin, attributes_of, pins, value_of
from genericapiserver.storage.cache_state import CacheEvent
from genericapiserver.storage.cache_watch import Bucket, CacheWatch
from genericapiserver.storage.errors import CorruptObjectError
from genericapiserver.storage.selection import SelectionPredicate
from genericapiserver.storage.stored import ObjectAttributes
from genericapiserver.storage.wake_turns import WakeTurns

T = TypeVar("T")


class _Place(Generic[T]):
    """The buckets of one key or prefix."""

    __slots__ = ("buckets", "by_value", "facets")

    def __init__(self) -> None:
        self.buckets: dict[Pin | None, Bucket[T]] = {}
        # For each facet, value -> buckets of those who want it; and the facets that are fields.
        self.by_value: dict[Facet, dict[str, list[Bucket[T]]]] = {}

    def bucket(self, pin: Pin | None, make: Callable[[], Bucket[T]]) -> Bucket[T]:
        found = self.buckets.get(pin)
        if found is None:
            found = self.buckets[pin] = make()
            if pin is not None:
                by_value = self.by_value.setdefault(pin.facet, {})
                for value in pin.values:
                    by_value.setdefault(value, []).append(found)
        return found

    def discard(self, pin: Pin | None) -> None:
        bucket = self.buckets.pop(pin)
        if pin is None:
            return
        by_value = self.by_value[pin.facet]
        for value in pin.values:
            by_value[value].remove(bucket)
            if not by_value[value]:
                del by_value[value]
        if not by_value:
            del self.by_value[pin.facet]

    def concerned(self, event: CacheEvent[T]) -> Iterable[Bucket[T]]:
        """The buckets that *event* belongs into, each once."""
        if not self.by_value or event.unreadable is not None or event.unreadable_before is not None:
            return self.buckets.values()  # what cannot be read ends every watch that would look into it
        found: dict[int, Bucket[T]] = {}
        everything = self.buckets.get(None)
        if everything is not None:
            found[id(everything)] = everything
        for stored in (event.current, event.previous):
            try:
                attributes = attributes_of(stored)
            except CorruptObjectError:
                return self.buckets.values()
            if attributes is not None:
                found.update((id(bucket), bucket) for bucket in self._of(attributes))
        return found.values()

    def _of(self, attributes: ObjectAttributes) -> Iterator[Bucket[T]]:
        # Watches may pin a thousand labels, but an object has few; the fields of a kind are few, and it has all of them.
        for facet in [f"l:{name}" for name in attributes.labels] + [each for each in self.by_value if each[0] == "f"]:
            by_value = self.by_value.get(facet)
            if by_value is not None:
                value = value_of(facet, attributes)
                if value is not None:
                    yield from by_value.get(value, ())


class Dispatch(Generic[T]):
    """The buckets of one cache, whose keys start with *root*. *call_soon* runs something in the next turn of the loop."""

    def __init__(self, root: str, call_soon: Callable[[Callable[[], None]], object]) -> None:
        self._root = root
        self._call_soon = call_soon
        self._places: dict[str, _Place[T]] = {}
        self._dirty: list[Bucket[T]] = []
        self.turns = WakeTurns(call_soon)

    @property
    def idle(self) -> bool:
        """Whether nobody watches."""
        return not self._places

    def bucket(self, place: str, predicate: SelectionPredicate) -> Bucket[T]:
        """The bucket for a watch of *place*, a key or a prefix that ends in a slash, that shows what *predicate* selects."""
        pin = next(iter(pins(predicate)), None) if place.endswith("/") else None
        found = self._places.get(place)
        if found is None:
            found = self._places[place] = _Place()
        return found.bucket(pin, lambda: Bucket(place, pin))

    def discard(self, watch: CacheWatch[T]) -> None:
        """Forget *watch*, and its bucket if that was the last one there."""
        bucket = watch.bucket
        bucket.watches.discard(watch)
        place = self._places.get(bucket.place)
        if bucket.watches or place is None or place.buckets.get(bucket.pin) is not bucket:
            return
        place.discard(bucket.pin)
        if not place.buckets:
            del self._places[bucket.place]

    def watches(self) -> list[CacheWatch[T]]:
        """All of them."""
        return [
            watch for place in self._places.values() for bucket in place.buckets.values() for watch in bucket.watches
        ]

    def file(self, event: CacheEvent[T], forgotten: int) -> None:
        """Put *event* where those whom it concerns find it, and arrange that they are woken. Changes up to the revision
        *forgotten* need not be kept for anybody."""
        key, places = event.key, self._places
        self._put(places.get(key), event, forgotten)
        end = len(self._root)
        while end:
            self._put(places.get(key[:end]), event, forgotten)
            end = key.find("/", end) + 1

    def _put(self, place: _Place[T] | None, event: CacheEvent[T], forgotten: int) -> None:
        if place is None:
            return
        for bucket in place.concerned(event):
            bucket.append(event, forgotten)
            if bucket.waiting and not bucket.scheduled:
                bucket.scheduled = True
                if not self._dirty:
                    self._call_soon(self._wake)
                self._dirty.append(bucket)

    def _wake(self) -> None:
        dirty, self._dirty = self._dirty, []
        for bucket in dirty:
            self.turns.wake(bucket.take_waiting())
