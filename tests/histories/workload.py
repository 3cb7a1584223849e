"""Random clients: each does what its seed says, on what it knows, and notes what it asked and was told.

What a client is going to do is decided before it begins (`plan`), so a seed always gives the same work; how it ends depends
on how the clients interleave, and on what is done to the store meanwhile.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from time import monotonic_ns
from typing import Protocol

import attrs

from tests.histories.doors import Door
from tests.histories.recording import (
    CUT,
    DONE,
    ERROR,
    FAILED,
    OK,
    STALLED,
    Answer,
    History,
    Operation,
    Request,
    Seen,
    Segment,
    Watch,
    begin,
    in_scope,
)

KINDS = {
    "create": 24,
    "update": 14,
    "change": 14,
    "delete": 5,
    "remove": 3,
    "get": 14,
    "get-any": 5,
    "get-not-older": 3,
    "list": 7,
    "list-any": 3,
    "list-not-older": 2,
    "list-exact": 4,
    "pages": 4,
}
"""How often a client does what. `update` and `delete` insist on the revision the client has seen, `change` and `remove` do
not."""
SETTLING = 20.0
"""Seconds that a watch gets at the end to bring everything; a healthy one needs none."""


@attrs.frozen
class Step:
    """One thing that a client does: *kind* of KINDS, *choice* decides what it chooses from what it knows."""

    kind: str
    name: str
    choice: float
    pause: float
    """Seconds before it; 0 for not even a turn of the loop, less for one turn."""


@attrs.frozen
class WatchPlan:
    """A watch: cut after so many events at a time, then resumed, as often as there are *cuts*."""

    name: str
    scope: str
    with_state: bool
    cuts: tuple[int, ...]
    pause: float
    """Seconds between two readings: a slow watcher has some."""


@attrs.frozen
class Plan:
    """What happens in a history. *faults* says after how many begun operations something is done to the store."""

    seed: int
    clients: tuple[tuple[Step, ...], ...]
    watches: tuple[WatchPlan, ...]
    faults: tuple[tuple[int, str, float], ...]
    """After so many operations, what, and a number between 0 and 1 for how."""

    @property
    def operations(self) -> int:
        return sum(map(len, self.clients))


def plan(seed: int, *, faults: tuple[str, ...], pace: float = 0.001) -> Plan:
    """The work of *seed*, with any of *faults*. *pace* in seconds: how long a client waits between requests, if it does."""
    choice = random.Random(seed)
    names = [f"{namespace}/{name}" for namespace in ("red", "blue") for name in ("a", "b", "c")[: choice.randint(1, 3)]]
    clients = []
    for _ in range(choice.randint(3, 6)):
        steps = []
        for _ in range(choice.randint(12, 25)):
            kind = choice.choices(list(KINDS), list(KINDS.values()))[0]
            pause = choice.choice([0.0, -1.0, -1.0, choice.random() * pace])
            steps.append(Step(kind, choice.choice(names), choice.random(), pause))
        clients.append(tuple(steps))
    watches = []
    for number in range(choice.randint(1, 3)):
        scope = choice.choice(["", "", "red/", "blue/", choice.choice(names)])
        cuts = tuple(choice.randint(1, 15) for _ in range(choice.randint(0, 3)))
        pause = choice.choice([0.0, 0.0, choice.random() * 5 * pace])
        watches.append(WatchPlan(f"w{number}", scope, choice.random() < 0.5, cuts, pause))
    total = sum(map(len, clients))
    number = choice.choice([0, 1, 1, 1, 2, 2]) if faults else 0
    points = sorted(choice.sample(range(total // 6, total * 5 // 6), number))
    planned = tuple((point, choice.choice(faults), choice.random()) for point in points)
    return Plan(seed, tuple(clients), tuple(watches), planned)


class Place(Protocol):
    """A store with doors to it."""

    @property
    def epoch(self) -> int:
        """How often the store has lost its memory so far."""

    async def door(self, client: int) -> Door:
        """The door of that client, once it is open."""


@attrs.define(eq=False)
class Client:
    """A client that follows its steps, and knows what it was told."""

    number: int
    place: Place
    history: History
    begun: Callable[[], None]
    """Called when an operation has begun."""
    known: dict[str, int] = attrs.field(factory=dict)
    seen: list[int] = attrs.field(factory=list)
    """Revisions that it has heard of."""
    _epoch: int = 0
    _count: int = 0

    async def follow(self, steps: tuple[Step, ...]) -> None:
        for step in steps:
            if step.pause:
                await asyncio.sleep(max(step.pause, 0.0))
            door = await self.place.door(self.number)
            if self.place.epoch != self._epoch:
                self._epoch = self.place.epoch
                self.known.clear()
            await self.perform(door, self._request(step))

    async def perform(self, door: Door, request: Request) -> Operation:
        """Ask, and note everything."""
        end = begin(self.history, self.number, request, self.place.epoch)
        self.begun()
        try:
            answer = await door.ask(request)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            answer = Answer(outcome=FAILED, text="the store cancelled who asked")
        operation = end(answer)
        self._learn(operation)
        return operation

    def _learn(self, operation: Operation) -> None:
        request, answer = operation.request, operation.answer
        if answer.outcome != OK:
            return
        for item in answer.items:
            if request.at == -1 and request.kind != "delete":
                self.known[item.name] = item.revision
            self.seen.append(item.revision)
        if answer.revision:
            self.seen.append(answer.revision)
            if request.kind in ("create", "update"):
                self.known[request.name] = answer.revision

    def _request(self, step: Step) -> Request:
        """What *step* is, given what is known. Without knowledge to insist on, a write insists on nothing."""
        self._count += 1
        name, value, known = step.name, f"{self.number}.{self._count}", self.known.get(step.name, 0)
        scope = ["", "", name.partition("/")[0] + "/"][int(step.choice * 3)]
        heard = self.seen[int(step.choice * len(self.seen))] if self.seen else 0
        match step.kind:
            case "create":
                return Request(kind="create", name=name, value=value)
            case "update":
                return Request(kind="update", name=name, value=value, expect=known)
            case "change":
                return Request(kind="update", name=name, value=value)
            case "delete":
                return Request(kind="delete", name=name, expect=known)
            case "remove":
                return Request(kind="delete", name=name)
            case "get":
                return Request(kind="get", name=name)
            case "get-any":
                return Request(kind="get", name=name, at=0)
            case "get-not-older":
                return Request(kind="get", name=name, at=heard)
            case "list":
                return Request(kind="list", name=scope)
            case "list-any":
                return Request(kind="list", name=scope, at=0)
            case "list-not-older":
                return Request(kind="list", name=scope, at=heard)
            case "list-exact":
                return Request(kind="list", name=scope, at=heard or -1, exact=heard > 0)
            case "pages":
                return Request(kind="list", name=scope, limit=1 + int(step.choice * 2))
        raise ValueError(step.kind)


class Goal:
    """Where watches have to come, once everything has been written."""

    def __init__(self) -> None:
        self.known = asyncio.Event()
        self._writes: dict[str, int] = {}

    def set(self, writes: dict[str, int]) -> None:
        """*writes* is the revision of the last write of each name."""
        self._writes = writes
        self.known.set()

    def revision(self, scope: str) -> int:
        """The last write that a watch of *scope* has to bring, 0 when there is none."""
        return max([0, *(revision for name, revision in self._writes.items() if in_scope(scope, name))])


@attrs.define(eq=False)
class Watcher:
    """A client that watches, is cut off, and goes on where it was; until it has seen the goal."""

    number: int
    place: Place
    history: History
    goal: Goal
    first: int

    async def follow(self, planned: WatchPlan) -> None:
        watch = Watch(name=planned.name, scope=planned.scope)
        self.history.watches.append(watch)
        cuts, after = list(planned.cuts), -1 if planned.with_state else self.first
        while True:
            door = await self.place.door(self.number)
            segment = Segment(after=after, begun=monotonic_ns(), epoch=self.place.epoch)
            watch.segments.append(segment)
            last = await self._segment(door, planned, segment, cuts.pop(0) if cuts else None)
            if last:
                return
            lost = any(event.type == ERROR and event.revision == 410 for event in segment.events)
            after = -1 if lost else segment.position
            if not segment.events or segment.events[-1].type == ERROR:  # what is wrong takes time to be mended
                await asyncio.sleep(0.005)

    async def _segment(self, door: Door, planned: WatchPlan, segment: Segment, cut: int | None) -> bool:
        """Read until the watch ends, is to be cut, or has seen everything. True when it was the last."""
        async with aclosing(door.watch(planned.scope, segment.after)) as stream:
            while True:
                events = await self._next(stream, planned.scope, segment)
                if events is None:
                    return segment.end != CUT
                now = monotonic_ns()
                segment.events += [attrs.evolve(event, time=now) for event in events]
                if cut is not None and len(segment.events) >= cut:
                    return False
                if planned.pause and not self.goal.known.is_set():
                    await asyncio.sleep(planned.pause)

    async def _next(self, stream: AsyncGenerator[list[Seen]], scope: str, segment: Segment) -> list[Seen] | None:
        """The next events, None at the end; `segment.end` says which end."""
        reading = asyncio.ensure_future(anext(stream, []))
        known = asyncio.ensure_future(self.goal.known.wait())
        try:
            await asyncio.wait([reading, known], return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                if self._complete(scope, segment):
                    segment.end = DONE
                    return None
                await asyncio.wait([reading], timeout=SETTLING)
            if not reading.done():
                segment.end = STALLED
                return None
            return reading.result() or None
        finally:
            known.cancel()
            if not reading.done():
                reading.cancel()
                await asyncio.wait([reading])

    def _complete(self, scope: str, segment: Segment) -> bool:
        """Whether there is nothing more to come, as far as anybody knows."""
        return segment.position != -1 and segment.position >= self.goal.revision(scope)
