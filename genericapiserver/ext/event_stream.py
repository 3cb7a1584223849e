"""The watch of a store, which gives events one by one, as the stream that the handler of a watch reads.

A task takes events from the store as they come and is at most MAX_PENDING ahead of the client. Whichever way the watch
ends, the store's iterator is closed before the request is over, so that its `finally` blocks have run.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Final, Generic, TypeVar

import attrs

from genericapiserver.apimachinery.errors import InternalError
from genericapiserver.apimachinery.meta import Status
from genericapiserver.apimachinery.watch import EventType
from genericapiserver.ext.conversion import check_type, convert_error
from genericapiserver.storage import stored
from genericapiserver.storage.interface import WatchStreamBase

T = TypeVar("T")

MAX_PENDING: Final = 256
"""Events that a client may be behind before its store has to wait."""


@attrs.frozen
class WatchEvent(Generic[T]):
    """What a store says of one object: `event` happened to it. *object* must not be changed afterwards."""

    event: EventType
    object: T | Status


class EventStream(WatchStreamBase[Any]):
    """The events of *source*, which have to be about objects of *object_type*. What *source* raises is an ERROR event."""

    def __init__(self, source: AsyncIterator[WatchEvent[Any]], object_type: type[Any]) -> None:
        self._source = source
        self._object_type = object_type
        self._pending_events: list[stored.WatchEvent[Any]] = []
        self._failure: Exception | None = None
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()
        self._closed = False
        self._ended = False
        self._task = asyncio.create_task(self._take())

    async def begin(self) -> None:
        """Give the source its first turn. Raises what it fails with at once: then there is no watch, and no 200."""
        await asyncio.sleep(0)
        if self._failure is not None and not self._pending_events:
            failure = self._failure
            await self._release()
            raise failure

    async def next_events(self) -> list[stored.WatchEvent[Any]]:
        while not (self._pending_events or self._ended or self._closed):
            self._arrived.clear()
            await self._arrived.wait()
        if self._closed:
            return []
        events, self._pending_events = self._pending_events, []
        if not events and self._failure is not None:
            events = [stored.WatchEvent(EventType.ERROR, convert_error(self._failure).status())]
            self._failure = None
        self._taken.set()
        return events

    @property
    def pending(self) -> int:
        return len(self._pending_events)

    def close(self) -> None:
        self._closed = True
        self._arrived.set()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
        await self._release()

    async def _take(self) -> None:
        try:
            async for event in self._source:
                self._pending_events.append(self._checked(event))
                self._arrived.set()
                if len(self._pending_events) >= MAX_PENDING:
                    self._taken.clear()
                    await self._taken.wait()
        except Exception as error:  # noqa: BLE001  whatever it is, the client is told
            self._failure = error
        finally:
            self._ended = True
            self._arrived.set()

    def _checked(self, event: WatchEvent[Any]) -> stored.WatchEvent[Any]:
        if not isinstance(event, WatchEvent):
            raise InternalError(f"the store sent a {type(event).__name__} instead of a {WatchEvent.__name__}")
        if isinstance(event.object, Status):
            return stored.WatchEvent(EventType.ERROR, event.object)
        return stored.WatchEvent(EventType(event.event), check_type(event.object, self._object_type))

    async def _release(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        close = getattr(self._source, "aclose", None)
        if close is not None:
            with contextlib.suppress(Exception):  # the watch is over: nobody is left to tell
                await close()
