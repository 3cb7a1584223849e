"""The watch cache: answers reads and watches of one resource from memory.

It holds every object of the resource with its encodings, in key order, and the newest changes. It hears of each committed
write from the engine before the writer is answered (see `engine`), so what it says is never older than what anybody was
told: a read needs no question to the engine, "most recent" included. Where several processes share the engine, a read
first compares a few bytes to see whether another one has written, and waits for the news if so; "any version" does not.
Writes go to the store, with the object in memory as the hint that saves reading.

It is filled at the first request (or by `start`), and hears of every write from then on (`cache_feed`). What it no longer
knows is asked elsewhere: lists at revisions before its changes from the store (`cache_lists`), older changes for a watch
from the engine's history (`cache_watch_opening`).

Where Go's cacher follows etcd from afar and can lag, be unready or cut its watches when it lists again, this one cannot;
the answers that follow from that (429 while initializing, the wait for freshness) remain for revisions of the future.

What a transformer cannot read is kept as it is, and tried again when it is asked for (`cache_healing`).

Source: k8s.io/apiserver pkg/storage/cacher/{cacher,delegator,watch_cache}.go.
"""

import asyncio
from typing import Generic, Literal, NamedTuple, TypeVar, overload

from genericapiserver.storage import updates
from genericapiserver.storage.access import ObjectState
from genericapiserver.storage.bookmarks import FREQUENCY, BookmarkTimer
from genericapiserver.storage.cache_dispatch import Dispatch
from genericapiserver.storage.cache_feed import CacheFeed
from genericapiserver.storage.cache_freshness import CacheFreshness
from genericapiserver.storage.cache_healing import require_readable
from genericapiserver.storage.cache_lists import CacheLists
from genericapiserver.storage.cache_state import UnreadableObject
from genericapiserver.storage.cache_watch_opening import WatchOpener
from genericapiserver.storage.errors import KeyNotFoundError, StorageError
from genericapiserver.storage.interface import (
    ListOptions,
    Preconditions,
    Stats,
    UpdateFunc,
    ValidateDeletion,
    WatchStream,
)
from genericapiserver.storage.listing import list_fields
from genericapiserver.storage.store import Store
from genericapiserver.storage.stored import StoredList, StoredObject
from genericapiserver.storage.versioning import parse_resource_version
from genericapiserver.tracing import Trace

T = TypeVar("T")

FRESHNESS_TIMEOUT = 3.0
"""Seconds that a request waits for a revision of the future (Go: blockTimeout)."""
HISTORY_WINDOW = 75.0
"""Seconds that changes are kept at least, if they are not too many (Go: DefaultEventFreshDuration)."""
MAX_EVENTS = 10_000
"""Changes kept at most; older ones are in the engine's history."""


class CacheStatus(NamedTuple):
    """What a cache knows. *revision* is the one up to which it does, *oldest_revision* from where watches can resume."""

    filled: bool = False
    revision: int = 0
    oldest_revision: int = 0
    objects: int = 0
    value_bytes: int = 0
    changes: int = 0
    """Of the past, kept for watches that resume."""
    watches: int = 0


class Cacher(Generic[T]):
    """A StorageBackend over *store* that reads from memory. Belongs to the loop of its engine; close it first."""

    def __init__(
        self,
        store: Store[T],
        *,
        history_window: float = HISTORY_WINDOW,
        max_events: int = MAX_EVENTS,
        freshness_timeout: float = FRESHNESS_TIMEOUT,
        bookmark_frequency: float = FREQUENCY,
    ) -> None:
        if history_window < 0 or max_events < 1:
            raise ValueError("the watch cache needs some history")
        self.store = store
        self._engine = store.engine
        self._has_peers = store.engine.shared
        self._keys = store.keys
        self._dispatch: Dispatch[T] = Dispatch(
            store.keys.resource_prefix, lambda turn: asyncio.get_running_loop().call_soon(turn)
        )
        self._bookmarks = BookmarkTimer(bookmark_frequency)
        self._feed = CacheFeed(
            store.access,
            self._dispatch,
            window=history_window,
            max_events=max_events,
            stopped=self._bookmarks.stop,
        )
        self._freshness = CacheFreshness(store.access, store.keys.resource_prefix, timeout=freshness_timeout)
        self._lists = CacheLists(store, self._feed, self._freshness)
        self._opener = WatchOpener(store, self._feed, self._freshness, self._dispatch, self._bookmarks)

    async def start(self) -> None:
        """Fill the cache now instead of at the first request. Raises StorageError."""
        await self._feed.loaded()

    # ---- reading

    @overload
    async def get(
        self, key: str, *, resource_version: str = "", ignore_not_found: Literal[False] = False
    ) -> StoredObject[T]: ...

    @overload
    async def get(self, key: str, *, resource_version: str = "", ignore_not_found: bool) -> StoredObject[T] | None: ...

    async def get(
        self, key: str, *, resource_version: str = "", ignore_not_found: bool = False
    ) -> StoredObject[T] | None:
        """See StorageBackend. A resource version that is no number raises InvalidResourceVersionError."""
        key = self._keys.prepare(key)
        if self._has_peers and not resource_version and not self._engine.is_current():
            await self._freshness.catch_up()
        if resource_version:
            await self._freshness.reached(parse_resource_version(resource_version))
        state = self._feed.state or await self._feed.loaded()
        stored = state.by_key.get(key)
        if stored is None:
            if ignore_not_found:
                return None
            raise KeyNotFoundError(key, self._engine.current_rev())
        if state.unreadable:
            await require_readable(self.store.access, state, stored)
        return stored

    async def get_list(self, key: str, options: ListOptions) -> StoredList[T]:
        """See StorageBackend. A limit with resource version "0" is ignored, as the reference's cache does."""
        key = self._keys.prepare(key, recursive=options.recursive)
        with Trace("cacher list", fields=lambda: list_fields(key, options)):
            return await self._lists.page(key, options)

    # ---- watching

    async def watch(self, key: str, options: ListOptions) -> WatchStream[T]:
        """See StorageBackend. Waits for a revision of the future only when the initial events are to include it."""
        return await self._opener.open(self._keys.prepare(key, recursive=options.recursive), options)

    # ---- writing

    async def create(self, key: str, obj: T, *, ttl: int = 0) -> StoredObject[T]:
        """See StorageBackend."""
        return self._shared(await self.store.create(key, obj, ttl=ttl))

    async def guaranteed_update(
        self,
        key: str,
        update: UpdateFunc[T],
        *,
        ignore_not_found: bool = False,
        preconditions: Preconditions | None = None,
        cached_existing: StoredObject[T] | None = None,
    ) -> StoredObject[T]:
        """See StorageBackend. The object in memory takes the place of the caller's hint."""
        key = self._keys.prepare(key)
        with Trace("GuaranteedUpdate etcd3", fields={"key": key}):
            updated = await updates.guaranteed_update(
                self.store.access,
                key,
                update,
                ignore_not_found=ignore_not_found,
                preconditions=preconditions,
                hint=await self._hint(key),
            )
        return self._shared(updated)

    async def delete(
        self,
        key: str,
        *,
        preconditions: Preconditions | None = None,
        validate: ValidateDeletion[T] | None = None,
        cached_existing: StoredObject[T] | None = None,
        ignore_store_read_error: bool = False,
    ) -> StoredObject[T]:
        """See StorageBackend. The object in memory takes the place of the caller's hint."""
        key = self._keys.prepare(key)
        hint = await self._hint(key)
        return await updates.delete(
            self.store.access,
            key,
            preconditions=preconditions,
            validate=validate,
            hint=hint if hint is not None and hint.stored is not None else None,
            unreadable=ignore_store_read_error,
        )

    async def _hint(self, key: str) -> ObjectState[T] | None:
        state = self._feed.state or await self._feed.loaded()
        stored = state.by_key.get(key)
        if stored is None:
            return ObjectState(None, 0)
        return None if isinstance(stored, UnreadableObject) else ObjectState(stored, stored.revision)

    def _shared(self, written: StoredObject[T]) -> StoredObject[T]:
        """The object in memory if it is the very one that was written: its encodings are then everybody's."""
        state = self._feed.state
        cached = state.by_key.get(written.key) if state is not None else None
        return cached if cached is not None and cached.revision == written.revision else written

    # ---- the rest

    async def stats(self) -> Stats:
        """See StorageBackend; from memory."""
        state = self._feed.state or await self._feed.loaded()
        number = len(state.keys)
        return Stats(number, state.value_bytes // number if number else 0)

    def readiness_check(self) -> None:
        """Raise StorageError until the cache is filled."""
        if self._feed.state is None and self._feed.halted is None:
            raise StorageError("storage not ready")

    async def request_watch_progress(self) -> None:
        """See StorageBackend."""
        await self.store.request_watch_progress()
        self._bookmarks.offer_all()

    async def get_current_resource_version(self) -> int:
        """See StorageBackend."""
        return await self.store.get_current_resource_version()

    def compact_revision(self) -> int:
        """See StorageBackend."""
        return self.store.compact_revision()

    def status(self) -> "CacheStatus":
        """What the cache holds at this moment, for whoever looks into the server."""
        state = self._feed.state or self._feed.halted
        if state is None:
            return CacheStatus()
        return CacheStatus(
            filled=True,
            revision=self._engine.current_rev(),
            oldest_revision=max(state.start_rev, self._engine.floor_rev()),
            objects=len(state.items),
            value_bytes=state.value_bytes,
            changes=state.change_count,
            watches=len(self._dispatch.watches()),
        )

    async def aclose(self) -> None:
        """End every watch and forget everything. Idempotent."""
        await self._feed.aclose()
        await self._lists.aclose()
        self._feed.stop()
