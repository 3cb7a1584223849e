"""When revisions were written: marks that engines leave in what they keep, and what can be told from them.

An engine marks the first write after each PRECISION with the time, and with the revision before it: so at most one mark a
second is kept, and none while nothing is written. All writes between two marks follow the first one within PRECISION,
however much later the second one is. Clocks are set: marks that do not fit to most others are not believed.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Final, NamedTuple

PRECISION: Final = 1.0
"""Seconds between two marks at least."""


class Mark(NamedTuple):
    """At *time*, in seconds since 1970, the newest revision was *rev*."""

    rev: int
    time: float


class HistoryTimes:
    """What *marks*, in the order in which they were made, tell of a store whose newest revision is *current_rev*."""

    def __init__(self, marks: Sequence[Mark], current_rev: int) -> None:
        self._marks = marks
        self._current_rev = current_rev
        self._sane = _longest_in_order([mark.time for mark in marks])
        """Places in `marks`, those whose times are in order."""
        self._times = [marks[place].time for place in self._sane]

    @property
    def believed(self) -> list[Mark]:
        """The marks whose times are in order."""
        return [self._marks[place] for place in self._sane]

    def revision_at(self, time: float) -> int | None:
        """The newest revision at *time*; that of a second before in the second in which it was written. None: not known,
        since *time* is before the first mark."""
        index = bisect_right(self._times, time) - 1
        if index < 0:
            return None
        mark = self._marks[self._sane[index]]
        return self._upto(self._sane[index]) if time >= mark.time + PRECISION else mark.rev

    def written_at(self, rev: int) -> float | None:
        """When *rev* was written, up to PRECISION too early. None: not known."""
        place = bisect_left(self._marks, rev, key=lambda mark: mark.rev) - 1
        if place < 0 or rev > self._current_rev:
            return None
        sane = bisect_left(self._sane, place)
        known = sane < len(self._sane) and self._sane[sane] == place
        return self._marks[place].time if known else None

    def _upto(self, place: int) -> int:
        """The last revision that was written within PRECISION after the mark at *place*."""
        return self._marks[place + 1].rev if place + 1 < len(self._marks) else self._current_rev


def _longest_in_order(times: Sequence[float]) -> list[int]:
    """The places of the longest run of *times* that never goes back: what is left out is of a clock that was wrong."""
    tails: list[float] = []
    places: list[int] = []
    before: list[int] = []
    for place, time in enumerate(times):
        length = bisect_right(tails, time)
        before.append(places[length - 1] if length else -1)
        if length == len(tails):
            tails.append(time)
            places.append(place)
        else:
            tails[length] = time
            places[length] = place
    found = []
    place = places[-1] if places else -1
    while place >= 0:
        found.append(place)
        place = before[place]
    return found[::-1]
