"""Who goes next when the one thread that serves all requests has more to do than it can.

Seats limit how many requests are served at the same time. A handler that never waits begins and ends within one turn of the
event loop: hundreds that have arrived together each find a free seat, one after another, and whoever comes then waits for
all of them. The reference leaves this to the scheduler of its goroutines, which serves all a little at a time. Here only so
many requests begin in a turn. The others wait for theirs: levels by their shares, the flows of a level one after another. A
flow that has not asked for a round need not wait at all, so that who asks now and then is not behind those who ask without
end.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from typing import Final, Protocol

import attrs

PER_TURN: Final = 1
"""Requests that begin in one turn while others wait. A turn by itself costs few hundredths of a request."""
AHEAD: Final = 8
"""Requests of flows that have not asked for a round, which begin in a turn beside those; later turns are shorter for it."""


class Sharer(Protocol):
    """A level, as far as turns go."""

    @property
    def name(self) -> str: ...

    @property
    def shares(self) -> int: ...


@attrs.define(eq=False)
class _LevelTurns:
    """The flows of one level in their round. One whose requests have all had their turn leaves when it comes up next."""

    passed: float
    """The turns that were had, divided by the shares: the level with the lowest number is next."""
    flows: dict[Hashable, deque[asyncio.Future[None]]] = attrs.field(factory=dict)
    round: deque[Hashable] = attrs.field(factory=deque)
    new: deque[Hashable] = attrs.field(factory=deque)
    """Flows that came into the round while too many others did."""

    def take(self) -> asyncio.Future[None] | None:
        """The request whose turn it is; None when nobody waits any more."""
        while self.new or self.round:
            flow = self.new.popleft() if self.new else self.round.popleft()
            waiting = self.flows[flow]
            while waiting:
                turn = waiting.popleft()
                if not turn.done():  # else its client has gone
                    self.round.append(flow)
                    return turn
            del self.flows[flow]
        return None


class Turns:
    """Gives out turns. One object a server; all on one event loop."""

    def __init__(
        self, *, call_soon: Callable[[Callable[[], None]], object], per_turn: int = PER_TURN, ahead: int = AHEAD
    ) -> None:
        self._call_soon = call_soon
        self._per_turn = per_turn
        self._ahead = ahead
        self._begun = 0
        self._scheduled = False
        self._levels: dict[str, tuple[Sharer, _LevelTurns]] = {}
        self._passed = 0.0

    @property
    def contended(self) -> bool:
        """Whether somebody waits, or has just done so."""
        return bool(self._levels)

    def take(self) -> bool:
        """Whether a request may begin at once, because nobody waits. If not, ask `enter`."""
        if self._levels or self._begun >= self._per_turn:
            return False
        self._begin()
        return True

    def enter(self, level: Sharer, flow: Hashable) -> asyncio.Future[None] | None:
        """What a request of *flow* has to wait for; None when it may begin."""
        entry = self._levels.get(level.name)
        if entry is None:
            entry = self._levels[level.name] = (level, _LevelTurns(self._passed))
        turns = entry[1]
        waiting = turns.flows.get(flow)
        if waiting is None:
            waiting = turns.flows[flow] = deque()
            if self._begun < self._per_turn + self._ahead:
                turns.round.append(flow)
                turns.passed += 1 / max(1, level.shares)
                self._begin()
                return None
            turns.new.append(flow)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        self._schedule()
        return turn

    def _begin(self) -> None:
        self._begun += 1
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._call_soon(self._next_turn)

    def _next_turn(self) -> None:
        """The turn is over: let the next ones begin."""
        self._scheduled = False
        self._begun = max(0, self._begun - self._per_turn)
        while self._levels and self._begun < self._per_turn:
            name, (level, turns) = min(self._levels.items(), key=lambda item: item[1][1].passed)
            turn = turns.take()
            if turn is None:
                del self._levels[name]
                continue
            self._passed = turns.passed
            turns.passed += 1 / max(1, level.shares)
            self._begun += 1
            turn.set_result(None)
        if self._begun or self._levels:
            self._schedule()
