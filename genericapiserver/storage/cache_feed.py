"""How the watch cache comes to know what the engine has: filled at first use, and told of each write from then on.

It is filled page by page as of one revision; what is written meanwhile waits. From then on the engine tells of every write
before its writer is answered. A write whose bytes must be waited for (the transformer has to ask somebody for a key) halts
the feed: what comes after it queues up, and readers wait as they do while the cache is filled. Whatever else goes wrong
empties the cache, ends its watches, and the next request fills it anew.

Source: k8s.io/apiserver pkg/storage/cacher/cacher.go (startCaching, dispatchEvents), watch_cache.go (processEvent).
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Sequence
from time import perf_counter
from typing import Any, Generic, TypeVar

from genericapiserver.aio import is_being_cancelled
from genericapiserver.aio.slices import SLICE
from genericapiserver.logs import kv
from genericapiserver.storage.access import ObjectAccess
from genericapiserver.storage.cache_dispatch import Dispatch
from genericapiserver.storage.cache_healing import stored_or_unreadable, stored_or_unreadable_later
from genericapiserver.storage.cache_state import CacheState, UnreadableObject
from genericapiserver.storage.engine import CompactedError, EngineError, EngineEvent, KeyValue, Subscription
from genericapiserver.storage.errors import StorageError
from genericapiserver.storage.listing import LOOK_EVERY, MAX_PAGE
from genericapiserver.storage.stored import StoredObject
from genericapiserver.storage.transformer import TransformationPendingError

T = TypeVar("T")
_log = logging.getLogger(__name__)


class CacheFeed(Generic[T]):
    """Makes and keeps the state of one cache, and files each change in *dispatch* for the watches that it concerns.

    The state keeps changes for *window* seconds, *max_events* at most. *stopped* is called when nothing comes any more.
    """

    def __init__(
        self,
        access: ObjectAccess[T],
        dispatch: Dispatch[T],
        *,
        window: float,
        max_events: int,
        stopped: Callable[[], None],
    ) -> None:
        self._access = access
        self._engine = access.engine
        self._metrics = access.metrics
        self._keys = access.keys
        self._root = access.keys.resource_prefix
        self._dispatch = dispatch
        self._window = window
        self._max_events = max_events
        self._stopped = stopped
        self.state: CacheState[T] | None = None
        """What is known; None while it is filled, or halted."""
        self.halted: CacheState[T] | None = None
        """The state while it waits for what comes next, and `state` is None."""
        self._loading: asyncio.Task[None] | None = None
        self._subscription: Subscription | None = None
        self._early: list[EngineEvent] = []
        self._ended = False

    @property
    def revision(self) -> int:
        """Up to where changes have been filed for watches: while halted, before the one that is waited for."""
        revision = self._engine.current_rev()
        if self.halted is not None and self._early:
            revision = min(revision, self._early[0].rev - 1)
        return revision

    # ---- filling

    async def loaded(self) -> CacheState[T]:
        """The state. Everybody who comes while it is being filled, or halted, waits for the same filling."""
        while (state := self.state) is None:
            if self._ended:
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
                    self._keys.engine_prefix, self._hear, closed=self.stop, lost=self.reset
                )
                state = await self._read_all()
            except BaseException as error:
                if self._subscription is not None:
                    self._subscription.close()
                    self._subscription = None
                if isinstance(error, EngineError):
                    raise self._access.translated(error, self._root) from error
                raise
            if self._ended:
                raise StorageError("apiserver cacher is stopped")
            if self._subscription is subscription:
                break
        self.state, revision, objects = state, state.start_rev, len(state.items)
        self._metrics.listed(fetched=objects, evaluated=objects, returned=objects)
        self._metrics.cache_filled(revision, self._max_events)
        early, self._early = self._early, []
        self._hear([event for event in early if event.rev > revision])

    def _halt(self, state: CacheState[T], news: Sequence[EngineEvent], pending: TransformationPendingError) -> None:
        """Go on with *news* once what is *pending* is there, or will not come."""
        self.state, self.halted, self._early = None, state, list(news)
        self._begin(self._go_on(state, pending))

    async def _go_on(self, state: CacheState[T], pending: TransformationPendingError) -> None:
        with contextlib.suppress(Exception):  # then the object is unreadable, which is found out again
            await pending.ready()
        if self.halted is not state:
            return  # the cache was reset meanwhile
        self.state, self.halted = state, None
        news, self._early = self._early, []
        self._hear(news)

    async def _read_all(self) -> CacheState[T]:
        """Every object as of one revision."""
        access, end = self._access, self._keys.engine_end
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
                state = CacheState(page.rev, max_events=self._max_events, window=self._window)
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
        access = self._access
        if failed is None:
            return await stored_or_unreadable_later(access, found.key, found.mod_rev, found.value)
        return UnreadableObject(self._keys.from_engine(found.key), found.mod_rev, found.value, access.form, failed)

    # ---- hearing of writes

    def _hear(self, news: Sequence[EngineEvent]) -> None:
        """The engine's subscriber: take writes in and arrange that watches are woken. Never raises."""
        state = self.state
        if state is None:
            self._early.extend(news)
            return
        try:
            self._take(state, news)
        except Exception:  # noqa: BLE001 - the engine must not suffer from it
            # A cache that missed something would be wrong for ever. Watches end, and the next request fills it anew.
            _log.exception(kv("The watch cache has failed and starts again", prefix=self._root))
            self.reset()

    def _take(self, state: CacheState[T], news: Sequence[EngineEvent]) -> None:
        now, access = asyncio.get_running_loop().time(), self._access
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

    # ---- the end

    async def aclose(self) -> None:
        """Wait until nothing is being filled any more; `stop` has to follow."""
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.wait([self._loading])
            self._loading = None

    def stop(self) -> None:
        """End every watch and forget everything for ever."""
        self._ended = True
        self._stopped()
        self.reset()

    def reset(self) -> None:
        """End every watch and forget everything."""
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None
        for watch in self._dispatch.watches():
            watch.close()
        self.state = self.halted = None


def _failure_was_seen(task: "asyncio.Task[None]") -> None:
    """Everybody who waited was told; if nobody was left, nobody misses it."""
    if not task.cancelled():
        task.exception()
