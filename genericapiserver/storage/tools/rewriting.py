"""Writing again what is stored in another way than it would be written now: with an old key, by another provider, or plain.

Each object is read and written by the transformer of its resource, as its server does, and compared when it is written, so
that what a server writes meanwhile is never lost. What was rewritten is not stale any more: an interrupted run is resumed by
another one.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from typing import Final, Protocol, runtime_checkable

import attrs

from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.storage.access import MAX_OBJECT_BYTES
from genericapiserver.storage.encryption.resources import EncryptedResources
from genericapiserver.storage.engine import KeyValue, StorageEngine, TooLargeError, WriteResult
from genericapiserver.storage.tools.objects import space, unreadable
from genericapiserver.storage.tools.placing import ToolError
from genericapiserver.storage.tools.reading import pages
from genericapiserver.storage.tools.sqlite_backup import Progress
from genericapiserver.storage.transformer import TransformationPendingError, Transformer

AT_ONCE: Final = 100
"""Writes that go to the engine together."""

_PREFIX: Final = "Say with --etcd-prefix below which key its server keeps all objects"


@runtime_checkable
class KeepsLeases(Protocol):
    """An engine that does not tell when a key expires, and can leave it at that."""

    async def replace(self, key: bytes, value: bytes, *, expect_rev: int) -> WriteResult: ...


@attrs.define
class Rewritten:
    """What became of the objects. In a dry run `rewritten` is what would have been."""

    looked_at: Counter[GroupResource] = attrs.Factory(Counter)
    rewritten: Counter[GroupResource] = attrs.Factory(Counter)
    problems: list[tuple[str, str]] = attrs.Factory(list)
    """Keys of objects that are as they were, and why."""


class UnknownResourceError(ValueError):
    """Nobody can tell which resource an object belongs to."""


class Rewriter:
    """Rewrites what is below *prefix* in *engine* the way *transformers* write.

    Only objects of the *resources* that are named (`flunders`, `flunders.wardle.example.com`), all if none is. With
    *dry_run* nothing is written.
    """

    def __init__(
        self,
        engine: StorageEngine,
        transformers: EncryptedResources,
        *,
        prefix: str,
        resources: Sequence[str] = (),
        dry_run: bool = False,
    ) -> None:
        self._engine = engine
        self._transformers = transformers
        self._start, self._end = space(prefix)
        self._resources = frozenset(resources)
        self._dry_run = dry_run
        self._done = Rewritten()

    async def run(self, progress: Progress) -> Rewritten:
        """Look at every object. Raises ToolError when nothing can be written, and EngineError; what was rewritten before
        stays so."""
        total = (await self._engine.stats(self._start, self._end)).keys
        seen = 0
        async for page in pages(self._engine, self._start, self._end, rev=0):
            for first in range(0, len(page), AT_ONCE):
                batch = page[first : first + AT_ONCE]
                await self._all(batch)
                seen += len(batch)
                progress(min(seen, total), total)
        return self._done

    async def _all(self, batch: list[KeyValue]) -> None:
        """Every one of *batch*; after a failure none is left on its way."""
        outcomes = await asyncio.gather(*(self._one(kv) for kv in batch), return_exceptions=True)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    async def _one(self, kv: KeyValue) -> None:
        key = kv.key.decode(errors="backslashreplace")
        try:
            resource, plain, stale = await self._read(kv)
        except Exception as error:  # noqa: BLE001  whatever it is, the others can be rewritten
            if self._may_be_wanted(kv.key):
                self._done.problems.append((key, str(error)))
            return
        if not self._is_wanted(resource):
            return
        self._done.looked_at[resource] += 1
        if not stale:
            return
        if self._dry_run:
            self._done.rewritten[resource] += 1
            return
        try:
            written = await self._write(kv, self._transformers.transformer_for(resource), plain)
        except TooLargeError as error:
            self._done.problems.append((key, str(error)))
            return
        if written.ok:
            self._done.rewritten[resource] += 1
        elif written.current is not None:  # somebody was faster; what they have written may be stale, too
            self._done.looked_at[resource] -= 1
            await self._one(written.current)

    async def _write(self, kv: KeyValue, transformer: Transformer, plain: bytes) -> WriteResult:
        try:
            data = transformer.to_storage(plain, kv.key)
        except Exception as error:
            raise ToolError(f"nothing can be written: {error}") from error
        if len(data) > MAX_OBJECT_BYTES:
            raise TooLargeError(len(data), MAX_OBJECT_BYTES)
        if isinstance(self._engine, KeepsLeases):
            return await self._engine.replace(kv.key, data, expect_rev=kv.mod_rev)
        ttl = max(kv.expires_at - time.time(), 1.0) if kv.expires_at else 0.0
        return await self._engine.put(kv.key, data, expect_rev=kv.mod_rev, ttl=ttl)

    # ---- which resource

    async def _read(self, kv: KeyValue) -> tuple[GroupResource, bytes, bool]:
        """The resource of *kv*, its plain bytes, and whether they are to be written again. Raises what keeps it from
        being read."""
        parts = self._parts(kv.key)
        failure: Exception | None = None
        for guess in self._guesses(parts):
            try:
                plain, stale = await _plain(self._transformers.transformer_for(guess), kv)
                resource = resource_of(parts, plain)
                if resource != guess:  # the object itself knows best, and what its resource has must be able to read it
                    plain, stale = await _plain(self._transformers.transformer_for(resource), kv)
            except Exception as error:  # noqa: BLE001  another guess may do
                failure = failure or error
                continue
            return resource, plain, stale
        raise failure or _unknown(f"its key is not <prefix>/[GROUP/]RESOURCE/[NAMESPACE/]NAME. {_PREFIX}")

    def _guesses(self, parts: list[str]) -> list[GroupResource]:
        if len(parts) < 2 or ("." in parts[0] and "." in parts[1] and len(parts) >= 3):
            return []
        grouped, core = GroupResource(parts[0], parts[1]), GroupResource("", parts[0])
        if "." in parts[0]:
            return [grouped]
        if len(parts) >= 4:
            return [grouped, core]
        # A Go server lays objects out without their groups unless it serves many of them.
        named = [rule for rule in self._transformers.rules if rule.resource == parts[0] and rule.group]
        return [core, *named, grouped] if len(parts) == 3 else [core, *named]

    def _parts(self, key: bytes) -> list[str]:
        return key.removeprefix(self._start).decode(errors="backslashreplace").split("/")

    def _is_wanted(self, resource: GroupResource) -> bool:
        return not self._resources or not self._resources.isdisjoint((resource.resource, str(resource)))

    def _may_be_wanted(self, key: bytes) -> bool:
        guesses = self._guesses(self._parts(key))
        return not guesses or any(self._is_wanted(guess) for guess in guesses)


async def _plain(transformer: Transformer, kv: KeyValue) -> tuple[bytes, bool]:
    while True:
        try:
            return transformer.from_storage(kv.value, kv.key)
        except TransformationPendingError as pending:
            await pending.ready()


def resource_of(parts: Sequence[str], plain: bytes) -> GroupResource:
    """The resource of the object *plain* at the key that *parts* make. Raises UnknownResourceError: to guess wrong would be
    to write what its server cannot read."""
    if problem := unreadable(plain):
        if len(parts) >= 3 and "." in parts[0] and "." not in parts[1]:
            return GroupResource(parts[0], parts[1])
        raise _unknown(problem)
    found = json.loads(plain)
    version, kind = found.get("apiVersion"), found.get("kind")
    if not isinstance(version, str) or not isinstance(kind, str):
        raise _unknown("it has no apiVersion or no kind")
    group = version.partition("/")[0] if "/" in version else ""
    if group and parts[0] == group and len(parts) >= 3:
        if "." not in group and parts[1] not in _plurals(kind):
            raise _unknown(f"a {kind} is at {'/'.join(parts)}")
        return GroupResource(group, parts[1])
    if parts[0] not in _plurals(kind):  # Go servers keep endpoints below services, and nodes below minions
        raise _unknown(f"a {kind} of {version} is at {'/'.join(parts)}. {_PREFIX}")
    return GroupResource(group, parts[0])


def _unknown(problem: str) -> UnknownResourceError:
    return UnknownResourceError(f"which resource it is of cannot be told: {problem}")


def _plurals(kind: str) -> tuple[str, ...]:
    """How a resource of *kind* may be called."""
    name = kind.lower()
    return name, f"{name}s", f"{name}es", f"{name[:-1]}ies"
