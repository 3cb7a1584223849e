"""Making the journal of the file engine smaller: one snapshot takes the place of all its files but the newest.

A snapshot holds, of every key, what it was at the floor of the history, and every write after that. Lines are copied as they
are, with their checksums. It is durable before what it stands for is deleted, so that a crash at any point loses nothing.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from genericapiserver.aio.durable import make_durable, sync_folder
from genericapiserver.logs import kv
from genericapiserver.storage.files_journal import (
    SNAPSHOT_SUFFIX,
    TEMPORARY,
    Segment,
    lines_of,
    segments_in,
    superseded_in,
)
from genericapiserver.storage.files_lines import DELETE, FORMAT, PUT, SNAPSHOT, DamagedLineError, Line, encode, mark_in
from genericapiserver.storage.history_times import Mark

_log = logging.getLogger(__name__)

SYNC_EVERY = 8 * 1024 * 1024
"""Bytes after which a snapshot is brought to the disk, so that writes beside it need not wait for all of it."""


class _Place(NamedTuple):
    rev: int
    segment: Segment
    offset: int
    length: int


def write_snapshot(folder: Path, *, rev: int, floor: int, compact_rev: int, store: str) -> None:
    """Replace the files of the journal in *folder* that end at *rev*. Raises DamagedLineError, OSError."""
    segments = [segment for segment in segments_in(folder) if segment.number <= rev]
    kept, events, mark = _needed(segments, floor)
    places = [*sorted(kept.values()), *events]
    head = Line(op=SNAPSHOT, rev=rev, format=FORMAT, store=store, floor=floor, compacted=compact_rev, count=len(places))
    if mark is not None:
        head.marked, head.time = mark
    temporary = folder / TEMPORARY / f"snapshot-{rev}"
    unsynced = 0
    with open(temporary, "wb", opener=_private) as file:
        file.write(encode(head))
        for text in _texts(places):
            file.write(text)
            unsynced += len(text)
            if unsynced > SYNC_EVERY:
                file.flush()
                make_durable(file.fileno())
                unsynced = 0
        file.flush()
        make_durable(file.fileno())
    os.rename(temporary, folder / f"{rev:016}{SNAPSHOT_SUFFIX}")
    sync_folder(folder)
    for path in superseded_in(folder):
        path.unlink()
    sync_folder(folder)


def _needed(segments: list[Segment], floor: int) -> tuple[dict[bytes, _Place], list[_Place], Mark | None]:
    """Of every key what it was at *floor*, the writes after that, and when it was."""
    kept: dict[bytes, _Place] = {}
    events: list[_Place] = []
    mark: Mark | None = None
    for segment in segments:
        last: Line | None = None
        start = 0
        for _, offset, line in lines_of(segment):
            _note(kept, events, floor, last, segment, start, offset)
            last, start = line, offset
            found = mark_in(line)
            if found is not None and (mark is None or mark.rev <= found.rev < floor or line.jumped):
                mark = found
        _note(kept, events, floor, last, segment, start, segment.path.stat().st_size)
    return kept, events, mark


def _note(
    kept: dict[bytes, _Place],
    events: list[_Place],
    floor: int,
    line: Line | None,
    segment: Segment,
    start: int,
    end: int,
) -> None:
    if line is None or line.op not in (PUT, DELETE):
        return
    place = _Place(line.rev, segment, start, end - start)
    if line.rev > floor:
        events.append(place)
    elif line.op == PUT:
        kept[line.engine_key] = place
    else:
        kept.pop(line.engine_key, None)


def _texts(places: list[_Place]) -> Iterator[bytes]:
    files = {segment: segment.path.open("rb") for segment in {place.segment for place in places}}
    try:
        for place in places:
            file = files[place.segment]
            file.seek(place.offset)
            yield file.read(place.length)
    finally:
        for file in files.values():
            file.close()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


class Compactor:
    """Writes one snapshot at a time in a thread of its own, so that nobody waits for it.

    *ready* blocks until every file of an object is up to date with a revision, since what the journal says of older ones
    is needed for that; it returns false when that will not be. *ended* is called in the thread when it has nothing left to
    do: who found the compactor `busy` may come again.
    """

    def __init__(self, folder: Path, ready: Callable[[int], bool], ended: Callable[[], None]) -> None:
        self._folder = folder
        self._ready = ready
        self._ended = ended
        self._thread: threading.Thread | None = None
        self._idle = threading.Event()
        self._idle.set()

    @property
    def busy(self) -> bool:
        return not self._idle.is_set()

    def start(self, *, rev: int, floor: int, compact_rev: int, store: str) -> None:
        """Begin with a snapshot up to *rev*, which nobody writes to any more."""

        def work() -> None:
            try:
                if self._ready(rev):
                    write_snapshot(self._folder, rev=rev, floor=floor, compact_rev=compact_rev, store=store)
            except (DamagedLineError, OSError) as error:
                _log.error(
                    kv("The journal could not be made smaller, and stays as it is", folder=self._folder, err=error)
                )
            finally:
                self._idle.set()
                self._ended()

        self._idle.clear()
        self._thread = threading.Thread(target=work, name=f"journal-compactor {self._folder.parent.name}", daemon=True)
        self._thread.start()

    def join(self) -> None:
        if self._thread is not None:
            self._thread.join()
