"""The watch cache: answers reads and watches of one resource from memory.

It holds every object of the resource with its encodings, in key order, and the newest changes. It hears of each committed
write from the engine before the writer is answered (see `engine`), so what it says is never older than what anybody was
told: a read needs no question to the engine, "most recent" included. Where several processes share the engine, a read
first compares a few bytes to see whether another one has written, and waits for the news if so; "any version" does not.
Writes go to the store, with the object in memory as the hint that saves reading.

It is filled at the first request (or by `start`). What it no longer knows is asked elsewhere: lists at revisions before
its changes from the store, older changes for a watch from the engine's history.

Where Go's cacher follows etcd from afar and can lag, be unready or cut its watches when it lists again, this one cannot;
the answers that follow from that (429 while initializing, the wait for freshness) remain for revisions of the future.

A write whose bytes must be waited for (the transformer has to ask somebody for a key) halts the cache: what comes after
it queues up, and readers wait as they do while it is filled. What cannot be read then is kept as it is, and tried again
when it is asked for.

Source: k8s.io/apiserver pkg/storage/cacher/{cacher,delegator,watch_cache}.go.
"""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Sequence
from time import perf_counter
from typing import Any, Generic, Literal, NamedTuple, TypeVar, overload

from genericapiserver.aio import is_being_cancelled
from genericapiserver.aio.slices import SLICE, in_slices
from genericapiserver.apimachinery.errors import TooLargeResourceVersionError
from genericapiserver.apimachinery.watch import EventType
from genericapiserver.logs import kv
from genericapiserver.logs.served import nobodys
from genericapiserver.storage import updates
from genericapiserver.storage.access import ObjectState
from genericapiserver.storage.api_errors import cached_watch_too_old, error_event, too_large
from genericapiserver.storage.bookmarks import FREQUENCY, BookmarkTimer
from genericapiserver.storage.cache_dispatch import Dispatch
from genericapiserver.storage.cache_facets import Facet, Pin
from genericapiserver.storage.cache_history import (
    MissedEvents,
    healed,
    stored_or_unreadable,
    stored_or_unreadable_later,
)
from genericapiserver.storage.cache_index import Index
from genericapiserver.storage.cache_pages import PageMaker
from genericapiserver.storage.cache_state import CacheState, UnreadableObject
from genericapiserver.storage.cache_watch import CacheWatch
from genericapiserver.storage.engine import CompactedError, EngineError, EngineEvent, KeyValue, Subscription
from genericapiserver.storage.errors import KeyNotFoundError, StorageError, StorageInternalError
from genericapiserver.storage.interface import (
    ListOptions,
    Preconditions,
    Stats,
    UpdateFunc,
    ValidateDeletion,
    WatchStream,
)
from genericapiserver.storage.listing import LOOK_EVERY, MAX_PAGE, list_fields
from genericapiserver.storage.store import Store
from genericapiserver.storage.store_watch import FailedWatchStream, bookmark
from genericapiserver.storage.stored import StoredList, StoredObject, WatchEvent
from genericapiserver.storage.transformer import TransformationPendingError
from genericapiserver.storage.versioning import parse_resource_version, plan_list
from genericapiserver.tracing import Trace

T = TypeVar("T")
_log = logging.getLogger(__name__)

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
        self._metrics = store.access.metrics
        self._has_peers = store.engine.shared
        self._keys = store.keys
        self._root = store.keys.resource_prefix
        self._history_window = history_window
        self._max_events = max_events
        self._freshness_timeout = freshness_timeout
        self._state: CacheState[T] | None = None
        self._halted: CacheState[T] | None = None
        """The state while it waits for what comes next, and `_state` is None."""
        self._loading: asyncio.Task[None] | None = None
        self._subscription: Subscription | None = None
        self._early: list[EngineEvent] = []
        self._dispatch: Dispatch[T] = Dispatch(self._root, lambda turn: asyncio.get_running_loop().call_soon(turn))
        self._bookmarks = BookmarkTimer(bookmark_frequency)
        self._last_bookmark: WatchEvent[T] | None = None
        self._indexing: asyncio.Task[None] | None = None
        self._closed = False

    # ---- filling

    async def start(self) -> None:
        """Fill the cache now instead of at the first request. Raises StorageError."""
        await self._loaded()

    async def _loaded(self) -> CacheState[T]:
        """The state. Everybody who comes while it is being filled, or halted, waits for the same filling."""
        while (state := self._state) is None:
            if self._closed:
                raise StorageError("apiserver cacher is stopped")
            if self._loading is None or self._loading.done():
                self._begin(self._load())
            assert self._loading is not None
            await self._wait_for(self._loading)
        return state

    async def _wait_for(self, loading: "asyncio.Task[None]") -> None:
        try:
            await asyncio.shield(loading)
        except asyncio.CancelledError:
            if is_being_cancelled():
                raise
            raise StorageError("apiserver cacher is stopped") from None

    def _begin(self, loading: Coroutine[Any, Any, None]) -> None:
        self._loading = asyncio.create_task(loading)
        self._loading.add_done_callback(_failure_was_seen)

    async def _load(self) -> None:
        while True:
            self._early = []
            try:
                subscription = self._subscription = self._engine.subscribe(
                    self._keys.engine_prefix, self._hear, closed=self._stop, lost=self._reset
                )
                state = await self._read_all()
            except BaseException as error:
                if self._subscription is not None:
                    self._subscription.close()
                    self._subscription = None
                if isinstance(error, EngineError):
                    raise self.store.access.translated(error, self._root) from error
                raise
            if self._closed:
                raise StorageError("apiserver cacher is stopped")
            if self._subscription is subscription:
                break
        self._state, revision, objects = state, state.start_rev, len(state.items)
        self._metrics.listed(fetched=objects, evaluated=objects, returned=objects)
        self._metrics.cache_filled(revision, self._max_events)
        early, self._early = self._early, []
        self._hear([event for event in early if event.rev > revision])

    def _halt(self, state: CacheState[T], news: Sequence[EngineEvent], pending: TransformationPendingError) -> None:
        """Go on with *news* once what is *pending* is there, or will not come."""
        self._state, self._halted, self._early = None, state, list(news)
        self._begin(self._go_on(state, pending))

    async def _go_on(self, state: CacheState[T], pending: TransformationPendingError) -> None:
        with contextlib.suppress(Exception):  # then the object is unreadable, which is found out again
            await pending.ready()
        if self._halted is not state:
            return  # the cache was reset meanwhile
        self._state, self._halted = state, None
        news, self._early = self._early, []
        self._hear(news)

    async def _read_all(self) -> CacheState[T]:
        """Every object as of one revision."""
        access, end = self.store.access, self._keys.engine_end
        state: CacheState[T] | None = None
        failed: Exception | None = None
        start, since = self._keys.engine_prefix, perf_counter()
        while True:
            try:
                page = await self._engine.range(start, end, limit=MAX_PAGE, rev=0 if state is None else state.start_rev)
            except CompactedError:  # that took too long; the first page has no revision to lose
                start, state = self._keys.engine_prefix, None
                continue
            if state is None:
                state = CacheState(page.rev, max_events=self._max_events, window=self._history_window)
            objects: list[StoredObject[T]] = []
            for index, found in enumerate(page.kvs):
                try:
                    stored = stored_or_unreadable(access, found.key, found.mod_rev, found.value)
                except TransformationPendingError:
                    stored = await self._waited_for(found, failed)
                    failed = failed or (stored.error if isinstance(stored, UnreadableObject) else None)
                objects.append(stored)
                if index % LOOK_EVERY == 0 and perf_counter() - since > SLICE:
                    await asyncio.sleep(0)
                    since = perf_counter()
            state.load(objects)
            if len(page.kvs) >= page.total:
                return state
            start = page.kvs[-1].key + b"\x00"

    async def _waited_for(self, found: KeyValue, failed: Exception | None) -> StoredObject[T]:
        """The object, or what stands for it. After one wait that has *failed* there is no other: who cannot be asked for
        one key cannot be asked for the next either, and each wait has its timeout. Readers try again."""
        access = self.store.access
        if failed is None:
            return await stored_or_unreadable_later(access, found.key, found.mod_rev, found.value)
        return UnreadableObject(self._keys.from_engine(found.key), found.mod_rev, found.value, self.store.form, failed)

    # ---- hearing of writes

    def _hear(self, news: Sequence[EngineEvent]) -> None:
        """The engine's subscriber: take writes in and arrange that watches are woken. Never raises."""
        state = self._state
        if state is None:
            self._early.extend(news)
            return
        try:
            self._take(state, news)
        except Exception:  # noqa: BLE001 - the engine must not suffer from it
            # A cache that missed something would be wrong for ever. Watches end, and the next request fills it anew.
            _log.exception(kv("The watch cache has failed and starts again", prefix=self._root))
            self._reset()

    def _take(self, state: CacheState[T], news: Sequence[EngineEvent]) -> None:
        now, access = asyncio.get_running_loop().time(), self.store.access
        for change in news:
            key, value = change.key, change.value
            try:
                current = None if value is None else stored_or_unreadable(access, key, change.rev, value)
            except TransformationPendingError as pending:
                done = news.index(change)
                self._halt(state, news[done:], pending)
                news = news[:done]
                break
            event = state.apply(self._keys.from_engine(change.key), change.rev, now, current)
            if event is not None and not self._dispatch.idle:
                self._dispatch.file(event, state.start_rev)
        state.forget(now)
        if news:
            self._metrics.cached(len(news), news[-1].rev)

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
            await self._catch_up()
        if resource_version:
            await self._fresh(parse_resource_version(resource_version))
        state = self._state or await self._loaded()
        stored = state.by_key.get(key)
        if stored is None:
            if ignore_not_found:
                return None
            raise KeyNotFoundError(key, self._engine.current_rev())
        if state.unreadable:
            await self._require_readable(state, stored)
        return stored

    async def _require_readable(self, state: CacheState[T], stored: StoredObject[T]) -> None:
        """Raises StorageInternalError for bytes that still cannot be read."""
        if isinstance(stored, UnreadableObject) and not await healed(self.store.access, state, stored):
            raise StorageInternalError(str(stored.error)) from stored.error

    async def _all_healed(self, state: CacheState[T], key: str) -> bool:
        """Whether everything under *key* can be read; what could not be is tried again, up to the first that still
        cannot be."""
        # Without a key this fails with the first one, and costs no more than that.
        some = next((found for found in state.unreadable if found.startswith(key)), None)
        if some is None or not await self._is_healed(state, some):
            return some is None
        since = perf_counter()
        for bad in [found for found in state.unreadable if found.startswith(key)]:
            if not await self._is_healed(state, bad):
                return False
            if perf_counter() - since > SLICE:
                await asyncio.sleep(0)
                since = perf_counter()
        return True

    async def _is_healed(self, state: CacheState[T], key: str) -> bool:
        stored = state.by_key.get(key)
        return not isinstance(stored, UnreadableObject) or await healed(self.store.access, state, stored)

    async def _catch_up(self) -> None:
        """Hear of everything that other processes have told anybody."""
        try:
            await self._engine.catch_up()
        except EngineError as error:
            raise self.store.access.translated(error, self._root) from error

    async def _fresh(self, revision: int) -> None:
        """Wait until *revision* is known. Raises TooLargeResourceVersionError when that takes too long."""
        if revision <= self._engine.current_rev():
            if revision:
                self._metrics.waited(0.0)
            return
        begun = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(self._freshness_timeout):
                await self._engine.reached(revision)
        except TimeoutError as error:
            raise too_large(revision, self._engine.current_rev(), retry_after_seconds=1) from error
        except EngineError as error:
            raise self.store.access.translated(error, self._root) from error
        finally:
            self._metrics.waited(asyncio.get_running_loop().time() - begun)

    async def get_list(self, key: str, options: ListOptions) -> StoredList[T]:
        """See StorageBackend. A limit with resource version "0" is ignored, as the reference's cache does."""
        key = self._keys.prepare(key, recursive=options.recursive)
        with Trace("cacher list", fields=lambda: list_fields(key, options)):
            return await self._list(key, options)

    async def _list(self, key: str, options: ListOptions) -> StoredList[T]:
        if self._has_peers and options.resource_version != "0" and not self._engine.is_current():
            await self._catch_up()
        state = self._state or await self._loaded()
        full = self._keys.full(key)
        plan = plan_list(full, options)
        predicate = options.predicate
        revision = plan.revision
        exact = revision
        if not options.recursive and predicate.limit > 0 and not options.resource_version_match:
            exact = plan.not_older_than  # a limit asks for this very revision, also of one key
        if exact and (not options.recursive or exact < max(state.start_rev, self._engine.floor_rev())):
            return await self.store.get_list(key, options)
        await self._fresh(max(plan.not_older_than, revision))
        state = self._state or await self._loaded()
        if state.unreadable:
            if not await self._all_healed(state, key):
                return await self.store.get_list(key, options)
            state = self._state or await self._loaded()
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
        if facet is not None and self._indexing is None:
            self._indexing = asyncio.create_task(self._index(state, facet), context=nobodys())
            self._indexing.add_done_callback(self._indexed)

    async def _index(self, state: CacheState[T], facet: Facet) -> None:
        """Make an index of *facet*, which lists use once it is complete."""
        if self._state is not state:
            return
        index, revision, healed_before = Index(facet), self._engine.current_rev(), state.heals
        await in_slices(index.fill(state.items[:]))
        if self._state is state and revision >= state.start_rev and healed_before == state.heals:
            for event in state.events_after(revision):  # what was written meanwhile
                index.change(event.previous, event.current)
            state.indexes.add(index)

    def _indexed(self, task: "asyncio.Task[None]") -> None:
        self._indexing = None
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error(kv("An index of the watch cache cannot be made", prefix=self._root), exc_info=error)

    # ---- watching

    async def watch(self, key: str, options: ListOptions) -> WatchStream[T]:
        """See StorageBackend. Waits for a revision of the future only when the initial events are to include it."""
        key = self._keys.prepare(key, recursive=options.recursive)
        wanted = parse_resource_version(options.resource_version)
        if self._has_peers and options.resource_version != "0" and not self._engine.is_current():
            await self._catch_up()
        state = self._state or await self._loaded()
        with_state = options.send_initial_events
        if with_state is None:
            with_state = wanted == 0
        backlog: list[WatchEvent[T]] = []
        initial: Sequence[StoredObject[T]] = ()
        current = self._engine.current_rev()
        after = wanted or current
        if with_state:
            try:
                await self._fresh(wanted)
            except TooLargeResourceVersionError as error:
                return FailedWatchStream([error_event(error)])
            state = self._state or await self._loaded()
            if state.unreadable:
                if not await self._all_healed(state, key):
                    return await self.store.watch(key, options)  # ends with the error that the store has for it
                state = self._state or await self._loaded()
            current = after = self._engine.current_rev()
            initial = self._objects(state, key, options)
            if options.send_initial_events and options.predicate.allow_watch_bookmarks:
                backlog = [bookmark(self.store.form, current, initial_events_end=True)]
        elif after < current:
            if after < self._engine.floor_rev():
                return FailedWatchStream([error_event(cached_watch_too_old(after, self._engine.floor_rev()))])
            wanted = after
            while True:
                backlog = await MissedEvents(self.store.access, state, key, options).after(wanted)
                if self._state is state:
                    break
                state = await self._loaded()  # it was halted meanwhile, and may know less than the engine
            after = self._engine.current_rev()
            if backlog and backlog[-1].type is EventType.ERROR:
                return FailedWatchStream(backlog)
        self._metrics.watch_began(len(initial) if with_state else len(backlog))
        return self._open(key, options, after, initial, backlog)

    def _objects(self, state: CacheState[T], key: str, options: ListOptions) -> Sequence[StoredObject[T]]:
        if options.recursive:
            return state.shown(key)
        stored = state.by_key.get(key)
        return () if stored is None else (stored,)

    def _open(
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
        revision = self._engine.current_rev()
        if self._halted is not None and self._early:
            revision = min(revision, self._early[0].rev - 1)
        last = self._last_bookmark
        if last is None or last.stored.revision != revision:
            last = self._last_bookmark = bookmark(self.store.form, revision)
        return last

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
        state = self._state or await self._loaded()
        stored = state.by_key.get(key)
        if stored is None:
            return ObjectState(None, 0)
        return None if isinstance(stored, UnreadableObject) else ObjectState(stored, stored.revision)

    def _shared(self, written: StoredObject[T]) -> StoredObject[T]:
        """The object in memory if it is the very one that was written: its encodings are then everybody's."""
        cached = self._state.by_key.get(written.key) if self._state is not None else None
        return cached if cached is not None and cached.revision == written.revision else written

    # ---- the rest

    async def stats(self) -> Stats:
        """See StorageBackend; from memory."""
        state = self._state or await self._loaded()
        number = len(state.keys)
        return Stats(number, state.value_bytes // number if number else 0)

    def readiness_check(self) -> None:
        """Raise StorageError until the cache is filled."""
        if self._state is None and self._halted is None:
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
        state = self._state or self._halted
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
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.wait([self._loading])
            self._loading = None
        if self._indexing is not None:
            self._indexing.cancel()
            await asyncio.wait([self._indexing])
        self._stop()

    def _stop(self) -> None:
        self._closed = True
        self._bookmarks.stop()
        self._reset()

    def _reset(self) -> None:
        """End every watch and forget everything."""
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None
        for watch in self._dispatch.watches():
            watch.close()
        self._state = self._halted = None


def _failure_was_seen(task: "asyncio.Task[None]") -> None:
    """Everybody who waited was told; if nobody was left, nobody misses it."""
    if not task.cancelled():
        task.exception()
