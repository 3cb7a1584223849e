"""The one thread that writes the journal of the file engine: each batch of `writing` is one append and one fsync.

It knows of every key what it is, and decides there what is written; the files of objects are written behind it by another
thread (`files_view`). Between batches it deletes what has expired, compacts history, and has the journal made smaller.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from genericapiserver.aio import Clock, SteadyClock
from genericapiserver.aio.durable import may_be_unwritable
from genericapiserver.aio.same_files import SameFiles
from genericapiserver.logs import kv as values
from genericapiserver.storage.engine import (
    CompactedError,
    EngineError,
    EngineEvent,
    FutureRevisionError,
    KeyValue,
    WriteResult,
)
from genericapiserver.storage.files_compaction import Compactor
from genericapiserver.storage.files_faults import translated
from genericapiserver.storage.files_journal import Journal, segments_in
from genericapiserver.storage.files_lines import CLOSE, COMPACT, Line, encode, encode_write
from genericapiserver.storage.files_view import FolderView
from genericapiserver.storage.history_times import PRECISION
from genericapiserver.storage.retention import CompactionSchedule, Expiries, Retention
from genericapiserver.storage.writing import Compaction, Job, Probe, Write, WriterThread

_log = logging.getLogger(__name__)

REST = 5.0
"""Seconds until maintenance is tried again after a failure."""
CLOSING_PATIENCE = 10.0
"""Seconds that the files of objects get at the end; what is left is written at the next start."""
Heads = dict[bytes, KeyValue]


class FilesWriter(WriterThread):
    """Owns *journal* and *heads*, what every key is, from its start on. *deliver* and *floor_raised* are called in this
    thread, in order. The journal is made smaller when it has grown by *slack* bytes and doubled."""

    def __init__(
        self,
        journal: Journal,
        heads: Heads,
        *,
        view: FolderView,
        path: Path,
        retention: Retention,
        clock: Clock,
        slack: int,
        lock: Path,
        deliver: Callable[[int, Sequence[Write]], None],
        floor_raised: Callable[[int, Compaction | None], None],
        settled: Callable[[Job], None],
    ) -> None:
        super().__init__("journal-writer", path=path, failures=(OSError,), deliver=deliver, settled=settled)
        self._journal = journal
        self._lock = SameFiles([lock])
        self._heads = heads
        self._view = view
        self._clock = clock
        self._steady = SteadyClock(clock)
        # What keys expire by: an object must not go, or stay, because somebody sets the clock.
        self._slack = slack
        self._floor_raised = floor_raised
        self._expiries = Expiries()
        for kv in heads.values():
            if kv.expires_at:
                self._expiries.add(kv.expires_at, kv.key, kv.mod_rev)
        self._schedule = CompactionSchedule(
            retention,
            now=time.monotonic(),
            current_rev=journal.state.rev,
            marks=journal.state.marks,
            wall=clock.now().timestamp(),
        )
        journal.state.marks = []  # they are in the journal, and nobody asks for them here
        self._next_mark = float("-inf")
        self._compactor = Compactor(journal.folder, view.wait_for, ended=lambda: self.submit(()))
        self._shrink_again = False
        """Whether history went while an older snapshot was still being written."""
        # Held while what keys are changes, and the files are told.
        self._changing = threading.Lock()
        self._doubtful = False
        """Whether the newest write has failed."""
        self._resume = 0.0  # maintenance rests until then (monotonic) after it failed

    def _patience(self) -> float | None:
        rest = self._resume - time.monotonic()
        if rest > 0:
            return rest
        waits = []
        if self._schedule.next_time != float("inf"):
            waits.append(self._schedule.next_time - time.monotonic())
        if self._expiries:
            waits.append(self._expiries.next_time - self._steady.now().timestamp() + 0.001)
        # Long waits are cut, since the wall clock may be set.
        return max(0.0, min([*waits, 60.0])) if waits else None

    # ---- writing

    def _attempt(self, writes: Sequence[Write]) -> int:
        state = self._journal.state
        base = rev = state.rev
        changes: dict[bytes, KeyValue | None] = {}
        lines: list[bytes] = []
        now = self._clock.monotonic()
        mark = self._clock.now().timestamp() if now >= self._next_mark else 0.0
        for write in writes:
            rev = self._decide(write, rev, changes)
            if write.event is not None:
                lines.append(encode_write(write.event, write.expires_at, base + 1, 0.0 if lines else mark))
        if not lines:
            return base
        self._doubtful = True
        self._require_lock()
        self._journal.append(b"".join(lines))
        self._doubtful = False
        if mark:
            self._next_mark = now + PRECISION
        with self._changing:
            state.rev = rev
            for key, kv in changes.items():
                if kv is None:
                    self._heads.pop(key, None)
                    continue
                self._heads[key] = kv
                if kv.expires_at:
                    self._expiries.add(kv.expires_at, key, kv.mod_rev)
            self._view.changed(changes, rev)
        return base

    def show_again(self, key: bytes) -> None:
        """Have the file of *key* written, whatever it has now. May be called in any thread."""
        with self._changing:
            self._view.changed({key: self._heads.get(key)}, self._journal.state.rev)

    def _decide(self, write: Write, rev: int, changes: dict[bytes, KeyValue | None]) -> int:
        """What becomes of *write* after *changes*, which it may add to; the revision after it."""
        key, value = write.key, write.value
        existing = changes[key] if key in changes else self._heads.get(key)
        mod_rev = existing.mod_rev if existing is not None else 0
        if mod_rev != write.expect_rev or (existing is None and value is None):
            write.result = WriteResult(False, rev, existing)
            return rev
        new = rev + 1
        create_rev = existing.create_rev if existing is not None else new
        write.expires_at = self._steady.now().timestamp() + write.ttl if write.ttl > 0 else 0.0
        write.event = EngineEvent(
            new, key, value, existing.value if existing is not None else None, create_rev, mod_rev
        )
        write.result = WriteResult(True, new, None)
        changes[key] = None if value is None else KeyValue(key, value, create_rev, new, write.expires_at)
        return new

    def _require_lock(self) -> None:
        """Raises FileNotFoundError without the lock's file: another process may have the folder open by now."""
        if (astray := self._lock.astray()) is not None:
            raise FileNotFoundError(
                None, f"{astray.name} was deleted, moved or replaced while it was in use", str(astray)
            )

    def _left_behind(self) -> bool:
        return not self._journal.whole

    def _translated(self, error: Exception) -> EngineError:
        return translated(error, self._path)

    def _abandon(self) -> None:
        """Nothing is half done outside of `append`, which cleans up itself."""

    def _probe(self, probe: Probe) -> None:
        try:
            self._require_lock()
            self._journal.check()
            if self._doubtful or may_be_unwritable(self._path):
                self._doubtful = True
                self._journal.probe()
                self._doubtful = False
        except OSError as error:
            probe.error = translated(error, self._path)
        self._settled(probe)

    # ---- maintenance

    def _maintain(self) -> None:
        now = time.monotonic()
        if now < self._resume:
            return
        try:
            self._expire()
            state = self._journal.state
            target = max(
                self._schedule.due(now=now, current_rev=state.rev),
                self._schedule.overflow(events=state.rev - state.floor, current_rev=state.rev),
            )
            if target > state.floor:
                self._raise_floor(target, None)
            elif self._shrink_again and not self._compactor.busy:
                self._shrink()
        except OSError as error:
            # Nobody waits for this; writes that fail for the same reason tell their callers. Tried again later.
            self._resume = now + REST
            _log.error(values("Maintenance of the journal has failed", err=translated(error, self._path)))

    def _expire(self) -> None:
        due = list(self._expiries.due(self._steady.now().timestamp()))
        if not due:
            return
        deletions = [Write(key, None, mod_rev) for key, mod_rev in due]  # refused for keys that were written again
        self._commit(deletions)
        for (key, mod_rev), deletion in zip(due, deletions, strict=True):
            if deletion.error is not None:
                self._resume = time.monotonic() + REST
                self._expiries.add(self._steady.now().timestamp(), key, mod_rev)

    def _compact(self, compaction: Compaction) -> None:
        try:
            self._raise_floor(compaction.rev, compaction)
        except EngineError as error:
            compaction.error = error
        except OSError as error:
            compaction.error = translated(error, self._path)
        if compaction.error is not None:
            self._settled(compaction)

    def _raise_floor(self, rev: int, compaction: Compaction | None) -> None:
        """From here on nothing before *rev* is read. Raises FutureRevisionError, CompactedError, OSError."""
        state = self._journal.state
        if rev > state.rev:
            raise FutureRevisionError(rev, state.rev)
        if rev < state.floor or rev == state.compact_rev:
            raise CompactedError(rev, state.floor)
        self._journal.append(encode(Line(op=COMPACT, rev=rev)))
        state.floor = state.compact_rev = rev
        self._floor_raised(rev, compaction)
        self._shrink()

    def _shrink(self) -> None:
        """Have the journal made smaller when that is worth it; it grows on when that does not work."""
        self._shrink_again = self._compactor.busy
        if self._shrink_again:  # it says when it has ended
            return
        try:
            self._begin_snapshot()
        except OSError as error:
            _log.error(values("The journal could not be made smaller", err=translated(error, self._path)))

    def _begin_snapshot(self) -> None:
        sizes = {segment: segment.path.stat().st_size for segment in segments_in(self._journal.folder)}
        snapshot = sum(size for segment, size in sizes.items() if segment.snapshot)
        if sum(sizes.values()) - snapshot < max(self._slack, snapshot):
            return
        self._journal.rotate()
        state = self._journal.state
        self._compactor.start(
            rev=state.rev, floor=state.floor, compact_rev=state.compact_rev, store=self._journal.store
        )

    def _close(self) -> None:
        up_to_date = self._view.stop(CLOSING_PATIENCE)
        self._compactor.join()
        try:
            if up_to_date:
                self._journal.append(encode(Line(op=CLOSE, rev=self._journal.state.rev)))
            else:
                _log.warning(
                    values(
                        "Not all files of objects could be written; the next start does it",
                        folder=self._path,
                        left=self._view.pending,
                    )
                )
        except OSError as error:
            _log.error(values("Closing the journal has failed", err=translated(error, self._path)))
        finally:
            self._journal.close()
