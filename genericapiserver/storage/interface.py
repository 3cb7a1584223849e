"""What a storage backend promises: the store over an engine and the watch cache in front of it, seen from the registry.

Source: k8s.io/apiserver pkg/storage/interfaces.go. Reads and writes give StoredObjects instead of filling an output
argument; a deadline is the caller's (`asyncio.timeout`), so there is no context argument.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Any, Generic, Literal, Protocol, Self, TypeAlias, TypeVar, overload

import attrs

from genericapiserver.storage.errors import InvalidObjectError, StorageInternalError
from genericapiserver.storage.selection import EVERYTHING, SelectionPredicate
from genericapiserver.storage.stored import StoredList, StoredObject, WatchEvent

T = TypeVar("T")

NOT_OLDER_THAN = "NotOlderThan"
EXACT = "Exact"


@attrs.frozen(kw_only=True)
class ListOptions:
    """Options of a list or a watch, as the registry passes them down.

    `timeout` is how many seconds a watch is going to live if the caller knows; it only moves the last bookmark before
    that end. Nothing is cut by it.
    """

    resource_version: str = ""
    resource_version_match: str = ""
    predicate: SelectionPredicate = EVERYTHING
    recursive: bool = False
    """True: everything under the key; False: exactly the key."""
    progress_notify: bool = False
    send_initial_events: bool | None = None
    timeout: float | None = None


@attrs.frozen(kw_only=True)
class Preconditions:
    """What must be true of the stored object for a write to happen. None means no condition."""

    uid: str | None = None
    resource_version: str | None = None

    def check(self, key: str, obj: Any) -> None:
        """Raise InvalidObjectError unless *obj* meets both."""
        metadata = getattr(obj, "metadata", None)
        if metadata is None:
            raise StorageInternalError(
                f"can't enforce preconditions {self} on un-introspectable object {obj!r}, got error: no metadata"
            )
        if self.uid is not None and self.uid != metadata.uid:
            raise InvalidObjectError(
                key,
                0,
                f"Precondition failed: UID in precondition: {self.uid}, UID in object meta: {metadata.uid}",
            )
        if self.resource_version is not None and self.resource_version != metadata.resource_version:
            raise InvalidObjectError(
                key,
                0,
                f"Precondition failed: ResourceVersion in precondition: {self.resource_version}, "
                f"ResourceVersion in object meta: {metadata.resource_version}",
            )


@attrs.frozen
class ResponseMeta:
    """What an update is told about the state it starts from."""

    resource_version: int = 0
    """0: nothing is stored under the key."""
    ttl: int = 0
    """Seconds left to live, 0 for ever."""


@attrs.frozen
class Stats:
    """`object_count` objects under the resource prefix; the mean size of their stored bytes, 0 when there are none."""

    object_count: int
    estimated_average_object_size_bytes: int


UpdateFunc: TypeAlias = Callable[[StoredObject[T] | None, ResponseMeta], Awaitable[tuple[T, int | None]]]
"""Makes the new object from the stored one (None: missing). Returns it with its TTL in seconds, None or 0 for none.

May be called several times, with newer states; `existing.object()` is a fresh copy each time.
"""

ValidateDeletion: TypeAlias = Callable[[StoredObject[T]], Awaitable[None]]
"""Raises when the object it is shown may not be deleted. May be called several times, with newer states."""


class WatchStream(Protocol[T]):
    """An open watch. After the last event, or an ERROR event, `next_events` gives an empty list for ever."""

    @property
    def initialized(self) -> bool:
        """Whether all that the watch begins with has been handed out."""

    async def next_events(self) -> list[WatchEvent[T]]:
        """Everything pending, at least one event; waits for one. [] means that the watch has ended."""

    def close(self) -> None:
        """End the watch; a waiting `next_events` returns []. Idempotent."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def __aiter__(self) -> AsyncIterator[WatchEvent[T]]:
        """The events one by one."""


class StorageBackend(Protocol[T]):
    """Objects of one resource. Keys look like `/<resource>/<namespace>/<name>` and lie under the resource prefix.

    Every method raises InvalidKeyError for a key outside the prefix, StorageError and its family for the rest.
    """

    async def create(self, key: str, obj: T, *, ttl: int = 0) -> StoredObject[T]:
        """Store *obj*, for *ttl* seconds (0: for ever). Raises KeyExistsError; *obj* must carry no resource version."""

    async def delete(
        self,
        key: str,
        *,
        preconditions: Preconditions | None = None,
        validate: ValidateDeletion[T] | None = None,
        cached_existing: StoredObject[T] | None = None,
        ignore_store_read_error: bool = False,
    ) -> StoredObject[T]:
        """Delete and return the last state at the revision of the deletion. Raises KeyNotFoundError.

        *cached_existing* is a hint that may be stale. *ignore_store_read_error* deletes what cannot be read, too.
        """

    @overload
    async def get(
        self, key: str, *, resource_version: str = "", ignore_not_found: Literal[False] = False
    ) -> StoredObject[T]: ...

    @overload
    async def get(self, key: str, *, resource_version: str = "", ignore_not_found: bool) -> StoredObject[T] | None: ...

    async def get(
        self, key: str, *, resource_version: str = "", ignore_not_found: bool = False
    ) -> StoredObject[T] | None:
        """The object, not older than *resource_version*. Missing: KeyNotFoundError, or None if *ignore_not_found*."""

    async def get_list(self, key: str, options: ListOptions) -> StoredList[T]:
        """The object at *key*, or everything under it when `options.recursive`, in byte order of the keys."""

    async def watch(self, key: str, options: ListOptions) -> WatchStream[T]:
        """Open a watch on *key*, or on everything under it. What fails later is an ERROR event."""

    async def guaranteed_update(
        self,
        key: str,
        update: UpdateFunc[T],
        *,
        ignore_not_found: bool = False,
        preconditions: Preconditions | None = None,
        cached_existing: StoredObject[T] | None = None,
    ) -> StoredObject[T]:
        """Run *update* on the stored object and store its result, again until nobody else wrote meanwhile.

        An unchanged object is not written and keeps its revision. A missing key raises KeyNotFoundError, or with
        *ignore_not_found* starts from None.
        """

    async def stats(self) -> Stats:
        """Count and mean size of the objects of the resource."""

    def readiness_check(self) -> None:
        """Raise StorageError while the backend cannot serve reads."""

    async def request_watch_progress(self) -> None:
        """Make open watches learn the current revision soon (best effort)."""

    async def get_current_resource_version(self) -> int:
        """The revision of the last write to the whole store."""

    def compact_revision(self) -> int:
        """The newest compaction seen, 0 when there was none."""


class WatchStreamBase(ABC, Generic[T]):
    """The half of a WatchStream that is the same for all; streams inherit it and add `next_events` and `close`."""

    @property
    def initialized(self) -> bool:
        return True

    @property
    def revision(self) -> int:
        """Up to which revision everything has been handed out, for whoever looks into the server; 0: not known."""
        return 0

    @property
    def pending(self) -> int | None:
        """How many changes have not been looked at; None: not known."""
        return None

    @property
    def lag(self) -> float | None:
        """Seconds since the first of them; 0.0 without any, None: not known."""
        return None

    @abstractmethod
    async def next_events(self) -> list[WatchEvent[T]]:
        """See WatchStream."""

    @abstractmethod
    def close(self) -> None:
        """See WatchStream."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    async def __aiter__(self) -> AsyncIterator[WatchEvent[T]]:
        while events := await self.next_events():
            for event in events:
                yield event
