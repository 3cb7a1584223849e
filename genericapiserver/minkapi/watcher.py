"""A watch in this process: an asynchronous iterator of events, which `stop` ends."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Any, Self, TypeAlias

from genericapiserver.apimachinery.errors import from_status
from genericapiserver.apimachinery.meta import Status
from genericapiserver.apimachinery.watch import Event, EventType
from genericapiserver.storage.interface import WatchStream
from genericapiserver.storage.stored import StoredObject

WatchEventCallback: TypeAlias = Callable[[Event[Any]], Awaitable[None] | None]
"""Called with each event; what it raises ends the watch."""


class Watcher:
    """The events of one watch, in order. Each has an object of its own.

    Iterating raises a StatusError when the watch cannot go on: ResourceExpiredError when the view was reset or has
    forgotten what comes next, after which one lists and watches again. It ends without a word when the view is closed.
    """

    def __init__(self, stream: WatchStream[Any]) -> None:
        self._stream = stream

    def stop(self) -> None:
        """End the watch. Idempotent."""
        self._stream.close()

    async def call(self, callback: WatchEventCallback) -> None:
        """Call *callback* with each event until it raises, which is passed on, or the watch ends."""
        async with self:
            async for event in self:
                called = callback(event)
                if inspect.isawaitable(called):
                    await called

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    async def __aiter__(self) -> AsyncIterator[Event[Any]]:
        try:
            while events := await self._stream.next_events():
                for event in events:
                    if isinstance(event.object, Status):
                        raise from_status(event.object)
                    if event.type is not EventType.BOOKMARK and isinstance(event.object, StoredObject):
                        yield Event(event.type, event.object.object())
        finally:
            self.stop()
