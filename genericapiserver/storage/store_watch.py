"""A watch straight on the engine: the state if it was asked for, then the events of a cursor, decoded and filtered.

What fails after the watch was opened is one ERROR event, after which nothing comes.

Source: k8s.io/apiserver pkg/storage/etcd3/watcher.go.
"""

from typing import TypeVar

from genericapiserver.apimachinery.watch import EventType
from genericapiserver.storage.access import ObjectAccess
from genericapiserver.storage.api_errors import deleted_but_corrupt, error_event, watch_too_old
from genericapiserver.storage.engine import (
    CompactedError,
    EngineClosedError,
    EngineError,
    EngineEvent,
    EngineWatch,
)
from genericapiserver.storage.interface import ListOptions, WatchStreamBase
from genericapiserver.storage.stored import (
    INITIAL_EVENTS_END_ANNOTATION,
    ObjectForm,
    StoredObject,
    WatchEvent,
)
from genericapiserver.storage.transformer import TransformationPendingError
from genericapiserver.storage.transitions import transition

T = TypeVar("T")


def bookmark(form: ObjectForm[T], revision: int, *, initial_events_end: bool = False) -> WatchEvent[T]:
    """An event that only says where the watch is; one of them ends the initial events."""
    obj = form.new()
    if initial_events_end:
        # Every object has metadata; the type parameter does not say so.
        obj.metadata.annotations = {INITIAL_EVENTS_END_ANNOTATION: "true"}  # type: ignore[attr-defined]
    return WatchEvent(EventType.BOOKMARK, StoredObject.of("", revision, obj, form))


class EngineWatchStream(WatchStreamBase[T]):
    """Gives *initial* first, then what the cursor brings."""

    def __init__(
        self, access: ObjectAccess[T], cursor: EngineWatch, options: ListOptions, initial: list[WatchEvent[T]]
    ) -> None:
        self._access = access
        self._cursor = cursor
        self._predicate = options.predicate
        self._progress_notify = options.progress_notify
        self._initial = initial
        self._aside: tuple[TransformationPendingError, list[EngineEvent]] | None = None
        self._ended = False

    @property
    def initialized(self) -> bool:
        return not self._initial

    async def next_events(self) -> list[WatchEvent[T]]:
        if self._initial and not self._ended:
            events, self._initial = self._initial, []
            return events
        while not self._ended:
            if self._aside is not None:
                if events := await self._events_later(*self._aside):
                    return events
                continue
            try:
                batch = await self._cursor.next()
            except CompactedError:
                return self._fail(watch_too_old())
            except EngineClosedError:
                self.close()
                break
            except EngineError as error:
                return self._fail(error)
            self._access.metrics.received(len(batch.events))
            if not batch.events:
                if self._progress_notify:
                    return [bookmark(self._access.form, batch.rev)]
                continue
            events = self._events(batch.events)
            if events:
                return events
        return []

    def _events(self, changes: list[EngineEvent]) -> list[WatchEvent[T]]:
        """Those of *changes* up to the first that has to be waited for; that one and what follows it are put aside."""
        events: list[WatchEvent[T]] = []
        for number, change in enumerate(changes):
            try:
                event = self._event(change)
            except TransformationPendingError as pending:
                self._aside = pending, changes[number:]
                return events
            except Exception as error:  # noqa: BLE001 - whatever makes an object unreadable ends the watch with it
                return events + self._fail(error)
            if event is not None:
                events.append(event)
        return events

    async def _events_later(
        self, pending: TransformationPendingError, changes: list[EngineEvent]
    ) -> list[WatchEvent[T]]:
        """What was put aside, after waiting for the first of it. A caller that goes meanwhile has missed nothing."""
        try:
            await pending.ready()
        except Exception as error:  # noqa: BLE001 - see _events
            self._aside = None
            deleted = changes[0].value is None
            return [] if self._ended else self._fail(deleted_but_corrupt(error) if deleted else error)
        self._aside = None
        return [] if self._ended else self._events(changes)

    def _event(self, change: EngineEvent) -> WatchEvent[T] | None:
        access = self._access
        current = None if change.value is None else access.stored(change.key, change.rev, change.value)
        previous = None
        if change.prev_value is not None and (current is None or not self._predicate.empty):
            try:
                previous = access.stored(change.key, change.prev_rev, change.prev_value)
            except TransformationPendingError:
                raise
            except Exception as error:
                if current is None:
                    raise deleted_but_corrupt(error) from error
                raise
        if current is not None and self._predicate.empty:
            return WatchEvent(EventType.ADDED if change.prev_value is None else EventType.MODIFIED, current)
        return transition(self._predicate, current, previous, change.rev)

    def _fail(self, error: BaseException) -> list[WatchEvent[T]]:
        self.close()
        return [error_event(error)]

    def close(self) -> None:
        self._ended = True
        self._initial, self._aside = [], None
        self._cursor.close()


class FailedWatchStream(WatchStreamBase[T]):
    """A watch that ends after *events*, the last of which says what is wrong."""

    def __init__(self, events: list[WatchEvent[T]]) -> None:
        self._events = events

    async def next_events(self) -> list[WatchEvent[T]]:
        events, self._events = self._events, []
        return events

    def close(self) -> None:
        self._events = []
