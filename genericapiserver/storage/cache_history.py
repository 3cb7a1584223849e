"""What a watch that starts in the past has missed: from the cache's changes, and before those from the engine's history.

So a client resumes where it was although the server has been restarted or its resource has been busy, as long as the
engine still has the history. A client that is very far behind lists faster and is told to.
"""

from typing import Generic, TypeVar

from genericapiserver.storage.access import ObjectAccess
from genericapiserver.storage.api_errors import cached_watch_too_old, error_event
from genericapiserver.storage.cache_state import CacheEvent, CacheState, UnreadableObject
from genericapiserver.storage.cache_watch import seen_by
from genericapiserver.storage.engine import CompactedError, EngineError, EngineEvent
from genericapiserver.storage.interface import ListOptions
from genericapiserver.storage.stored import StoredObject, WatchEvent

T = TypeVar("T")

MAX_REPLAY = 50_000
"""Events that a watch may have missed when it starts."""


def stored_or_unreadable(access: ObjectAccess[T], key: bytes, revision: int, data: bytes) -> StoredObject[T]:
    """The object, or what stands for it when the transformer refuses its bytes."""
    try:
        return access.stored(key, revision, data)
    except Exception as error:  # noqa: BLE001 - whatever a transformer raises concerns this object alone
        return UnreadableObject(access.keys.from_engine(key), revision, data, access.form, error)


class MissedEvents(Generic[T]):
    """The events that a watch on *key* has missed, in order. An ERROR among them is the last one."""

    def __init__(self, access: ObjectAccess[T], state: CacheState[T], key: str, options: ListOptions) -> None:
        self._access = access
        self._state = state
        self._key = key
        self._recursive = options.recursive
        self._predicate = options.predicate
        self._events: list[WatchEvent[T]] = []

    async def after(self, revision: int) -> list[WatchEvent[T]]:
        """Everything after *revision* up to now. Nothing can happen between its return and the caller's next step."""
        if revision < self._state.start_rev:
            revision = await self._read_history(revision)
        if revision:
            self._read_changes(revision)
        return self._events

    async def _read_history(self, revision: int) -> int:
        """Read what has left the memory; the revision up to which all is known, 0 when it ended with an ERROR."""
        engine, state = self._access.engine, self._state
        start = self._access.keys.engine_key(self._key)
        end = start[:-1] + b"0" if self._recursive else None
        while revision < state.start_rev:
            try:
                batch = await engine.history(start, end, after_rev=revision, upto=state.start_rev)
            except CompactedError as error:
                return self._too_old(revision, error.floor)
            except EngineError as error:
                raise self._access.translated(error, self._key) from error
            for event in batch.events:
                if not self._add(self._change(event)):
                    return 0
            revision = batch.rev
            if len(self._events) > MAX_REPLAY:
                return self._too_old(revision, state.start_rev)
        return revision

    def _read_changes(self, revision: int) -> None:
        for change in self._state.events_after(revision):
            ours = change.key.startswith(self._key) if self._recursive else change.key == self._key
            if ours and not self._add(change):
                return

    def _add(self, change: CacheEvent[T]) -> bool:
        """False when the change cannot be shown, which ends the watch."""
        if change.unreadable is not None:
            self._events.append(error_event(change.unreadable.error))
            return False
        event = seen_by(self._predicate, change)
        if event is not None:
            self._events.append(event)
        return True

    def _too_old(self, revision: int, oldest: int) -> int:
        self._events = [error_event(cached_watch_too_old(revision, oldest))]
        return 0

    def _change(self, event: EngineEvent) -> CacheEvent[T]:
        access, key = self._access, event.key
        current = None if event.value is None else stored_or_unreadable(access, key, event.rev, event.value)
        previous = (
            None if event.prev_value is None else stored_or_unreadable(access, key, event.prev_rev, event.prev_value)
        )
        return CacheEvent(access.keys.from_engine(key), event.rev, 0.0, current, previous)
