"""The watches that are open at this moment, for whoever looks into the server.

A watch costs an entry at its start and its end, and between them two additions for all the events that are sent at once.
What an entry says of its stream is asked when somebody looks.
"""

from collections.abc import Iterator
from typing import Any

import attrs

from genericapiserver.asgi import Scope
from genericapiserver.request import RequestContext


@attrs.define(eq=False)
class LiveWatch:
    """One open watch. *began* is on the event loop's clock, like `RequestContext.received_monotonic`."""

    context: RequestContext
    scope: Scope
    stream: Any
    start_revision: str
    """What the client asked to begin at: empty for now, "0" for whatever there is."""
    events: int = 0
    """How many were handed to the connection."""
    sending: int = 0
    """Bytes of events that the connection has not taken: the client, or the way to it, is slower than the events."""

    @property
    def revision(self) -> int:
        """Up to which revision the client has been served; 0 where the stream does not know."""
        found = getattr(self.stream, "revision", 0)
        return found if isinstance(found, int) else 0

    @property
    def pending(self) -> int | None:
        """Changes that the stream has not looked at; None where it does not know."""
        found = getattr(self.stream, "pending", None)
        return found if isinstance(found, int) else None

    @property
    def lag(self) -> float | None:
        """Seconds since the first of these changes; None where the stream does not know."""
        found = getattr(self.stream, "lag", None)
        return found if isinstance(found, float) else None


class LiveWatches:
    """The open watches of one server."""

    def __init__(self) -> None:
        self._open: set[LiveWatch] = set()

    def add(self, watch: LiveWatch) -> None:
        self._open.add(watch)

    def discard(self, watch: LiveWatch) -> None:
        self._open.discard(watch)

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[LiveWatch]:
        """Oldest first."""
        return iter(sorted(self._open, key=lambda watch: watch.context.received_monotonic))
