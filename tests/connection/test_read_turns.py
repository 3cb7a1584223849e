"""Who is read from first when more has come than one turn of the loop takes."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from genericapiserver.connection.read_turns import (
    AT_ONCE,
    BESIDE,
    BUDGET,
    HEADS,
    HEADS_BESIDE,
    PIECE,
    QUICK,
    SMALL,
    ReadTurns,
)

COST = BUDGET / 2
"""What working on one piece takes on the clock of these tests."""


class Loop:
    """Turns of a loop, and a clock that only work moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.soon: list[Callable[[], None]] = []
        self.worked: list[tuple[str, bytes]] = []

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.soon.append(callback)

    def turn(self) -> list[str]:
        """Whose input is worked on in the next turn, piece by piece."""
        before = len(self.worked)
        callbacks, self.soon = self.soon, []
        for callback in callbacks:
            callback()
        return [name for name, _ in self.worked[before:]]

    def until_nothing_waits(self) -> list[str]:
        order: list[str] = []
        while self.soon:
            order += self.turn()
        return order


class Connection:
    def __init__(self, loop: Loop, name: str, *, busy: bool = False) -> None:
        self.pending = b""
        self.busy = busy
        self.changes = 0
        self.received = b""
        self.heads = 0
        self._loop = loop
        self._name = name

    def work(self, data: bytes) -> None:
        assert 0 < len(data) <= PIECE
        self.received += data
        self._loop.worked.append((self._name, data))
        self._loop.now += COST

    def cut(self, data: bytes, start: int, end: int, heads: int) -> int:
        self.heads = heads
        return end

    def pending_changed(self) -> None:
        self.changes += 1


def new_turns(loop: Loop) -> ReadTurns:
    return ReadTurns(loop.call_soon, clock=lambda: loop.now)


def test_what_comes_alone_is_worked_on_at_once() -> None:
    loop = Loop()
    turns, one = new_turns(loop), Connection(loop, "one")
    turns.received(one, b"x" * 10)
    assert (one.received, one.pending, one.changes) == (b"x" * 10, b"", 0)
    assert loop.until_nothing_waits() == []


def test_beyond_the_budget_of_a_turn_input_waits_for_the_next() -> None:
    loop = Loop()
    turns = new_turns(loop)
    connections = [Connection(loop, name, busy=True) for name in "abcde"]
    for connection in connections:
        turns.received(connection, b"x")
    assert [connection.received for connection in connections] == [b"x", b"x", b"", b"", b""]
    assert loop.turn() == ["c", "d"]
    assert loop.turn() == ["e"]
    assert loop.until_nothing_waits() == []
    assert all(connection.changes for connection in connections[2:]), "reading may have to go on"


def test_large_inputs_take_turns_a_piece_at_a_time() -> None:
    loop = Loop()
    turns = new_turns(loop)
    a, b = Connection(loop, "a", busy=True), Connection(loop, "b", busy=True)
    turns.received(a, b"x" * (4 * PIECE))
    turns.received(b, b"y" * (2 * PIECE))
    assert loop.until_nothing_waits() == ["a", "b", "a", "b"]
    assert (len(a.received), len(b.received)) == (4 * PIECE, 2 * PIECE)


def test_pieces_grow_while_they_cost_next_to_nothing() -> None:
    loop, sizes = Loop(), list[int]()

    class Upload(Connection):
        def work(self, data: bytes) -> None:
            sizes.append(len(data))
            loop.now += QUICK / 2

    new_turns(loop).received(Upload(loop, "upload"), b"x" * (15 * PIECE))
    assert sizes == [PIECE, 2 * PIECE, 4 * PIECE, 8 * PIECE]


def test_a_request_of_a_quiet_connection_is_read_at_once_though_the_budget_is_used_up() -> None:
    loop = Loop()
    turns = new_turns(loop)
    for name in "abcd":
        turns.received(Connection(loop, name, busy=True), b"x" * PIECE)
    quiet = [Connection(loop, f"quiet {number}") for number in range(AT_ONCE + 1)]
    for connection in quiet:
        turns.received(connection, b"x" * SMALL)
    assert [bool(connection.received) for connection in quiet] == [True] * AT_ONCE + [False], "so many in a turn"
    assert loop.turn()[0] == f"quiet {AT_ONCE}"
    again = Connection(loop, "again")
    turns.received(again, b"x" * SMALL)
    assert again.received, "the next turn has a share of its own"


def test_pieces_are_smaller_while_somebody_asks_now_and_then() -> None:
    loop = Loop()
    turns = new_turns(loop)
    a, b, quiet = Connection(loop, "a", busy=True), Connection(loop, "b", busy=True), Connection(loop, "quiet")
    turns.received(a, b"x" * (9 * PIECE))
    turns.received(b, b"y" * (9 * PIECE))
    assert (loop.turn(), a.heads) == (["a", "b"], HEADS)
    turns.received(quiet, b"?")
    assert (loop.turn(), a.heads) == (["a"], HEADS_BESIDE), "a turn has one of them"
    assert (loop.turn(), b.heads) == (["b"], HEADS_BESIDE)
    loop.now += BESIDE
    assert (loop.turn(), a.heads) == (["a", "b"], HEADS), "nobody has asked for a while"


def test_several_that_ask_now_and_then_are_read_in_one_turn() -> None:
    loop = Loop()
    turns = new_turns(loop)
    busy = Connection(loop, "busy", busy=True)
    turns.received(busy, b"x" * (9 * PIECE))
    quiet = [Connection(loop, f"quiet {number}") for number in range(AT_ONCE + 2)]
    for connection in quiet:
        turns.received(connection, b"?")
    assert loop.turn() == [f"quiet {AT_ONCE}", f"quiet {AT_ONCE + 1}"]


def test_what_a_quiet_connection_has_pending_is_not_overtaken_by_what_it_sends_next() -> None:
    loop = Loop()
    turns = new_turns(loop)
    for name in "ab":
        turns.received(Connection(loop, name, busy=True), b"x")
    slow = Connection(loop, "slow")
    turns.received(slow, b"1" * (SMALL + 1))
    turns.received(slow, b"2")
    assert slow.received == b""
    loop.until_nothing_waits()
    assert slow.received == b"1" * (SMALL + 1) + b"2"


def test_a_connection_that_waits_for_nothing_goes_ahead_of_those_that_do() -> None:
    loop = Loop()
    turns = new_turns(loop)
    for name in "abcdefgh":
        turns.received(Connection(loop, name, busy=True), b"x" * PIECE)
    for number in range(AT_ONCE):
        turns.received(Connection(loop, f"quiet {number}"), b"x")
    turns.received(Connection(loop, "modest"), b"x" * SMALL)
    assert loop.turn()[0] == "modest"


def test_who_asks_for_much_at_once_does_not_go_ahead() -> None:
    loop = Loop()
    turns = new_turns(loop)
    for name in "abcd":
        turns.received(Connection(loop, name, busy=True), b"x")
    turns.received(Connection(loop, "much"), b"x" * (SMALL + 1))
    assert loop.until_nothing_waits() == ["c", "d", "much"]


def test_more_input_of_one_that_waits_comes_after_what_it_has_pending() -> None:
    loop = Loop()
    turns = new_turns(loop)
    for name in "ab":
        turns.received(Connection(loop, name), b"x")
    late = Connection(loop, "late", busy=True)
    turns.received(late, b"1")
    turns.received(late, b"2")
    loop.turn()
    assert late.received == b"12"


def test_one_that_is_gone_takes_no_turn() -> None:
    loop = Loop()
    turns = new_turns(loop)
    for name in "ab":
        turns.received(Connection(loop, name), b"x")
    gone, next_one = Connection(loop, "gone", busy=True), Connection(loop, "next", busy=True)
    turns.received(gone, b"x")
    turns.received(next_one, b"x")
    gone.pending = b""
    assert loop.until_nothing_waits() == ["next"]


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(1, 4 * PIECE), st.booleans(), st.integers(0, 2)),
        max_size=40,
    )
)
def test_everything_arrives_once_and_in_order(inputs: list[tuple[int, int, bool, int]]) -> None:
    """Each input: a connection, a size, whether it is busy by then, and the turns that pass before the next comes."""
    loop = Loop()
    turns = new_turns(loop)
    connections = [Connection(loop, str(number)) for number in range(6)]
    sent = [b""] * 6
    for at, (number, size, busy, passing) in enumerate(inputs):
        connections[number].busy = busy
        data = bytes([at]) * size
        sent[number] += data
        turns.received(connections[number], data)
        for _ in range(passing):
            loop.turn()
    loop.until_nothing_waits()
    assert [connection.received for connection in connections] == sent
    assert [connection.pending for connection in connections] == [b""] * 6
