"""When a watch gets a bookmark: about once a minute, and shortly before it ends, so that its client resumes from there.

Source: k8s.io/apiserver pkg/storage/cacher/{cacher,cache_watcher}.go (bookmarkFrequency, nextBookmarkTime).
"""

import asyncio
from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import count
from typing import Any

from genericapiserver.logs.served import nobodys
from genericapiserver.storage.cache_watch import CacheWatch

AT_ONCE = 16
"""Watches that are told in one turn of the loop. Those that were opened together are due together; others want the loop."""
FREQUENCY = 60.0
BEFORE_END = 2.0
"""Seconds between the last bookmark and the end of the watch: the client has it before the connection goes."""


class BookmarkTimer:
    """Offers bookmarks to watches when they are due. One timer of the loop, for the watch that is due first."""

    def __init__(self, frequency: float = FREQUENCY) -> None:
        self._frequency = frequency
        self._queue: list[tuple[float, int, CacheWatch[Any], float]] = []
        self._tickets = count()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, watch: CacheWatch[Any], timeout: float | None) -> None:
        """Take care of *watch*, which ends in *timeout* seconds if that is known."""
        now = asyncio.get_running_loop().time()
        self._plan(watch, now, float("inf") if timeout is None else now + timeout - BEFORE_END)
        self._arm()

    def offer_all(self) -> None:
        """Offer every watch a bookmark now."""
        self._tell([watch for _, _, watch, _ in self._queue])

    def stop(self) -> None:
        self._queue.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _plan(self, watch: CacheWatch[Any], now: float, last: float) -> None:
        """The next bookmark, *last* at the latest; none after that."""
        if last > now:
            heappush(self._queue, (min(now + self._frequency, last), next(self._tickets), watch, last))

    def _arm(self) -> None:
        if not self._queue:
            return
        due = self._queue[0][0]
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(due, self._offer, context=nobodys())

    def _offer(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        due = []
        while self._queue and self._queue[0][0] <= now + 0.001:
            due.append(heappop(self._queue))
        for _, _, watch, last in due:
            if not watch.closed:
                self._plan(watch, now + 0.001, last)
        self._tell([watch for _, _, watch, _ in due])
        self._arm()

    def _tell(self, watches: Sequence[CacheWatch[Any]]) -> None:
        """Offer *watches* a bookmark, some in each turn of the loop."""
        for watch in watches[:AT_ONCE]:
            if not watch.closed:
                watch.offer_bookmark()
        if len(watches) > AT_ONCE:
            asyncio.get_running_loop().call_soon(self._tell, watches[AT_ONCE:], context=nobodys())
