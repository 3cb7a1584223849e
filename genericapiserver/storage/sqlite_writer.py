"""The one thread that writes the SQLite file: each batch of `writing` is one transaction.

Between transactions the thread deletes what has expired and compacts history in small steps.

Where processes share the file, each transaction waits for its turn and begins where the file is, which others may have
moved; one process at a time does the maintenance.
"""

import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from genericapiserver.aio import Clock, SteadyClock
from genericapiserver.logs import kv
from genericapiserver.storage.engine import (
    CompactedError,
    EngineError,
    EngineEvent,
    FutureRevisionError,
    KeyValue,
    WriteResult,
)
from genericapiserver.storage.history_times import PRECISION
from genericapiserver.storage.retention import CompactionSchedule, Retention
from genericapiserver.storage.sqlite_file import (
    BUSY_TIMEOUT,
    FileState,
    MovedError,
    files_in_use,
    mark,
    marks_in,
    row_sum,
    set_meta,
    translated,
    where,
)
from genericapiserver.storage.sqlite_pruning import PRUNE_REVISIONS, prune
from genericapiserver.storage.sqlite_sharing import Sharing
from genericapiserver.storage.writing import Compaction, Job, Probe, Write, WriterThread

_log = logging.getLogger(__name__)

EXPIRE_AT_ONCE = 500
VACUUM_PAGES = 500
REST = 5.0
"""Seconds until maintenance is tried again after a failure."""
TAKEOVER = 1.0
"""Seconds until a process that shares the file looks whether the maintenance, or anything to maintain, is its own."""
SPARE_PAGES = 2000
"""So many free pages are kept for growth before the file is made smaller."""
LONGEST_LOG = 64 * 1024 * 1024
"""Bytes of the write-ahead log above which writers wait for a moment until readers let go of it. SQLite by itself begins
anew only when nobody happens to read, which under load may be never."""
CHECKPOINT_PATIENCE = 1.0
"""Seconds that readers get then."""
CHECKPOINT_REST = 10.0
"""Seconds until that is tried again when a reader has not let go: a backup, for one, reads for long."""

_FIND = """
SELECT c.mod_rev, c.create_rev, c.expires_at, l.value
FROM current c JOIN log l ON l.rev = c.mod_rev WHERE c.key = ?
"""
_LOG = (
    "INSERT INTO log (rev, key, create_rev, prev_rev, deleted, expires_at, value, sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_CREATE = "INSERT INTO current (key, mod_rev, create_rev, expires_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
_UPDATE = "UPDATE current SET mod_rev = ?, expires_at = ? WHERE key = ?"
_DELETE = "DELETE FROM current WHERE key = ?"


class SQLiteWriter(WriterThread):
    """Owns *connection* from its start on. *deliver* and *floor_raised* are called in this thread, in order.

    *deliver* is told the revision that the writes follow. *sharing* is None while nobody else writes to the file; *leave*
    says at the end whether nobody else has it open any more.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        path: Path,
        state: FileState,
        retention: Retention,
        clock: Clock,
        sharing: Sharing | None,
        leave: Callable[[], bool],
        deliver: Callable[[int, Sequence[Write]], None],
        floor_raised: Callable[[int, Compaction | None], None],
        settled: Callable[[Job], None],
    ) -> None:
        super().__init__("sqlite-writer", path=path, failures=(sqlite3.Error,), deliver=deliver, settled=settled)
        self._connection = connection
        self._clock = clock
        self._steady = SteadyClock(clock)
        # What keys expire by: an object must not go, or stay, because somebody sets the clock.
        self._sharing = sharing
        self._leave = leave
        self._floor_raised = floor_raised
        self._rev = state.current_rev
        self._floor = state.floor_rev
        self._pruned = state.pruned_rev
        self._schedule = CompactionSchedule(
            retention,
            now=time.monotonic(),
            current_rev=state.current_rev,
            marks=marks_in(connection),
            wall=clock.now().timestamp(),
        )
        self._next_mark = float("-inf")
        self._files = files_in_use(path)
        self._log_file = path.with_name(f"{path.name}-wal")
        self._next_checkpoint = 0.0
        self._maintained = state.current_rev
        """Where the store was at the last maintenance."""
        self._next_expiry = 0.0
        self._vacuum = False
        self._unsure = False
        self._resume = 0.0  # maintenance rests until then (monotonic) after it failed

    def _patience(self) -> float | None:
        rest = self._resume - time.monotonic()
        if rest > 0:
            return rest
        if self._pruned < self._floor or self._vacuum:
            return 0.0
        waits = []
        if self._schedule.next_time != float("inf"):
            waits.append(self._schedule.next_time - time.monotonic())
        if self._next_expiry != float("inf"):
            waits.append(self._next_expiry - self._steady.now().timestamp() + 0.001)
        if self._sharing is not None:
            waits.append(TAKEOVER)
        # Long waits are cut, since the wall clock may be set.
        return max(0.0, min([*waits, 60.0])) if waits else None

    # ---- writing

    def _attempt(self, writes: Sequence[Write]) -> int:
        with self._transaction() as base:
            rev = base
            for write in writes:
                rev = self._apply(write, rev)
            now = self._clock.monotonic()
            marks = rev > base and now >= self._next_mark
            if marks:
                mark(self._connection, base, self._clock.now().timestamp())
        self._rev = rev
        if self._sharing is not None:
            self._sharing.delivers(rev)
        if marks:
            self._next_mark = now + PRECISION
        if any(write.ttl for write in writes):
            self._next_expiry = 0.0
        return base

    def _left_behind(self) -> bool:
        """After a COMMIT that failed, the log of the database may hold all of it, though nobody is shown it. The next
        transaction writes over it."""
        if self._unsure:
            with contextlib.suppress(sqlite3.Error), self._transaction():
                set_meta(self._connection, probed=self._clock.now().timestamp())
        return self._unsure

    def _translated(self, error: Exception) -> EngineError:
        return translated(error, self._path)

    def _abandon(self) -> None:
        self._rollback()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[int]:
        """A write transaction, rolled back when the block raises. Gives the newest revision."""
        sharing = self._sharing
        if sharing is None:
            yield from self._begun()
            return
        sharing.begin()
        try:
            yield from self._begun()
        finally:
            sharing.end()
            sharing.announce()

    def _begun(self) -> Iterator[int]:
        self.require_files()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            if self._sharing is not None:
                self._look()
            yield self._rev
            unsure, self._unsure = self._unsure, True
            if self._sharing is not None:
                self._sharing.committing()
            try:
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL:  # found before the end was written
                    self._unsure = unsure
                raise
            self._unsure = False
        except BaseException:
            self._rollback()
            raise

    def require_files(self) -> None:
        """Raises MovedError unless the files are where the next server finds them. May be called in any thread."""
        if (astray := self._files.astray()) is not None:
            raise MovedError(astray)

    def _look(self) -> None:
        """Learn where others have brought the file."""
        state = where(self._connection)
        self._rev, self._floor, self._pruned = state.current_rev, state.floor_rev, state.pruned_rev

    def _apply(self, write: Write, rev: int) -> int:
        """Decide *write* inside the open transaction; the revision after it."""
        execute, key = self._connection.execute, write.key
        expires_at = self._steady.now().timestamp() + write.ttl if write.ttl > 0 else 0.0
        if not write.expect_rev and write.value is not None:
            new = rev + 1
            if execute(_CREATE, (key, new, new, expires_at)).rowcount == 1:
                self._log_row(new, key, new, 0, 0, expires_at, write.value)
                write.event = EngineEvent(new, key, write.value, None, new, 0)
                write.result = WriteResult(True, new, None)
                return new
        row = execute(_FIND, (key,)).fetchone()
        if row is None or row[0] != write.expect_rev:
            current = None if row is None else KeyValue(key, row[3], row[1], row[0], row[2])
            write.result = WriteResult(False, rev, current)
            return rev
        mod_rev, create_rev, _, previous = row
        new = rev + 1
        if write.value is None:
            self._log_row(new, key, create_rev, mod_rev, 1, 0.0, None)
            execute(_DELETE, (key,))
        else:
            self._log_row(new, key, create_rev, mod_rev, 0, expires_at, write.value)
            execute(_UPDATE, (new, expires_at, key))
        write.event = EngineEvent(new, key, write.value, previous, create_rev, mod_rev)
        write.result = WriteResult(True, new, None)
        return new

    def _log_row(self, *row: Any) -> None:
        self._connection.execute(_LOG, (*row, row_sum(*row)))

    def _rollback(self) -> None:
        if self._connection.in_transaction:  # some errors roll back by themselves
            self._connection.execute("ROLLBACK")

    def _probe(self, probe: Probe) -> None:
        try:
            with self._transaction():
                set_meta(self._connection, probed=self._clock.now().timestamp())
        except sqlite3.Error as error:
            probe.error = translated(error, self._path)
        self._settled(probe)

    # ---- maintenance

    def _maintain(self) -> None:
        now = time.monotonic()
        if now < self._resume:
            return
        try:
            if self._sharing is not None:
                self._look()
            scheduled = self._schedule.due(now=now, current_rev=self._rev)
            if self._sharing is not None and not self._sharing.try_maintain():
                self._resume = now + TAKEOVER
                return
            self._expire()
            self._checkpoint(now)
            target = max(scheduled, self._schedule.overflow(events=self._rev - self._pruned, current_rev=self._rev))
            if target > self._floor:
                self._raise_floor(target, None)
                self._keep_up()
            elif self._pruned < self._floor:
                self._prune()
                self._keep_up()
            elif self._vacuum:
                self._shrink()
            self._maintained = self._rev
        except sqlite3.Error as error:
            # Nobody waits for this; writes that fail for the same reason tell their callers. Tried again later.
            self._rollback()
            self._resume = now + REST
            _log.error(kv("Maintenance of the database has failed", err=translated(error, self._path)))

    def _expire(self) -> None:
        now = self._steady.now().timestamp()
        if now < self._next_expiry:
            return
        execute = self._connection.execute
        while due := execute(
            "SELECT key, mod_rev FROM current WHERE expires_at > 0 AND expires_at <= ? ORDER BY expires_at LIMIT ?",
            (now, EXPIRE_AT_ONCE),
        ).fetchall():
            deletions = [Write(key, None, mod_rev) for key, mod_rev in due]
            self._commit(deletions)
            if deletions[0].error is not None:
                self._resume = time.monotonic() + REST
                break
        (earliest,) = execute("SELECT min(expires_at) FROM current WHERE expires_at > 0").fetchone()
        self._next_expiry = float("inf") if earliest is None else max(earliest, now + 0.01)
        if self._sharing is not None:  # others write what expires without telling this thread
            self._next_expiry = min(self._next_expiry, now + TAKEOVER)

    def _compact(self, compaction: Compaction) -> None:
        try:
            self._raise_floor(compaction.rev, compaction)
        except EngineError as error:
            compaction.error = error
        except sqlite3.Error as error:
            compaction.error = translated(error, self._path)
        if compaction.error is not None:
            self._settled(compaction)

    def _raise_floor(self, rev: int, compaction: Compaction | None) -> None:
        """From here on nothing before *rev* is read; the first step of clearing up is in the same transaction.

        Raises FutureRevisionError and CompactedError; history that is gone already is no error of maintenance.
        """
        with self._transaction() as current:
            if rev > current:
                raise FutureRevisionError(rev, current)
            if rev < self._floor or rev == where(self._connection).compact_rev:
                if compaction is None:
                    return
                raise CompactedError(rev, self._floor)
            set_meta(self._connection, floor_rev=rev, compact_rev=rev)
            pruned = prune(self._connection, after=self._pruned, floor=rev)
        self._floor, self._pruned = rev, pruned
        self._vacuum = pruned >= rev
        self._floor_raised(rev, compaction)

    def _prune(self) -> None:
        with self._transaction():
            pruned = prune(self._connection, after=self._pruned, floor=self._floor)
        self._pruned = pruned
        self._vacuum = pruned >= self._floor

    def _keep_up(self) -> None:
        """Delete twice as much as was written since the last time, if there is as much: history does not outgrow this."""
        for _ in range(2 * (self._rev - self._maintained) // PRUNE_REVISIONS):
            if self._pruned >= self._floor:
                return
            self._prune()

    def _checkpoint(self, now: float) -> None:
        """Begin the write-ahead log anew when it has become too long."""
        try:
            if now < self._next_checkpoint or self._log_file.stat().st_size <= LONGEST_LOG:
                return
        except FileNotFoundError:
            return
        execute = self._connection.execute
        if self._sharing is not None:
            self._sharing.begin()
        try:
            execute(f"PRAGMA busy_timeout = {CHECKPOINT_PATIENCE * 1000:.0f}")
            (busy, *_) = execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT * 1000:.0f}")
            if self._sharing is not None:
                self._sharing.end()
        if busy:
            self._next_checkpoint = now + CHECKPOINT_REST
            _log.warning(kv("The write-ahead log grows, since somebody reads from it for long", file=self._log_file))

    def _shrink(self) -> None:
        """Give pages back to the disk, a few at a time."""
        (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
        if free <= SPARE_PAGES:
            self._vacuum = False
            return
        with self._transaction():
            self._connection.execute(f"PRAGMA incremental_vacuum({VACUUM_PAGES})").fetchall()

    def _close(self) -> None:
        try:
            if self._leave():
                set_meta(self._connection, clean=1)
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            _log.error(kv("Closing the database has failed", err=translated(error, self._path)))
        finally:
            self._connection.close()
