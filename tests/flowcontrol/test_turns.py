"""Turns of the loop: how many requests begin in one, and who is next."""

import asyncio
from collections.abc import Callable

import attrs

from genericapiserver.flowcontrol.turns import Turns


@attrs.frozen
class Level:
    name: str = "level"
    shares: int = 30


class Loop:
    """Turns that are taken one by one, and who began in which."""

    def __init__(self, *, ahead: int = 2) -> None:
        self.calls: list[Callable[[], None]] = []
        self.turns = Turns(call_soon=self.calls.append, per_turn=1, ahead=ahead)
        self.waiting: list[tuple[str, asyncio.Future[None]]] = []

    def ask(self, flow: str, level: Level = Level()) -> bool:
        """Whether a request of *flow* begins at once."""
        if self.turns.take():
            return True
        turn = self.turns.enter(level, flow)
        if turn is not None:
            self.waiting.append((flow, turn))
        return turn is None

    def turn(self) -> list[str]:
        """End the turn; the flows whose requests begin in the next one."""
        calls, self.calls[:] = list(self.calls), []
        for call in calls:
            call()
        begun = [flow for flow, turn in self.waiting if turn.done() and not turn.cancelled()]
        self.waiting = [(flow, turn) for flow, turn in self.waiting if not turn.done()]
        return begun


async def test_who_is_alone_begins_at_once_and_leaves_nothing_behind() -> None:
    loop = Loop()
    assert loop.ask("a")
    assert loop.turn() == []
    assert loop.calls == []
    assert not loop.turns.contended


async def test_flows_take_turns_however_many_requests_one_has() -> None:
    loop = Loop(ahead=0)
    for _ in range(5):
        loop.ask("greedy")
    for _ in range(2):
        loop.ask("other")
    order = [flow for _ in range(6) for flow in loop.turn()]
    assert order == ["greedy", "other", "greedy", "other", "greedy", "greedy"]
    while loop.calls:
        assert loop.turn() == []
    assert not loop.turns.contended


async def test_who_asks_now_and_then_does_not_wait_and_who_asks_again_in_his_round_does() -> None:
    loop = Loop()
    for _ in range(9):
        loop.ask("greedy")
    assert [loop.turn(), loop.turn()] == [[], ["greedy"]]
    assert loop.ask("modest")
    assert not loop.ask("modest")
    begun = [flow for _ in range(5) for flow in loop.turn()]
    assert begun.count("modest") == 1


async def test_those_that_go_ahead_are_so_many_and_later_turns_pay_for_them() -> None:
    loop = Loop(ahead=2)
    for _ in range(3):
        loop.ask("greedy")
    loop.turn()
    assert [loop.ask(flow) for flow in ("a", "b", "c")] == [True, True, False]
    assert loop.turn() == []
    assert loop.turn() == []
    assert loop.turn() == ["c"]


async def test_levels_share_turns_by_their_shares() -> None:
    loop = Loop(ahead=0)
    high, low = Level("high", 30), Level("low", 10)
    for _ in range(40):
        loop.ask("high", high)
        loop.ask("low", low)
    begun = [flow for _ in range(20) for flow in loop.turn()]
    assert begun.count("high") == 15
    assert begun.count("low") == 5


async def test_who_has_gone_takes_no_turn() -> None:
    loop = Loop(ahead=0)
    for flow in ("a", "b", "c"):
        loop.ask(flow)
    gone = next(turn for flow, turn in loop.waiting if flow == "b")
    gone.cancel()
    assert [flow for _ in range(4) for flow in loop.turn()] == ["c"]
