"""How the one thread is shared out among watches that all have something to tell, and everybody else.

A change that hundreds of watches see makes hundreds of tasks ready, and whoever comes next waits until each of them has
encoded and written. So only some watches are woken in one turn of the event loop, and the rest, in order, in the turns
after it; requests are served in between (`connection.read_turns` does the same for what comes in).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Final, Protocol

WOKEN: Final = 8
"""Watches a turn: each takes some 50 us to pass on an event, so a request waits for half a millisecond."""
LOOKING: Final = 0.0005
"""Seconds of a turn that go into finding out which watches with selectors have to be woken at all."""


class Sleeper(Protocol):
    """A watch that waits."""

    def wake_for_events(self) -> bool:
        """Look at what there is, and wake up if any of it is to be told. False: it goes on waiting."""


class WakeTurns:
    """Wakes watches in the order in which they are given, a few in each turn of the event loop."""

    def __init__(
        self, call_soon: Callable[[Callable[[], None]], object], *, clock: Callable[[], float] = perf_counter
    ) -> None:
        self._call_soon = call_soon
        self._clock = clock
        self._asleep: deque[Sleeper] = deque()

    def wake(self, watches: Iterable[Sleeper]) -> None:
        """Wake *watches*, after those that are to be woken already, beginning at once."""
        begun = not self._asleep
        self._asleep.extend(watches)
        if begun and self._asleep:
            self._turn()

    def _turn(self) -> None:
        asleep = self._asleep
        woken, ends = 0, self._clock() + LOOKING
        while asleep:
            woken += asleep.popleft().wake_for_events()
            if woken == WOKEN or self._clock() >= ends:
                break
        if asleep:
            self._call_soon(self._turn)
