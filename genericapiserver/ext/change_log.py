"""The last changes of a store, numbered, so that a watch begins where a list ended and nothing between is lost.

    list  -> resourceVersion 41
                change 42, 43              a client that lists and then watches is told of these, too
    watch from 41 -> 42, 43, 44 ...

A client that asks from before the oldest change that is known is told so (410), and lists again.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Final, Generic, TypeVar

import attrs

from genericapiserver.apimachinery.errors import BadRequestError, ResourceExpiredError, TooLargeResourceVersionError
from genericapiserver.apimachinery.meta import ListOptions, Object, ObjectMeta
from genericapiserver.apimachinery.watch import EventType
from genericapiserver.ext.conversion import selector
from genericapiserver.ext.event_stream import WatchEvent
from genericapiserver.storage.stored import INITIAL_EVENTS_END_ANNOTATION

T = TypeVar("T", bound=Object)

DEFAULT_CAPACITY: Final = 1024


@attrs.frozen
class _Change(Generic[T]):
    version: int
    event: EventType
    obj: T
    before: T | None


class ChangeLog(Generic[T]):
    """The last *capacity* changes of objects of *object_type*. What it is told of must not be changed afterwards.

    *first_version* is for stores whose objects outlive the process: versions must not begin anew for them.
    """

    def __init__(self, object_type: type[T], *, capacity: int = DEFAULT_CAPACITY, first_version: int = 1) -> None:
        self._object_type = object_type
        self._changes: deque[_Change[T]] = deque(maxlen=capacity)
        self._version = first_version
        self._changed = asyncio.Event()

    @property
    def resource_version(self) -> str:
        """The number of the last change: what a list made now is marked with."""
        return str(self._version)

    def record(self, event: EventType, obj: T, *, before: T | None = None) -> T:
        """Number a change, in the metadata of *obj*, and tell every watch.

        *obj* is the object as it is now, or as it was when it was deleted; *before* is what it has replaced, so that a watch
        that selects is told of objects that come into its selection or leave it.
        """
        self._version += 1
        obj.metadata.resource_version = str(self._version)
        self._changes.append(_Change(self._version, event, obj, before))
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        return obj

    def watch(
        self,
        options: ListOptions,
        current: Callable[[], Iterable[T]],
        *,
        visible: Callable[[T], bool] = lambda obj: True,
    ) -> AsyncIterator[WatchEvent[T]]:
        """The changes of what *options* select and *visible* lets through, from where *options* say.

        Without a version, or with 0, the watch begins with what *current* gives, as added. Raises BadRequestError for a
        version that is no number, ResourceExpiredError and TooLargeResourceVersionError for one that is not known any more,
        or not yet.
        """
        selected = selector(options)
        after = self._start(options.resource_version)
        return self._events(options, current, lambda obj: visible(obj) and selected(obj), after)

    def _start(self, text: str) -> int | None:
        """After which change a watch begins; None for one that begins with what there is."""
        if text in ("", "0"):
            return None
        if not (text.isascii() and text.isdigit()):
            raise BadRequestError(f'invalid resource version "{text}": it is no number')
        version = int(text)
        if version > self._version:
            raise TooLargeResourceVersionError(version, self._version)
        self._since(version)
        return version

    async def _events(
        self,
        options: ListOptions,
        current: Callable[[], Iterable[T]],
        selects: Callable[[T], bool],
        after: int | None,
    ) -> AsyncIterator[WatchEvent[T]]:
        if after is None or options.send_initial_events:
            after = self._version
            for obj in [obj for obj in current() if selects(obj)]:
                yield WatchEvent(EventType.ADDED, obj)
            # A watch without a version is asked for what there is by default; bookmarks are for those that want them.
            if options.send_initial_events and options.allow_watch_bookmarks:
                metadata = ObjectMeta(resource_version=str(after), annotations={INITIAL_EVENTS_END_ANNOTATION: "true"})
                bookmark: Any = self._object_type(metadata=metadata)
                yield WatchEvent(EventType.BOOKMARK, bookmark)
        while True:
            changed, news = self._changed, self._since(after)
            after += len(news)
            for change in news:
                if (event := _seen(change, selects)) is not None:
                    yield event
            await changed.wait()

    def _since(self, version: int) -> list[_Change[T]]:
        """The changes after *version*, whose numbers have no gaps. Raises ResourceExpiredError."""
        count = self._version - version
        if count > len(self._changes):
            oldest = self._version - len(self._changes)
            raise ResourceExpiredError(f"too old resource version: {version} ({oldest})")
        return [self._changes[index] for index in range(-count, 0)]


def _seen(change: _Change[T], selects: Callable[[T], bool]) -> WatchEvent[T] | None:
    """What *change* is for a watch of what *selects* lets through; None when it is nothing."""
    is_selected = selects(change.obj)
    if change.event is not EventType.MODIFIED or change.before is None:
        return WatchEvent(change.event, change.obj) if is_selected else None
    match selects(change.before), is_selected:
        case True, True:
            return WatchEvent(EventType.MODIFIED, change.obj)
        case False, True:
            return WatchEvent(EventType.ADDED, change.obj)
        case True, False:
            return WatchEvent(EventType.DELETED, change.obj)
    return None
