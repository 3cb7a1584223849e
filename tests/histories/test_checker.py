"""The checker itself: it accepts what is right, and each kind of wrong it finds.

Hand-made histories are small enough to see by eye what is wrong with them. Then histories that a store has made are damaged
in one place, and every damage has to be found.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.histories.places import local_place
from tests.histories.recording import (
    ADDED,
    BOOKMARK,
    CONFLICT,
    CUT,
    DELETED,
    DONE,
    ERROR,
    EXISTS,
    FAILED,
    GONE,
    MISSING,
    MODIFIED,
    OK,
    STALLED,
    SYNCED,
    UNKNOWN,
    WRITES,
    Answer,
    Compaction,
    History,
    Item,
    Operation,
    Request,
    Seen,
    Segment,
    Watch,
)
from tests.histories.story import AUDITOR, COMPACT, tell
from tests.histories.watches import check
from tests.histories.workload import plan

A, B = "red/a", "red/b"
When = tuple[int, int]


class Told:
    """A history in the making. Each operation begins after the one before it has ended, unless *when* says otherwise."""

    def __init__(self) -> None:
        self.history = History(label="by hand", seed=0, first=[1], final=[99])
        self._now = 10

    def _did(self, request: Request, answer: Answer, when: When | None) -> Told:
        begun, ended = when or (self._now, self._now + 10)
        self._now = max(self._now, ended + 10)
        unknown = answer.outcome == UNKNOWN
        client = len(self.history.operations)
        self.history.operations.append(
            Operation(client=client, request=request, answer=answer, begun=begun, ended=None if unknown else ended)
        )
        return self

    def write(
        self,
        kind: str,
        name: str,
        value: str = "",
        revision: int = 0,
        *,
        expect: int = 0,
        base: int = 0,
        showed: str = "",
        outcome: str = OK,
        when: When | None = None,
    ) -> Told:
        items = (Item(name, showed, revision),) if showed else ()
        request = Request(kind=kind, name=name, value=value, expect=expect)
        return self._did(request, Answer(outcome=outcome, revision=revision, base=base, items=items), when)

    def get(self, name: str, value: str, revision: int, *, least: int = -1, when: When | None = None) -> Told:
        answer = Answer(outcome=OK, items=(Item(name, value, revision),))
        return self._did(Request(kind="get", name=name, at=least), answer, when)

    def missing(self, name: str, *, when: When | None = None) -> Told:
        return self._did(Request(kind="get", name=name), Answer(outcome=MISSING), when)

    def list(
        self, revision: int, *items: tuple[str, str, int], of: int = -1, exact: bool = False, outcome: str = OK
    ) -> Told:
        answer = Answer(outcome=outcome, revision=revision, items=tuple(Item(*each) for each in items))
        return self._did(Request(kind="list", at=of, exact=exact), answer, None)

    def watch(self, after: int, *events: tuple[str, str, str, int], end: str = CUT, scope: str = "") -> Told:
        """What a watch that was opened now has brought, all of it at once."""
        begun, self._now = self._now, self._now + 20
        segment = Segment(after=after, begun=begun, events=[Seen(*each, begun + 10) for each in events], end=end)
        self.history.watches.append(Watch(name=f"w{len(self.history.watches)}", scope=scope, segments=[segment]))
        return self

    def again(self, after: int, *events: tuple[str, str, str, int]) -> Told:
        """The last watch, resumed."""
        self.watch(after, *events)
        resumed = self.history.watches.pop()
        self.history.watches[-1].segments += resumed.segments
        return self

    def compacted(self, revision: int) -> Told:
        self.history.compactions.append(Compaction(revision=revision, begun=self._now))
        return self


def life() -> Told:
    """a is made at 2, changed at 3, b is made at 4, a is deleted at 5."""
    return (
        Told()
        .write("create", A, "1", 2)
        .write("update", A, "2", 3, expect=2)
        .write("create", B, "3", 4)
        .write("delete", A, "", 5, expect=3, showed="2")
    )


WHOLE = ((ADDED, A, "1", 2), (MODIFIED, A, "2", 3), (ADDED, B, "3", 4), (DELETED, A, "2", 5))

GOOD = {
    "nothing": Told(),
    "a life, read and watched": life().missing(A).get(B, "3", 4).list(5, (B, "3", 4)).watch(1, *WHOLE, end=DONE),
    "a list of an old revision": life().list(3, (A, "2", 3), of=3, exact=True),
    "any state for who takes any": life().get(A, "1", 2, least=0).get(A, "2", 3, least=3).list(2, (A, "1", 2), of=0),
    "reads that overlap a write": (
        Told().write("create", A, "1", 2, when=(10, 99)).missing(A, when=(20, 30)).get(A, "1", 2, when=(40, 50))
    ),
    "an unknown outcome that happened": Told().write("create", A, "1", outcome=UNKNOWN).get(A, "1", 2),
    "an unknown outcome that did not happen": Told().write("create", A, "1", outcome=UNKNOWN).missing(A),
    "an unknown outcome that happened late": (
        Told()
        .write("create", A, "1", outcome=UNKNOWN)
        .missing(A)
        .get(A, "1", 2)
        .write("create", A, "2", outcome=EXISTS)
    ),
    "refusals when it was so": (
        life()
        .write("create", A, "9", outcome=EXISTS, when=(25, 60))
        .write("update", A, "8", expect=2, outcome=CONFLICT, when=(25, 60))
        .write("update", A, "7", expect=2, outcome=MISSING)
    ),
    "a watch that begins with the state": life().watch(-1, (ADDED, B, "3", 4), (SYNCED, "", "", 5), end=DONE),
    "a state that was cut off": life().watch(-1, (ADDED, B, "3", 4)),
    "bookmarks": life().watch(1, WHOLE[0], (BOOKMARK, "", "", 2), *WHOLE[1:], (BOOKMARK, "", "", 9), end=DONE),
    "a watch of one object": life().watch(1, *[each for each in WHOLE if each[1] == A], end=DONE, scope=A),
    "a deletion whose revision nobody said": (
        Told().write("create", A, "1", 2).write("delete", A, expect=2).watch(1, WHOLE[0], (DELETED, A, "1", 3))
    ),
    "history that was compacted": (
        life().compacted(4).list(0, of=2, exact=True, outcome=GONE).watch(2, (ERROR, "", "", 410))
    ),
}

BAD = {
    "a read of what was replaced": (
        "stale",
        Told().write("create", A, "1", 2).write("update", A, "2", 3).get(A, "1", 2),
    ),
    "a read older than another read": (
        "stale",
        Told()
        .write("create", A, "1", 2)
        .write("update", A, "2", 3, when=(100, 900))
        .get(A, "2", 3, when=(200, 210))
        .get(A, "1", 2, when=(220, 230)),
    ),
    "a read older than what a watch has shown": (
        "stale",
        Told().write("create", A, "1", outcome=UNKNOWN).watch(1, WHOLE[0]).missing(A),
    ),
    "a read older than it asked for": ("stale", life().get(A, "1", 2, least=3)),
    "a list that is older than a write": ("stale", life().list(3, (A, "2", 3))),
    "a read of what was not yet written": (
        "from the future",
        Told().get(A, "1", 2, when=(10, 20)).write("create", A, "1", 2, when=(30, 40)),
    ),
    "an update of what was replaced": (
        "lost update",
        Told().write("create", A, "1", 2).write("update", A, "2", 3, expect=2).write("update", A, "3", 4, expect=2),
    ),
    "a change made of what was replaced": (
        "lost update",
        Told().write("create", A, "1", 2).write("update", A, "2", 3, base=2).write("update", A, "3", 4, base=2),
    ),
    "a guarded deletion of another revision": (
        "lost update",
        Told().write("create", A, "1", 2).write("update", A, "2", 3).write("delete", A, "", 4, expect=2),
    ),
    "an object created over itself": ("created twice", Told().write("create", A, "1", 2).write("create", A, "2", 3)),
    "an update of nothing": ("write of nothing", Told().write("update", A, "1", 2)),
    "a deletion that shows another object": (
        "wrong object deleted",
        Told().write("create", A, "1", 2).write("update", A, "2", 3).write("delete", A, "", 4, showed="1"),
    ),
    "an acknowledged write that is gone after a kill": (
        "stale",
        Told().write("create", A, "1", 2).write("create", B, "x", outcome=UNKNOWN).missing(A),
    ),
    "an acknowledged deletion that is nowhere": (
        "lost write",
        Told().write("create", A, "1", 2).write("delete", A, expect=2).watch(1, WHOLE[0], end=DONE),
    ),
    "an unknown write that was seen and is gone": (
        "stale",
        Told().write("create", A, "1", outcome=UNKNOWN).get(A, "1", 2).missing(A),
    ),
    "an unknown write that happened twice": (
        "write happened twice",
        Told().write("create", A, "1", outcome=UNKNOWN).get(A, "1", 2).get(A, "1", 3),
    ),
    "a refused write that happened": (
        "refused write happened",
        Told().write("create", A, "1", outcome=EXISTS).get(A, "1", 2),
    ),
    "a refusal that was never true": ("stale", Told().write("create", A, "1", outcome=EXISTS)),
    "a conflict with the newest revision": (
        "stale",
        Told().write("create", A, "1", 2).write("update", A, "2", expect=2, outcome=CONFLICT),
    ),
    "a missing object that is there": ("stale", life().write("update", B, "9", outcome=MISSING)),
    "one revision for two writes": (
        "revision given twice",
        Told().write("create", A, "1", 2).write("create", B, "2", 2),
    ),
    "a revision that goes back": (
        "revisions against time",
        Told().write("create", A, "1", 3).write("create", B, "2", 2),
    ),
    "a revision from before the store": ("revision of the past", Told().write("create", A, "1", 1)),
    "a value that nobody wrote": ("phantom", Told().get(A, "9", 2)),
    "a value under another name": ("phantom", Told().write("create", A, "1", outcome=UNKNOWN).get(B, "1", 2)),
    "a deletion that nobody made": (
        "phantom",
        Told().write("create", A, "1", 2).watch(1, WHOLE[0], (DELETED, A, "1", 3)),
    ),
    "a value at the revision of another": ("two stories of one revision", life().get(B, "3", 3)),
    "a list of two moments": ("list of no moment", life().list(5, (A, "2", 3), (B, "3", 4))),
    "a list without an object": ("list of no moment", life().list(5)),
    "a list of which one object is old": (
        "list of no moment",
        Told()
        .write("create", A, "1", 2)
        .write("update", A, "2", 3)
        .write("create", B, "3", 4)
        .list(4, (A, "1", 2), (B, "3", 4)),
    ),
    "a list that is not in order": (
        "list of no moment",
        Told().write("create", A, "1", 2).write("create", B, "2", 3).list(3, (B, "2", 3), (A, "1", 2)),
    ),
    "an exact list of another revision": ("wrong revision", life().list(3, (A, "2", 3), of=2, exact=True)),
    "history that is gone for no reason": ("history lost", life().list(0, of=2, exact=True, outcome=GONE)),
    "an answer that nobody should get": ("unexpected failure", Told().write("create", A, "1", outcome=FAILED)),
    "a watch with a gap": ("watch gap", life().watch(1, WHOLE[0], WHOLE[2], WHOLE[3])),
    "a watch that resumed too late": ("watch gap", life().watch(1, *WHOLE[1:])),
    "a watch that resumed after what it had not brought": ("watch gap", life().watch(1, WHOLE[0]).again(3, *WHOLE[2:])),
    "a watch that never brought the end": ("watch gap", life().watch(1, *WHOLE[:3], end=STALLED)),
    "a watch of one object with a gap": ("watch gap", life().watch(1, WHOLE[0], WHOLE[3], scope=A)),
    "a watch out of order": ("watch gap", life().watch(1, WHOLE[0], WHOLE[2], WHOLE[1], WHOLE[3])),
    "a watch that goes back": ("watch out of order", life().watch(1, *WHOLE, WHOLE[1])),
    "a watch that says a thing twice": ("watch out of order", life().watch(1, WHOLE[0], WHOLE[0])),
    "a watch that repeats what it resumed after": ("watch out of order", life().watch(3, *WHOLE[1:])),
    "a new object that was modified": ("wrong event", life().watch(1, (MODIFIED, A, "1", 2))),
    "a modified object that was added": ("wrong event", life().watch(2, (ADDED, A, "2", 3))),
    "a deletion with an old object": ("wrong event", life().watch(4, (DELETED, A, "1", 5))),
    "an event of another scope": ("wrong event", life().watch(3, (ADDED, B, "3", 4), scope=A)),
    "a bookmark ahead of events": ("watch gap", life().watch(1, WHOLE[0], (BOOKMARK, "", "", 3), WHOLE[1])),
    "a bookmark that goes back": ("watch out of order", life().watch(1, *WHOLE[:2], (BOOKMARK, "", "", 2))),
    "a state that is not whole": ("list of no moment", life().watch(-1, (SYNCED, "", "", 5))),
    "a state that is old": ("stale", Told().write("create", A, "1", 2).watch(-1, (SYNCED, "", "", 1))),
    "a state with events in it": ("wrong initial state", life().watch(-1, WHOLE[1], WHOLE[2], (SYNCED, "", "", 4))),
    "a watch told of a loss for no reason": ("history lost", life().watch(2, (ERROR, "", "", 410))),
    "a watch that ended in a failure": ("unexpected failure", life().watch(2, (ERROR, FAILED, "", 500))),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_is_right_is_accepted(name: str) -> None:
    assert check(GOOD[name].history) == []


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_found(name: str) -> None:
    what, told = BAD[name]
    found = check(told.history)
    assert what in {violation.what for violation in found}, [str(each) for each in found]


def test_memory_that_begins_anew_must_not_give_out_old_revisions() -> None:
    history = life().history
    history.first, history.final = [1, 5], [0, 9]
    assert [each.what for each in check(history)] == ["revision given twice"]


def test_a_watch_must_not_go_on_over_a_loss_of_memory() -> None:
    history = life().history
    history.first, history.final = [1, 100], [0, 101]
    history.operations.append(
        Operation(
            client=9,
            request=Request(kind="create", name=A, value="x"),
            answer=Answer(outcome=OK, revision=101),
            begun=900,
            ended=910,
            epoch=1,
        )
    )
    segment = Segment(after=5, epoch=1, events=[Seen(ADDED, A, "x", 101, 920)])
    history.watches.append(Watch(name="w", scope="", segments=[segment]))
    assert [each.what for each in check(history)] == ["resumed over a loss"]


# ---- damage


async def _made(engine: str, seed: int, folder: Path) -> History:
    history = History(label=engine, seed=seed)
    async with local_place(engine, history, folder, cached=[seed % 2 == 0]) as place:
        return await tell(plan(seed, faults=(COMPACT,)), place)  # in one epoch, so that there is enough to damage


def _acknowledged(history: History, *kinds: str) -> list[Operation]:
    return [
        each
        for each in history.operations
        if each.answer.outcome == OK and each.epoch == len(history.first) - 1 and each.request.kind in kinds
    ]


def _segments(history: History, least: int) -> list[Segment]:
    """Watches of the last epoch with so many changes."""
    return [
        segment
        for watch in history.watches
        for segment in watch.segments
        if segment.epoch == len(history.first) - 1
        and segment.after != -1
        and sum(event.type in (ADDED, MODIFIED, DELETED) for event in segment.events) >= least
    ]


def _changes(segment: Segment) -> list[int]:
    return [index for index, event in enumerate(segment.events) if event.type in (ADDED, MODIFIED, DELETED)]


def leave_an_event_out(history: History, choice: random.Random) -> None:
    segment = choice.choice(_segments(history, 3))
    del segment.events[choice.choice(_changes(segment)[:-1])]


def tell_an_event_twice(history: History, choice: random.Random) -> None:
    segment = choice.choice(_segments(history, 1))
    index = choice.choice(_changes(segment))
    segment.events.insert(index, segment.events[index])


def swap_two_events(history: History, choice: random.Random) -> None:
    segment = choice.choice(_segments(history, 2))
    index = choice.randrange(len(_changes(segment)) - 1)
    one, other = _changes(segment)[index : index + 2]
    events = segment.events
    events[one], events[other] = events[other], events[one]


def change_the_type_of_an_event(history: History, choice: random.Random) -> None:
    segment = choice.choice(_segments(history, 1))
    index = choice.choice(_changes(segment))
    event = segment.events[index]
    other = {ADDED: MODIFIED, MODIFIED: ADDED, DELETED: MODIFIED}[event.type]
    segment.events[index] = attrs.evolve(event, type=other)


def lose_an_acknowledged_write(history: History, choice: random.Random) -> None:
    """No watch brings it. (The auditor's marks are where watches end, so nobody would miss them.)"""
    clients = [each for each in _acknowledged(history, "create", "update") if each.client != AUDITOR]
    lost = choice.choice(clients).answer.revision
    for watch in history.watches:
        for segment in watch.segments:
            segment.events = [event for event in segment.events if event.revision != lost or event.type == ERROR]


def read_an_old_value(history: History, choice: random.Random) -> None:
    """The last list is answered as if the newest object had not been written."""
    operation = history.operations[-1]
    newest = max(operation.answer.items, key=lambda item: item.revision)
    items = tuple(item for item in operation.answer.items if item is not newest)
    operation.answer = attrs.evolve(operation.answer, items=items)


def give_a_revision_twice(history: History, choice: random.Random) -> None:
    one, other = choice.sample(_acknowledged(history, *WRITES), 2)
    one.answer = attrs.evolve(one.answer, revision=other.answer.revision)


def swap_two_revisions(history: History, choice: random.Random) -> None:
    one, other = choice.sample(_acknowledged(history, *WRITES), 2)
    answers = one.answer, other.answer
    one.answer = attrs.evolve(answers[0], revision=answers[1].revision)
    other.answer = attrs.evolve(answers[1], revision=answers[0].revision)


def accept_what_was_refused(history: History, choice: random.Random) -> None:
    operation = choice.choice([each for each in history.operations if each.request.kind == "create"])
    at = history.final[-1] + 1
    operation.epoch, operation.answer = len(history.first) - 1, Answer(outcome=OK, revision=at)
    later = max(each.begun for each in history.operations)
    operation.begun = operation.ended = later + 1
    history.operations.append(
        Operation(
            client=0,
            request=Request(kind="get", name=operation.request.name),
            answer=Answer(outcome=MISSING),
            begun=later + 2,
            ended=later + 3,
            epoch=operation.epoch,
        )
    )


def refuse_what_must_succeed(history: History, choice: random.Random) -> None:
    """The mark that is written at the end has a name of its own."""
    mark = next(each for each in reversed(history.operations) if "/mark-" in each.request.name)
    mark.answer = Answer(outcome=EXISTS)


DAMAGES: list[Callable[[History, random.Random], None]] = [
    leave_an_event_out,
    tell_an_event_twice,
    swap_two_events,
    change_the_type_of_an_event,
    lose_an_acknowledged_write,
    read_an_old_value,
    give_a_revision_twice,
    swap_two_revisions,
    accept_what_was_refused,
    refuse_what_must_succeed,
]


def _originals(tmp_path: Path) -> Iterator[Path]:
    """Some histories of stores, kept as files; they are right."""
    for seed in range(12):
        engine = ("memory", "view", "fork", "file")[seed % 4]
        history = asyncio.run(_made(engine, seed, tmp_path / str(seed)))
        assert check(history) == []
        path = tmp_path / f"{seed}.json"
        path.write_text(history.to_json())
        yield path


def test_every_damage_to_a_right_history_is_found(tmp_path: Path) -> None:
    missed: list[Any] = []
    for path in _originals(tmp_path):
        assert check(History.load(path)) == []
        for damage in DAMAGES:
            for seed in range(3):
                history = History.load(path)
                damage(history, random.Random(seed))
                if not check(history):
                    missed.append((path.stem, damage.__name__, seed))
    assert missed == []
