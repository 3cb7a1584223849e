"""The engine in one SQLite file, the default: durable, one machine, one process or several that are told to share it.

The loop never waits for the disk: writes go to one writer thread (`sqlite_writer`), reads to a few threads with a
connection each (`sqlite_reader`). Committed writes come back to the loop in the order of their revisions and are published
there, to subscribers first, before their writers are answered. So what a reader saw is never newer than what a cache
knows: a read that overtook the news waits for it.

Several processes on one machine may share the file (`shared`): each has this engine, `sqlite_sharing` lets them write in
turns and wakes them, `sqlite_tail` tells each of the others' writes. What is said above holds for all of them together:
`is_current` says whether a write of another process is still to be read, which takes some bytes of shared memory.

With `synchronous` FULL a write that was acknowledged survives a crash of the process and of the machine.
"""

import asyncio
import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

from genericapiserver.aio import Clock, SystemClock
from genericapiserver.aio.durable import may_be_unwritable
from genericapiserver.storage import sqlite_file, sqlite_reader
from genericapiserver.storage.engine import (
    CompactedError,
    EngineClosedError,
    EngineError,
    EngineFaultError,
    EngineTimeoutError,
    EngineWatch,
    FutureRevisionError,
    GetResult,
    RangeResult,
    RangeStats,
    Subscriber,
    Subscription,
    WatchBatch,
    WriteResult,
)
from genericapiserver.storage.event_log import BATCH_EVENTS, EventLog
from genericapiserver.storage.retention import Retention
from genericapiserver.storage.sqlite_file import BUSY_TIMEOUT, DatabaseLock, FileState, Synchronous
from genericapiserver.storage.sqlite_sharing import Sharing
from genericapiserver.storage.sqlite_tail import Tail
from genericapiserver.storage.sqlite_writer import SQLiteWriter
from genericapiserver.storage.writing import Compaction, Write, WriteQueue

logger = logging.getLogger(__name__)

R = TypeVar("R")

TAIL_EVENTS = 4096
"""Events kept in memory in front of the log table, for watches that are nearly up to date."""
READERS = 2
CLOSING_PATIENCE = 10.0
"""Seconds for which another process may keep this one from writing at its end; what is given up then nobody was told of."""
COMPACTION_PATIENCE = 1.0
"""Seconds that other processes get to come to the revision that history is to begin at; who is later reads all anew."""


class SQLiteEngine:
    """A StorageEngine in the file *path*. Made by `SQLiteEngine.open`, on the loop that is going to use it."""

    @classmethod
    async def open(
        cls,
        path: str | Path,
        *,
        synchronous: Synchronous = "FULL",
        initial_rev: int | None = None,
        retention: Retention | None = None,
        clock: Clock | None = None,
        shared: bool = False,
    ) -> Self:
        """Open or create the file. Raises EngineOpenError, whose text says what is wrong and what to do.

        *initial_rev* counts for a new file only; by default it begins at the time in microseconds, far above what a
        file that was deleted before may have given out. A file that is *shared* can be opened by others that share it.
        """
        engine = await asyncio.to_thread(
            cls._open,
            asyncio.get_running_loop(),
            Path(path),
            synchronous,
            initial_rev,
            retention or Retention(),
            clock or SystemClock(),
            shared,
        )
        engine._start()
        return engine

    @classmethod
    def _open(
        cls,
        loop: asyncio.AbstractEventLoop,
        path: Path,
        synchronous: Synchronous,
        initial_rev: int | None,
        retention: Retention,
        clock: Clock,
        shared: bool,
    ) -> Self:
        path = path.absolute()
        sqlite_file.prepare_path(path)
        lock = DatabaseLock(path, shared=shared)
        sharing = None
        try:
            if shared:
                sharing = Sharing(path)
            connection, state = sqlite_file.open_database(
                path, synchronous=synchronous, initial_rev=initial_rev, alone=lock.alone
            )
            lock.opened()
        except BaseException:
            if sharing is not None:
                sharing.close()
            lock.release()
            raise
        return cls(loop, path, lock, sharing, connection, state, retention, clock)

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        path: Path,
        lock: DatabaseLock,
        sharing: Sharing | None,
        connection: sqlite3.Connection,
        state: FileState,
        retention: Retention,
        clock: Clock,
    ) -> None:
        self._loop = loop
        self._path = path
        self._lock = lock
        self._log = EventLog(state.current_rev, floor_rev=state.floor_rev, capacity=TAIL_EVENTS, history=self._history)
        self._compact_rev = state.compact_rev
        self._sharing = sharing
        self._tail: Tail | None = None
        self._writes = WriteQueue(loop)
        post = self._writes.post
        self._writer = SQLiteWriter(
            connection,
            path=path,
            state=state,
            retention=retention,
            clock=clock,
            sharing=sharing,
            leave=lock.leave,
            deliver=partial(post, self._committed),
            floor_raised=partial(post, self._floor_raised),
            settled=partial(post, self._writes.settle),
        )
        self._writes.connect(self._writer.submit)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix=f"sqlite-reader {path.name}")
        self._connections: list[sqlite3.Connection] = []
        self._local = threading.local()
        self._closing: asyncio.Future[None] | None = None

    def _start(self) -> None:
        """Begin to work; on the loop, where `__init__` is not."""
        if self._sharing is not None:
            self._tail = Tail(
                self._loop,
                self._path,
                self._log,
                self._sharing,
                settle=self._writes.answer,
                moved=self._moved,
                lost=self._lost,
            )
        self._writer.start()

    # ---- where the store is

    @property
    def shared(self) -> bool:
        return self._sharing is not None

    def is_current(self) -> bool:
        return self._tail is None or self._tail.is_current()

    async def catch_up(self) -> None:
        self._open_or_raise()
        if self._tail is not None:
            await self._tail.catch_up()

    def current_rev(self) -> int:
        return self._log.current_rev

    def compact_rev(self) -> int:
        return self._compact_rev

    def floor_rev(self) -> int:
        return self._log.floor_rev

    # ---- reading

    def size_bytes(self) -> int:
        size = 0
        for file in (self._path, self._path.with_name(self._path.name + "-wal")):
            with contextlib.suppress(OSError):  # the second comes and goes
                size += file.stat().st_size
        return size

    async def get(self, key: bytes, *, rev: int = 0) -> GetResult:
        await self._read_up_to(rev)
        self._readable(rev)
        result = await self._read(sqlite_reader.get, key, rev)
        await self._news_until(result.rev)
        return result

    async def range(self, start: bytes, end: bytes, *, limit: int = 0, rev: int = 0) -> RangeResult:
        await self._read_up_to(rev)
        self._readable(rev)
        result = await self._read(sqlite_reader.get_range, start, end, limit, rev)
        await self._news_until(result.rev)
        return result

    async def stats(self, start: bytes, end: bytes) -> RangeStats:
        self._readable(0)
        return await self._read(sqlite_reader.stats, start, end)

    async def _history(self, start: bytes, end: bytes | None, after: int, upto: int) -> WatchBatch:
        return await self._read(sqlite_reader.history, start, end, after, upto, BATCH_EVENTS)

    def _readable(self, rev: int) -> None:
        self._open_or_raise()
        if rev > self._log.current_rev:
            raise FutureRevisionError(rev, self._log.current_rev)
        if rev and rev < self._log.floor_rev:
            raise CompactedError(rev, self._log.floor_rev)

    def _open_or_raise(self) -> None:
        if self._closing is not None:
            raise EngineClosedError("the storage engine is closed")

    async def _news_until(self, rev: int) -> None:
        if rev > self._log.current_rev:
            await self.reached(rev)

    async def _read_up_to(self, rev: int) -> None:
        """Before *rev* is called a revision of the future: another process may have written it."""
        if self._tail is not None and rev > self._log.current_rev and self._closing is None:
            await self._tail.catch_up()

    async def _read(self, function: Callable[..., R], *args: object) -> R:
        try:
            return await self._loop.run_in_executor(self._readers, self._on_reader, function, args)
        except sqlite3.Error as error:
            raise sqlite_file.translated(error, self._path) from error

    def _on_reader(self, function: Callable[..., R], args: tuple[object, ...]) -> R:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = sqlite_file.connect(self._path, read_only=True)
            self._connections.append(connection)
        return function(connection, *args)

    # ---- writing

    async def put(self, key: bytes, value: bytes, *, expect_rev: int, ttl: float = 0.0) -> WriteResult:
        return await self._write(Write(key, value, expect_rev, ttl))

    async def delete(self, key: bytes, *, expect_rev: int) -> WriteResult:
        return await self._write(Write(key, None, expect_rev))

    async def compact(self, rev: int) -> None:
        if self._tail is not None:
            self._open_or_raise()
            await self._tail.catch_up()
            if rev <= self._log.current_rev:
                await self._tail.others_at(rev, patience=COMPACTION_PATIENCE)
        self._open_or_raise()
        await self._writes.compact(rev)

    async def check(self) -> None:
        self._readable(0)
        if not self._writer.is_alive():
            raise EngineFaultError("the storage writer has ended", str(self._path))
        if self._sharing is not None and (since := self._sharing.waits_since):
            waited = time.monotonic() - since
            if waited > BUSY_TIMEOUT:
                raise EngineTimeoutError(f"another process has been writing to the database for {waited:.0f} seconds")
        try:
            suspicious = await self._loop.run_in_executor(self._readers, self._suspicious)
        except sqlite3.Error as error:
            raise sqlite_file.translated(error, self._path) from error
        await self._read(sqlite_reader.check)
        if self._writes.write_failed or suspicious:
            self._open_or_raise()
            await self._writes.probe()

    def _suspicious(self) -> bool:
        """Whether a write may fail now, though the last one has not. Raises MovedError."""
        self._writer.require_files()
        return may_be_unwritable(self._path.parent)

    async def _write(self, write: Write) -> WriteResult:
        self._open_or_raise()
        return await self._writes.write(write)

    # ---- news from the writer thread, on the loop

    def _committed(self, base: int, writes: Sequence[Write]) -> None:
        if self._tail is not None:
            self._tail.committed(base, writes)
            return
        self._log.publish([write.event for write in writes if write.event is not None])
        self._writes.answer(writes)

    def _floor_raised(self, rev: int, compaction: Compaction | None) -> None:
        self._compact_rev = max(self._compact_rev, rev)
        if rev <= self._log.current_rev:  # else the tail comes to it, or finds that it is too late
            self._log.raise_floor(rev, forget=True)
        if compaction is not None:
            compaction.settle(compaction)

    def _moved(self, state: FileState) -> None:
        """Another process may have compacted."""
        self._compact_rev = max(self._compact_rev, state.compact_rev)
        if self._log.floor_rev < state.floor_rev <= self._log.current_rev:
            self._log.raise_floor(state.floor_rev, forget=True)

    def _lost(self, state: FileState) -> None:
        self._log.restart(state.current_rev, state.floor_rev)

    # ---- watching

    def watch(self, start: bytes, end: bytes | None, *, after_rev: int) -> EngineWatch:
        self._readable(0)
        return self._log.watch(start, end, after_rev)

    async def history(self, start: bytes, end: bytes | None, *, after_rev: int, upto: int) -> WatchBatch:
        self._readable(after_rev)
        if after_rev >= self._log.start_rev:
            return self._log.read(start, end, after_rev, upto)
        return await self._history(start, end, after_rev, upto)

    def subscribe(
        self,
        prefix: bytes,
        subscriber: Subscriber,
        *,
        closed: Callable[[], None] | None = None,
        lost: Callable[[], None] | None = None,
    ) -> Subscription:
        self._readable(0)
        return self._log.subscribe(prefix, subscriber, closed, lost)

    async def reached(self, rev: int) -> None:
        if self._tail is not None and rev > self._log.current_rev:
            self._tail.soon()
        await self._log.reached(rev)

    async def request_progress(self) -> None:
        if self._tail is not None:
            await self.catch_up()
        self._log.report_progress()

    # ---- the end

    async def aclose(self) -> None:
        if self._closing is None:
            self._closing = self._loop.create_future()
            self._writes.close()
            self._writer.stop()
            if not await self._loop.run_in_executor(None, self._end_threads):
                logger.error(
                    "%s: another process has been writing for %.0f seconds: going on without what was to be written",
                    self._path,
                    CLOSING_PATIENCE,
                )
                self._tail_is_over()
                self._closing.set_result(None)
                return  # the writer has the locks and waits; they go with the process
            # The writer's last news was posted before it ended, so it is handled before this goes on. What follows the
            # writes of others has been waiting for a look at the file.
            if self._tail is not None:
                await self._end_tail(self._tail)
            self._log.close()
            if self._sharing is not None:
                self._sharing.close()
            self._lock.release()
            self._closing.set_result(None)
        await self._closing

    def _tail_is_over(self) -> None:
        if self._tail is not None:
            self._tail.close()
        self._log.close()

    async def _end_tail(self, tail: Tail) -> None:
        try:
            await tail.catch_up()
        except EngineError as error:
            tail.give_up(error)
        tail.close()
        await self._loop.run_in_executor(None, tail.end_thread)

    def _end_threads(self) -> bool:
        """False when the writer does not end, because another process does not let it write."""
        self._readers.shutdown(wait=True)
        for connection in self._connections:
            connection.close()
        self._connections.clear()
        while self._writer.is_alive():
            self._writer.join(0.1)
            waits_since = self._sharing.waits_since if self._sharing is not None else 0.0
            if waits_since and time.monotonic() - waits_since > CLOSING_PATIENCE:
                return False
        return True
