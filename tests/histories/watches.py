"""Whether every watch told the whole story in order: nothing twice, nothing left out, each event of the right type.

A watch is judged against the log of its epoch (`linearizable`), segment by segment; a segment begins where the one before it
had come to. What is at fault is told once per segment: after a gap everything else is wrong, too.
"""

from collections.abc import Iterator, Sequence

from tests.histories.linearizable import judge
from tests.histories.log import Entry, Log, Violation
from tests.histories.recording import (
    ADDED,
    BOOKMARK,
    DELETED,
    DONE,
    ERROR,
    OK,
    STALLED,
    SYNCED,
    Answer,
    History,
    Item,
    Operation,
    Request,
    Seen,
    Segment,
    in_scope,
)


def initial_lists(history: History) -> Iterator[Operation]:
    """The initial states of watches as what they are: lists of what is newest, at the revision of their last bookmark."""
    for watch in history.watches:
        for segment in watch.segments:
            synced = next((event for event in segment.events if event.type == SYNCED), None)
            if segment.after != -1 or synced is None:
                continue
            items = [Item(each.name, each.value, each.revision) for each in _initial(segment)]
            yield Operation(
                client=-1,
                request=Request(kind="list", name=watch.scope),
                answer=Answer(outcome=OK, revision=synced.revision, items=tuple(items), text=f"watch {watch.name}"),
                begun=segment.begun,
                ended=synced.time,
                epoch=segment.epoch,
            )


def _initial(segment: Segment) -> Iterator[Seen]:
    for event in segment.events:
        if event.type == SYNCED:
            return
        yield event


def check_segment(name: str, scope: str, segment: Segment, log: Log, history: History) -> Iterator[Violation]:
    """What is wrong with *segment*, at most one thing."""
    position, events = segment.after, segment.events
    if position == -1:
        initial = list(_initial(segment))
        if any(event.type not in (ADDED, ERROR) or not in_scope(scope, event.name) for event in initial[:-1]):
            yield Violation("wrong initial state", f"watch {name} begins with more than objects", tuple(initial))
            return
        if len(initial) == len(events):
            return
        position, events = events[len(initial)].revision, events[len(initial) + 1 :]
    elif position < log.first:
        if any(event.type != ERROR for event in events):
            yield Violation(
                "resumed over a loss", f"watch {name} at {position}; memory begins at {log.first}", tuple(events[:3])
            )
        return
    for event in events:
        wrong = _check_event(name, scope, position, event, log, history)
        if wrong is not None:
            yield wrong
            return
        if event.type != ERROR:
            position = max(position, event.revision)
    missing = log.between(position, history.final[0], scope) if segment.end in (DONE, STALLED) else []
    if missing:
        text = f"watch {name} was at {position} and brought nothing more, though it was open"
        yield Violation("watch gap", text, _some(missing))


def _check_event(name: str, scope: str, position: int, event: Seen, log: Log, history: History) -> Violation | None:
    if event.type == ERROR:
        lost = event.revision == 410 and not any(each.revision > position for each in history.compactions)
        text = f"watch {name} was at {position}, and nobody has compacted so far"
        return Violation("history lost", text, (event,)) if lost else None
    if event.type in (BOOKMARK, SYNCED):
        missed = log.between(position, event.revision, scope)
        if event.revision < position:
            return Violation("watch out of order", f"watch {name}: a bookmark behind {position}", (event,))
        text = f"watch {name}: a bookmark ahead of what it has brought, which was up to {position}"
        return Violation("watch gap", text, (event, *_some(missed))) if missed else None
    if event.revision <= position:
        text = f"watch {name} had come to {position} already"
        return Violation("watch out of order", text, (event, *filter(None, [log.at(position)])))
    if not in_scope(scope, event.name):
        return Violation("wrong event", f"watch {name} is on {scope!r}", (event,))
    missed = log.between(position, event.revision - 1, scope)
    if missed:
        return Violation("watch gap", f"watch {name} was at {position}", (*_some(missed), event))
    entry = log.at(event.revision)
    if entry is None:  # cannot be: what is seen is in the log
        return Violation("phantom", f"watch {name}", (event,))
    before = entry.previous[1] if entry.previous is not None else None
    shown = entry.value if event.type != DELETED else before
    if event.type != entry.type or event.value != shown or event.name != entry.name:
        return Violation("wrong event", f"watch {name}: it should be {entry.type} {shown}", (event, entry))
    if entry.begun > event.time:
        return Violation("from the future", f"watch {name}: it was seen before it began", (event, entry))
    return None


def _some(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    return tuple(entries[:5])


def check_epoch(history: History) -> list[Violation]:
    """What is wrong with a history of one epoch."""
    history.operations = [*history.operations, *initial_lists(history)]
    log, found = judge(history)
    for watch in history.watches:
        position = watch.segments[0].after if watch.segments else -1
        for segment in watch.segments:
            if segment.after > position >= log.first:  # what was before the epoch is lost, and was told so
                text = f"watch {watch.name} went on at {segment.after} and had come to {position}"
                found.append(Violation("watch gap", text))
            found += check_segment(watch.name, watch.scope, segment, log, history)
            position = max(position, segment.position)
    return found


def check(history: History) -> list[Violation]:
    """What is wrong with *history*: nothing, if all is well."""
    found: list[Violation] = []
    highest = 0
    for epoch, first in enumerate(history.first):
        if first <= highest:
            text = f"memory began anew at {first}, and had given out {highest}"
            found.append(Violation("revision given twice", text))
        part = history.of_epoch(epoch)
        found += check_epoch(part)
        highest = max([highest, first, *(each.answer.revision for each in part.operations)])
    return found
