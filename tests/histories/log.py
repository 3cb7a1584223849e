"""What happened: every write of one epoch by its revision, found out from who did it and from who saw it."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

import attrs

from tests.histories.recording import (
    ADDED,
    BOOKMARK,
    DELETED,
    FAILED,
    MODIFIED,
    OK,
    REFUSALS,
    SYNCED,
    UNKNOWN,
    WRITES,
    History,
    Operation,
    Seen,
    in_scope,
)

State = dict[str, tuple[int, str]]
"""Revision and value by name."""


@attrs.frozen
class Violation:
    """What must not be. *what* is a word to look for, *evidence* what shows it."""

    what: str
    text: str
    evidence: tuple[object, ...] = ()

    def __str__(self) -> str:
        return "\n".join([f"{self.what}: {self.text}", *(f"    {each}" for each in self.evidence)])


@attrs.define(eq=False)
class Entry:
    """A write that happened. `value` is None for a deletion, `previous` what it replaced."""

    revision: int
    name: str
    value: str | None
    operation: Operation | None = None
    seen: int | None = None
    """When somebody saw it first."""
    previous: tuple[int, str] | None = None

    @property
    def begun(self) -> int:
        return self.operation.begun if self.operation is not None else 0

    @property
    def ended(self) -> float:
        ends = [self.operation.ended if self.operation is not None else None, self.seen]
        return min([float("inf"), *(end for end in ends if end is not None)])

    @property
    def type(self) -> str:
        """What a watch shows."""
        return DELETED if self.value is None else ADDED if self.previous is None else MODIFIED

    def __str__(self) -> str:
        done = self.operation or "seen by a watch only"
        return f"revision {self.revision}: {self.name}={self.value if self.value is not None else 'deleted'} ({done})"


class Log:
    """The writes of one epoch in order, and the state after each: `states[n]` is what *n* writes have made."""

    def __init__(self, first: int, entries: Iterable[Entry]) -> None:
        self.first = first
        self.entries = sorted(entries, key=lambda entry: entry.revision)
        self.revisions = [entry.revision for entry in self.entries]
        self.states: list[State] = [{}]
        for entry in self.entries:
            state = dict(self.states[-1])
            entry.previous = state.pop(entry.name, None)
            if entry.value is not None:
                state[entry.name] = (entry.revision, entry.value)
            self.states.append(state)

    def place(self, revision: int) -> int:
        """How many writes had happened at *revision*."""
        return bisect_right(self.revisions, revision)

    def at(self, revision: int) -> Entry | None:
        index = bisect_left(self.revisions, revision)
        found = self.entries[index] if index < len(self.entries) else None
        return found if found is not None and found.revision == revision else None

    def between(self, after: int, upto: int, scope: str) -> list[Entry]:
        """The writes after one revision up to another that a watch of *scope* has to bring."""
        return [each for each in self.entries[self.place(after) : self.place(upto)] if in_scope(scope, each.name)]


# ---- what happened


@attrs.define(eq=False)
class Gathering:
    """Finds out what happened, from who did it and who saw it."""

    history: History
    entries: dict[int, Entry] = attrs.field(factory=dict)
    violations: list[Violation] = attrs.field(factory=list)
    _writers: dict[str, Operation] = attrs.field(factory=dict)
    _placed: dict[int, int] = attrs.field(factory=dict)
    """The revision of each operation (by identity) that has one."""

    def run(self) -> Log:
        for operation in self.history.operations:
            if operation.request.kind in ("create", "update"):
                self._writers[operation.request.value] = operation
        self._acknowledged()
        for operation in self.history.operations:
            self._read(operation)
        for watch in self.history.watches:
            for segment in watch.segments:
                for event in segment.events:
                    self._watched(event)
        log = Log(self.history.first[0], self.entries.values())
        self._reported(log)
        self._deletions(log)
        return log

    def _wrong(self, what: str, text: str, *evidence: object) -> None:
        self.violations.append(Violation(what, text, evidence))

    def _acknowledged(self) -> None:
        for operation in self.history.operations:
            revision = operation.answer.revision
            if operation.request.kind not in WRITES or operation.answer.outcome != OK or not revision:
                continue
            if revision <= self.history.first[0]:
                self._wrong("revision of the past", f"a write got {revision} in a store that was beyond it", operation)
            other = self.entries.get(revision)
            if other is not None:
                self._wrong("revision given twice", f"two writes got {revision}", other, operation)
                continue
            value = None if operation.request.kind == "delete" else operation.request.value
            self.entries[revision] = Entry(revision, operation.request.name, value, operation)
            self._placed[id(operation)] = revision

    def _read(self, operation: Operation) -> None:
        answer = operation.answer
        if answer.outcome != OK or operation.ended is None or operation.request.kind in WRITES:
            return
        for item in answer.items:
            self._sighting(item.revision, item.name, item.value, operation.ended, operation)

    def _watched(self, event: Seen) -> None:
        if event.type in (ADDED, MODIFIED, DELETED):
            self._sighting(
                event.revision, event.name, None if event.type == DELETED else event.value, event.time, event
            )

    def _sighting(self, revision: int, name: str, value: str | None, time: int, witness: object) -> None:
        entry = self.entries.get(revision)
        if entry is None:
            operation = self._writers.get(value) if value is not None else None
            entry = self.entries[revision] = Entry(revision, name, value, operation)
            if value is not None:
                self._resolve(entry, witness)
        elif (entry.name, entry.value) != (name, value):
            text = f"{name}={value} was seen at revision {revision}, which is another write"
            self._wrong("two stories of one revision", text, witness, entry)
            return
        entry.seen = time if entry.seen is None else min(entry.seen, time)

    def _resolve(self, entry: Entry, witness: object) -> None:
        """An object was seen at a revision that nobody was told of as that of his write."""
        operation = entry.operation
        if operation is None or operation.request.name != entry.name:
            self._wrong("phantom", f"nobody wrote {entry.name}={entry.value}", witness, *filter(None, [operation]))
            return
        placed = self._placed.setdefault(id(operation), entry.revision)
        outcome = operation.answer.outcome
        if placed != entry.revision:
            self._wrong("write happened twice", f"at revisions {placed} and {entry.revision}", operation, witness)
        elif outcome in (*REFUSALS, FAILED):
            self._wrong("refused write happened", f"the answer was {outcome}", operation, witness)

    def _reported(self, log: Log) -> None:
        """A list, or a bookmark, that is at a revision says that the write of that revision has happened."""
        for operation in self.history.operations:
            if operation.request.kind == "list" and operation.answer.outcome == OK and operation.ended is not None:
                self._passed(log, operation.answer.revision, operation.ended)
        for watch in self.history.watches:
            for segment in watch.segments:
                for event in segment.events:
                    if event.type in (BOOKMARK, SYNCED):
                        self._passed(log, event.revision, event.time)

    def _passed(self, log: Log, revision: int, time: int) -> None:
        index = log.place(revision) - 1
        if index >= 0:
            entry = log.entries[index]
            entry.seen = time if entry.seen is None else min(entry.seen, time)

    def _deletions(self, log: Log) -> None:
        """Find who made the deletions that were only seen: of those who might have, who was told, then who began first."""
        open_ = [
            each
            for each in self.history.operations
            if each.request.kind == "delete" and id(each) not in self._placed and each.answer.outcome in (OK, UNKNOWN)
        ]
        open_.sort(key=lambda each: (each.answer.outcome != OK, not relied_on(each), each.begun))
        for entry in log.entries:
            if entry.value is not None or entry.operation is not None:
                continue
            before = entry.previous[0] if entry.previous is not None else 0
            for operation in open_:
                guard = relied_on(operation)
                if operation.request.name == entry.name and guard in (0, before) and operation.begun <= entry.ended:
                    entry.operation = operation
                    open_.remove(operation)
                    break
            else:
                self._wrong("phantom", f"nobody deleted {entry.name}", entry)
        for operation in open_:
            if operation.answer.outcome == OK:
                self._wrong("lost write", "an acknowledged deletion is nowhere in the history", operation)


def relied_on(operation: Operation) -> int:
    """The revision that a write was made on, as far as it is known; 0: whatever there was."""
    return operation.request.expect or operation.answer.base
