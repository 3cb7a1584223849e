"""Copying all objects of one store into another, of whatever engine: what they are stays, byte for byte.

Only revisions are the target's own, and history is not copied: clients list anew. The source is read at one revision and
not changed.
"""

import asyncio
import itertools
import time

import attrs

from genericapiserver.storage.engine import KeyValue, StorageEngine
from genericapiserver.storage.tools.objects import space
from genericapiserver.storage.tools.placing import ToolError
from genericapiserver.storage.tools.reading import PAGE, StoreReader, pages
from genericapiserver.storage.tools.sqlite_backup import Progress


@attrs.frozen
class Copied:
    """What was copied."""

    objects: int
    bytes: int
    already: int
    """Objects of these that were there before."""
    expired: int
    """Objects that were not copied because their time is up."""
    revision: int
    """Of the source."""


async def copy(
    source: StoreReader,
    target: StorageEngine,
    *,
    source_prefix: str,
    target_prefix: str,
    resume: bool,
    progress: Progress,
) -> Copied:
    """Copy what *source* has below *source_prefix* to below *target_prefix*, and compare it all afterwards.

    A *target* with objects is refused, unless *resume* is said: what is there and the same is left, what differs is refused.
    Raises ToolError and EngineError; what was copied before stays, and the next copy can resume it.
    """
    start, end = space(source_prefix)
    into, into_end = space(target_prefix)
    if not resume and (await target.range(into, into_end, limit=1)).kvs:
        raise ToolError(
            f"there are objects below {target_prefix} in the target already. Choose an empty one, or say --resume to go on "
            "with a copy that was interrupted"
        )
    rev = source.current_rev()
    kvs = (await source.range(start, end)).kvs  # expiries are known of what is newest
    now = time.time()
    wanted = {into + kv.key[len(start) :]: kv for kv in kvs if not 0 < kv.expires_at <= now}
    already = {kv.key: kv async for page in pages(target, into, into_end, rev=0) for kv in page}
    _compare(already, wanted, "the target has another object there")
    missing = [(key, kv) for key, kv in wanted.items() if key not in already]
    done = len(already)
    for batch in _batches(missing):
        await asyncio.gather(*(_put(target, key, kv) for key, kv in batch))
        done += len(batch)
        progress(done, len(wanted))
    await _verify(target, into, into_end, wanted)
    size = sum(len(kv.value) for kv in wanted.values())
    return Copied(len(wanted), size, len(already), len(kvs) - len(wanted), rev)


def _batches(items: list[tuple[bytes, KeyValue]]) -> list[list[tuple[bytes, KeyValue]]]:
    rest = iter(items)
    return list(iter(lambda: list(itertools.islice(rest, PAGE)), []))


async def _put(target: StorageEngine, key: bytes, kv: KeyValue) -> None:
    ttl = max(kv.expires_at - time.time(), 1.0) if kv.expires_at else 0.0
    if not (await target.put(key, kv.value, expect_rev=0, ttl=ttl)).ok:
        raise ToolError(
            f"{key.decode()}: somebody has written it in the target meanwhile. Stop who does, and say --resume"
        )


async def _verify(target: StorageEngine, start: bytes, end: bytes, wanted: dict[bytes, KeyValue]) -> None:
    found = {kv.key: kv async for page in pages(target, start, end, rev=0) for kv in page}
    _compare(found, wanted, "it differs after it was copied")
    now = time.time()
    for key, kv in wanted.items():
        if key not in found and not 0 < kv.expires_at <= now:
            raise ToolError(
                f"{key.decode()}: it is missing in the target after it was copied. Copy again with --resume"
            )


def _compare(found: dict[bytes, KeyValue], wanted: dict[bytes, KeyValue], problem: str) -> None:
    for key, kv in found.items():
        if key not in wanted:
            raise ToolError(f"{key.decode(errors='replace')}: the source has no such object. Choose an empty target")
        if kv.value != wanted[key].value:
            raise ToolError(f"{key.decode(errors='replace')}: {problem}. Choose an empty target")
