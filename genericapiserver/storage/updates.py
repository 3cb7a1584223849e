"""The two compare-and-swap loops: update until nobody else wrote meanwhile, delete what was looked at.

A caller may bring an object it has seen (a cache's), which saves a read when it is still the newest. Whatever fails on
such a hint is tried again on what is stored; only what fails on the stored state is the caller's error. There is no
limit of tries: each lost race means that somebody else's write went through. Who keeps losing waits for a turn
(`write_races`).

Source: k8s.io/apiserver pkg/storage/etcd3/store.go (GuaranteedUpdate, conditionalDelete).
"""

from typing import TypeVar

from genericapiserver.storage.access import ObjectAccess, ObjectState
from genericapiserver.storage.engine import KeyValue
from genericapiserver.storage.errors import KeyNotFoundError
from genericapiserver.storage.interface import Preconditions, ResponseMeta, UpdateFunc, ValidateDeletion
from genericapiserver.storage.stored import StoredObject
from genericapiserver.storage.write_races import Race
from genericapiserver.tracing import step

T = TypeVar("T")


async def guaranteed_update(
    access: ObjectAccess[T],
    key: str,
    update: UpdateFunc[T],
    *,
    ignore_not_found: bool,
    preconditions: Preconditions | None,
    hint: ObjectState[T] | None,
) -> StoredObject[T]:
    """See StorageBackend.guaranteed_update. A *hint* may also say that nothing is stored."""
    race = access.races.enter(key)
    try:
        return await _update(access, key, update, ignore_not_found, preconditions, hint, race)
    finally:
        await race.aclose()


async def _update(
    access: ObjectAccess[T],
    key: str,
    update: UpdateFunc[T],
    ignore_not_found: bool,
    preconditions: Preconditions | None,
    hint: ObjectState[T] | None,
    race: Race,
) -> StoredObject[T]:
    state, current = await _start(access, key, hint)
    while True:
        if state.stored is None and not ignore_not_found:
            if current:
                raise KeyNotFoundError(access.keys.full(key))
            state, current = await access.read(key), True
            continue
        try:
            if preconditions is not None:
                preconditions.check(
                    access.keys.full(key), state.stored.shared if state.stored is not None else access.form.new()
                )
            obj, ttl = await update(state.stored, ResponseMeta(state.revision))
        except Exception:
            # On a hint this may have failed because the hint was old. If it was not, the failure stands.
            if current:
                raise
            tried, state, current = state.revision, await access.read(key), True
            if state.revision == tried:
                raise
            continue
        value = access.encode(obj)
        step("Transaction prepared")
        if state.stored is not None and not state.stale and value == state.stored.value:
            if not current:
                state, current = await access.read(key), True
                if state.stored is None or state.stored.value != value:
                    continue
            if not state.stale:
                assert state.stored is not None
                return state.stored
        result = await access.write(key, value, expect_rev=state.revision, ttl=ttl or 0)
        step("Txn call completed")
        if result.ok:
            return StoredObject(key, result.rev, value, access.form)
        state, current = await _next(access, key, result.current, race), True


async def delete(
    access: ObjectAccess[T],
    key: str,
    *,
    preconditions: Preconditions | None,
    validate: ValidateDeletion[T] | None,
    hint: ObjectState[T] | None,
    unreadable: bool,
) -> StoredObject[T]:
    """See StorageBackend.delete."""
    race = access.races.enter(key)
    try:
        return await _delete(access, key, preconditions, validate, hint, unreadable, race)
    finally:
        await race.aclose()


async def _delete(
    access: ObjectAccess[T],
    key: str,
    preconditions: Preconditions | None,
    validate: ValidateDeletion[T] | None,
    hint: ObjectState[T] | None,
    unreadable: bool,
    race: Race,
) -> StoredObject[T]:
    state, current = await _start(access, key, hint, unreadable=unreadable)
    while True:
        stored = state.stored
        if stored is None:
            raise KeyNotFoundError(access.keys.full(key))
        try:
            if not unreadable:
                stored.shared  # noqa: B018 - what cannot be decoded is not deleted, as in the reference's getState
            if preconditions is not None:
                preconditions.check(access.keys.full(key), stored.shared)
            if validate is not None:
                await validate(stored)
        except Exception:
            if current:
                raise
            tried, state, current = state.revision, await access.read(key, unreadable=unreadable), True
            if state.revision == tried:
                raise
            continue
        result = await access.remove(key, expect_rev=state.revision)
        if result.ok:
            return stored.at_revision(result.rev)
        state, current = await _next(access, key, result.current, race, unreadable=unreadable), True


async def _next(
    access: ObjectAccess[T], key: str, found: KeyValue | None, race: Race, *, unreadable: bool = False
) -> ObjectState[T]:
    """The state for the next try, after a write that *found* another one there."""
    if await race.lost():
        return await access.read(key, unreadable=unreadable)
    return await access.state_of(key, found, unreadable=unreadable)


def hint_from(stored: StoredObject[T] | None) -> ObjectState[T] | None:
    """The hint that *stored* is, if there is one."""
    return None if stored is None else ObjectState(stored, stored.revision)


async def _start(
    access: ObjectAccess[T], key: str, hint: ObjectState[T] | None, *, unreadable: bool = False
) -> tuple[ObjectState[T], bool]:
    """The state to begin with, and whether it was just read."""
    if hint is not None:
        return hint, False
    return await access.read(key, unreadable=unreadable), True
