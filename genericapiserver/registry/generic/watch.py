"""A watch whose objects are decorated on their way out."""

from collections.abc import Callable
from typing import Any

from genericapiserver.storage.interface import WatchStream, WatchStreamBase
from genericapiserver.storage.stored import StoredObject, WatchEvent


class DecoratedWatchStream(WatchStreamBase[Any]):
    """The events of *source* with every object passed through *decorate*; ERROR events carry no object of ours."""

    def __init__(self, source: WatchStream[Any], decorate: Callable[[Any], None]) -> None:
        self._source = source
        self._decorate = decorate

    @property
    def initialized(self) -> bool:
        return self._source.initialized

    @property
    def revision(self) -> int:
        return getattr(self._source, "revision", 0)

    @property
    def pending(self) -> int | None:
        return getattr(self._source, "pending", None)

    @property
    def lag(self) -> float | None:
        return getattr(self._source, "lag", None)

    async def next_events(self) -> list[WatchEvent[Any]]:
        return [self._decorated(event) for event in await self._source.next_events()]

    def close(self) -> None:
        self._source.close()

    def _decorated(self, event: WatchEvent[Any]) -> WatchEvent[Any]:
        if not isinstance(event.object, StoredObject):
            return event
        obj = event.object.object()
        self._decorate(obj)
        return WatchEvent(event.type, event.object.with_object(obj))
