"""What the watch cache holds of bytes that its transformer refuses: they stand for their object, and are tried again when
somebody asks for it. A key may have come back meanwhile; until then only what the object is part of fails.
"""

import asyncio
from time import perf_counter
from typing import TypeVar

from genericapiserver.aio.slices import SLICE
from genericapiserver.storage.access import ObjectAccess
from genericapiserver.storage.cache_state import CacheState, UnreadableObject
from genericapiserver.storage.errors import StorageInternalError
from genericapiserver.storage.stored import StoredObject
from genericapiserver.storage.transformer import TransformationPendingError

T = TypeVar("T")


def stored_or_unreadable(access: ObjectAccess[T], key: bytes, revision: int, data: bytes) -> StoredObject[T]:
    """The object, or what stands for it when the transformer refuses its bytes. Raises TransformationPendingError."""
    try:
        return access.stored(key, revision, data)
    except TransformationPendingError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a transformer raises concerns this object alone
        return UnreadableObject(access.keys.from_engine(key), revision, data, access.form, error)


async def stored_or_unreadable_later(
    access: ObjectAccess[T], key: bytes, revision: int, data: bytes
) -> StoredObject[T]:
    """What `stored_or_unreadable` gives, waiting for it if need be."""
    try:
        return stored_or_unreadable(access, key, revision, data)
    except TransformationPendingError as pending:
        try:
            return await access.stored_later(pending, key, revision, data)
        except Exception as error:  # noqa: BLE001 - see stored_or_unreadable
            return UnreadableObject(access.keys.from_engine(key), revision, data, access.form, error)


async def healed(access: ObjectAccess[T], state: CacheState[T], stored: UnreadableObject[T]) -> bool:
    """Whether *stored*, which could not be read, can be by now."""
    if stored.error is None:
        return True
    key = access.keys.engine_key(stored.key)
    try:
        try:
            read = access.stored(key, stored.revision, stored.value)
        except TransformationPendingError as pending:
            read = await access.stored_later(pending, key, stored.revision, stored.value)
    except Exception as error:  # noqa: BLE001 - see stored_or_unreadable
        stored.error = stored.error and error
    else:
        if stored.error is not None:  # somebody else may have been faster
            state.heal(stored, read.value)
    return stored.error is None


async def require_readable(access: ObjectAccess[T], state: CacheState[T], stored: StoredObject[T]) -> None:
    """Raises StorageInternalError for bytes that still cannot be read."""
    if isinstance(stored, UnreadableObject) and not await healed(access, state, stored):
        raise StorageInternalError(str(stored.error)) from stored.error


async def all_healed(access: ObjectAccess[T], state: CacheState[T], key: str) -> bool:
    """Whether everything under *key* can be read; what could not be is tried again, up to the first that still
    cannot be."""
    # Without a key this fails with the first one, and costs no more than that.
    some = next((found for found in state.unreadable if found.startswith(key)), None)
    if some is None or not await _is_healed(access, state, some):
        return some is None
    since = perf_counter()
    for bad in [found for found in state.unreadable if found.startswith(key)]:
        if not await _is_healed(access, state, bad):
            return False
        if perf_counter() - since > SLICE:
            await asyncio.sleep(0)
            since = perf_counter()
    return True


async def _is_healed(access: ObjectAccess[T], state: CacheState[T], key: str) -> bool:
    stored = state.by_key.get(key)
    return not isinstance(stored, UnreadableObject) or await healed(access, state, stored)
