"""A history: what clients asked, what they were told and when, and what their watches brought.

Times are nanoseconds of the driver's monotonic clock: whoever asks and whoever is asked may be different processes, but only
the one that asks looks at the clock. An operation whose outcome nobody was told (its server was killed) never ends.
"""

import json
from collections.abc import Callable
from pathlib import Path
from time import monotonic_ns
from typing import Any, Final

import attrs

WRITES: Final = ("create", "update", "delete")
OK: Final = "ok"
EXISTS: Final = "exists"
CONFLICT: Final = "conflict"
MISSING: Final = "missing"
GONE: Final = "gone"
"""History at the revision that was asked for has been forgotten (410)."""
LATE: Final = "late"
"""A read was not answered in time; it says nothing."""
UNKNOWN: Final = "unknown"
"""Nobody can say whether it happened."""
FAILED: Final = "failed"
"""An answer that no client should get, whatever happens to the server."""
REFUSALS: Final = (EXISTS, CONFLICT, MISSING)

ADDED: Final = "ADDED"
MODIFIED: Final = "MODIFIED"
DELETED: Final = "DELETED"
BOOKMARK: Final = "BOOKMARK"
SYNCED: Final = "SYNCED"
"""The bookmark that ends the initial state of a watch."""
ERROR: Final = "ERROR"

CUT: Final = "cut"
"""The client, or a fault, ended the watch; it goes on where it was."""
DONE: Final = "done"
"""The watch was open when everything had been written and had the time to bring all of it."""
STALLED: Final = "stalled"
"""As `DONE`, but it did not bring everything in that time."""

MEMBER_KILL: Final = "member-kill"
LEADER_KILL: Final = "leader-kill"
LEADER_MOVE: Final = "leader-move"
LEADER_HOLD: Final = "leader-hold"
"""The leader of a cluster is stopped for a while, and goes on in the belief that it still leads."""
OUTAGES: Final = (MEMBER_KILL, LEADER_KILL, LEADER_MOVE, LEADER_HOLD)
"""What is done below the server: it goes on, and what it says of this is a failure of its own (500), as in the reference."""


@attrs.frozen(kw_only=True)
class Request:
    """What a client asks. Names are `namespace/name`; the name of a list is `namespace/`, or empty for everything."""

    kind: str
    name: str = ""
    value: str = ""
    """What is written; no two writes of a history write the same."""
    expect: int = 0
    """The revision that a guarded write insists on, 0 without a guard."""
    at: int = -1
    """Of reads: -1 what is newest, 0 anything, else not older than that revision, or exactly it."""
    exact: bool = False
    limit: int = 0
    """Of lists: so many objects a page, 0 all at once."""


@attrs.frozen
class Item:
    """An object as somebody saw it."""

    name: str
    value: str
    revision: int


@attrs.frozen(kw_only=True)
class Answer:
    """What became of a request. *revision* is that of the write, or of the list; 0 when nobody said."""

    outcome: str
    revision: int = 0
    base: int = 0
    """Of an update without a guard: the revision that it started from, 0 when nobody said."""
    items: tuple[Item, ...] = ()
    """What was read; the object that was deleted."""
    text: str = ""


@attrs.define(kw_only=True, eq=False)
class Operation:
    """A request, its answer, and when. *ended* is None for one that has no answer."""

    client: int
    request: Request
    answer: Answer
    begun: int
    ended: int | None
    epoch: int = 0

    def __str__(self) -> str:
        request, answer = self.request, self.answer
        details = [
            f"{name}={value}"
            for name, value in attrs.asdict(request).items()
            if name != "kind" and value not in ("", 0, -1, False)
        ]
        told = [answer.outcome]
        told += [f"revision={answer.revision}"] if answer.revision else []
        told += [f"base={answer.base}"] if answer.base else []
        told += [f"{item.name}={item.value}@{item.revision}" for item in answer.items]
        told += [answer.text] if answer.text else []
        when = f"{self.begun / 1e6:.3f}-{'...' if self.ended is None else f'{self.ended / 1e6:.3f}'} ms"
        return f"client {self.client} {when}: {request.kind} {' '.join(details)} -> {' '.join(told)}"


@attrs.frozen
class Seen:
    """An event of a watch, and when it came. A bookmark has a revision only; an error its code as revision, and a text."""

    type: str
    name: str
    value: str
    revision: int
    time: int = 0

    def __str__(self) -> str:
        return f"{self.type} {self.name}={self.value}@{self.revision} at {self.time / 1e6:.3f} ms"


@attrs.define(kw_only=True, eq=False)
class Segment:
    """A watch from where it was opened until it ended. *after* is the revision it was opened at, -1 with the state first."""

    after: int
    begun: int = 0
    epoch: int = 0
    events: list[Seen] = attrs.field(factory=list)
    end: str = CUT

    @property
    def position(self) -> int:
        """Up to where it has come; -1 when it has not brought the whole state."""
        if self.after == -1 and not any(event.type == SYNCED for event in self.events):
            return -1
        return max([self.after, *(event.revision for event in self.events if event.type != ERROR)])


@attrs.define(kw_only=True, eq=False)
class Watch:
    """The watch of a client, over all its segments. *scope* is `namespace/`, a name, or empty for everything."""

    name: str
    scope: str
    segments: list[Segment] = attrs.field(factory=list)


@attrs.frozen(kw_only=True)
class Compaction:
    """History before *revision* was given up, not before *begun*."""

    revision: int
    begun: int
    epoch: int = 0


@attrs.frozen(kw_only=True)
class Fault:
    """What was done to the store, and when."""

    kind: str
    begun: int
    ended: int


@attrs.define(kw_only=True, eq=False)
class History:
    """Everything that happened in one run. An epoch is as long as the store remembers; most engines have only one.

    `first` and `final` are the revisions of the store at the beginning and the end of each epoch; 0 for an end that nobody
    saw, because the store had lost its memory by then.
    """

    label: str
    seed: int
    first: list[int] = attrs.field(factory=list)
    final: list[int] = attrs.field(factory=list)
    operations: list[Operation] = attrs.field(factory=list)
    watches: list[Watch] = attrs.field(factory=list)
    compactions: list[Compaction] = attrs.field(factory=list)
    faults: list[Fault] = attrs.field(factory=list)

    def of_epoch(self, epoch: int) -> "History":
        """The part of it in which the store remembered."""
        return History(
            label=self.label,
            seed=self.seed,
            first=[self.first[epoch]],
            final=[self.final[epoch]],
            operations=[each for each in self.operations if each.epoch == epoch],
            watches=[
                Watch(
                    name=watch.name,
                    scope=watch.scope,
                    segments=[each for each in watch.segments if each.epoch == epoch],
                )
                for watch in self.watches
            ],
            compactions=[each for each in self.compactions if each.epoch == epoch],
            faults=self.faults,
        )

    def to_json(self) -> str:
        return json.dumps(attrs.asdict(self), indent=1)

    @classmethod
    def load(cls, path: Path) -> "History":
        """The history that was written to *path*, to be judged again."""
        found = json.loads(path.read_text())
        return cls(
            label=found["label"],
            seed=found["seed"],
            first=found["first"],
            final=found["final"],
            operations=[_operation(each) for each in found["operations"]],
            watches=[_watch(each) for each in found["watches"]],
            compactions=[Compaction(**each) for each in found["compactions"]],
            faults=[Fault(**each) for each in found["faults"]],
        )


def answer_of(found: dict[str, Any]) -> Answer:
    return Answer(**{**found, "items": tuple(Item(**item) for item in found["items"])})


def _operation(found: dict[str, Any]) -> Operation:
    return Operation(**{**found, "request": Request(**found["request"]), "answer": answer_of(found["answer"])})


def _watch(found: dict[str, Any]) -> Watch:
    segments = [
        Segment(**{**each, "events": [Seen(**event) for event in each["events"]]}) for each in found["segments"]
    ]
    return Watch(name=found["name"], scope=found["scope"], segments=segments)


def begin(history: History, client: int, request: Request, epoch: int) -> Callable[[Answer], Operation]:
    """Note that *request* is under way, before it is sent. Whoever has the answer gives it to what is returned."""
    operation = Operation(
        client=client, request=request, answer=Answer(outcome=UNKNOWN), begun=monotonic_ns(), ended=None, epoch=epoch
    )
    history.operations.append(operation)

    def end(answer: Answer) -> Operation:
        operation.answer = answer
        if answer.outcome not in (UNKNOWN, LATE):
            operation.ended = monotonic_ns()
        return operation

    return end


def in_scope(scope: str, name: str) -> bool:
    """Whether *name* belongs to a list or a watch of *scope*."""
    return name.startswith(scope) if not scope or scope.endswith("/") else name == scope
