"""What the views over one base share: one count of revisions, the floor of history, and the timers.

A revision is one write in one view, so revisions of different views can be compared, and a client that goes from a view to
a fork of it may go on from where it was. History is compacted in all views at once: none of them pins what others need not.
"""

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

from genericapiserver.aio import Clock, SteadyClock, SystemClock
from genericapiserver.logs.served import nobodys
from genericapiserver.storage.engine import (
    CompactedError,
    FutureRevisionError,
    first_revision,
)
from genericapiserver.storage.retention import CompactionSchedule, Retention

if TYPE_CHECKING:
    from genericapiserver.storage.views.engine import ViewEngine


class ViewFamily:
    """Begins to count at *initial_rev*; by default at the time in microseconds, as every engine without a disk does.

    Background work (expiry, compaction) starts with the first write and runs on timers of that loop.
    """

    def __init__(
        self,
        *,
        initial_rev: int | None = None,
        retention: Retention | None = None,
        clock: Clock | None = None,
    ) -> None:
        first = first_revision() if initial_rev is None else initial_rev
        if first < 1:
            raise ValueError("revisions start at 1")
        self.rev = first
        self.floor = first
        self.compact_rev = 0
        self.closed = False
        self.clock = SteadyClock(clock or SystemClock())
        self.waiting: dict[ViewEngine, int] = {}
        """How many wait in each view for a revision of the future."""
        self.views: set[ViewEngine] = set()
        """Those that are open."""
        self._events = 0
        self._retention = retention or Retention()
        self._schedule: CompactionSchedule | None = None
        self._compaction_timer: asyncio.TimerHandle | None = None
        self._expiries: list[tuple[float, int, ViewEngine, bytes, int]] = []
        self._tickets = count()
        self._expiry_timer: asyncio.TimerHandle | None = None

    def next_rev(self) -> int:
        """The revision of the next write, whose section of code has no await."""
        if self._schedule is None:
            self._start_timers()
        return self.rev + 1

    def wrote(self, rev: int) -> None:
        """The write of *rev* is in its view, and those who look at that have been told."""
        self.rev = rev
        self._events += 1
        for view in self.waiting:
            view.counted()
        assert self._schedule is not None
        target = self._schedule.overflow(events=self._events, current_rev=rev)
        if target > self.floor:
            self._compact(target)

    def forgot(self, events: int) -> None:
        """A view has given up so many events of its own."""
        self._events -= events

    def compact(self, rev: int) -> None:
        """Forget what was before *rev* in all views. Raises CompactedError, FutureRevisionError."""
        if rev > self.rev:
            raise FutureRevisionError(rev, self.rev)
        if rev <= self.compact_rev or rev < self.floor:
            raise CompactedError(rev, self.floor)
        self._compact(rev)

    def expire_at(self, when: float, view: "ViewEngine", key: bytes, rev: int) -> None:
        """Have *view* delete *key* at *when* (seconds since 1970), if it was not written again."""
        heappush(self._expiries, (when, next(self._tickets), view, key, rev))
        self._arm_expiry()

    def expire(self) -> None:
        """Delete the keys whose time is over. A timer calls this; tests with a clock of their own may."""
        now = self.clock.now().timestamp()
        while self._expiries and self._expiries[0][0] <= now:
            _, _, view, key, rev = heappop(self._expiries)
            view.expire_key(key, rev)
        self._expiry_timer = None
        self._arm_expiry()

    def close(self) -> None:
        """Nothing is written any more. The views are closed already."""
        self.closed = True
        self._expiries.clear()
        for timer in (self._expiry_timer, self._compaction_timer):
            if timer is not None:
                timer.cancel()

    def _compact(self, rev: int) -> None:
        self.compact_rev = self.floor = rev
        self._events = 0
        for view in self.views:
            self._events += view.compacted(rev)
        # What expires in views that were closed meanwhile holds them until its time; not for longer than history.
        self._expiries = [each for each in self._expiries if each[2] in self.views]
        self._expiries.sort(key=lambda each: each[:2])

    def _start_timers(self) -> None:
        loop = asyncio.get_running_loop()
        self._schedule = CompactionSchedule(self._retention, now=loop.time(), current_rev=self.rev)
        self._arm_compaction(loop, self._schedule)

    def _arm_compaction(self, loop: asyncio.AbstractEventLoop, schedule: CompactionSchedule) -> None:
        if schedule.next_time != float("inf"):
            compact: Callable[[], None] = lambda: self._compact_by_time(loop, schedule)  # noqa: E731
            self._compaction_timer = loop.call_at(schedule.next_time, compact, context=nobodys())

    def _compact_by_time(self, loop: asyncio.AbstractEventLoop, schedule: CompactionSchedule) -> None:
        if self.closed:
            return
        target = schedule.due(now=loop.time(), current_rev=self.rev)
        if target > self.floor:
            self._compact(target)
        self._arm_compaction(loop, schedule)

    def _arm_expiry(self) -> None:
        """One timer, for the key that expires first."""
        if not self._expiries or self.closed:
            return
        loop = asyncio.get_running_loop()
        due = loop.time() + max(0.0, self._expiries[0][0] - self.clock.now().timestamp()) + 0.001
        if self._expiry_timer is not None:
            if self._expiry_timer.when() <= due:
                return
            self._expiry_timer.cancel()
        self._expiry_timer = loop.call_at(due, self.expire, context=nobodys())
