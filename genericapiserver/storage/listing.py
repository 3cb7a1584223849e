"""Lists straight from the engine: pages at one revision, filled in spite of selectors.

Source: k8s.io/apiserver pkg/storage/etcd3/store.go (GetList).
"""

import asyncio
from time import perf_counter
from typing import Any, Generic, TypeVar

import attrs

from genericapiserver.aio.slices import SLICE
from genericapiserver.storage.access import ObjectAccess
from genericapiserver.storage.api_errors import continue_too_old, list_too_old, too_large
from genericapiserver.storage.continue_token import encode_continue
from genericapiserver.storage.engine import (
    CompactedError,
    EngineError,
    FutureRevisionError,
    RangeResult,
    prefix_end,
)
from genericapiserver.storage.errors import StorageError, StorageInternalError
from genericapiserver.storage.interface import ListOptions
from genericapiserver.storage.selection import SelectionPredicate
from genericapiserver.storage.stored import StoredList, StoredObject
from genericapiserver.storage.transformer import TransformationPendingError
from genericapiserver.storage.versioning import plan_list

T = TypeVar("T")

MAX_PAGE = 10_000
"""Reads for a page double up to so many keys while a selector leaves it unfilled."""
LOOK_EVERY = 64
"""Objects between two looks at the clock: others get a turn after a slice of time, as one object may take a hundred times as
long as another."""


@attrs.define(eq=False)
class _Reading(Generic[T]):
    """How far a list has come; counted however it ends."""

    items: list[StoredObject[T]] = attrs.field(factory=list)
    fetched: int = 0
    evaluated: int = 0


async def get_list(access: ObjectAccess[T], key: str, options: ListOptions) -> StoredList[T]:
    """See StorageBackend.get_list; *key* is prepared."""
    reading: _Reading[T] = _Reading()
    try:
        return await _read_list(access, key, options, reading)
    finally:
        access.metrics.listed(fetched=reading.fetched, evaluated=reading.evaluated, returned=len(reading.items))


async def _read_list(access: ObjectAccess[T], key: str, options: ListOptions, reading: _Reading[T]) -> StoredList[T]:
    keys, predicate = access.keys, options.predicate
    prefix = keys.full(key)
    plan = plan_list(prefix, options)
    start = plan.start or prefix
    engine_start = start.encode(errors="surrogateescape")
    engine_prefix = prefix.encode(errors="surrogateescape")
    end = prefix_end(engine_prefix) if options.recursive else engine_prefix + b"\x00"
    page = limit = max(predicate.limit, 0)
    revision = plan.revision
    items = reading.items
    while True:
        begun = perf_counter()
        try:
            result = await access.engine.range(engine_start, end, limit=page, rev=revision)
        except FutureRevisionError as error:
            raise too_large(revision, error.current, retry_after_seconds=0) from error
        except CompactedError as error:
            raise (continue_too_old(start, prefix) if predicate.continue_token else list_too_old()) from error
        except EngineError as error:
            raise access.translated(error, key) from error
        finally:
            access.took("list", begun)
        if result.rev < plan.not_older_than:
            raise too_large(plan.not_older_than, result.rev, retry_after_seconds=0)
        more = len(result.kvs) < result.total
        if more and not result.kvs:
            raise StorageError("no results were found, but etcd indicated there were more values remaining")
        revision = revision or result.rev
        reading.fetched += len(result.kvs)
        taken = await _take(access, result, predicate, limit, items)
        reading.evaluated += taken
        more = more or taken < len(result.kvs)
        if not more or not limit or len(items) >= limit:
            break
        engine_start = result.kvs[taken - 1].key + b"\x00"
        page = min(page * 2, MAX_PAGE) if page < MAX_PAGE else page
    if not more or not limit:
        return StoredList(items, revision)
    last = result.kvs[taken - 1].key.decode(errors="surrogateescape")
    remaining = result.total - limit if predicate.empty else None
    return StoredList(items, revision, encode_continue(f"{last}\x00", prefix, revision), remaining)


def list_fields(key: str, options: ListOptions) -> dict[str, Any]:
    """What the trace of a list says of it."""
    return {
        "key": key,
        "recursive": options.recursive,
        "resourceVersion": options.resource_version,
        "resourceVersionMatch": options.resource_version_match,
        "limit": options.predicate.limit,
        "continue": options.predicate.continue_token,
    }


async def _take(
    access: ObjectAccess[T],
    result: RangeResult,
    predicate: SelectionPredicate,
    limit: int,
    items: list[StoredObject[T]],
) -> int:
    """Move what is selected into *items* until there are *limit*; how many keys were looked at."""
    everything, since = predicate.empty, perf_counter()
    for index, kv in enumerate(result.kvs):
        if limit and len(items) >= limit:
            return index
        if index % LOOK_EVERY == 0 and perf_counter() - since > SLICE:
            await asyncio.sleep(0)
            since = perf_counter()
        try:
            try:
                stored = access.stored(kv.key, kv.mod_rev, kv.value)
            except TransformationPendingError as pending:
                stored = await access.stored_later(pending, kv.key, kv.mod_rev, kv.value)
        except Exception as error:
            full = kv.key.decode(errors="replace")
            raise StorageInternalError(f'unable to transform key "{full}": {error}') from error
        if everything or predicate.matches(stored):
            items.append(stored)
    return len(result.kvs)
