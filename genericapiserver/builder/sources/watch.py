"""A watch on a source: that of its mirror, which keeps the polling going until it is closed."""

from collections.abc import Callable
from typing import Any

from genericapiserver.storage.interface import WatchStream, WatchStreamBase
from genericapiserver.storage.stored import WatchEvent


class SourceWatchStream(WatchStreamBase[Any]):
    """The events of *stream*; *closed* is called when nobody reads them any more."""

    def __init__(self, stream: WatchStream[Any], closed: Callable[[], None]) -> None:
        self._stream = stream
        self._closed = closed

    @property
    def initialized(self) -> bool:
        return self._stream.initialized

    @property
    def revision(self) -> int:
        return getattr(self._stream, "revision", 0)

    @property
    def pending(self) -> int | None:
        return getattr(self._stream, "pending", None)

    @property
    def lag(self) -> float | None:
        return getattr(self._stream, "lag", None)

    async def next_events(self) -> list[WatchEvent[Any]]:
        events = await self._stream.next_events()
        if not events:
            self._closed()
        return events

    def close(self) -> None:
        self._closed()
        self._stream.close()
