"""What a watch that starts in the past has missed: from the cache's changes, and before those from the engine's history.

So a client resumes where it was although the server has been restarted or its resource has been busy, as long as the
engine still has the history. A client that is very far behind lists faster and is told to.
"""

from typing import Generic, TypeVar

from genericapiserver.storage.access import ObjectAccess
from genericapiserver.storage.api_errors import cached_watch_too_old, error_event
from genericapiserver.storage.cache_healing import healed, stored_or_unreadable, stored_or_unreadable_later
from genericapiserver.storage.cache_state import CacheEvent, CacheState, UnreadableObject
from genericapiserver.storage.cache_watch import seen_by
from genericapiserver.storage.engine import CompactedError, EngineError, EngineEvent
from genericapiserver.storage.errors import CorruptObjectError
from genericapiserver.storage.interface import ListOptions
from genericapiserver.storage.stored import WatchEvent
from genericapiserver.storage.transformer import TransformationPendingError

T = TypeVar("T")

MAX_REPLAY = 50_000
"""Events that a watch may have missed when it starts."""


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
        """Everything after *revision* that the state knows. Nothing can happen between its return and the caller's next
        step."""
        await self._heal_changes(revision)
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
                try:
                    change = self._change(event)
                except TransformationPendingError:
                    change = await self._change_later(event)
                if not self._add(change):
                    return 0
            revision = batch.rev
            if len(self._events) > MAX_REPLAY:
                return self._too_old(revision, state.start_rev)
        return revision

    async def _heal_changes(self, revision: int) -> None:
        """Try again what could not be read, up to the first that still cannot be: there the watch will end."""
        for change in tuple(self._state.events_after(revision)):
            unreadable = self._unreadable(change) if self._is_ours(change) else None
            if unreadable is not None and not await healed(self._access, self._state, unreadable):
                return

    def _read_changes(self, revision: int) -> None:
        for change in self._state.events_after(revision):
            if self._is_ours(change) and not self._add(change):
                return

    def _is_ours(self, change: CacheEvent[T]) -> bool:
        return change.key.startswith(self._key) if self._recursive else change.key == self._key

    def _unreadable(self, change: CacheEvent[T]) -> UnreadableObject[T] | None:
        return change.unreadable or (None if self._predicate.empty else change.unreadable_before)

    def _add(self, change: CacheEvent[T]) -> bool:
        """False when the change cannot be shown, which ends the watch."""
        unreadable = self._unreadable(change)
        if unreadable is not None:
            assert unreadable.error is not None
            self._events.append(error_event(unreadable.error))
            return False
        try:
            event = seen_by(self._predicate, change)
        except CorruptObjectError as error:
            self._events.append(error_event(error))
            return False
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

    async def _change_later(self, event: EngineEvent) -> CacheEvent[T]:
        access, key = self._access, event.key
        current = previous = None
        if event.value is not None:
            current = await stored_or_unreadable_later(access, key, event.rev, event.value)
        if event.prev_value is not None:
            previous = await stored_or_unreadable_later(access, key, event.prev_rev, event.prev_value)
        return CacheEvent(access.keys.from_engine(key), event.rev, 0.0, current, previous)
