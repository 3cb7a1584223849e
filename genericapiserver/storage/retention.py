"""When history is compacted: by time, and earlier when there is too much of it; and when keys expire.

Each interval remembers where the store was and compacts to where it was one interval before, as etcd's compactor of the
reference does: what happened in the last interval can always be read, what is older than two cannot.

Source: k8s.io/apiserver pkg/storage/etcd3/compact.go.
"""

from collections.abc import Iterator
from heapq import heappop, heappush

import attrs

DEFAULT_INTERVAL = 5 * 60.0
DEFAULT_MAX_EVENTS = 100_000


@attrs.frozen(kw_only=True)
class Retention:
    """How much history an engine keeps. An interval of 0 turns compaction by time off, 0 events that by number."""

    interval: float = DEFAULT_INTERVAL
    max_events: int = DEFAULT_MAX_EVENTS

    def __attrs_post_init__(self) -> None:
        if self.interval < 0 or self.max_events < 0:
            raise ValueError("retention takes no negative numbers")


class CompactionSchedule:
    """Decides the next compaction. Asks no clock: *now* is handed in, in seconds that never go back."""

    def __init__(self, retention: Retention, *, now: float, current_rev: int) -> None:
        self._retention = retention
        self._mark = current_rev
        self.next_time = now + retention.interval if retention.interval else float("inf")

    def due(self, *, now: float, current_rev: int) -> int:
        """The revision to compact to by time, 0 when it is not yet time or nothing was written since."""
        if now < self.next_time:
            return 0
        self.next_time = now + self._retention.interval
        target, self._mark = self._mark, current_rev
        return target

    def overflow(self, *, events: int, current_rev: int) -> int:
        """The revision to compact to because there are *events* of history, 0 when they are not too many.

        Half of what is allowed stays, so that this happens seldom.
        """
        limit = self._retention.max_events
        if not limit or events <= limit:
            return 0
        return current_rev - limit // 2


class Expiries:
    """When which version of which key expires. A version that was replaced meanwhile comes up all the same."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, bytes, int]] = []

    def __bool__(self) -> bool:
        return bool(self._heap)

    @property
    def next_time(self) -> float:
        """When the next one expires, in seconds since 1970; infinity for never."""
        return self._heap[0][0] if self._heap else float("inf")

    def add(self, expires_at: float, key: bytes, rev: int) -> None:
        heappush(self._heap, (expires_at, key, rev))

    def due(self, now: float) -> Iterator[tuple[bytes, int]]:
        """Take out what has expired: keys, and at which revision they were written."""
        while self._heap and self._heap[0][0] <= now:
            _, key, rev = heappop(self._heap)
            yield key, rev
