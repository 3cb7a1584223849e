"""The copy of a source in the server's storage, and how what the source says is written to it.

A question to the source takes time. What changed in the copy meanwhile, by a write through this server or by another answer,
has the last word: everything is written on the condition that the copy is as it was when the source was asked. So nothing
that a client was told is undone by a list() that began before, and what is read never goes back.
"""

import asyncio
import contextlib
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import attrs

from genericapiserver.aio import Clock, KeyedLocks
from genericapiserver.apimachinery.errors import BadRequestError
from genericapiserver.apimachinery.serializer.storage_codec import StorageCodec
from genericapiserver.builder.sources.metadata import Identity, same_content
from genericapiserver.registry.generic.keys import KeyScheme
from genericapiserver.storage.access import MAX_OBJECT_BYTES
from genericapiserver.storage.errors import CorruptObjectError, KeyNotFoundError, ObjectTooLargeError
from genericapiserver.storage.interface import ListOptions, ResponseMeta, StorageBackend
from genericapiserver.storage.stored import StoredObject

CHUNK: Final = 200
"""Writes at once: an engine with a disk commits them together."""
YIELD_EVERY: Final = 100


@attrs.define(eq=False)
class Seen:
    """What the copy held before the source was asked: objects by key, and what has been deleted since."""

    objects: Mapping[str, StoredObject[Any]]
    deleted: set[str] = attrs.field(factory=set)

    def revision(self, key: str) -> int:
        return revision_of(self.objects.get(key))


class BadObjectError(ValueError):
    """The source gave something that cannot be an object of the resource."""


class _SupersededError(Exception):
    """Somebody else has written meanwhile."""


class Mirror:
    """The copy of a source in *backend*. *codec* is that of its objects, *defaults* fills in what they leave out."""

    def __init__(
        self,
        backend: StorageBackend[Any],
        *,
        object_type: type[Any],
        keys: KeyScheme,
        namespaced: bool,
        codec: StorageCodec[Any],
        identity: Identity,
        clock: Clock,
        defaults: Callable[[Any], None] | None = None,
    ) -> None:
        self.backend = backend
        self.object_type = object_type
        self._keys = keys
        self._namespaced = namespaced
        self._codec = codec
        self._identity = identity
        self._clock = clock
        self._defaults = defaults
        self._locks = KeyedLocks()
        self._seen: weakref.WeakSet[Seen] = weakref.WeakSet()
        """Of questions that are under way: an object may come and go while one is asked."""

    # ---- places

    def key(self, obj: Any) -> str:
        """Where *obj* lies. Raises BadObjectError for what is no object, or has no name that could be one."""
        if not isinstance(obj, self.object_type):
            raise BadObjectError(f"not a {self.object_type.__name__}: {type(obj).__name__}")
        metadata = obj.metadata
        if metadata.namespace and not self._namespaced:
            raise BadObjectError(f"{metadata.name!r} has a namespace, and its kind has none")
        try:
            return self._keys.item(metadata.namespace, metadata.name)
        except BadRequestError as error:
            raise BadObjectError(f"{metadata.namespace!r}, {metadata.name!r}: {error}") from error

    def place(self, key: str) -> tuple[str, ...]:
        """The namespace and the name of *key*, or the name alone: the arguments of a source's functions."""
        parts = key.rsplit("/", 2 if self._namespaced else 1)
        return tuple(parts[1:])

    def writing(self, key: str) -> contextlib.AbstractAsyncContextManager[None]:
        """One writer at a time for the object at *key*."""
        return self._locks(key)

    # ---- reading

    async def get(self, key: str) -> StoredObject[Any] | None:
        return await self.backend.get(key, ignore_not_found=True)

    async def seen(self, key: str = "") -> Seen:
        """What is known of the object at *key*, or of all, at the beginning of a question to the source."""
        seen = Seen({})
        self._seen.add(seen)
        one = await self.get(key) if key else None
        seen.objects = ({} if one is None else {key: one}) if key else await self._all()
        return seen

    async def _all(self) -> Mapping[str, StoredObject[Any]]:
        page = await self.backend.get_list(self._keys.root(""), ListOptions(recursive=True))
        return {stored.key: stored for stored in page.items}

    # ---- writing

    def by_key(self, objects: Iterable[Any]) -> dict[str, Any]:
        """*objects* by their keys. Raises BadObjectError for two of one name, too."""
        found: dict[str, Any] = {}
        for obj in objects:
            key = self.key(obj)
            if key in found:
                raise BadObjectError(f"two objects are called {'/'.join(self.place(key))!r}")
            found[key] = obj
        return found

    async def take(self, objects: Mapping[str, Any], before: Seen) -> bool:
        """Bring the copy to what the source said since it was *before*; false when not all of it counted any more.

        Raises BadObjectError, and StorageError.
        """
        now, whole = await self._all(), True
        changes: list[tuple[str, Any]] = []
        for index, key in enumerate((*objects, *(key for key in now if key not in objects))):
            if not self._unchanged(key, before, now.get(key)):
                whole = False
            else:
                obj = self.changed(objects[key], now.get(key)) if key in objects else None
                if obj is not None or key not in objects:
                    changes.append((key, obj))
            if index % YIELD_EVERY == YIELD_EVERY - 1:
                await asyncio.sleep(0)
        for start in range(0, len(changes), CHUNK):
            writes = (self._change(key, obj, revision_of(now.get(key))) for key, obj in changes[start : start + CHUNK])
            for outcome in await asyncio.gather(*writes, return_exceptions=True):
                if isinstance(outcome, BaseException):
                    raise outcome
                whole = whole and outcome
        return whole

    async def take_one(self, key: str, obj: Any | None, before: Seen) -> bool:
        """The same for what the source said of the object at *key*; None: there is none."""
        now = await self.get(key)
        if not self._unchanged(key, before, now):
            return False
        changed = None if obj is None else self.changed(obj, now)
        if changed is not None or (obj is None and now is not None):
            return await self._change(key, changed, revision_of(now))
        return True

    def _unchanged(self, key: str, before: Seen, now: StoredObject[Any] | None) -> bool:
        return key not in before.deleted and before.revision(key) == revision_of(now)

    def changed(self, obj: Any, known: StoredObject[Any] | None) -> Any | None:
        """*obj* as it is to be stored; None when it is as it is known. Raises BadObjectError."""
        old = _readable(known)
        completed = self._identity.completed(obj, None if old is None else old.metadata, self._clock.now())
        if old is not None and completed == old:
            return None
        completed = self.canonical(completed)
        if old is not None:
            completed.metadata.resource_version = old.metadata.resource_version
            if completed == old:
                return None
            if not obj.metadata.generation and not same_content(completed, old):
                completed.metadata.generation = old.metadata.generation + 1
        return completed

    def canonical(self, obj: Any) -> Any:
        """*obj* as it comes back from the storage: a copy that shares nothing. Raises BadObjectError."""
        try:
            made = self._codec.decode(self._codec.encode(obj))
        except Exception as error:
            raise BadObjectError(f"{obj.metadata.namespace!r}, {obj.metadata.name!r}: {error}") from error
        if self._defaults is not None:
            self._defaults(made)
        return made

    def check_size(self, key: str, obj: Any) -> None:
        """Raises ObjectTooLargeError for what could not be kept: a source that took it could not be listed any more."""
        size = len(self._codec.encode(obj))
        if size > MAX_OBJECT_BYTES:
            raise ObjectTooLargeError(key, size, MAX_OBJECT_BYTES)

    def written(self, sent: Any, said: Any | None) -> Any:
        """*sent*, which the source has taken and of which it *said* what it has now, as it is to be stored.

        Raises BadObjectError. None: the source said nothing, and is taken to have what was sent.
        """
        if said is None:
            written = self.canonical(sent)
            written.metadata.uid = self._identity.uid(written.metadata.namespace, written.metadata.name)
            return written
        return self.canonical(self._identity.completed(said, sent.metadata, self._clock.now()))

    async def keep(self, key: str, obj: Any, revision: int) -> StoredObject[Any] | None:
        """Write *obj*, a write that the source has taken; None when the copy is not at *revision* any more."""

        async def update(existing: StoredObject[Any] | None, meta: ResponseMeta) -> tuple[Any, int | None]:
            if meta.resource_version != revision:
                raise _SupersededError
            return obj, None

        try:
            return await self.backend.guaranteed_update(key, update, ignore_not_found=True)
        except _SupersededError:
            return None

    async def forget(self, key: str) -> StoredObject[Any] | None:
        """Delete the object at *key*, which the source has deleted; None when it is gone."""
        for seen in self._seen:
            seen.deleted.add(key)
        try:
            return await self.backend.delete(key)
        except KeyNotFoundError:
            return None

    async def _change(self, key: str, obj: Any | None, revision: int) -> bool:
        """Write or delete; false when somebody has written since *revision*. Raises BadObjectError, and StorageError."""

        async def unchanged(existing: StoredObject[Any]) -> None:
            if existing.revision != revision:
                raise _SupersededError

        try:
            if obj is not None:
                return await self.keep(key, obj, revision) is not None
            await self.backend.delete(key, validate=unchanged)
        except (_SupersededError, KeyNotFoundError):
            return False
        except ObjectTooLargeError as error:
            raise BadObjectError(
                f"{'/'.join(self.place(key))!r} has {error.size} bytes, {error.limit} are taken"
            ) from error
        return True


def revision_of(stored: StoredObject[Any] | None) -> int:
    return 0 if stored is None else stored.revision


def _readable(stored: StoredObject[Any] | None) -> Any | None:
    """The object; None for what was written when the type was another one, which the source's word replaces."""
    try:
        return None if stored is None else stored.shared
    except CorruptObjectError:
        return None
