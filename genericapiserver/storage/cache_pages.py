"""Pages of lists in memory (k8s.io/apiserver pkg/storage/cacher/cacher.go, GetList)."""

import asyncio
from typing import Generic, TypeVar

import attrs

from genericapiserver.storage.continue_token import encode_continue
from genericapiserver.storage.keys import KeySpace
from genericapiserver.storage.listing import YIELD_EVERY
from genericapiserver.storage.selection import SelectionPredicate
from genericapiserver.storage.stored import StoredList, StoredObject

T = TypeVar("T")


@attrs.frozen
class PageMaker(Generic[T]):
    """Makes one page of at most *limit* items (0: all) of a list under the full key *prefix* at *revision*."""

    keys: KeySpace
    prefix: str
    revision: int
    predicate: SelectionPredicate
    limit: int

    def cut(self, items: list[StoredObject[T]], total: int) -> StoredList[T]:
        """The page of *items*, with a token if *total* says that there are more keys."""
        if not self.limit or total <= len(items):
            return StoredList(items, self.revision)
        token = encode_continue(f"{self.keys.full(items[-1].key)}\x00", self.prefix, self.revision)
        return StoredList(items, self.revision, token, total - self.limit if self.predicate.empty else None)

    async def select(self, items: list[StoredObject[T]]) -> StoredList[T]:
        """The page of those of *items* that are selected. Looking into objects may decode them: others get a turn."""
        matches, limit = self.predicate.matches, self.limit
        found: list[StoredObject[T]] = []
        for index, stored in enumerate(items, 1):
            if index % YIELD_EVERY == 0:
                await asyncio.sleep(0)
            if matches(stored):
                found.append(stored)
                if len(found) == limit:
                    # Unread keys make a next page, whether they match or not.
                    return self.cut(found, limit + len(items) - index)
        return StoredList(found, self.revision)
