"""The one thread that writes what a durable engine keeps, and the loop's side of it.

What the loop hands over while a batch is being written goes into the next batch together (group commit), so that many
writers share one fsync. Each write still has its own outcome: the compare-and-swap is decided in the thread, in the order of
arrival. Nothing is answered before the batch is durable; then the whole of it goes to the loop in one call. A batch that
fails leaves nothing behind and is tried again in halves, so that only the writes that cannot be done fail.

How a batch becomes durable is the engine's business: see `sqlite_writer` and `file_writer`.
"""

import asyncio
import logging
import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias, TypeVar

import attrs

from genericapiserver.logs import kv
from genericapiserver.storage.engine import (
    EngineClosedError,
    EngineError,
    EngineEvent,
    EngineFaultError,
    UnfinishedWriteError,
    WriteResult,
)

R = TypeVar("R")

_log = logging.getLogger(__name__)

MAX_BATCH = 500
"""Writes per batch: enough to make the fsync cheap, few enough to answer the first one soon."""


@attrs.define(eq=False)
class Write:
    """One write on its way; the writer fills in what became of it. `value` is None for a deletion."""

    key: bytes
    value: bytes | None
    expect_rev: int
    ttl: float = 0.0
    settle: Callable[["Write"], None] | None = None
    """Called on the loop afterwards."""
    result: WriteResult | None = None
    event: EngineEvent | None = None
    expires_at: float = 0.0
    """When what `event` has written expires, in seconds since 1970; 0 for never."""
    error: EngineError | None = None


@attrs.define(eq=False)
class Compaction:
    """A request to compact to `rev`."""

    rev: int
    settle: Callable[["Compaction"], None]
    error: EngineError | None = None


@attrs.define(eq=False)
class Probe:
    """A health check of the writing side."""

    settle: Callable[["Probe"], None]
    error: EngineError | None = None


Job: TypeAlias = Write | Compaction | Probe


class Stop:
    """The last thing the writer is handed."""


class WriterThread(threading.Thread, ABC):
    """Takes jobs from the loop, in batches, until it is stopped; between batches it maintains what it writes.

    *deliver* is told the revision that the writes of a batch follow, and the writes; *settled* of jobs that have no such
    news. Both are called in this thread, in order. *failures* are what `_attempt` may raise.
    """

    def __init__(
        self,
        name: str,
        *,
        path: Path,
        failures: tuple[type[Exception], ...],
        deliver: Callable[[int, Sequence[Write]], None],
        settled: Callable[[Job], None],
    ) -> None:
        # A daemon: a process that forgets to close the engine ends as if it were killed, which loses nothing.
        super().__init__(name=f"{name} {path.name}", daemon=True)
        self._path = path
        self._failures = failures
        self._deliver = deliver
        self._settled = settled
        self._jobs: queue.SimpleQueue[Sequence[Job] | Stop] = queue.SimpleQueue()

    def submit(self, jobs: Sequence[Job]) -> None:
        """Hand over jobs, which are done in this order after those submitted before. Called on the loop."""
        self._jobs.put(jobs)

    def stop(self) -> None:
        """Do what was submitted, then close everything and end."""
        self._jobs.put(Stop())

    def run(self) -> None:
        stopping = False
        while not stopping:
            jobs, stopping = self._take()
            try:
                self._do(jobs)
                if not stopping:
                    self._maintain()
            except Exception:  # noqa: BLE001 - the thread must outlive whatever one batch does
                _log.exception(kv("The writer of the storage has failed", file=self._path))
                self._fail(jobs)
        self._close()

    def _take(self) -> tuple[list[Job], bool]:
        """Everything that waits, up to MAX_BATCH; waits for it until maintenance is due."""
        jobs: list[Job] = []
        try:
            found = self._jobs.get(timeout=self._patience())
            while True:
                if isinstance(found, Stop):
                    return jobs, True
                jobs.extend(found)
                if len(jobs) >= MAX_BATCH:
                    break
                found = self._jobs.get_nowait()
        except queue.Empty:
            pass
        return jobs, False

    def _do(self, jobs: Sequence[Job]) -> None:
        writes: list[Write] = []
        for job in jobs:
            if isinstance(job, Write):
                writes.append(job)
                continue
            self._commit(writes)
            writes = []
            if isinstance(job, Compaction):
                self._compact(job)
            else:
                self._probe(job)
        self._commit(writes)

    def _commit(self, writes: Sequence[Write]) -> None:
        """Do *writes* as one batch and deliver them; in halves when that fails."""
        if not writes:
            return
        base = 0
        try:
            base = self._attempt(writes)
        except self._failures as error:
            for write in writes:
                write.result = write.event = None
            if len(writes) > 1:
                half = len(writes) // 2
                self._commit(writes[:half])
                self._commit(writes[half:])
                return
            failure = self._translated(error)
            if self._left_behind():
                problem = failure.problem if isinstance(failure, EngineFaultError) else str(failure)
                failure = UnfinishedWriteError(problem, str(self._path))
            writes[0].error = failure
        self._deliver(base, writes)

    def _fail(self, jobs: Sequence[Job]) -> None:
        """After a bug of ours: nobody waits for ever."""
        error = EngineFaultError("the storage writer failed", str(self._path))
        self._abandon()
        for job in jobs:
            unanswered = not isinstance(job, Write) or job.result is None
            if unanswered and job.error is None:
                job.error = error
                self._settled(job)

    @abstractmethod
    def _patience(self) -> float | None:
        """Seconds until maintenance is due, None for never."""

    @abstractmethod
    def _attempt(self, writes: Sequence[Write]) -> int:
        """Decide *writes*, make them durable and fill them in; the revision they follow. All of them or, raising one of
        the failures, none."""

    @abstractmethod
    def _left_behind(self) -> bool:
        """Whether a failed batch may be found when the store is opened again, although it was tried to take it back."""

    @abstractmethod
    def _translated(self, error: Exception) -> EngineError:
        """What a failure means to the callers of an engine."""

    @abstractmethod
    def _compact(self, compaction: Compaction) -> None: ...

    @abstractmethod
    def _probe(self, probe: Probe) -> None: ...

    @abstractmethod
    def _maintain(self) -> None:
        """What is due between two batches."""

    @abstractmethod
    def _abandon(self) -> None:
        """Undo a batch that was left in the middle."""

    @abstractmethod
    def _close(self) -> None: ...


class WriteQueue:
    """The loop's side of a writer: collects what comes in one turn of the loop, and answers those who wait.

    `write_failed` says whether the newest write has failed, so that a health check has to try one.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queued: list[Job] = []
        self._submit: Callable[[Sequence[Job]], None] | None = None
        self._closed = False
        self.write_failed = False

    def connect(self, submit: Callable[[Sequence[Job]], None]) -> None:
        """Jobs go to *submit* from now on."""
        self._submit = submit

    async def write(self, write: Write) -> WriteResult:
        """Have it written. Raises EngineError."""
        future: asyncio.Future[WriteResult] = self._loop.create_future()
        write.settle = lambda done: _settle(future, done.error, done.result)
        self._queue(write)
        return await future

    async def compact(self, rev: int) -> None:
        """Have history compacted. Raises EngineError."""
        future: asyncio.Future[None] = self._loop.create_future()
        self._queue(Compaction(rev, lambda compaction: _settle(future, compaction.error, None)))
        await future

    async def probe(self) -> None:
        """Find out whether the writer can write again. Raises EngineError."""
        future: asyncio.Future[None] = self._loop.create_future()

        def settle(probe: Probe) -> None:
            self.write_failed = probe.error is not None
            _settle(future, probe.error, None)

        self._queue(Probe(settle))
        await future

    def _queue(self, job: Job) -> None:
        """Hand *job* to the writer together with whatever else comes in this turn of the loop. Raises EngineClosedError."""
        if self._closed:
            raise EngineClosedError("the storage engine is closed")
        if not self._queued:
            self._loop.call_soon(self.flush)
        self._queued.append(job)

    def flush(self) -> None:
        """Hand over now what has come."""
        jobs, self._queued = self._queued, []
        if jobs and self._submit is not None:
            self._submit(jobs)

    def close(self) -> None:
        """Hand over what has come, and nothing after it: a writer that is told to stop would never answer that."""
        self.flush()
        self._closed = True

    # ---- news from the writer

    def post(self, function: Callable[..., None], *args: object) -> None:
        """Have *function* called on the loop; called in the writer's thread."""
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:  # the loop was closed before the engine: nobody is left to tell
            return

    def answer(self, writes: Sequence[Write]) -> None:
        """Tell those who wait for *writes* what became of them."""
        for write in writes:
            if write.error is not None or write.event is not None:
                self.write_failed = write.error is not None
            if write.settle is not None:
                write.settle(write)

    def settle(self, job: Job) -> None:
        """Tell who waits for *job*."""
        match job:
            case Write():
                if job.settle is not None:
                    job.settle(job)
            case Compaction():
                job.settle(job)
            case Probe():
                job.settle(job)


def _settle(future: "asyncio.Future[R]", error: BaseException | None, result: R | None) -> None:
    if future.done():  # the caller has gone; the write has happened or failed all the same
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)  # type: ignore[arg-type]
