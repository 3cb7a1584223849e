"""A process that owns a store and serves it over a socket until it is killed.

Workers are started by a nursery, a process that has imported everything and forks: `python -m tests.histories.worker`
reads `{"spawn": {...}}` and `{"kill": PID}` line by line and answers each with the process it is about, of a killed one
when it has ended and its locks are free. A worker connects to the socket it was given and says `{"ready": true}`; then
it answers what it is asked, any number of requests at a time.

It is driven by `remote`.
"""

import asyncio
import json
import logging
import os
import random
import signal
import sys
import traceback
from contextlib import aclosing
from typing import Any

import attrs

from genericapiserver.storage.factory import EtcdConfig, StorageConfig, open_engine
from tests.histories.doors import StoreDoor
from tests.histories.objects import backend_on
from tests.histories.recording import Request

LINE_LIMIT = 2**24


class Server:
    """Answers one connection."""

    def __init__(self, door: StoreDoor, engine: Any, writer: asyncio.StreamWriter) -> None:
        self._door = door
        self._engine = engine
        self._writer = writer
        self._running: dict[int, asyncio.Task[None]] = {}

    def take(self, message: dict[str, Any]) -> None:
        """Begin what *message* asks for, or end it."""
        number = message["id"]
        if "cancel" in message:
            if number in self._running:
                self._running[number].cancel()
            return
        if "ask" in message:
            work = self._ask(number, Request(**message["ask"]))
        elif "watch" in message:
            work = self._watch(number, *message["watch"])
        else:
            work = self._compact(number, message["compact"])
        task = self._running[number] = asyncio.create_task(work)
        task.add_done_callback(lambda done: self._running.pop(number, None))

    def say(self, message: dict[str, Any]) -> None:
        self._writer.write(json.dumps(message).encode() + b"\n")

    async def _ask(self, number: int, request: Request) -> None:
        self.say({"id": number, "answer": attrs.asdict(await self._door.ask(request))})

    async def _watch(self, number: int, scope: str, after: int) -> None:
        async with aclosing(self._door.watch(scope, after)) as stream:
            async for events in stream:
                self.say({"id": number, "events": [attrs.astuple(event) for event in events]})
        self.say({"id": number, "end": True})

    async def _compact(self, number: int, revision: int) -> None:
        await self._engine.compact(revision)
        self.say({"id": number, "answer": None})


async def serve(socket: str, config: dict[str, Any], *, cached: bool, seed: int) -> None:
    choice = random.Random(seed)

    async def pause() -> None:
        for _ in range(choice.choice((0, 0, 1, 3))):
            await asyncio.sleep(0)

    etcd = EtcdConfig(servers=config.pop("servers", ()))
    engine = await open_engine(StorageConfig(compaction_interval=0, max_history=0, etcd=etcd, **config))
    door = StoreDoor(backend_on(engine, cached=cached, prefix=config.get("prefix", "/registry")), pause)
    reader, writer = await asyncio.open_unix_connection(socket, limit=LINE_LIMIT)
    server = Server(door, engine, writer)
    server.say({"ready": True})
    while line := await reader.readline():
        server.take(json.loads(line))


def _spawn(arguments: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        devnull = os.open(os.devnull, os.O_RDWR)
        os.dup2(devnull, 0)
        os.dup2(devnull, 1)
        asyncio.run(serve(**arguments))
        status = 0
    except BaseException:  # noqa: BLE001 - there is nobody else to tell
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def main() -> None:
    """The nursery. Its workers end with it."""
    logging.disable(logging.CRITICAL)
    workers: set[int] = set()
    try:
        for line in sys.stdin:
            order = json.loads(line)
            if "spawn" in order:
                pid = _spawn(order["spawn"])
                workers.add(pid)
            else:
                pid = order["kill"]
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                workers.discard(pid)
            print(pid, flush=True)  # noqa: T201  to the driver
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
