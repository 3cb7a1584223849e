"""Between the store and its engine: keys, transformation and errors are translated here and nowhere else."""

import logging
from time import perf_counter
from typing import Generic, TypeVar

import attrs

from genericapiserver.logs import kv
from genericapiserver.logs.served import spent
from genericapiserver.storage.engine import (
    EngineError,
    EngineFaultError,
    EngineTimeoutError,
    KeyValue,
    StorageEngine,
    TooLargeError,
    UnreachableError,
    WriteResult,
)
from genericapiserver.storage.errors import (
    CorruptObjectError,
    ObjectTooLargeError,
    StorageError,
    StorageInternalError,
    StorageTimeoutError,
    StorageUnreachableError,
)
from genericapiserver.storage.keys import KeySpace
from genericapiserver.storage.metrics import ResourceMetrics
from genericapiserver.storage.stored import ObjectForm, StoredObject
from genericapiserver.storage.transformer import TransformationPendingError, Transformer
from genericapiserver.storage.write_races import WriteRaces
from genericapiserver.tracing import record

T = TypeVar("T")
_log = logging.getLogger(__name__)

_SPANS = {operation: f"storage {operation}" for operation in ("get", "list", "create", "update", "delete")}

MAX_OBJECT_BYTES = 3 * 1024 * 1024 // 2
"""1.5 MiB, what etcd takes by default: objects stay movable to it."""


@attrs.frozen
class ObjectState(Generic[T]):
    """What is under a key. `stored` is None when nothing is, or when it cannot be read and that was asked for."""

    stored: StoredObject[T] | None
    revision: int
    stale: bool = False
    """The transformer wants it written again."""


class ObjectAccess(Generic[T]):
    """Reads and writes single objects of one resource."""

    def __init__(
        self,
        engine: StorageEngine,
        *,
        keys: KeySpace,
        form: ObjectForm[T],
        transformer: Transformer,
        max_object_bytes: int = MAX_OBJECT_BYTES,
        metrics: ResourceMetrics | None = None,
    ) -> None:
        self.engine = engine
        self.metrics = metrics if metrics is not None else ResourceMetrics.unregistered()
        self.keys = keys
        self.form = form
        self.transformer = transformer
        self.max_object_bytes = max_object_bytes
        self.races = WriteRaces()

    def stored(self, key: bytes, revision: int, data: bytes) -> StoredObject[T]:
        """The object in *data*, which the engine has under *key*. Raises what the transformer raises."""
        value, _ = self.transformer.from_storage(data, key)
        return StoredObject(self.keys.from_engine(key), revision, value, self.form)

    async def stored_later(
        self, pending: TransformationPendingError, key: bytes, revision: int, data: bytes
    ) -> StoredObject[T]:
        """What `stored` gives once it no longer raises *pending*."""
        while True:
            await pending.ready()
            try:
                return self.stored(key, revision, data)
            except TransformationPendingError as again:
                pending = again

    def state(self, key: str, kv: KeyValue | None, *, unreadable: bool = False) -> ObjectState[T]:
        """What *kv* says about *key*. Raises StorageInternalError for bytes that cannot be transformed.

        With *unreadable* such bytes give a StoredObject that raises when it is looked into. What has to be waited for
        raises TransformationPendingError; `state_of` waits.
        """
        if kv is None:
            return ObjectState(None, 0)
        try:
            value, stale = self.transformer.from_storage(kv.value, kv.key)
        except TransformationPendingError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a transformer raises makes the object unreadable
            return self._unreadable(key, kv, error, asked_for=unreadable)
        return ObjectState(StoredObject(key, kv.mod_rev, value, self.form), kv.mod_rev, stale)

    async def state_of(self, key: str, kv: KeyValue | None, *, unreadable: bool = False) -> ObjectState[T]:
        """What `state` gives, waiting for it if need be."""
        while True:
            try:
                return self.state(key, kv, unreadable=unreadable)
            except TransformationPendingError as pending:
                assert kv is not None
                try:
                    await pending.ready()
                except Exception as error:  # noqa: BLE001 - see state
                    return self._unreadable(key, kv, error, asked_for=unreadable)

    def _unreadable(self, key: str, kv: KeyValue, error: Exception, *, asked_for: bool) -> ObjectState[T]:
        if asked_for:
            return ObjectState(StoredObject(key, kv.mod_rev, kv.value, self.form), kv.mod_rev)
        raise StorageInternalError(str(error)) from error

    async def read(self, key: str, *, unreadable: bool = False) -> ObjectState[T]:
        """The newest state."""
        begun = perf_counter()
        try:
            result = await self.engine.get(self.keys.engine_key(key))
        except EngineError as error:
            raise self.translated(error, key) from error
        finally:
            self.took("get", begun)
        return await self.state_of(key, result.kv, unreadable=unreadable)

    def encode(self, obj: T) -> bytes:
        return self.form.codec.encode(obj)

    async def write(self, key: str, value: bytes, *, expect_rev: int, ttl: int) -> WriteResult:
        """Store the encoded *value*. Raises ObjectTooLargeError, StorageInternalError."""
        engine_key = self.keys.engine_key(key)
        try:
            data = self.transformer.to_storage(value, engine_key)
        except Exception as error:
            raise StorageInternalError(str(error)) from error
        if len(data) > self.max_object_bytes:
            raise ObjectTooLargeError(key, len(data), self.max_object_bytes)
        begun = perf_counter()
        try:
            return await self.engine.put(engine_key, data, expect_rev=expect_rev, ttl=ttl)
        except EngineError as error:
            raise self.translated(error, key) from error
        finally:
            self.took("update" if expect_rev else "create", begun)

    async def remove(self, key: str, *, expect_rev: int) -> WriteResult:
        begun = perf_counter()
        try:
            return await self.engine.delete(self.keys.engine_key(key), expect_rev=expect_rev)
        except EngineError as error:
            raise self.translated(error, key) from error
        finally:
            self.took("delete", begun)

    def took(self, operation: str, begun: float) -> None:
        """The engine was asked for *operation* (get, list, create, update, delete) from *begun* (performance counter) on."""
        spent("etcd", begun)
        record(_SPANS[operation], begun)

    def translated(self, error: EngineError, key: str) -> StorageError:
        """What the registry is told. Paths of files stay in the log."""
        full = self.keys.full(key)
        match error:
            case UnreachableError():
                return StorageUnreachableError(full, 0, str(error))
            case EngineTimeoutError():
                return StorageTimeoutError(full, 0, str(error))
            case TooLargeError():
                return ObjectTooLargeError(key, error.size, error.limit)
            case EngineFaultError():
                _log.error(kv("Storage failed", key=full, err=error))
                return StorageInternalError(error.problem)
            case _:
                return StorageInternalError(str(error))


def corrupt(key: str, revision: int, error: BaseException) -> CorruptObjectError:
    """Stored bytes that the transformer refuses."""
    return CorruptObjectError(key, revision, f"data from the storage is not transformable revision={revision}: {error}")
