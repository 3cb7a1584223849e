"""When history is compacted: by time, and earlier when there is too much of it; and when keys expire.

Each interval remembers where the store was and compacts to where it was one interval before, as etcd's compactor of the
reference does: what happened in the last interval can always be read, what is older than two cannot. Who wants more says how
long it is kept; then it is compacted as often, to where the store was that long ago, also before the last start.

Source: k8s.io/apiserver pkg/storage/etcd3/compact.go.
"""

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush

import attrs

from genericapiserver.logs import kv
from genericapiserver.storage.history_times import HistoryTimes, Mark

_log = logging.getLogger(__name__)

DEFAULT_INTERVAL = 5 * 60.0
DEFAULT_MAX_EVENTS = 100_000


@attrs.frozen(kw_only=True)
class Retention:
    """How much history an engine keeps: that of the last `keep` seconds, or `interval` if that is longer.

    It is compacted each `interval`. Without both there is no compaction by time, with 0 events none by number.
    """

    interval: float = DEFAULT_INTERVAL
    max_events: int = DEFAULT_MAX_EVENTS
    keep: float = 0.0

    def __attrs_post_init__(self) -> None:
        if self.interval < 0 or self.max_events < 0 or self.keep < 0:
            raise ValueError("retention takes no negative numbers")

    @property
    def period(self) -> float:
        """Seconds between two compactions by time, 0 for none."""
        return self.interval or self.keep / 10

    @property
    def age(self) -> float:
        """Seconds after which history may be forgotten."""
        return max(self.keep, self.interval)


class CompactionSchedule:
    """Decides the next compaction. Asks no clock: *now* is handed in, in seconds that never go back.

    *marks* say when what is in the store already was written, with *wall* as the time of now.
    """

    def __init__(
        self, retention: Retention, *, now: float, current_rev: int, marks: Sequence[Mark] = (), wall: float = 0.0
    ) -> None:
        self._retention = retention
        self._marks: deque[tuple[float, int]] = deque()
        for mark in HistoryTimes(marks, current_rev).believed:
            self._mark(now - max(0.0, wall - mark.time), mark.rev)
        self._marks.append((now, current_rev))
        self.next_time = now + retention.period if retention.period else float("inf")

    def _mark(self, time: float, rev: int) -> None:
        """Remember it, unless the one before is as good."""
        if not self._marks or time - self._marks[-1][0] >= self._retention.period:
            self._marks.append((time, rev))

    def due(self, *, now: float, current_rev: int) -> int:
        """The revision to compact to by time, 0 when it is not yet time or nothing is old enough."""
        if now < self.next_time:
            return 0
        self.next_time = now + self._retention.period
        target = 0
        while self._marks and self._marks[0][0] + self._retention.age <= now:
            _, target = self._marks.popleft()
        self._marks.append((now, current_rev))
        return target

    def overflow(self, *, events: int, current_rev: int) -> int:
        """The revision to compact to because there are *events* of history, 0 when they are not too many.

        Half of what is allowed stays, so that this happens seldom.
        """
        limit = self._retention.max_events
        if not limit or events <= limit:
            return 0
        if self._retention.keep:
            _log.warning(
                kv(
                    "There are more changes than may be kept: history is shorter than it should be",
                    changes=events,
                    kept=limit // 2,
                    retention=f"{self._retention.keep:g}s",
                )
            )
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
