"""One history from beginning to end: clients and watches at work, faults in between, and at the end the whole truth.

The truth is read by one more client, the auditor: it writes a mark, so that there is something to wait for, and watches
everything from the first revision up to it. Before history is compacted it does the same. What nobody was told of by then
has not happened.
"""

import asyncio
from contextlib import aclosing
from time import monotonic_ns
from typing import Protocol

import attrs

from tests.histories.recording import (
    ADDED,
    DELETED,
    ERROR,
    MODIFIED,
    OK,
    STALLED,
    WRITES,
    Compaction,
    Fault,
    History,
    Request,
    Segment,
    Watch,
)
from tests.histories.workload import SETTLING, Client, Goal, Place, Plan, Watcher

AUDITOR = 99
COMPACT = "compact"


class BreakablePlace(Place, Protocol):
    """A place where things can be done to the store."""

    history: History

    async def harm(self, kind: str, how: float) -> None:
        """Do *kind* of harm and mend it again; returns once all doors are open again. *how* is between 0 and 1."""

    async def compact(self, revision: int) -> None:
        """Forget history before *revision*."""


@attrs.define(eq=False)
class Auditor:
    """Reads the history as the store tells it, in one watch."""

    place: BreakablePlace
    history: History
    client: Client
    watch: Watch
    covered: int
    _marks: int = 0

    async def audit(self) -> int:
        """Read everything that has been written by now; the revision up to which it is known."""
        mark = await self._mark()
        while self.covered < mark:
            segment = Segment(after=self.covered, begun=monotonic_ns(), epoch=self.place.epoch)
            self.watch.segments.append(segment)
            await self._read(segment, mark)
            self.covered = max(segment.position, self.covered)
            if segment.end == STALLED or any(event.revision == 410 for event in segment.events if event.type == ERROR):
                return mark
        return mark

    async def _mark(self) -> int:
        while True:
            self._marks += 1
            name = f"red/mark-{self._marks}"
            request = Request(kind="create", name=name, value=f"{AUDITOR}.{self._marks}")
            operation = await self.client.perform(await self.place.door(AUDITOR), request)
            if operation.answer.outcome == OK:
                return operation.answer.revision
            await asyncio.sleep(0.02)

    async def _read(self, segment: Segment, mark: int) -> None:
        door = await self.place.door(AUDITOR)
        try:
            async with asyncio.timeout(SETTLING), aclosing(door.watch("", segment.after)) as stream:
                async for events in stream:
                    now = monotonic_ns()
                    segment.events += [attrs.evolve(event, time=now) for event in events]
                    if segment.position >= mark:
                        return
        except TimeoutError:
            segment.end = STALLED
            return
        if not segment.events:
            await asyncio.sleep(0.01)

    def last_writes(self) -> dict[str, int]:
        """The newest revision of each name, as far as anybody knows."""
        found: dict[str, int] = {}
        told = [
            (event.name, event.revision)
            for segment in self.watch.segments
            for event in segment.events
            if event.type in (ADDED, MODIFIED, DELETED)
        ]
        told += [
            (each.request.name, each.answer.revision)
            for each in self.history.operations
            if each.request.kind in WRITES and each.answer.outcome == OK and each.epoch == self.place.epoch
        ]
        for name, revision in told:
            found[name] = max(found.get(name, 0), revision)
        return found


class Faults:
    """Does harm when its time has come: after so many operations."""

    def __init__(self, plan: Plan, history: History, place: BreakablePlace) -> None:
        self._plan = plan
        self._history = history
        self._place = place
        self._begun = 0
        self._moved = asyncio.Event()

    def begun(self) -> None:
        self._begun += 1
        self._moved.set()

    async def run(self, auditor: Auditor) -> None:
        for after, kind, how in self._plan.faults:
            while self._begun < after:
                self._moved.clear()
                await self._moved.wait()
            began = monotonic_ns()
            if kind == COMPACT:
                epoch, revision = self._place.epoch, await auditor.audit()
                self._history.compactions.append(Compaction(revision=revision, begun=monotonic_ns(), epoch=epoch))
                await self._place.compact(revision)
            else:
                await asyncio.sleep(how * 0.003)
                await self._place.harm(kind, how)
            self._history.faults.append(Fault(kind=kind, begun=began, ended=monotonic_ns()))


async def tell(plan: Plan, place: BreakablePlace) -> History:
    """Run *plan* at *place*. The history is that of the place, complete when this returns."""
    history = place.history
    faults, goal = Faults(plan, history, place), Goal()
    client = Client(number=AUDITOR, place=place, history=history, begun=lambda: None)
    first = await _first(place, client)
    history.first.append(first)
    truth = Watch(name="audit", scope="")
    history.watches.append(truth)
    auditor = Auditor(place=place, history=history, client=client, watch=truth, covered=first)
    async with asyncio.TaskGroup() as watching:
        for number, planned in enumerate(plan.watches):
            watcher = Watcher(number=number, place=place, history=history, goal=goal, first=first)
            watching.create_task(watcher.follow(planned))
        async with asyncio.TaskGroup() as working:
            working.create_task(faults.run(auditor))
            for number, steps in enumerate(plan.clients):
                each = Client(number=number, place=place, history=history, begun=faults.begun)
                working.create_task(each.follow(steps))
        auditor.covered = max(auditor.covered, history.first[-1])
        final = await auditor.audit()
        history.final += [0] * (len(history.first) - len(history.final) - 1) + [final]
        goal.set(auditor.last_writes())
        request = Request(kind="list")
        await client.perform(await place.door(AUDITOR), request)
    return history


async def _first(place: BreakablePlace, client: Client) -> int:
    """Where the store is, which is empty."""
    operation = await client.perform(await place.door(AUDITOR), Request(kind="list"))
    if operation.answer.outcome != OK or operation.answer.items:
        raise RuntimeError(f"no history can begin like this: {operation}")
    client.history.operations.remove(operation)
    return operation.answer.revision
