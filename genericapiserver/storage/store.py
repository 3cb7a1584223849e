"""The store: objects of one resource over an engine.

Everything that makes bytes under keys a Kubernetes storage is here once for all engines: codec, transformation,
preconditions, compare-and-swap loops, selectors, pages and their tokens, resource versions, watch events, errors. The
parts are in `access`, `updates`, `listing` and `store_watch`; this module is the StorageBackend made of them.

Source: k8s.io/apiserver pkg/storage/etcd3/store.go.
"""

import random
from time import perf_counter
from typing import Any, Generic, Literal, TypeVar, overload

from genericapiserver.apimachinery.watch import EventType
from genericapiserver.storage import listing, updates
from genericapiserver.storage.access import MAX_OBJECT_BYTES, ObjectAccess
from genericapiserver.storage.api_errors import error_event, too_large, watch_too_old
from genericapiserver.storage.engine import CompactedError, EngineError, StorageEngine
from genericapiserver.storage.errors import (
    InvalidResourceVersionError,
    KeyExistsError,
    KeyNotFoundError,
    StorageError,
)
from genericapiserver.storage.interface import (
    ListOptions,
    Preconditions,
    Stats,
    UpdateFunc,
    ValidateDeletion,
    WatchStream,
)
from genericapiserver.storage.keys import KeySpace
from genericapiserver.storage.metrics import ResourceMetrics
from genericapiserver.storage.selection import EVERYTHING
from genericapiserver.storage.store_watch import EngineWatchStream, FailedWatchStream, bookmark
from genericapiserver.storage.stored import ObjectForm, StoredList, StoredObject, WatchEvent
from genericapiserver.storage.transformer import IdentityTransformer, TransformationPendingError, Transformer
from genericapiserver.storage.versioning import parse_requested_version, parse_resource_version
from genericapiserver.tracing import Trace

T = TypeVar("T")


class Store(Generic[T]):
    """A StorageBackend straight on *engine*, for objects under *resource_prefix* (`/flunders`).

    *form* says how objects are written and selected, *prefix* is where in the engine this whole store lives. Objects
    of more than *max_object_bytes* stored bytes are refused with ObjectTooLargeError. *metrics* counts lists and events.
    """

    access_type: type[ObjectAccess[Any]] = ObjectAccess
    """How single objects are read and written; a subclass of Store may have another way."""

    def __init__(
        self,
        engine: StorageEngine,
        *,
        form: ObjectForm[T],
        resource_prefix: str,
        prefix: str = "/registry",
        transformer: Transformer | None = None,
        max_object_bytes: int = MAX_OBJECT_BYTES,
        metrics: ResourceMetrics | None = None,
    ) -> None:
        self.access: ObjectAccess[T] = self.access_type(
            engine,
            keys=KeySpace(prefix, resource_prefix),
            form=form,
            transformer=transformer or IdentityTransformer(),
            max_object_bytes=max_object_bytes,
            metrics=metrics,
        )
        self.engine = engine
        self.keys = self.access.keys
        self.form = form

    async def create(self, key: str, obj: T, *, ttl: int = 0) -> StoredObject[T]:
        """See StorageBackend."""
        key = self.keys.prepare(key)
        if _has_resource_version(obj):
            raise StorageError("resourceVersion should not be set on objects to be created")
        with Trace("Create etcd3", fields={"key": key}) as trace:
            value = self.access.encode(obj)
            trace.step("Encode succeeded", {"len": len(value)})
            result = await self.access.write(key, value, expect_rev=0, ttl=ttl)
            trace.step("Txn call succeeded")
        if not result.ok:
            raise KeyExistsError(self.keys.full(key))
        return StoredObject(key, result.rev, value, self.form)

    async def delete(
        self,
        key: str,
        *,
        preconditions: Preconditions | None = None,
        validate: ValidateDeletion[T] | None = None,
        cached_existing: StoredObject[T] | None = None,
        ignore_store_read_error: bool = False,
    ) -> StoredObject[T]:
        """See StorageBackend."""
        return await updates.delete(
            self.access,
            self.keys.prepare(key),
            preconditions=preconditions,
            validate=validate,
            hint=updates.hint_from(cached_existing),
            unreadable=ignore_store_read_error,
        )

    @overload
    async def get(
        self, key: str, *, resource_version: str = "", ignore_not_found: Literal[False] = False
    ) -> StoredObject[T]: ...

    @overload
    async def get(self, key: str, *, resource_version: str = "", ignore_not_found: bool) -> StoredObject[T] | None: ...

    async def get(
        self, key: str, *, resource_version: str = "", ignore_not_found: bool = False
    ) -> StoredObject[T] | None:
        """See StorageBackend."""
        key = self.keys.prepare(key)
        begun = perf_counter()
        try:
            result = await self.engine.get(self.keys.engine_key(key))
        except EngineError as error:
            raise self.access.translated(error, key) from error
        finally:
            self.access.took("get", begun)
        wanted = parse_requested_version(resource_version)
        if wanted > result.rev:
            raise too_large(wanted, result.rev, retry_after_seconds=0)
        if result.kv is None:
            if ignore_not_found:
                return None
            raise KeyNotFoundError(self.keys.full(key))
        try:
            return self.access.state(key, result.kv).stored
        except TransformationPendingError:
            return (await self.access.state_of(key, result.kv)).stored

    async def get_list(self, key: str, options: ListOptions) -> StoredList[T]:
        """See StorageBackend."""
        key = self.keys.prepare(key, recursive=options.recursive)
        with Trace("List etcd3", fields=lambda: listing.list_fields(key, options)):
            return await listing.get_list(self.access, key, options)

    async def guaranteed_update(
        self,
        key: str,
        update: UpdateFunc[T],
        *,
        ignore_not_found: bool = False,
        preconditions: Preconditions | None = None,
        cached_existing: StoredObject[T] | None = None,
    ) -> StoredObject[T]:
        """See StorageBackend."""
        key = self.keys.prepare(key)
        with Trace("GuaranteedUpdate etcd3", fields={"key": key}):
            return await updates.guaranteed_update(
                self.access,
                key,
                update,
                ignore_not_found=ignore_not_found,
                preconditions=preconditions,
                hint=updates.hint_from(cached_existing),
            )

    async def watch(self, key: str, options: ListOptions) -> WatchStream[T]:
        """See StorageBackend. A resource version that is no number raises InvalidResourceVersionError."""
        key = self.keys.prepare(key, recursive=options.recursive)
        wanted = parse_resource_version(options.resource_version)
        with_state = options.send_initial_events
        if with_state is None:
            with_state = wanted == 0
        if not with_state:
            return self._open(key, options, wanted or await self.get_current_resource_version(), [])
        state = await self.get_list(key, ListOptions(recursive=options.recursive, predicate=_unpaged(options)))
        if wanted > state.resource_version:
            retry = random.randint(1, 3)  # noqa: S311 - spreads clients, hides nothing
            return FailedWatchStream(
                [error_event(too_large(wanted, state.resource_version, retry_after_seconds=retry))]
            )
        initial: list[WatchEvent[T]] = [WatchEvent(EventType.ADDED, item) for item in state.items]
        if options.send_initial_events and options.predicate.allow_watch_bookmarks:
            initial.append(bookmark(self.form, state.resource_version, initial_events_end=True))
        return self._open(key, options, state.resource_version, initial)

    def _open(self, key: str, options: ListOptions, after_rev: int, initial: list[WatchEvent[T]]) -> WatchStream[T]:
        start, end = self._bounds(key, recursive=options.recursive)
        try:
            cursor = self.engine.watch(start, end, after_rev=after_rev)
        except CompactedError:  # as it would be said by the cursor
            return FailedWatchStream([error_event(watch_too_old())])
        except EngineError as error:
            raise self.access.translated(error, key) from error
        return EngineWatchStream(self.access, cursor, options, initial)

    def _bounds(self, key: str, *, recursive: bool) -> tuple[bytes, bytes | None]:
        start = self.keys.engine_key(key)
        return start, start[:-1] + b"0" if recursive else None

    async def stats(self) -> Stats:
        """See StorageBackend. Looks at every object: for a poll once a minute, not for each request."""
        try:
            found = await self.engine.stats(self.keys.engine_prefix, self.keys.engine_end)
        except EngineError as error:
            raise self.access.translated(error, self.keys.resource_prefix) from error
        return Stats(found.keys, found.value_bytes // found.keys if found.keys else 0)

    def readiness_check(self) -> None:
        """Always ready: what is wrong shows with each call."""

    async def request_watch_progress(self) -> None:
        """See StorageBackend."""
        try:
            await self.engine.request_progress()
        except EngineError as error:
            raise self.access.translated(error, self.keys.resource_prefix) from error

    async def get_current_resource_version(self) -> int:
        """See StorageBackend."""
        if self.engine.shared and not self.engine.is_current():
            try:
                await self.engine.catch_up()
            except EngineError as error:
                raise self.access.translated(error, self.keys.resource_prefix) from error
        return self.engine.current_rev()

    def compact_revision(self) -> int:
        """See StorageBackend."""
        return self.engine.compact_rev()


def _has_resource_version(obj: Any) -> bool:
    """Whether *obj* claims to be stored; what is no number claims nothing (as in Go)."""
    try:
        return parse_resource_version(obj.metadata.resource_version) != 0
    except InvalidResourceVersionError:
        return False


def _unpaged(options: ListOptions) -> Any:
    """The selectors of a watch without limit and continue, which mean nothing to it."""
    predicate = options.predicate
    if predicate.empty:
        return EVERYTHING
    return type(predicate)(label=predicate.label, field=predicate.field)
