"""How the one thread is shared out among connections that all have something to say.

What hundreds of requests in a row cost to parse is time in which nobody else is served: clients that keep many requests in
flight would set the pace for one that asks now and then. So only so much input is worked on in one turn of the event loop.
The rest waits, and the connections that wait are served a piece at a time, one after another. One on which nothing is being
served goes ahead of those that wait for answers already, and a few such a turn do not wait at all. An answer takes several
turns, each as long as the pieces in it: so pieces are smaller for as long as somebody asks now and then beside the others.

While there is no more input than a turn takes, this costs a look at the clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Final, Protocol

BUDGET: Final = 0.00015
"""Seconds of a turn of the loop that go into reading, plus what the last piece takes beyond."""
BUDGET_BESIDE: Final = 0.00005
"""What of it those get who keep the server busy while somebody asks now and then beside them."""
PIECE: Final = 512
"""Bytes after which the clock is looked at: a small write with its body, or some ten small requests."""
QUICK: Final = 0.00003
"""Seconds under which the next piece is twice as large: it is the body of an upload. What follows a body may be request
after request again, so a large piece still ends behind a few of them."""
SMALL: Final = 128
"""Bytes of a request or two: what a client sends that does not ask for much at once."""

HEADS: Final = 4
"""Requests of one connection in a piece: few enough that a turn is short, and enough that not each costs a turn."""
HEADS_BESIDE: Final = 1
"""The same while somebody asks now and then beside those who keep the server busy."""
BESIDE: Final = 1.0
"""Seconds for which somebody who had to wait is expected to ask again."""

AT_ONCE: Final = 4
"""Small inputs of connections on which nothing is being served that are worked on in a turn whose budget is used up: each
is a request or two, and to wait for the next turn would be most of the time that its client waits."""


class Reader(Protocol):
    """One connection."""

    pending: bytes
    """Input that waits for its turn; empty for a reader that does not wait."""

    @property
    def busy(self) -> bool:
        """Whether a request is running."""

    def work(self, data: bytes) -> None:
        """Work on *data* now."""

    def cut(self, data: bytes, start: int, end: int, heads: int) -> int:
        """Where a piece of *data* that goes from *start* to *end* at most should end: behind *heads* requests."""

    def pending_changed(self) -> None:
        """`pending` has grown or shrunk: reading may have to stop or to go on."""


class ReadTurns:
    """Gives out turns. One a server, on one event loop."""

    def __init__(
        self, call_soon: Callable[[Callable[[], None]], object], *, clock: Callable[[], float] = perf_counter
    ) -> None:
        self._call_soon = call_soon
        self._clock = clock
        self._ends = 0.0
        """When the budget of this turn is used up; 0 before the first input of a turn."""
        self._round_ends = 0.0
        """The same for those that keep the server busy."""
        self._at_once = AT_ONCE
        """How many more small inputs may be worked on in this turn although its budget is used up."""
        self._beside = float("-inf")
        """Until when somebody is expected to ask now and then."""
        self._heads = HEADS
        self._ahead: deque[Reader] = deque()
        self._round: deque[Reader] = deque()

    def received(self, reader: Reader, data: bytes) -> None:
        """Have *reader* work on *data*, now or when its turn comes, after what it has pending."""
        if reader.pending:
            reader.pending += data
            reader.pending_changed()
            return
        now = self._clock()
        if not self._ends:
            self._begin(now)
        elif now >= self._ends:
            quiet = len(data) <= SMALL and not reader.busy
            if quiet:
                self._beside = now + BESIDE
            if quiet and self._at_once:
                self._at_once -= 1
                reader.work(data)
            else:
                self._wait(reader, data)
            return
        if len(data) <= PIECE:
            reader.work(data)
        else:
            self._work(reader, data)

    def _begin(self, now: float) -> None:
        alone = now >= self._beside
        self._ends = now + BUDGET
        self._round_ends = now + (BUDGET if alone else BUDGET_BESIDE)
        self._heads = HEADS if alone else HEADS_BESIDE
        self._at_once = AT_ONCE
        self._call_soon(self._next_turn)

    def _next_turn(self) -> None:
        """Comes before the sockets of its turn are read."""
        self._ends = 0.0
        if not self._ahead and not self._round:
            return
        now = self._clock()
        self._begin(now)
        while self._ahead or (self._round and now < self._round_ends):
            reader = self._ahead.popleft() if self._ahead else self._round.popleft()
            data, reader.pending = reader.pending, b""
            if data:  # else it is gone
                self._work(reader, data)
                reader.pending_changed()
                now = self._clock()
                if now >= self._ends:
                    return

    def _work(self, reader: Reader, data: bytes) -> None:
        """One piece of *data*, or more of it while nobody else waits and there is time."""
        start, size, piece = 0, len(data), PIECE
        now = self._clock()
        while True:
            end, began = reader.cut(data, start, min(start + piece, size), self._heads), now
            reader.work(data[start:end])
            if end >= size:
                return
            start, now = end, self._clock()
            if self._round or self._ahead or now >= self._round_ends:
                self._wait(reader, data[start:])
                return
            if now - began < QUICK:
                piece *= 2

    def _wait(self, reader: Reader, data: bytes) -> None:
        reader.pending = data
        (self._ahead if len(data) <= SMALL and not reader.busy else self._round).append(reader)
        reader.pending_changed()
