"""Opening the journal of the file engine: reading it from the first file to the last, and going on behind it.

What was being written when the process or the machine stopped is cut off. Damage, and files that are missing, are refused
with file, line and what to do, and nothing is changed then.
"""

import contextlib
import logging
import os
import uuid
from collections.abc import Callable
from pathlib import Path

from genericapiserver.aio.durable import make_durable, sync_folder, write_all
from genericapiserver.logs import kv
from genericapiserver.storage.engine import (
    EPOCH_JUMP,
    EngineOpenError,
    first_revision,
)
from genericapiserver.storage.files_journal import (
    TEMPORARY,
    Journal,
    JournalState,
    Segment,
    lines_of,
    segments_in,
    superseded_in,
)
from genericapiserver.storage.files_lines import (
    CLOSE,
    FORMAT,
    SEGMENT,
    SNAPSHOT,
    DamagedLineError,
    Line,
    decode,
    mark_in,
)

_log = logging.getLogger(__name__)


def open_journal(folder: Path, *, initial_rev: int | None, apply: Callable[[Line], None]) -> Journal:
    """Read the journal in *folder*, or begin one, and go on behind it. Raises EngineOpenError.

    Every put and delete goes to *apply*, in order. *initial_rev* counts for a new journal; None: the time in microseconds.
    """
    try:
        for each in (folder, folder / TEMPORARY):
            each.mkdir(mode=0o700, exist_ok=True)
        for left in (folder / TEMPORARY).iterdir():  # what a crash has interrupted
            left.unlink()
        for left in superseded_in(folder):
            left.unlink()
        segments = segments_in(folder)
        if not segments:
            return _begun(folder, initial_rev)
        return _Replay(folder, segments, apply).journal()
    except OSError as error:
        raise EngineOpenError(
            error.filename or str(folder),
            f"it cannot be read or written: {error.strerror}",
            "Check the permissions of the folder, and that its disk has room and is not read-only",
        ) from error


def read_journal(folder: Path, *, apply: Callable[[Line], None]) -> JournalState:
    """Read the journal in *folder* as it is now, and change nothing: somebody may be writing to it.

    A write that is not whole is not there yet. Raises EngineOpenError, and OSError when a file has just been replaced.
    """
    segments = segments_in(folder)
    if not segments:
        raise EngineOpenError(str(folder), "there is no journal in it", "Choose the folder of a store")
    return _Replay(folder, segments, apply, cuts=False).state()


def _begun(folder: Path, initial_rev: int | None) -> Journal:
    first = first_revision() if initial_rev is None else initial_rev
    if first < 1:
        raise ValueError("revisions start at 1")
    journal = Journal(folder, -1, folder, 0, JournalState(first, first), str(uuid.uuid4()))
    journal.rotate(begins=True)
    return journal


class _Replay:
    """Reads *segments* from the first to the last."""

    def __init__(
        self, folder: Path, segments: list[Segment], apply: Callable[[Line], None], *, cuts: bool = True
    ) -> None:
        self._folder = folder
        self._segments = segments
        self._cuts = cuts
        self._apply = apply
        self._state = JournalState(0, 0)
        self._store = ""
        self._inode = 0
        self._last_batch = 0
        """Where in the last file the newest lines begin that became durable together, if they did."""

    def journal(self) -> Journal:
        """The journal behind what was read. Raises EngineOpenError and OSError."""
        self.state()
        path = self._segments[-1].path
        if not self._state.closed:
            _make_durable_again(path, self._last_batch)
        if self._segments[-1].snapshot:
            raise _missing(self._segments[-1], "no file follows this one, and what was written since is lost")
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        status = os.fstat(descriptor)
        journal = Journal(self._folder, descriptor, path, status.st_size, self._state, self._store)
        if status.st_ino != self._inode:  # a copy, whose original may have gone on
            jump(journal, "the journal is a copy")
        return journal

    def state(self) -> JournalState:
        """Where the journal ends. Raises as `journal` does."""
        for segment in self._segments:
            self._read(segment)
        return self._state

    def _read(self, segment: Segment) -> None:
        number = count = 0
        try:
            for number, offset, line in lines_of(segment):
                if not line.batch:
                    self._last_batch = offset
                if number == 1:
                    self._begin(segment, line)
                    count = line.count
                else:
                    self._take(segment, number, line)
            if number == 0:
                raise _damaged(segment, 1, "the file is empty")
            if segment.snapshot and number != count + 1:
                raise _damaged(segment, number, f"{count + 1} lines were written, and this is the last one")
        except DamagedLineError as error:
            number, offset, problem = error.args
            if segment is not self._segments[-1] or segment.snapshot or number == 1 or not self._torn(segment, offset):
                raise _damaged(segment, number, problem) from error
            if self._cuts:
                self._cut(segment, number, offset)

    def _begin(self, segment: Segment, line: Line) -> None:
        state, first = self._state, segment is self._segments[0]
        if line.op not in (SEGMENT, SNAPSHOT):
            raise _damaged(segment, 1, "the file does not begin as a file of a journal does")
        if line.format != FORMAT:
            raise EngineOpenError(
                str(segment.path),
                f"it was written by another version (format {line.format}, this one knows {FORMAT})",
                "Start that version",
            )
        if first:
            self._store = line.store
            if not line.begins and line.op != SNAPSHOT:
                raise _missing(segment, f"it follows revision {line.rev}, and the file before it is missing")
        elif line.store != self._store:
            raise EngineOpenError(str(segment.path), "it is of another store", "Move it away")
        elif line.rev != state.rev and not (line.jumped and line.rev > state.rev):
            raise _missing(segment, f"it follows revision {line.rev}, but the file before it ends at {state.rev}")
        self._inode = line.inode
        marks = [] if line.jumped else state.marks
        self._state = JournalState(
            line.rev, max(state.floor, line.floor), max(state.compact_rev, line.compacted), marks=marks
        )
        self._state.mark(mark_in(line))

    def _take(self, segment: Segment, number: int, line: Line) -> None:
        state = self._state
        state.closed = line.op == CLOSE
        match line.op:
            case "put" | "delete":
                if segment.snapshot:
                    if line.rev > state.rev:
                        raise _damaged(segment, number, f"revision {line.rev} is above that of the snapshot")
                else:
                    if line.rev != state.rev + 1:
                        raise _damaged(segment, number, f"revision {line.rev} cannot follow {state.rev}")
                    state.rev = line.rev
                state.mark(mark_in(line))
                self._apply(line)
            case "compact":
                state.floor = state.compact_rev = line.rev
            case "close" | "probe":
                if line.rev != state.rev:
                    raise _damaged(segment, number, f"revision {line.rev} was reached, but the last one is {state.rev}")
            case _:
                raise _damaged(segment, number, f'it is of a kind that is not known, "{line.op}"')

    def _torn(self, segment: Segment, offset: int) -> bool:
        """Whether what begins at *offset* was being written when the process or the machine stopped.

        That is one line without its end; or, after a power failure, blocks of zeros among the lines of one batch.
        """
        with segment.path.open("rb") as file:
            file.seek(offset)
            rest = file.read()
        if b"\n" not in rest:
            return True
        if b"\0" not in rest:
            return False
        for text in rest.splitlines(keepends=True):
            with contextlib.suppress(DamagedLineError):
                line = decode(text)
                if not 0 < line.batch <= self._state.rev + 1:
                    return False
        return True

    def _cut(self, segment: Segment, number: int, offset: int) -> None:
        size = segment.path.stat().st_size
        _log.warning(
            kv(
                "The journal ends in a write that was interrupted and never acknowledged: it is cut off",
                file=segment.path,
                line=number,
                bytes=size - offset,
            )
        )
        descriptor = os.open(segment.path, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.ftruncate(descriptor, offset)
            make_durable(descriptor)
        finally:
            os.close(descriptor)


def _make_durable_again(path: Path, offset: int) -> None:
    """Write what begins at *offset* once more. Raises OSError.

    The process before may have ended between writing it and making it durable, or because that failed; then it is read back
    here from the memory of the system, which takes it for written, and a failure of power would take it away again after
    clients have seen it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.lseek(descriptor, offset, os.SEEK_SET)
        with open(descriptor, "rb", closefd=False) as file:
            tail = file.read()
        os.lseek(descriptor, offset, os.SEEK_SET)
        write_all(descriptor, tail)
        make_durable(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(path.parent)


def jump(journal: Journal, reason: str, beyond: int = 0) -> None:
    """Go on far above every revision that may have been given out, and without history. Raises OSError."""
    state = journal.state
    before = max(state.rev, beyond)
    state.closed = False
    state.marks = []
    state.rev = state.floor = max(before + EPOCH_JUMP, first_revision())
    journal.rotate(jumped=True)
    _log.warning(
        kv(
            "Revisions go on far above the last one, since it is not sure that it was the last: clients list anew",
            reason=reason,
            last=before,
            next=state.rev + 1,
        )
    )


def _damaged(segment: Segment, number: int, problem: str) -> EngineOpenError:
    return EngineOpenError(
        f"{segment.path}: line {number}",
        f"the journal is damaged here: {problem}",
        "Restore the folder from a backup. To go on with what stands before this line, and lose what follows, delete the "
        "line and everything after it, and the files of the journal with higher numbers",
    )


def _missing(segment: Segment, problem: str) -> EngineOpenError:
    return EngineOpenError(
        str(segment.path), f"a file of the journal is missing: {problem}", "Restore the folder from a backup"
    )
