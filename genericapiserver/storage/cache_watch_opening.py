"""How a watch on the cache begins: with what there is, with what it has missed, or with what comes next.

Source: k8s.io/apiserver pkg/storage/cacher/cacher.go (Watch).
"""

from collections.abc import Sequence
from typing import Generic, TypeVar

from genericapiserver.apimachinery.errors import TooLargeResourceVersionError
from genericapiserver.apimachinery.watch import EventType
from genericapiserver.storage.api_errors import cached_watch_too_old, error_event
from genericapiserver.storage.bookmarks import BookmarkTimer
from genericapiserver.storage.cache_dispatch import Dispatch
from genericapiserver.storage.cache_feed import CacheFeed
from genericapiserver.storage.cache_freshness import CacheFreshness
from genericapiserver.storage.cache_healing import all_healed
from genericapiserver.storage.cache_history import MissedEvents
from genericapiserver.storage.cache_state import CacheState
from genericapiserver.storage.cache_watch import CacheWatch
from genericapiserver.storage.interface import ListOptions, WatchStream
from genericapiserver.storage.store import Store
from genericapiserver.storage.store_watch import FailedWatchStream, bookmark
from genericapiserver.storage.stored import StoredObject, WatchEvent
from genericapiserver.storage.versioning import parse_resource_version

T = TypeVar("T")


class WatchOpener(Generic[T]):
    """Opens the watches of one cache over *store*."""

    def __init__(
        self,
        store: Store[T],
        feed: CacheFeed[T],
        freshness: CacheFreshness,
        dispatch: Dispatch[T],
        bookmarks: BookmarkTimer,
    ) -> None:
        self._store = store
        self._engine = store.engine
        self._metrics = store.access.metrics
        self._has_peers = store.engine.shared
        self._feed = feed
        self._freshness = freshness
        self._dispatch = dispatch
        self._bookmarks = bookmarks
        self._last_bookmark: WatchEvent[T] | None = None

    async def open(self, key: str, options: ListOptions) -> WatchStream[T]:
        """See StorageBackend.watch; *key* is prepared. Waits for a revision of the future only when the initial events are
        to include it."""
        wanted = parse_resource_version(options.resource_version)
        if self._has_peers and options.resource_version != "0" and not self._engine.is_current():
            await self._freshness.catch_up()
        state = self._feed.state or await self._feed.loaded()
        with_state = options.send_initial_events
        if with_state is None:
            with_state = wanted == 0
        backlog: list[WatchEvent[T]] = []
        initial: Sequence[StoredObject[T]] = ()
        current = self._engine.current_rev()
        after = wanted or current
        if with_state:
            try:
                await self._freshness.reached(wanted)
            except TooLargeResourceVersionError as error:
                return FailedWatchStream([error_event(error)])
            state = self._feed.state or await self._feed.loaded()
            if state.unreadable:
                if not await all_healed(self._store.access, state, key):
                    return await self._store.watch(key, options)  # ends with the error that the store has for it
                state = self._feed.state or await self._feed.loaded()
            current = after = self._engine.current_rev()
            initial = _objects(state, key, options)
            if options.send_initial_events and options.predicate.allow_watch_bookmarks:
                backlog = [bookmark(self._store.form, current, initial_events_end=True)]
        elif after < current:
            if after < self._engine.floor_rev():
                return FailedWatchStream([error_event(cached_watch_too_old(after, self._engine.floor_rev()))])
            wanted = after
            while True:
                backlog = await MissedEvents(self._store.access, state, key, options).after(wanted)
                if self._feed.state is state:
                    break
                state = await self._feed.loaded()  # it was halted meanwhile, and may know less than the engine
            after = self._engine.current_rev()
            if backlog and backlog[-1].type is EventType.ERROR:
                return FailedWatchStream(backlog)
        self._metrics.watch_began(len(initial) if with_state else len(backlog))
        return self._opened(key, options, after, initial, backlog)

    def _opened(
        self,
        key: str,
        options: ListOptions,
        after: int,
        initial: Sequence[StoredObject[T]],
        backlog: list[WatchEvent[T]],
    ) -> WatchStream[T]:
        bucket = self._dispatch.bucket(key, options.predicate)
        wants_bookmarks = options.predicate.allow_watch_bookmarks or options.progress_notify
        watch = CacheWatch(
            bucket,
            options.predicate,
            after_rev=after,
            initial=initial,
            backlog=backlog,
            bookmark=self._bookmark if wants_bookmarks else None,
            on_close=self._dispatch.discard,
            on_left_behind=self._metrics.watch_left_behind,
        )
        bucket.watches.add(watch)
        if wants_bookmarks:
            self._bookmarks.add(watch, options.timeout)
        return watch

    def _bookmark(self) -> WatchEvent[T]:
        """A bookmark at the newest revision; watches that get it together share it."""
        revision = self._feed.revision
        last = self._last_bookmark
        if last is None or last.stored.revision != revision:
            last = self._last_bookmark = bookmark(self._store.form, revision)
        return last


def _objects(state: CacheState[T], key: str, options: ListOptions) -> Sequence[StoredObject[T]]:
    if options.recursive:
        return state.shown(key)
    stored = state.by_key.get(key)
    return () if stored is None else (stored,)
