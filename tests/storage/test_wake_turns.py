"""Watches that all have something to tell leave room between them for whoever else wants the loop."""

from collections.abc import Callable

from genericapiserver.storage.wake_turns import LOOKING, WOKEN, WakeTurns


class Loop:
    def __init__(self) -> None:
        self.now = 0.0
        self.soon: list[Callable[[], None]] = []
        self.woken: list[int] = []

    def turn(self) -> list[int]:
        before = len(self.woken)
        callbacks, self.soon = self.soon, []
        for callback in callbacks:
            callback()
        return self.woken[before:]


class Watch:
    def __init__(self, loop: Loop, number: int, *, concerned: bool = True, takes: float = 0.0) -> None:
        self._loop, self._number, self._concerned, self._takes = loop, number, concerned, takes

    def wake_for_events(self) -> bool:
        self._loop.now += self._takes
        self._loop.woken.append(self._number)
        return self._concerned


def new_turns(loop: Loop) -> WakeTurns:
    return WakeTurns(lambda turn: loop.soon.append(turn), clock=lambda: loop.now)


def test_some_are_woken_at_once_and_the_rest_in_the_turns_after_it_in_order() -> None:
    loop = Loop()
    new_turns(loop).wake(Watch(loop, number) for number in range(2 * WOKEN + 1))
    assert loop.woken == [*range(WOKEN)]
    assert loop.turn() == [*range(WOKEN, 2 * WOKEN)]
    assert loop.turn() == [2 * WOKEN]
    assert not loop.soon


def test_who_is_told_of_a_later_change_comes_after_who_still_waits_for_the_first() -> None:
    loop = Loop()
    turns = new_turns(loop)
    turns.wake(Watch(loop, number) for number in range(WOKEN + 1))
    turns.wake([Watch(loop, 100)])
    assert len(loop.soon) == 1
    assert loop.turn() == [WOKEN, 100]


def test_watches_that_a_change_does_not_concern_do_not_count() -> None:
    loop = Loop()
    new_turns(loop).wake(Watch(loop, number, concerned=False) for number in range(5 * WOKEN))
    assert len(loop.woken) == 5 * WOKEN
    assert not loop.soon


def test_looking_whether_it_concerns_them_does_not_hold_the_loop_either() -> None:
    loop = Loop()
    new_turns(loop).wake(Watch(loop, number, concerned=False, takes=LOOKING / 2) for number in range(3))
    assert loop.woken == [0, 1]
    assert loop.turn() == [2]


def test_nobody_to_wake_schedules_nothing() -> None:
    loop = Loop()
    new_turns(loop).wake([])
    assert not loop.soon
