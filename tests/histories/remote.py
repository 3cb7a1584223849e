"""Stores in processes of their own, which are killed with SIGKILL and started again while clients are at work."""

import asyncio
import json
import random
import shutil
import sys
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Self

import attrs

from tests.histories.doors import Door
from tests.histories.recording import LATE, UNKNOWN, WRITES, Answer, History, Request, Seen, answer_of
from tests.histories.worker import LINE_LIMIT
from tests.support.server_process import CHECKOUT

KILL = "kill"
STARTING = 60.0
"""Seconds that a worker gets to be ready."""


class Nursery:
    """The process that starts workers and kills them."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._turn = asyncio.Lock()

    @classmethod
    async def open(cls) -> Self:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.histories.worker",
            cwd=CHECKOUT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        return cls(process)

    async def spawn(self, arguments: dict[str, Any]) -> int:
        """Start a worker; its process."""
        return await self._order({"spawn": arguments})

    async def kill(self, pid: int) -> None:
        """Return once the worker has ended."""
        await self._order({"kill": pid})

    async def _order(self, order: dict[str, Any]) -> int:
        async with self._turn:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            return int(await self._process.stdout.readline())

    async def aclose(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


class RemoteDoor:
    """The connection to a worker. It shuts when the worker ends."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._waiting: dict[int, asyncio.Queue[dict[str, Any] | None]] = {}
        self._last = 0
        self._shut = False
        self.listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        with suppress(OSError):
            while line := await self._reader.readline():
                message = json.loads(line)
                if message["id"] in self._waiting:
                    self._waiting[message["id"]].put_nowait(message)
        self._shut = True
        for queue in self._waiting.values():
            queue.put_nowait(None)

    def _say(self, message: dict[str, Any]) -> None:
        if not self._shut:
            self._writer.write(json.dumps(message).encode() + b"\n")

    def _begin(self, what: dict[str, Any]) -> tuple[int, asyncio.Queue[dict[str, Any] | None]]:
        self._last += 1
        queue = self._waiting[self._last] = asyncio.Queue()
        if self._shut:
            queue.put_nowait(None)
        self._say({"id": self._last, **what})
        return self._last, queue

    async def _call(self, what: dict[str, Any]) -> dict[str, Any] | None:
        number, queue = self._begin(what)
        try:
            return await queue.get()
        finally:
            del self._waiting[number]

    async def ask(self, request: Request) -> Answer:
        answered = await self._call({"ask": attrs.asdict(request)})
        if answered is None:
            return Answer(outcome=UNKNOWN if request.kind in WRITES else LATE, text="the process has ended")
        return answer_of(answered["answer"])

    async def compact(self, revision: int) -> None:
        await self._call({"compact": revision})

    async def watch(self, scope: str, after: int) -> AsyncGenerator[list[Seen]]:
        number, queue = self._begin({"watch": [scope, after]})
        try:
            while (message := await queue.get()) is not None and "events" in message:
                yield [Seen(*event) for event in message["events"]]
        finally:
            del self._waiting[number]
            self._say({"id": number, "cancel": True})

    async def aclose(self) -> None:
        self._writer.close()
        await asyncio.wait([self.listening])


@attrs.define(eq=False)
class _Worker:
    """One process after the other, and its door while there is one."""

    arguments: dict[str, Any]
    arrived: asyncio.Queue[RemoteDoor]
    pid: int = 0
    door: RemoteDoor | None = None
    open: asyncio.Event = attrs.field(factory=asyncio.Event)


@attrs.define(eq=False)
class WorkerPlace:
    """A store that one or several processes have open. Clients are spread over them."""

    history: History
    nursery: Nursery
    workers: list[_Worker] = attrs.field(factory=list)
    epoch: int = 0

    async def door(self, client: int) -> Door:
        worker = self.workers[client % len(self.workers)]
        await worker.open.wait()
        assert worker.door is not None
        return worker.door

    async def start(self, worker: _Worker) -> None:
        worker.pid = await self.nursery.spawn(worker.arguments)
        async with asyncio.timeout(STARTING):
            worker.door = await worker.arrived.get()
        worker.open.set()

    async def end(self, worker: _Worker) -> None:
        worker.open.clear()
        await self.nursery.kill(worker.pid)
        if worker.door is not None:
            await worker.door.aclose()

    async def harm(self, kind: str, how: float) -> None:
        assert kind == KILL
        worker = self.workers[int(how * 1000) % len(self.workers)]
        await self.end(worker)
        await self.start(worker)

    async def compact(self, revision: int) -> None:
        assert self.workers[0].door is not None
        await self.workers[0].door.compact(revision)


@asynccontextmanager
async def worker_place(
    nursery: Nursery, history: History, config: dict[str, Any], *, cached: Sequence[bool]
) -> AsyncIterator[WorkerPlace]:
    """A store of *config*, with a process for each of *cached*."""
    folder = Path(tempfile.mkdtemp(prefix="history-"))
    place = WorkerPlace(history, nursery)
    choice = random.Random(history.seed)
    async with asyncio.TaskGroup() as listening:
        servers = []
        for index, each in enumerate(cached):
            arrived: asyncio.Queue[RemoteDoor] = asyncio.Queue()

            async def connected(
                reader: asyncio.StreamReader,
                writer: asyncio.StreamWriter,
                arrived: asyncio.Queue[RemoteDoor] = arrived,
            ) -> None:
                if await reader.readline():
                    arrived.put_nowait(RemoteDoor(reader, writer))

            socket = str(folder / f"worker-{index}")
            servers.append(await asyncio.start_unix_server(connected, socket, limit=LINE_LIMIT))
            arguments = {"socket": socket, "config": config, "cached": each, "seed": choice.randrange(2**32)}
            place.workers.append(_Worker(arguments, arrived))
        try:
            for worker in place.workers:
                listening.create_task(place.start(worker))
            for worker in place.workers:
                await worker.open.wait()
            yield place
        finally:
            for worker in place.workers:
                if worker.pid:
                    await place.end(worker)
            for server in servers:
                server.close()
            shutil.rmtree(folder, ignore_errors=True)
