"""Whether clients were told one story: an order of all operations that each of them agrees with, and real time, too.

Every write has a revision, and revisions order the whole store, so nothing has to be searched for as in general
(Wing and Gong; Porcupine). What happened is the *log*: all writes by revision, those with an unknown outcome among them as
far as anybody ever saw them, which the watch that reads the whole history at the end does. Then:

1. The log has to make sense write by write: creates where nothing is, guarded writes on what they insisted on.
2. Its order has to agree with real time. A write ends when its client is told, or when anybody sees it, if that is earlier.
3. Every read and every refusal gets a place in the log where it is true: the first one that is not before what had ended
   when it began. It must not be behind what began after it ended. Places are given in the order in which operations ended,
   which gives each the lowest that it can have; so if one has none, no other choice would have helped.

Reads of "anything" and of old revisions may be old, but they are of one moment, and of no future one.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from tests.histories.log import Entry, Gathering, Log, State, Violation, relied_on
from tests.histories.recording import (
    CONFLICT,
    ERROR,
    EXISTS,
    FAILED,
    GONE,
    MISSING,
    OK,
    OUTAGES,
    REFUSALS,
    WRITES,
    History,
    Operation,
    Seen,
    in_scope,
)

# ---- whether it makes sense


def _guards(log: Log) -> Iterator[Violation]:
    """Each write against the state it was made on."""
    for entry in log.entries:
        operation, before = entry.operation, entry.previous
        if operation is None:
            continue
        kind = operation.request.kind
        if kind == "create" and before is not None:
            yield Violation(
                "created twice", f"{entry.name} existed at revision {before[0]}", (entry, _maker(log, before))
            )
        if kind != "create" and before is None:
            yield Violation("write of nothing", f"there was no {entry.name} to {kind}", (entry,))
            continue
        relied = relied_on(operation)
        if kind != "create" and before is not None and relied and relied != before[0]:
            yield Violation(
                "lost update",
                f"it relied on revision {relied} and replaced {before[0]}",
                (entry, _maker(log, before), *filter(None, [log.at(relied)])),
            )
        if kind == "delete" and before is not None and operation.answer.items:
            shown = operation.answer.items[0].value
            if operation.answer.outcome == OK and shown != before[1]:
                yield Violation("wrong object deleted", f"it showed {shown}", (entry, _maker(log, before)))


def _maker(log: Log, before: tuple[int, str]) -> Entry | None:
    return log.at(before[0])


def _real_time(log: Log) -> Iterator[Violation]:
    latest: Entry | None = None
    for entry in log.entries:
        if latest is not None and entry.ended < latest.begun:
            yield Violation(
                "revisions against time",
                f"revision {entry.revision} was over when revision {latest.revision} began",
                (latest, entry),
            )
        if latest is None or entry.begun > latest.begun:
            latest = entry


# ---- reads and refusals


class _Places:
    """Where in the log reads and refusals can be."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._latest_begin: list[int] = []
        for entry in log.entries:
            self._latest_begin.append(max(entry.begun, self._latest_begin[-1] if self._latest_begin else 0))
        self._over: list[tuple[float, int]] = []
        """When something was over, and the highest place of all that was over by then."""

    def highest(self, ended: float) -> int:
        """What is over at *ended* cannot be behind a write that began after it."""
        return bisect_right(self._latest_begin, ended)

    def lowest(self, begun: int) -> int:
        """What begins at *begun* cannot be before what was over."""
        index = bisect_left(self._over, (begun, -1))
        return self._over[index - 1][1] if index else 0

    def over(self, ended: float, place: int) -> None:
        """Note what has ended; to be called in the order of ends."""
        self._over.append((ended, max(place, self._over[-1][1] if self._over else 0)))

    def first_true(self, operation: Operation, low: int) -> int | None:
        """The first place from *low* on where what *operation* was told is true."""
        return next((at for at in range(low, len(self._log.states)) if is_true(operation, self._log.states[at])), None)


def is_true(operation: Operation, state: State) -> bool:
    """Whether the answer of a read of one object, or a refusal, fits to *state*."""
    name, outcome = operation.request.name, operation.answer.outcome
    present = state.get(name)
    if outcome == EXISTS:
        return present is not None
    if outcome == MISSING:
        return present is None
    if outcome == CONFLICT:
        return present is not None and present[0] != operation.request.expect
    return [(item.revision, item.value) for item in operation.answer.items] == [present]


def _reads(history: History, log: Log) -> Iterator[Violation]:
    places = _Places(log)
    moments: list[tuple[float, int, Operation | None]] = [
        (entry.ended, index + 1, None) for index, entry in enumerate(log.entries)
    ]
    moments += [
        (each.ended, 0, each) for each in history.operations if each.ended is not None and _says_something(each)
    ]
    for ended, place, operation in sorted(moments, key=lambda moment: moment[0]):
        if operation is None:
            places.over(ended, place)
            continue
        newest = operation.request.at == -1
        low = places.lowest(operation.begun) if newest else max(0, log.place(operation.request.at))
        found = place_of_list(log, operation) if operation.request.kind == "list" else places.first_true(operation, low)
        if isinstance(found, Violation):
            yield found
        elif found is None or found < low:
            yield Violation("stale", _stale(operation, low, log), (operation, *_near(log, operation, low)))
        elif found > places.highest(ended):
            began_later = log.entries[places.highest(ended) : found]
            yield Violation("from the future", "it knows of writes that had not begun", (operation, *began_later[:1]))
        elif newest:
            places.over(ended, found)


def _says_something(operation: Operation) -> bool:
    outcome = operation.answer.outcome
    return outcome in REFUSALS or (outcome == OK and operation.request.kind not in WRITES)


def place_of_list(log: Log, operation: Operation) -> int | Violation:
    """A list is of the moment that its revision says, whole."""
    request, answer = operation.request, operation.answer
    if answer.revision < log.first:
        return Violation("revision of the past", f"the store began at {log.first}", (operation,))
    if request.exact and answer.revision != request.at:
        return Violation("wrong revision", f"revision {request.at} was asked for", (operation,))
    place = log.place(answer.revision)
    wanted = sorted((name, kept) for name, kept in log.states[place].items() if in_scope(request.name, name))
    found = [(item.name, (item.revision, item.value)) for item in answer.items]
    if found == wanted:
        return place
    differ = sorted({name for name, _ in set(wanted) ^ set(found)})
    return Violation(
        "list of no moment",
        f"at revision {answer.revision} there were {dict(wanted)}; wrong are {', '.join(differ) or 'their order'}",
        (operation, *[entry for entry in log.entries if entry.name in differ][-8:]),
    )


def _stale(operation: Operation, low: int, log: Log) -> str:
    if operation.request.at > 0:
        return f"it is older than revision {operation.request.at}, which it asked for at least"
    known = log.entries[low - 1].revision if low else log.first
    return f"it is true of no moment at or after revision {known}, which was known when it began"


def _near(log: Log, operation: Operation, low: int) -> Sequence[Entry]:
    """The writes of the same object around the place where it should have been true."""
    same = [index for index, entry in enumerate(log.entries) if in_scope(operation.request.name, entry.name)]
    middle = bisect_right(same, low)
    return [log.entries[index] for index in same[max(0, middle - 3) : middle + 3]]


def _answers(history: History, log: Log) -> Iterator[Violation]:
    """Answers that are wrong by themselves."""
    for operation in history.operations:
        answer = operation.answer
        if answer.outcome == FAILED:
            yield Violation("unexpected failure", answer.text, (operation,))
        if answer.outcome == GONE and operation.request.at >= log.first and not _was_compacted(history, operation):
            yield Violation("history lost", "nobody has compacted so far", (operation,))
    for watch in history.watches:
        for segment in watch.segments:
            for event in segment.events:
                if event.type == ERROR and event.name == FAILED and not _had_an_outage(history, event):
                    yield Violation("unexpected failure", event.value, (event,))


def _had_an_outage(history: History, event: Seen) -> bool:
    return any(each.kind in OUTAGES and each.begun < event.time for each in history.faults)


def _was_compacted(history: History, operation: Operation) -> bool:
    end = operation.ended or float("inf")
    asked = operation.request.at
    return any(each.begun < end and asked < each.revision for each in history.compactions)


def judge(history: History) -> tuple[Log, list[Violation]]:
    """The log of a history of one epoch, and what is wrong with its operations."""
    gathering = Gathering(history)
    log = gathering.run()
    found = [*gathering.violations, *_guards(log), *_real_time(log), *_reads(history, log), *_answers(history, log)]
    return log, found
