"""Stores in this process, with a door for every client: closed and opened again while clients are at work.

A place has one engine or several on the same store, as servers have that share it. `kept` stores remember everything when
they are closed; the others begin a new epoch.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import attrs

from genericapiserver.storage.cacher import Cacher
from genericapiserver.storage.engine import StorageEngine
from genericapiserver.storage.factory import StorageConfig, open_engine
from genericapiserver.storage.interface import StorageBackend
from genericapiserver.storage.views import ViewEngine, ViewFamily
from tests.histories.doors import Door, StoreDoor
from tests.histories.objects import Note, backend_on
from tests.histories.recording import History

RESTART = "restart"
NOISE = "noise"


@attrs.define(eq=False)
class _Server:
    """An engine and what is on it, while it is open."""

    cached: bool
    engine: StorageEngine | None = None
    backend: StorageBackend[Note] | None = None
    door: StoreDoor | None = None
    open: asyncio.Event = attrs.field(factory=asyncio.Event)


@attrs.define(eq=False)
class LocalPlace:
    """A store in this process. *opening* opens an engine on it; clients are spread over the servers."""

    history: History
    opening: Callable[[], Awaitable[StorageEngine]]
    servers: list[_Server]
    kept: bool
    prefix: str
    choice: random.Random
    epoch: int = 0

    async def open(self, server: _Server) -> None:
        engine = server.engine = await self.opening()
        if not self.kept and self.history.first:
            self.epoch += 1
            self.history.first.append(engine.current_rev())
        server.backend = backend_on(engine, cached=server.cached, prefix=self.prefix)
        server.door = StoreDoor(server.backend, self._pause)
        server.open.set()

    async def close(self, server: _Server) -> None:
        server.open.clear()
        if isinstance(server.backend, Cacher):
            await server.backend.aclose()
        if server.engine is not None:
            await server.engine.aclose()

    async def _pause(self) -> None:
        for _ in range(self.choice.choice((0, 0, 1, 3))):
            await asyncio.sleep(0)

    async def door(self, client: int) -> Door:
        server = self.servers[client % len(self.servers)]
        await server.open.wait()
        assert server.door is not None
        return server.door

    async def harm(self, kind: str, how: float) -> None:
        server = self.servers[int(how * 1000) % len(self.servers)]
        if kind == NOISE:
            assert isinstance(server.engine, ViewEngine)
            await self._noise(server.engine)
            return
        assert kind == RESTART
        await self.close(server)
        await asyncio.sleep(how * 0.005)
        await self.open(server)

    async def _noise(self, engine: ViewEngine) -> None:
        """Views over the same base, and over ours, where all kinds of things happen, none of which is ours to see."""
        for below in {engine, engine.delegate or engine}:
            fork = below.fork()
            for number in range(self.choice.randint(1, 8)):
                name = self.choice.choice(("red/a", "blue/a", "red/b", "green/a"))
                key = f"/registry/notes/{name}".encode()
                kv = (await fork.get(key)).kv
                if kv is not None and self.choice.random() < 0.5:
                    await fork.delete(key, expect_rev=kv.mod_rev)
                else:
                    await fork.put(key, b"noise %d" % number, expect_rev=kv.mod_rev if kv is not None else 0)
                await asyncio.sleep(0)
            await fork.aclose()

    async def compact(self, revision: int) -> None:
        engine = self.servers[0].engine
        assert engine is not None
        await engine.compact(revision)


@asynccontextmanager
async def opened(place: LocalPlace) -> AsyncIterator[LocalPlace]:
    """*place* with all its doors open, for the length of the block."""
    try:
        for server in place.servers:
            await place.open(server)
        yield place
    finally:
        for server in place.servers:
            await place.close(server)


async def _open_view(*, fork: bool) -> StorageEngine:
    base = ViewEngine.base(ViewFamily())
    return base.fork().fork() if fork else base


@asynccontextmanager
async def local_place(
    engine: str, history: History, folder: Path, *, cached: Sequence[bool]
) -> AsyncIterator[LocalPlace]:
    """A new store in *folder*, of memory, view, fork, sqlite, shared (SQLite) or file; a server for each of *cached*."""

    async def opening() -> StorageEngine:
        if engine in ("view", "fork"):
            return await _open_view(fork=engine == "fork")
        kind = "sqlite" if engine == "shared" else engine
        config = StorageConfig(
            type=kind, path=str(folder / "store"), compaction_interval=0, max_history=0, shared=engine == "shared"
        )
        return await open_engine(config)

    kept = engine in ("sqlite", "shared", "file")
    servers = [_Server(each) for each in cached]
    async with opened(LocalPlace(history, opening, servers, kept, "/registry", random.Random(history.seed))) as place:
        yield place


@asynccontextmanager
async def place_on(
    opening: Callable[[], Awaitable[StorageEngine]], history: History, *, prefix: str, cached: Sequence[bool]
) -> AsyncIterator[LocalPlace]:
    """A store that others keep, under *prefix*; a server for each of *cached*."""
    servers = [_Server(each) for each in cached]
    async with opened(LocalPlace(history, opening, servers, True, prefix, random.Random(history.seed))) as place:
        yield place
