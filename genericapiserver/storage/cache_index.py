"""Indexes of the watch cache: which objects have a value of a label or a field, for lists that ask for one.

Nobody declares them. An index is made of what lists have looked at in vain: once half as many objects as there are were
looked at for a label (or field) and not wanted, it gets an index, made beside the requests, and lists that pin it look only
at what they may want. So nothing is paid for labels that nobody asks for, and little resources have none.

A resource has at most MAX_INDEXES of them; the one that was not used for the longest time makes room. An index takes 8 bytes
an object that has the label, and some 200 for each value; where every object has a value of its own, these are all it takes.

Source: k8s.io/apiserver pkg/storage/cacher/store_btree.go (indexer); there, what is indexed is declared for each resource.
"""

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Final, Generic, TypeVar

from genericapiserver.aio.slices import Steps
from genericapiserver.storage.cache_facets import Facet, Pin, attributes_of, value_of
from genericapiserver.storage.errors import CorruptObjectError
from genericapiserver.storage.stored import StoredObject

T = TypeVar("T")

MAX_INDEXES: Final = 8
WORTH_IT: Final = 1000
"""Fewer objects are looked at faster than anybody could notice."""
MAX_COUNTED: Final = 256
"""Facets whose looks are counted; clients may ask for any."""
UNDECODABLE: Final = "\x00undecodable"
"""The value of objects that cannot be decoded: every list has to look at them, and fails. (An object that really has this
value is only looked at more often.)"""


class Index:
    """The keys of the objects that have a value in *facet*, by value and in order.

    Those that cannot be decoded are found with every value.
    """

    __slots__ = ("_keys", "facet")

    def __init__(self, facet: Facet) -> None:
        self.facet = facet
        # A value that one object alone has stands with the key itself: with many such values a list each is most of it.
        self._keys: dict[str, str | list[str]] = {}

    def __len__(self) -> int:
        """How many values there are."""
        return len(self._keys)

    def fill(self, objects: Iterable[StoredObject[Any]]) -> Steps[None]:
        """Take *objects* in, whose keys are in order; yields after each."""
        for stored in objects:
            self._add(stored)
            yield

    def change(self, previous: StoredObject[Any] | None, current: StoredObject[Any] | None) -> None:
        """What was *previous* is *current* now; None: nothing."""
        if previous is not None:
            self._remove(previous)
        if current is not None:
            self._add(current)

    def count(self, values: Iterable[str], start: str, end: str) -> int:
        """How many objects with one of *values* have keys from *start* up to before *end*."""
        return sum(high - low for _, low, high in self._runs(values, start, end))

    def keys(self, values: Iterable[str], start: str, end: str) -> list[str]:
        """Their keys, in order."""
        runs = [keys[low:high] for keys, low, high in self._runs(values, start, end)]
        return runs[0] if len(runs) == 1 else sorted(chain.from_iterable(runs))

    def _runs(self, values: Iterable[str], start: str, end: str) -> Iterator[tuple[list[str], int, int]]:
        for value in (*values, UNDECODABLE):
            keys = self._keys.get(value)
            if keys is not None:
                in_order = [keys] if isinstance(keys, str) else keys
                low = bisect_left(in_order, start)
                yield in_order, low, bisect_left(in_order, end, low)

    def _value(self, stored: StoredObject[Any]) -> str | None:
        try:
            attributes = attributes_of(stored)
        except CorruptObjectError:
            return UNDECODABLE
        return None if attributes is None else value_of(self.facet, attributes)

    def _add(self, stored: StoredObject[Any]) -> None:
        value, key = self._value(stored), stored.key
        if value is None:
            return
        keys = self._keys.get(value)
        if keys is None:
            self._keys[value] = key
        elif isinstance(keys, str):
            self._keys[value] = [keys, key] if keys < key else [key, keys]
        elif key > keys[-1]:
            keys.append(key)
        else:
            insort(keys, key)

    def _remove(self, stored: StoredObject[Any]) -> None:
        value, key = self._value(stored), stored.key
        keys = None if value is None else self._keys.get(value)
        if value is None or keys is None:
            return
        if isinstance(keys, str):
            if keys == key:
                del self._keys[value]
            return
        at = bisect_left(keys, key)
        if at < len(keys) and keys[at] == key:
            del keys[at]
            if not keys:
                del self._keys[value]


class Indexes(Generic[T]):
    """The indexes of one cache, and what its lists have looked at without them."""

    def __init__(self) -> None:
        self._indexes: OrderedDict[Facet, Index] = OrderedDict()
        self._in_vain: OrderedDict[Facet, int] = OrderedDict()

    def __iter__(self) -> Iterator[Index]:
        return iter(self._indexes.values())

    @property
    def any(self) -> bool:
        return bool(self._indexes)

    def best(self, pins: Iterable[Pin], start: str, end: str) -> tuple[str, list[str]] | None:
        """Of the indexes of *pins* the one with the fewest keys from *start* up to before *end*: its name and the keys."""
        found = [(index, pin.values) for pin in pins if (index := self._indexes.get(pin.facet)) is not None]
        if not found:
            return None
        index, values = found[0] if len(found) == 1 else min(found, key=lambda each: each[0].count(each[1], start, end))
        self._indexes.move_to_end(index.facet)
        return index.facet, index.keys(values, start, end)

    def looked_in_vain(self, pins: Iterable[Pin], number: int, objects: int) -> Facet | None:
        """A list with *pins* has looked at *number* objects that it did not want, of a resource of so many *objects*.

        Returns the facet that is to have an index from now on, if any.
        """
        facet = next((pin.facet for pin in pins if pin.facet not in self._indexes), None)
        if facet is None or objects < WORTH_IT:
            return None
        counted = self._in_vain
        total = counted.pop(facet, 0) + number
        if total >= objects // 2:
            return facet
        counted[facet] = total
        if len(counted) > MAX_COUNTED:
            counted.popitem(last=False)
        return None

    def add(self, index: Index) -> None:
        """Use *index* from now on."""
        self._indexes[index.facet] = index
        if len(self._indexes) > MAX_INDEXES:
            self._indexes.popitem(last=False)

    def change(self, previous: StoredObject[T] | None, current: StoredObject[T] | None) -> None:
        """What was *previous* is *current* now; None: nothing."""
        for index in self._indexes.values():
            index.change(previous, current)
