"""How objects of all views are kept: one store a resource, on the engine of whichever view is in use.

Stored bytes carry the object that was made of them, so that what lies below many views is decoded once, however many of
them read it; it goes when the bytes go.
"""

import asyncio
from typing import Any, Final, TypeVar

from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.minkapi.kinds import ServedKind
from genericapiserver.minkapi.objects import ObjectName
from genericapiserver.registry.generic.object_counts import ObjectCounts
from genericapiserver.registry.generic.options import AttributesFunc, RESTOptions
from genericapiserver.registry.generic.store import default_resource_prefix
from genericapiserver.storage.access import ObjectAccess, ObjectState
from genericapiserver.storage.bookmarks import BEFORE_END, FREQUENCY
from genericapiserver.storage.engine import KeyValue
from genericapiserver.storage.event_log import LogCursor
from genericapiserver.storage.factory import object_form
from genericapiserver.storage.interface import ListOptions, WatchStream
from genericapiserver.storage.metrics import ResourceMetrics, StorageMetrics
from genericapiserver.storage.store import Store
from genericapiserver.storage.store_watch import EngineWatchStream
from genericapiserver.storage.stored import StoredObject, WatchEvent
from genericapiserver.storage.views import CurrentEngine, ViewEngine

T = TypeVar("T")

PREFIX: Final = "/registry"


class StoredBytes(bytes):
    """What an engine keeps of an object, and the object, once somebody has asked for it."""

    stored: StoredObject[Any] | None = None


class SharedObjectAccess(ObjectAccess[T]):
    """Gives everybody who reads the same bytes at the same revision the same StoredObject."""

    def encode(self, obj: T) -> bytes:
        return StoredBytes(super().encode(obj))

    def stored(self, key: bytes, revision: int, data: bytes) -> StoredObject[T]:
        known = data.stored if isinstance(data, StoredBytes) else None
        if known is not None and known.revision == revision:
            return known
        made = super().stored(key, revision, data)
        if isinstance(data, StoredBytes):
            data.stored = made
        return made

    def state(self, key: str, kv: KeyValue | None, *, unreadable: bool = False) -> ObjectState[T]:
        if kv is None:
            return ObjectState(None, 0)
        return ObjectState(self.stored(kv.key, kv.mod_rev, kv.value), kv.mod_rev)


class ViewStore(Store[T]):
    """A StorageBackend of one resource in all views. There is no watch cache: the engine is memory already."""

    access_type = SharedObjectAccess

    def __init__(self, engine: CurrentEngine, *, metrics: ResourceMetrics | None = None, **further: Any) -> None:
        super().__init__(engine, prefix=PREFIX, metrics=metrics, **further)
        self._current = engine

    def _open(self, key: str, options: ListOptions, after_rev: int, initial: list[WatchEvent[T]]) -> WatchStream[T]:
        start, end = self._bounds(key, recursive=options.recursive)
        view = self._current.view
        return ViewWatchStream(self.access, view, view.watch(start, end, after_rev=after_rev), options, initial)


class ViewWatchStream(EngineWatchStream[T]):
    """Brings bookmarks to who wants them: once a minute, and shortly before the end."""

    def __init__(
        self,
        access: ObjectAccess[T],
        view: ViewEngine,
        cursor: LogCursor,
        options: ListOptions,
        initial: list[WatchEvent[T]],
    ) -> None:
        super().__init__(access, cursor, options, initial)
        self._view = view
        self._log_cursor = cursor
        self._timer: asyncio.TimerHandle | None = None
        if options.predicate.allow_watch_bookmarks:
            self._progress_notify = True
            loop = asyncio.get_running_loop()
            self._last = float("inf") if options.timeout is None else loop.time() + options.timeout - BEFORE_END
            self._plan(loop)

    def _plan(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        if self._last > now + 0.01:  # timers may be a little early
            self._timer = loop.call_at(min(now + FREQUENCY, self._last), self._bookmark, loop)

    def _bookmark(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        self._view.report_progress(self._log_cursor)
        self._plan(loop)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        super().close()


class ViewStorageFactory:
    """A RESTOptionsGetter: every resource lies in the views, as the version it is served in."""

    def __init__(
        self, engine: CurrentEngine, codecs: CodecFactory, counts: ObjectCounts, metrics: StorageMetrics
    ) -> None:
        self._engine = engine
        self._codecs = codecs
        self._counts = counts
        self._metrics = metrics

    def get_rest_options(self, resource: GroupResource) -> RESTOptions:
        """Without a garbage collector, which would have to wait for controllers that a simulation has not."""
        version = self._codecs.scheme.prioritized_versions_for_group(resource.group)[0]

        def open_backend(*, object_type: type[Any], resource_prefix: str, attributes: AttributesFunc) -> ViewStore[Any]:
            backend: ViewStore[Any] = ViewStore(
                self._engine,
                form=object_form(self._codecs.storage_codec(version, object_type), object_type, attributes),
                resource_prefix=resource_prefix,
                metrics=self._metrics.resource(resource.group, resource.resource),
            )
            self._counts.add(resource, backend)
            return backend

        return RESTOptions(
            open_backend=open_backend,
            resource_prefix=default_resource_prefix(resource),
            enable_garbage_collection=False,
            storage_version=version,
        )


def key_prefix(kind: ServedKind) -> bytes:
    """Where the objects of *kind* lie in an engine."""
    return f"{PREFIX}{default_resource_prefix(kind.resource.group_resource)}/".encode()


def object_key(kind: ServedKind, name: ObjectName) -> bytes:
    """Where one object lies; *name* has a namespace if and only if the kind has."""
    return key_prefix(kind) + str(name).encode()
