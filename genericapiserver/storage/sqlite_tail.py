"""What other processes have written to the file, put in order with what this one writes.

Each process reads the `log` table from where it is, when a bell rings or somebody must know now (`catch_up`). Its own
writes come from its writer with the revision that they follow: they are published at once when that is where the log of
events is, else after the others' before them have been read. Revisions decide, so every event is published once, and in
order, whichever way it came first.

Reads begin with `is_current`, which compares some bytes of shared memory. Only when a process has committed since, or is
committing at this moment, is the file looked at.

The loop looks by itself: what was just written is in the memory of the machine, so a few rows take tens of microseconds,
where handing them from thread to thread takes milliseconds in a process that is busy. When there are many rows, or the file
cannot be read at this moment, a thread does it.
"""

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from genericapiserver.storage import sqlite_file, sqlite_reader
from genericapiserver.storage.engine import EngineClosedError, EngineError
from genericapiserver.storage.event_log import BATCH_EVENTS, EventLog
from genericapiserver.storage.sqlite_file import FileState
from genericapiserver.storage.sqlite_reader import News
from genericapiserver.storage.sqlite_sharing import Sharing
from genericapiserver.storage.writing import Write

_log = logging.getLogger(__name__)

LOOK_EVERY = 1.0
"""Seconds after which the file is looked at although no bell has rung."""
AT_ONCE = 100
"""Events that the loop reads by itself."""
STEP = 0.005
"""Seconds between two looks at where the other processes are."""

Settle = Callable[[Sequence[Write]], None]


class Tail:
    """Publishes in *log* what happens to the file *path*. Belongs to *loop*, as the log does.

    *settle* answers writers, *moved* is told the state of the file with every look at it, *lost* that history between
    the log and that state is gone, so that everything must be read anew.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        path: Path,
        log: EventLog,
        sharing: Sharing,
        *,
        settle: Settle,
        moved: Callable[[FileState], None],
        lost: Callable[[FileState], None],
    ) -> None:
        self._loop = loop
        self._path = path
        self._log = log
        self._sharing = sharing
        self._settle = settle
        self._moved = moved
        self._lost = lost
        self._own: deque[tuple[int, Sequence[Write]]] = deque()
        self._reader = ThreadPoolExecutor(1, thread_name_prefix=f"sqlite-tail {path.name}")
        self._connection: sqlite3.Connection | None = None
        """The reader thread's."""
        self._own_connection: sqlite3.Connection | None = None
        self._seen: bytes | None = None
        self._reading = False
        self._begun_with: bytes | None = None
        self._again = False
        self._served: list[asyncio.Future[None]] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._closed = False
        sharing.reached(log.current_rev)
        loop.add_reader(sharing.bell, self._rung)
        self._timer = loop.call_later(LOOK_EVERY, self._look)

    # ---- asking

    def is_current(self) -> bool:
        """Whether everything that any process has told anybody is published here."""
        return self._sharing.versions() == self._seen

    async def catch_up(self) -> None:
        """Return once everything is published that was committed before this was called. Raises EngineError."""
        if self._closed:
            raise EngineClosedError("the storage engine is closed")
        future = self._loop.create_future()
        self._waiting.append(future)
        if not self._reading:
            self._begin()
        await future

    def soon(self) -> None:
        """Look at the file, without anybody waiting for it."""
        if self._reading:
            self._again = True
        elif not self._closed:
            self._begin()

    async def others_at(self, revision: int, *, patience: float) -> None:
        """Return once every other process knows *revision*, or has not come that far in *patience* seconds."""
        deadline = self._loop.time() + patience
        # The others are processes, and compaction is rare.
        while 0 < self._sharing.slowest() < revision and self._loop.time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(STEP)

    # ---- own writes

    def committed(self, base: int, writes: Sequence[Write]) -> None:
        """Publish *writes* of this process, which follow the revision *base*, and answer their writers."""
        self._own.append((base, writes))
        self._publish_own()
        if self._own:
            self.soon()

    def _publish_own(self) -> None:
        """Those whose turn it is. What a look at the file has brought before is not published again."""
        own, log = self._own, self._log
        while own and own[0][0] <= log.current_rev:
            _, writes = own.popleft()
            known = log.current_rev
            log.publish([write.event for write in writes if write.event is not None and write.event.rev > known])
            self._sharing.reached(log.current_rev)
            if self._seen is not None:
                self._seen = self._sharing.with_own(self._seen, log.current_rev)
            self._settle(writes)

    # ---- looking at the file

    def _rung(self) -> None:
        self._sharing.listen()
        self.soon()

    def _look(self) -> None:
        self._timer = self._loop.call_later(LOOK_EVERY, self._look)
        self.soon()

    def _begin(self) -> None:
        self._reading, self._again = True, False
        self._served, self._waiting = [*self._served, *self._waiting], []
        self._begun_with = self._sharing.versions_to_trust()
        after = self._log.current_rev
        try:
            news = self._read_here(after)
        except sqlite3.Error:  # in the way of others, or worse, which the thread finds out
            self._reader.submit(self._read, after)
        else:
            self._end(after, news)

    def _read_here(self, after: int) -> News:
        if self._own_connection is None:
            self._own_connection = sqlite_file.connect(self._path, read_only=True, patience=0.0)
        return sqlite_reader.news(self._own_connection, after, AT_ONCE)

    def _read(self, after: int) -> None:
        """In the reader's thread."""
        result: News | EngineError
        try:
            if self._connection is None:
                self._connection = sqlite_file.connect(self._path, read_only=True)
            result = sqlite_reader.news(self._connection, after, BATCH_EVENTS)
        except sqlite3.Error as error:
            result = sqlite_file.translated(error, self._path)
        try:
            self._loop.call_soon_threadsafe(partial(self._end, after, result))
        except RuntimeError:  # the loop was closed before the engine: nobody is left to tell
            return

    def _end(self, after: int, result: News | EngineError) -> None:
        self._reading = False
        if self._closed:
            self._answer(EngineClosedError("the storage engine is closed"))
            return
        if isinstance(result, EngineError):
            _log.error("%s: the writes of other processes cannot be read: %s", self._path, result)
            self._answer(result)  # the timer looks again
            return
        self._publish(after, result)
        if self._log.current_rev < result.state.current_rev:
            self._reading = True
            self._reader.submit(self._read, self._log.current_rev)
            return
        self._seen = self._begun_with
        self._answer(None)
        if self._again or self._waiting:
            self._begin()

    def _publish(self, after: int, news: News) -> None:
        log, state = self._log, news.state
        if after < state.floor_rev and log.current_rev < state.floor_rev:
            _log.warning(
                "%s: this process was so far behind that history has been compacted: at revision %d of %d, the oldest is "
                "%d. Its caches are filled anew",
                self._path,
                log.current_rev,
                state.current_rev,
                state.floor_rev,
            )
            self._lost(state)
        else:
            known = log.current_rev
            log.publish([event for event in news.events if event.rev > known])
        self._moved(state)
        self._sharing.reached(log.current_rev)
        self._publish_own()

    def _answer(self, error: EngineError | None) -> None:
        served, self._served = self._served, []
        for future in served:
            if future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

    # ---- the end

    def give_up(self, error: EngineError) -> None:
        """The file cannot be read any more: answer writers although what they follow is not known."""
        own, self._own = self._own, deque()
        for _, writes in own:
            for write in writes:
                write.error = write.error or error
            self._settle(writes)

    def close(self) -> None:
        """Hear no more; who waits is told. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._timer.cancel()
        self._loop.remove_reader(self._sharing.bell)
        self._served += self._waiting
        self._waiting = []
        self._answer(EngineClosedError("the storage engine is closed"))

    def end_thread(self) -> None:
        """After `close`; blocks."""
        self._reader.shutdown(wait=True)
        for connection in (self._connection, self._own_connection):
            if connection is not None:
                connection.close()
        self._connection = self._own_connection = None
