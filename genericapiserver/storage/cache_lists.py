"""Lists from the watch cache: which revision is meant, whether memory has it, and when an index is worth making.

Lists at revisions before the changes that the cache keeps are the store's, and so are those that meet what cannot be read:
it has the error for it.

Source: k8s.io/apiserver pkg/storage/cacher/{cacher,delegator}.go (GetList).
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Generic, TypeVar

from genericapiserver.aio.slices import in_slices
from genericapiserver.logs import kv
from genericapiserver.logs.served import nobodys
from genericapiserver.storage.cache_facets import Facet, Pin
from genericapiserver.storage.cache_feed import CacheFeed
from genericapiserver.storage.cache_freshness import CacheFreshness
from genericapiserver.storage.cache_healing import all_healed
from genericapiserver.storage.cache_index import Index
from genericapiserver.storage.cache_pages import PageMaker
from genericapiserver.storage.cache_state import CacheState
from genericapiserver.storage.interface import ListOptions
from genericapiserver.storage.store import Store
from genericapiserver.storage.stored import StoredList
from genericapiserver.storage.versioning import plan_list

T = TypeVar("T")
_log = logging.getLogger(__name__)


class CacheLists(Generic[T]):
    """The lists of one cache over *store*."""

    def __init__(self, store: Store[T], feed: CacheFeed[T], freshness: CacheFreshness) -> None:
        self._store = store
        self._engine = store.engine
        self._metrics = store.access.metrics
        self._keys = store.keys
        self._has_peers = store.engine.shared
        self._feed = feed
        self._freshness = freshness
        self.indexing: asyncio.Task[None] | None = None
        """The making of an index, one at a time."""

    async def page(self, key: str, options: ListOptions) -> StoredList[T]:
        """See StorageBackend.get_list; *key* is prepared. A limit with resource version "0" is ignored."""
        if self._has_peers and options.resource_version != "0" and not self._engine.is_current():
            await self._freshness.catch_up()
        state = self._feed.state or await self._feed.loaded()
        full = self._keys.full(key)
        plan = plan_list(full, options)
        predicate = options.predicate
        revision = plan.revision
        exact = revision
        if not options.recursive and predicate.limit > 0 and not options.resource_version_match:
            exact = plan.not_older_than  # a limit asks for this very revision, also of one key
        if exact and (not options.recursive or exact < max(state.start_rev, self._engine.floor_rev())):
            return await self._store.get_list(key, options)
        await self._freshness.reached(max(plan.not_older_than, revision))
        state = self._feed.state or await self._feed.loaded()
        if state.unreadable:
            if not await all_healed(self._store.access, state, key):
                return await self._store.get_list(key, options)
            state = self._feed.state or await self._feed.loaded()
        current = self._engine.current_rev()
        if not options.resource_version and not predicate.continue_token:
            self._metrics.read_consistently()
        if not options.recursive:
            stored = state.by_key.get(key)
            found = [stored] if stored is not None and predicate.matches(stored) else []
            self._metrics.listed_from_cache(fetched=int(stored is not None), returned=len(found))
            return StoredList(found, current)
        limit = predicate.limit
        if options.resource_version == "0" and not predicate.continue_token:
            limit = 0
        start = self._keys.from_full(plan.start) if plan.start else ""
        maker = PageMaker(
            state=state,
            keys=self._keys,
            prefix=key,
            start=start,
            revision=revision or current,
            past=0 < revision < current,
            predicate=predicate,
            limit=limit,
        )
        page = await maker.page()
        listed = page.listed
        self._metrics.listed_from_cache(fetched=page.looked, returned=len(listed.items), index=page.index)
        if page.pins:
            self._looked_in_vain(state, page.pins, page.looked - len(listed.items))
        return listed

    def _looked_in_vain(self, state: CacheState[T], pinned: Sequence[Pin], number: int) -> None:
        facet = state.indexes.looked_in_vain(pinned, number, len(state.items))
        if facet is not None and self.indexing is None:
            self.indexing = asyncio.create_task(self._index(state, facet), context=nobodys())
            self.indexing.add_done_callback(self._indexed)

    async def _index(self, state: CacheState[T], facet: Facet) -> None:
        """Make an index of *facet*, which lists use once it is complete."""
        if self._feed.state is not state:
            return
        index, revision, healed_before = Index(facet), self._engine.current_rev(), state.heals
        await in_slices(index.fill(state.items[:]))
        if self._feed.state is state and revision >= state.start_rev and healed_before == state.heals:
            for event in state.events_after(revision):  # what was written meanwhile
                index.change(event.previous, event.current)
            state.indexes.add(index)

    def _indexed(self, task: "asyncio.Task[None]") -> None:
        self.indexing = None
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error(
                kv("An index of the watch cache cannot be made", prefix=self._keys.resource_prefix), exc_info=error
            )

    async def aclose(self) -> None:
        """Make no index any more."""
        if self.indexing is not None:
            self.indexing.cancel()
            await asyncio.wait([self.indexing])
