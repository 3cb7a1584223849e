"""The storage of a resource over a source: reads ask the source first, writes go to the source first.

    read, newest         the source is asked (get() for one object, list() otherwise), the mirror is brought up to date, and
                         answers; with *max_age* a snapshot of that age will do
    read, any version    or "not older than n": the mirror answers if it is not older than the interval of polling
    read at a revision   pages after the first, exact versions: the mirror's history
    watch                the mirror's; the source is polled meanwhile
    write                the object as the source has it now is what preconditions and resource versions are held against;
                         then the source's function; then the mirror. One writer at a time for each object.

What a write changes and only this server keeps (finalizers, owners, managed fields) is written to the mirror alone.
"""

from typing import Any, Literal, overload

from genericapiserver.apimachinery.errors import MethodNotSupportedError
from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.builder.sources.calls import (
    CREATE,
    DELETE,
    GET,
    LIST,
    UPDATE,
    ExistsError,
    MissingError,
    SourceCalls,
)
from genericapiserver.builder.sources.metadata import for_source
from genericapiserver.builder.sources.mirror import BadObjectError, Mirror, Seen, revision_of
from genericapiserver.builder.sources.snapshots import Polling, Snapshots
from genericapiserver.builder.sources.watch import SourceWatchStream
from genericapiserver.storage.errors import KeyExistsError, KeyNotFoundError
from genericapiserver.storage.interface import (
    ListOptions,
    Preconditions,
    ResponseMeta,
    Stats,
    UpdateFunc,
    ValidateDeletion,
    WatchStream,
)
from genericapiserver.storage.stored import StoredList, StoredObject


class SourceBackend:
    """A StorageBackend over the functions of *calls* and their *mirror*. *interval* and *max_age* are seconds."""

    def __init__(
        self, calls: SourceCalls, mirror: Mirror, *, resource: GroupResource, interval: float, max_age: float
    ) -> None:
        self._calls = calls
        self._mirror = mirror
        self._resource = resource
        self._max_age = max_age
        self._any_age = max(interval, max_age)
        self._snapshots = Snapshots(mirror, calls)
        self.polling = Polling(self._snapshots, interval=interval, resource=resource)

    # ---- reading

    @overload
    async def get(
        self, key: str, *, resource_version: str = "", ignore_not_found: Literal[False] = False
    ) -> StoredObject[Any]: ...

    @overload
    async def get(
        self, key: str, *, resource_version: str = "", ignore_not_found: bool
    ) -> StoredObject[Any] | None: ...

    async def get(
        self, key: str, *, resource_version: str = "", ignore_not_found: bool = False
    ) -> StoredObject[Any] | None:
        """See StorageBackend. Raises StatusError when the source fails."""
        await self._look_at(key, resource_version)
        return await self._mirror.backend.get(key, resource_version=resource_version, ignore_not_found=ignore_not_found)

    async def get_list(self, key: str, options: ListOptions) -> StoredList[Any]:
        """See StorageBackend. Raises StatusError when the source fails."""
        if not (options.predicate.continue_token or options.resource_version_match == "Exact"):
            if options.recursive:
                await self._snapshots.take(max_age=self._age(options.resource_version))
            else:
                await self._look_at(key, options.resource_version)
        return await self._mirror.backend.get_list(key, options)

    async def watch(self, key: str, options: ListOptions) -> WatchStream[Any]:
        """See StorageBackend. What it begins with is as fresh as a list; without, the next poll tells what is new.

        Raises StatusError when the source fails; later failures are logged, and the watch stays open.
        """
        leave = self.polling.watcher()
        try:
            if options.send_initial_events or options.resource_version in ("", "0"):
                await self._snapshots.take(max_age=self._age(options.resource_version))
            return SourceWatchStream(await self._mirror.backend.watch(key, options), leave)
        except BaseException:
            leave()
            raise

    def _age(self, resource_version: str) -> float:
        return self._any_age if resource_version else self._max_age

    async def _look_at(self, key: str, resource_version: str) -> None:
        """Bring the mirror of one object up to date."""
        max_age = self._age(resource_version)
        age = self._snapshots.age
        if GET not in self._calls:
            await self._snapshots.take(max_age=max_age)
        elif not max_age or age is None or age > max_age:
            await self._asked(key)

    async def _asked(self, key: str) -> StoredObject[Any] | None:
        """The object as the source has it now, mirrored."""
        while True:
            before = await self._mirror.seen(key)
            if await self._taken(key, await self._ask(key), before):
                return await self._mirror.get(key)

    async def _ask(self, key: str) -> Any | None:
        """What the source says of one object; None: there is none."""
        verb = GET if GET in self._calls else LIST
        try:
            said = await self._calls(verb, *(self._mirror.place(key) if verb == GET else ()))
            obj = said if verb == GET else self._mirror.by_key(said).get(key)
            if obj is not None and self._mirror.key(obj) != key:
                raise BadObjectError(f"asked for {self._mirror.place(key)}, it gave {obj.metadata.name!r}")
        except MissingError:
            return None
        except BadObjectError as error:
            raise self._calls.failed(verb, error) from error
        return obj

    async def _taken(self, key: str, obj: Any | None, before: Seen) -> bool:
        try:
            return await self._mirror.take_one(key, obj, before)
        except BadObjectError as error:
            raise self._calls.failed(GET, error) from error

    # ---- writing

    async def create(self, key: str, obj: Any, *, ttl: int = 0) -> StoredObject[Any]:
        """See StorageBackend; the source keeps no objects for a time only. Raises StatusError when the source fails."""
        async with self._mirror.writing(key):
            if await self._asked(key) is not None:
                raise KeyExistsError(key)
            return await self._create(key, obj)

    async def guaranteed_update(
        self,
        key: str,
        update: UpdateFunc[Any],
        *,
        ignore_not_found: bool = False,
        preconditions: Preconditions | None = None,
        cached_existing: StoredObject[Any] | None = None,
    ) -> StoredObject[Any]:
        """See StorageBackend. Raises StatusError when the source fails, MethodNotSupportedError without a function."""
        async with self._mirror.writing(key):
            while True:
                existing = await self._asked(key)
                if existing is None and not ignore_not_found:
                    raise KeyNotFoundError(key)
                if preconditions is not None:
                    preconditions.check(key, self._mirror.object_type() if existing is None else existing.shared)
                obj, _ = await update(existing, ResponseMeta(revision_of(existing)))
                if existing is None:
                    return await self._create(key, obj)
                obj.metadata.resource_version = str(existing.revision)
                if obj == existing.shared:
                    return existing
                if for_source(obj) != for_source(existing.shared):
                    return await self._update(key, obj, existing)
                kept = await self._mirror.keep(key, obj, existing.revision)
                if kept is not None:
                    return kept

    async def delete(
        self,
        key: str,
        *,
        preconditions: Preconditions | None = None,
        validate: ValidateDeletion[Any] | None = None,
        cached_existing: StoredObject[Any] | None = None,
        ignore_store_read_error: bool = False,
    ) -> StoredObject[Any]:
        """See StorageBackend. Raises StatusError when the source fails."""
        async with self._mirror.writing(key):
            existing = await self._asked(key)
            if existing is None:
                raise KeyNotFoundError(key)
            if preconditions is not None:
                preconditions.check(key, existing.shared)
            if validate is not None:
                await validate(existing)
            try:
                await self._calls(DELETE, *self._mirror.place(key))
            except MissingError:
                await self._mirror.forget(key)
                raise KeyNotFoundError(key) from None
            return await self._mirror.forget(key) or existing

    async def _create(self, key: str, obj: Any) -> StoredObject[Any]:
        try:
            said = await self._write(CREATE, key, obj)
        except ExistsError:
            raise KeyExistsError(key) from None
        return await self._kept(key, obj, said, 0)

    async def _update(self, key: str, obj: Any, existing: StoredObject[Any]) -> StoredObject[Any]:
        try:
            said = await self._write(UPDATE, key, obj)
        except MissingError:
            await self._mirror.forget(key)
            raise KeyNotFoundError(key) from None
        return await self._kept(key, obj, said, existing.revision)

    async def _write(self, verb: str, key: str, obj: Any) -> Any | None:
        if verb not in self._calls:
            raise MethodNotSupportedError(self._resource, verb)
        self._mirror.check_size(key, obj)
        return await self._calls(verb, self._mirror.canonical(obj))

    async def _kept(self, key: str, sent: Any, said: Any | None, revision: int) -> StoredObject[Any]:
        """Mirror a write as the source has it: what the function gave, or else what the source says when asked.

        *revision* is where the mirror was when the function was called. Where somebody has brought it further, the source is
        asked again. A source that does not show what it has just taken is taken at its word.
        """
        while True:
            if said is None:
                revision = revision_of(await self._mirror.get(key))
                said = await self._ask(key)
            try:
                if said is not None and self._mirror.key(said) != key:
                    raise BadObjectError(f"wrote {self._mirror.place(key)}, it gave {said.metadata.name!r}")
                obj = self._mirror.written(sent, said)
            except BadObjectError as error:
                raise self._calls.failed(UPDATE, error) from error
            kept = await self._mirror.keep(key, obj, revision)
            if kept is not None:
                return kept
            said = None

    # ---- the rest

    async def stats(self) -> Stats:
        """See StorageBackend; of what was seen last."""
        return await self._mirror.backend.stats()

    def readiness_check(self) -> None:
        """Always ready, as far as the source is concerned: what is wrong with it shows with each call."""

    async def request_watch_progress(self) -> None:
        """See StorageBackend."""
        await self._mirror.backend.request_watch_progress()

    async def get_current_resource_version(self) -> int:
        """See StorageBackend."""
        return await self._mirror.backend.get_current_resource_version()

    def compact_revision(self) -> int:
        """See StorageBackend."""
        return self._mirror.backend.compact_revision()

    async def aclose(self) -> None:
        """Stop polling. The mirror belongs to who made it. Idempotent."""
        await self.polling.aclose()
