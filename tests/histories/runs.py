"""Which history a seed stands for: where it happens, what is done to the store, and that it is judged.

The seed decides everything, so that the seed of a bad one brings back its work on the same kind of store.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, TypeAlias

import attrs

from tests.histories.log import Violation
from tests.histories.over_http import SampleServer, server_place
from tests.histories.places import NOISE, RESTART, local_place
from tests.histories.recording import ERROR, UNKNOWN, History
from tests.histories.remote import KILL, Nursery, worker_place
from tests.histories.story import COMPACT, tell
from tests.histories.watches import check
from tests.histories.workload import plan

ENGINES: Final = ("memory", "view", "sqlite", "file", "etcd")
SERVED: Final = ("sqlite", "file", "etcd")
"""Those that a server can be killed over."""
CACHED: Final = ((True,), (False,))
CACHED_TWICE: Final = ((True, True), (True, False), (False, True), (False, False))
AT_ONCE: Final = 4
"""Histories that share an etcd at a time."""


@attrs.frozen
class Judged:
    """A history and what is wrong with it."""

    history: History
    violations: list[Violation]


Tell: TypeAlias = Callable[[int], Awaitable[History]]
"""Makes the history of a seed."""


async def _in_memory(seed: int) -> History:
    history = History(label="memory", seed=seed)
    async with local_place("memory", history, Path(), cached=CACHED[seed % 2]) as place:
        return await tell(plan(seed, faults=(RESTART, COMPACT)), place)


async def _in_a_view(seed: int) -> History:
    history = History(label="fork" if seed // 2 % 2 else "view", seed=seed)
    async with local_place(history.label, history, Path(), cached=CACHED[seed % 2]) as place:
        return await tell(plan(seed, faults=(RESTART, NOISE, NOISE, COMPACT)), place)


async def _on_disk(engine: str, nursery: Nursery, seed: int) -> History:
    """In this process and closed, or in processes that are killed; SQLite also in two at a time."""
    killed, twice = seed // 2 % 2 == 1, engine == "sqlite" and seed // 4 % 2 == 1
    cached = CACHED_TWICE[seed // 8 % 4] if twice else CACHED[seed % 2]
    where = "processes" if killed else "engines in one process"
    history = History(label=f"{engine}, {len(cached)} {where}", seed=seed)
    with tempfile.TemporaryDirectory(prefix="history-") as folder:
        if not killed:
            name = "shared" if twice else engine
            async with local_place(name, history, Path(folder), cached=cached) as place:
                return await tell(plan(seed, faults=(RESTART, RESTART, COMPACT)), place)
        config = {"type": engine, "path": f"{folder}/store", "shared": twice}
        async with worker_place(nursery, history, config, cached=cached) as workers:
            return await tell(plan(seed, faults=(KILL, KILL, COMPACT)), workers)


@asynccontextmanager
async def _etcd() -> AsyncIterator[Tell]:
    """One member for the even seeds, three for the odd ones."""
    from tests.histories.etcds import Cluster, etcd_place  # grpc is an extra
    from tests.support.etcd import etcd_cluster, one_etcd

    async with AsyncExitStack() as stack:
        nursery = await Nursery.open()
        stack.push_async_callback(nursery.aclose)
        alone, three = stack.enter_context(one_etcd()), stack.enter_context(etcd_cluster())
        clusters = (Cluster([alone]), Cluster(three))

        async def told(seed: int) -> History:
            cluster, killed = clusters[seed % 2], seed // 2 % 4 == 3
            cached = CACHED_TWICE[seed // 8 % 4]
            where = "processes" if killed else "engines in one process"
            history = History(label=f"etcd of {len(cluster.members)}, {len(cached)} {where}", seed=seed)
            faults = (KILL if killed else RESTART, *cluster.kinds)
            async with etcd_place(cluster, history, cached=cached, nursery=nursery if killed else None) as place:
                return await tell(plan(seed, faults=faults), place)

        yield told


@asynccontextmanager
async def _served(engine: str) -> AsyncIterator[Tell]:
    """The sample server on *engine*, one for all histories; its etcd has three members."""
    from tests.histories.etcds import Cluster, EtcdPlace
    from tests.support.etcd import etcd_cluster

    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="history-")))
        flags, cluster = [f"--storage-backend={engine}"], None
        faults: tuple[str, ...] = (KILL, KILL, RESTART)
        if engine == "etcd":
            cluster = Cluster(stack.enter_context(etcd_cluster()))
            flags = ["--storage-backend=etcd3", f"--etcd-servers={','.join(cluster.urls)}"]
            faults += cluster.kinds
        sample = SampleServer(folder, flags)
        stack.callback(sample.kill)
        server = await asyncio.to_thread(sample.start)

        async def told(seed: int) -> History:
            history = History(label=f"{engine} behind the sample server", seed=seed)
            async with server_place(sample, server, history) as place:
                where = EtcdPlace(history, place, cluster) if cluster is not None else place
                return await tell(plan(seed, faults=faults, pace=0.02), where)

        yield told


@asynccontextmanager
async def teller(engine: str, *, http: bool = False) -> AsyncIterator[Tell]:
    """Makes histories on *engine*, one of ENGINES; with *http* on one of SERVED, behind a server."""
    if http:
        async with _served(engine) as told:
            yield told
    elif engine == "memory":
        yield _in_memory
    elif engine == "view":
        yield _in_a_view
    elif engine == "etcd":
        async with _etcd() as told:
            yield told
    else:
        nursery = await Nursery.open()
        try:
            yield lambda seed: _on_disk(engine, nursery, seed)
        finally:
            await nursery.aclose()


async def judged(engine: str, first_seed: int, number: int, *, http: bool = False) -> AsyncIterator[Judged]:
    """The histories of *number* seeds from *first_seed* on, as they come, each with what is wrong with it."""
    turns = asyncio.Semaphore(AT_ONCE if engine == "etcd" and not http else 1)
    done: asyncio.Queue[Judged] = asyncio.Queue()
    async with teller(engine, http=http) as told, asyncio.TaskGroup() as group:

        async def one(seed: int) -> None:
            async with turns:
                history = await told(seed)
                done.put_nowait(Judged(history, check(history)))

        tasks = [group.create_task(one(seed)) for seed in range(first_seed, first_seed + number)]
        for _ in tasks:
            yield await done.get()


@attrs.define
class Summary:
    """What was looked at, over many histories."""

    histories: int = 0
    harmed: int = 0
    """Histories in which something was done to the store."""
    violations: int = 0
    labels: Counter[str] = attrs.field(factory=Counter)
    outcomes: Counter[str] = attrs.field(factory=Counter)
    faults: Counter[str] = attrs.field(factory=Counter)
    watches: int = 0
    resumed: int = 0
    lists_after_410: int = 0
    events: int = 0

    def add(self, found: Judged) -> None:
        history = found.history
        self.histories += 1
        self.violations += len(found.violations)
        self.labels[history.label] += 1
        self.harmed += any(fault.kind != COMPACT for fault in history.faults)
        self.faults.update(fault.kind for fault in history.faults)
        self.outcomes.update(each.answer.outcome for each in history.operations)
        for watch in history.watches:
            self.watches += 1
            self.resumed += len(watch.segments) - 1
            for segment in watch.segments:
                self.events += len(segment.events)
                self.lists_after_410 += any(each.type == ERROR and each.revision == 410 for each in segment.events)

    def lines(self) -> list[str]:
        operations = sum(self.outcomes.values())
        outcomes = ", ".join(f"{number} {name}" for name, number in self.outcomes.most_common())
        faults = ", ".join(f"{number} {name}" for name, number in self.faults.most_common()) or "none"
        return [
            f"histories   {self.histories}: " + ", ".join(f"{number} {name}" for name, number in self.labels.items()),
            f"operations  {operations}: {outcomes}",
            f"unknown     {self.outcomes[UNKNOWN]} writes whose outcome nobody was told",
            f"watches     {self.watches}, resumed {self.resumed} times, begun anew after 410 {self.lists_after_410}"
            f" times, {self.events} events",
            f"faults      {faults}; {self.harmed} histories had some other than a compaction",
            f"violations  {self.violations}",
        ]
