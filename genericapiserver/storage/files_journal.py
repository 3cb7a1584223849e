"""The journal of the file engine, its truth: what is durable in it has happened, what is not has not.

`journal/<revision>.jsonl` is appended to; its name is the first revision that it can hold. From time to time one file
`journal/<revision>.snapshot.jsonl` takes the place of all up to that revision (`files_compaction`). New files come to be
under another name in `journal/tmp`, whole and durable, before they get their own.

A crash in the middle of a write leaves lines that were never acknowledged: they are cut off when the journal is opened
(`files_replay`).
Damage anywhere else may be in what was acknowledged: such a journal is not opened.
"""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import attrs

from genericapiserver.aio.durable import make_durable, sync_folder, write_all
from genericapiserver.storage.files_lines import (
    FORMAT,
    PROBE,
    SEGMENT,
    DamagedLineError,
    Line,
    decode,
    encode,
)
from genericapiserver.storage.history_times import Mark

SEGMENT_SUFFIX: Final = ".jsonl"
SNAPSHOT_SUFFIX: Final = ".snapshot.jsonl"
TEMPORARY: Final = "tmp"
PROBE_BYTES: Final = 4096
"""Room for less is no room: in the last block of a file there is nearly always some."""


class Segment(NamedTuple):
    """A file of the journal. *number* is the first revision it can hold, or the last one that a snapshot stands for."""

    number: int
    snapshot: bool
    path: Path


@attrs.define
class JournalState:
    """Where the store is."""

    rev: int
    floor: int
    compact_rev: int = 0
    closed: bool = False
    """The store was closed in good order, with every file of an object as it should be."""
    marks: list[Mark] = attrs.field(factory=list)
    """When revisions were written."""

    def mark(self, found: Mark | None) -> None:
        """Take in what a line says of that, unless it is older than what is known: snapshots have lines of long ago."""
        if found is not None and (not self.marks or found.rev >= self.marks[-1].rev) and found not in self.marks[-1:]:
            self.marks.append(found)


class NumberedLine(NamedTuple):
    number: int
    offset: int
    line: Line


class Journal:
    """The journal in *folder*, open for appending. Made by `open_journal`; belongs to one thread at a time."""

    def __init__(self, folder: Path, descriptor: int, path: Path, size: int, state: JournalState, store: str) -> None:
        self.folder = folder
        self.state = state
        self.store = store
        self._descriptor = descriptor
        self._path = path
        self._size = size
        self._whole = True
        self._stray: Path | None = None

    @property
    def temporary(self) -> Path:
        """The folder for files that are not finished."""
        return self.folder / TEMPORARY

    def append(self, lines: bytes) -> None:
        """Make *lines* durable. Raises OSError; nothing of them is there then, nor is anything added before that is sure."""
        self.mend()
        self.check()
        self._whole = False
        try:
            write_all(self._descriptor, lines)
            make_durable(self._descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                self.mend()
            raise
        self._size += len(lines)
        self._whole = True

    @property
    def whole(self) -> bool:
        """Whether nothing is left of a write that failed."""
        return self._whole

    def mend(self) -> None:
        """Take away what a write or a new file has left that failed. Raises OSError."""
        if self._stray is not None:
            self._stray.unlink(missing_ok=True)
            sync_folder(self.folder)
            self._stray = None
        if not self._whole:
            os.ftruncate(self._descriptor, self._size)
            make_durable(self._descriptor)
            self._whole = True

    def check(self) -> None:
        """Raises OSError unless the file is in its place: what is written elsewhere, nobody would find again."""
        if os.fstat(self._descriptor).st_nlink == 0:
            raise FileNotFoundError(None, "the journal was deleted while it was in use", str(self._path))
        try:
            there = os.path.samestat(os.stat(self._path), os.fstat(self._descriptor))
        except FileNotFoundError as error:
            raise FileNotFoundError(None, "the journal was moved while it was in use", str(self._path)) from error
        if not there:
            raise FileNotFoundError(None, "the journal was replaced while it was in use", str(self._path))

    def probe(self) -> None:
        """Find out whether something can be appended, and take it away again. Raises OSError."""
        size = self._size
        self.append(encode(Line(op=PROBE, rev=self.state.rev, value64="=" * PROBE_BYTES)))
        self._size, self._whole = size, False
        self.mend()

    def rotate(self, *, jumped: bool = False, begins: bool = False) -> None:
        """Go on in a new file, unless nothing was written in this one. Raises OSError; the old one is in use then."""
        path = self.folder / f"{self.state.rev + 1:016}{SEGMENT_SUFFIX}"
        if path == self._path:
            return
        self.mend()
        self._stray = path
        descriptor, size = self._begin(path, jumped=jumped, begins=begins)
        self._stray = None
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self._path, self._size = descriptor, path, size

    def _begin(self, path: Path, *, jumped: bool, begins: bool) -> tuple[int, int]:
        """A new file: its descriptor and its size."""
        state, temporary = self.state, self.temporary / path.name
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            head = Line(
                op=SEGMENT,
                rev=state.rev,
                format=FORMAT,
                store=self.store,
                inode=os.fstat(descriptor).st_ino,
                floor=state.floor,
                compacted=state.compact_rev,
                begins=begins,
                jumped=jumped,
                time=time.time() if begins or jumped else 0.0,
            )
            text = encode(head)
            write_all(descriptor, text)
            make_durable(descriptor)
            os.rename(temporary, path)
            sync_folder(self.folder)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor, len(text)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def segments_in(folder: Path) -> list[Segment]:
    """The files of the journal in order; those that a snapshot stands for are not among them. Raises OSError."""
    found = []
    for entry in os.listdir(folder):
        snapshot = entry.endswith(SNAPSHOT_SUFFIX)
        number = entry.removesuffix(SNAPSHOT_SUFFIX if snapshot else SEGMENT_SUFFIX)
        if number != entry and number.isascii() and number.isdigit():
            found.append(Segment(int(number), snapshot, folder / entry))
    found.sort()
    newest = max((each.number for each in found if each.snapshot), default=0)
    return [each for each in found if each.number > newest or (each.snapshot and each.number == newest)]


def superseded_in(folder: Path) -> list[Path]:
    """The files of the journal that a snapshot stands for. Raises OSError."""
    kept = {segment.path for segment in segments_in(folder)}
    return [path for path in folder.glob(f"*{SEGMENT_SUFFIX}") if path not in kept and path.name[:1].isdigit()]


def lines_of(segment: Segment) -> Iterator[NumberedLine]:
    """Raises DamagedLineError with the number, the offset and what is wrong, and OSError."""
    offset = 0
    with segment.path.open("rb") as file:
        for number, text in enumerate(file, 1):
            try:
                line = decode(text)
            except DamagedLineError as error:
                raise DamagedLineError(number, offset, str(error)) from error
            yield NumberedLine(number, offset, line)
            offset += len(text)
