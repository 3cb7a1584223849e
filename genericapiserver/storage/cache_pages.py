"""Pages of lists in memory, through an index where there is one (k8s.io/apiserver pkg/storage/cacher/cacher.go, GetList).

The same list comes out with an index and without: an index only says where to look. Where Go's serve no further pages and no
past, these serve both, as the past of the cache is the present with some corrections.
"""

import asyncio
from collections.abc import Sequence
from time import perf_counter
from typing import Generic, TypeVar

import attrs

from genericapiserver.aio.slices import SLICE
from genericapiserver.storage.cache_facets import Pin, pins
from genericapiserver.storage.cache_state import CacheState
from genericapiserver.storage.continue_token import encode_continue
from genericapiserver.storage.keys import KeySpace
from genericapiserver.storage.listing import LOOK_EVERY
from genericapiserver.storage.selection import SelectionPredicate
from genericapiserver.storage.stored import StoredList, StoredObject

T = TypeVar("T")


@attrs.frozen
class Page(Generic[T]):
    """One page, and what it took: *looked* objects of which it has those that are selected, found by way of *index*."""

    listed: StoredList[T]
    looked: int
    index: str = ""
    pins: Sequence[Pin] = ()


@attrs.frozen(kw_only=True)
class PageMaker(Generic[T]):
    """Makes one page of at most *limit* items (0: all) of what is under *prefix*, beginning with the key *start* if given.

    It is as of *revision*, which *state* still knows; *past* says that it is older than the state itself.
    """

    state: CacheState[T]
    keys: KeySpace
    prefix: str
    start: str
    revision: int
    past: bool
    predicate: SelectionPredicate
    limit: int

    async def page(self) -> Page[T]:
        """The page. Looking into objects may decode them: others get a turn."""
        if self.predicate.empty:
            items, total = self._items(self.start, self.limit)
            return Page(self._cut(items, total), len(items))
        pinned = pins(self.predicate)
        indexed = self.state.indexes.best(pinned, self.start or self.prefix, self._end) if pinned else None
        if indexed is None:
            items, _ = self._items(self.start, 0)
            last = items[-1].key if items else ""
        else:
            items, last = self._indexed(indexed[1])
        found, looked = await self._select(items)  # others may write meanwhile
        # Unread keys make a next page, whether they match or not.
        more = 0 < self.limit == len(found) and found[-1].key < last
        return Page(self._cut(found, len(found) + more), looked, "" if indexed is None else indexed[0], pinned)

    @property
    def _end(self) -> str:
        return self.prefix[:-1] + "0"  # "0" follows "/"

    def _items(self, start: str, number: int) -> tuple[list[StoredObject[T]], int]:
        """The first *number* (0: all) from *start* on, and how many there are."""
        state = self.state
        if self.past:
            return state.items_at(self.prefix, start, self.revision, number)
        low, high = state.bounds(self.prefix, start)
        return state.items[low : min(high, low + number) if number else high], high - low

    def _indexed(self, keys: Sequence[str]) -> tuple[list[StoredObject[T]], str]:
        """The objects under *keys* at the revision, and the last key that there is at all.

        An index knows no past: all that has changed since is looked at, too.
        """
        state, by_key = self.state, self.state.by_key
        if not self.past:
            return [by_key[key] for key in keys], state.last_key(self.prefix, {})
        changed = state.corrections(self.prefix, self.start or self.prefix, self.revision)
        objects = {key: by_key[key] for key in keys if key not in changed}
        objects.update((key, old) for key, old in changed.items() if old is not None)
        return [objects[key] for key in sorted(objects)], state.last_key(self.prefix, changed)

    async def _select(self, items: list[StoredObject[T]]) -> tuple[list[StoredObject[T]], int]:
        """Those of *items* that are selected, until the page is full, and how many were looked at."""
        matches, limit = self.predicate.matches, self.limit
        found: list[StoredObject[T]] = []
        since = perf_counter()
        for looked, stored in enumerate(items, 1):
            if looked % LOOK_EVERY == 0 and perf_counter() - since > SLICE:
                await asyncio.sleep(0)
                since = perf_counter()
            if matches(stored):
                found.append(stored)
                if len(found) == limit:
                    return found, looked
        return found, len(items)

    def _cut(self, items: list[StoredObject[T]], total: int) -> StoredList[T]:
        """The page of *items*, with a token if *total* says that there are more keys."""
        if not self.limit or total <= len(items):
            return StoredList(items, self.revision)
        full = self.keys.full
        token = encode_continue(f"{full(items[-1].key)}\x00", full(self.prefix), self.revision)
        return StoredList(items, self.revision, token, total - self.limit if self.predicate.empty else None)
