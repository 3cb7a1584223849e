"""The engine that keeps objects as a folder of JSON files: durable, one machine, one process, made to be read by people.

The truth is a journal (`files_journal`): a write is acknowledged when its line is on the disk. The files of objects
follow it (`files_view`), and are made what the journal says when the store is opened (`files_repair`). All keys and their
history are in memory, where reads find them.

The loop never waits for the disk: one thread writes the journal (`files_writer`), another one the files. Committed writes
come back to the loop in the order of their revisions and are published there, to subscribers first, before their writers
are answered. A write that was acknowledged survives a crash of the process and of the machine.

    <folder>/journal/                                    the truth; leave it alone
    <folder>/<group>/<plural>/<namespace>/<name>.json    an object, for reading
    <folder>/.lock                                       held by the process that has the store open
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Self

import attrs

from genericapiserver.aio import Clock, SystemClock
from genericapiserver.aio.file_lock import FileLock
from genericapiserver.storage.engine import (
    EngineEvent,
    EngineFaultError,
    EngineOpenError,
    KeyValue,
    WriteResult,
    first_revision,
)
from genericapiserver.storage.files_journal import Journal, lines_of, segments_in
from genericapiserver.storage.files_lines import PUT, Line
from genericapiserver.storage.files_objects import Edit, ObjectFiles
from genericapiserver.storage.files_paths import JOURNAL, JSON, SUFFIXES, KeyPaths, split
from genericapiserver.storage.files_repair import Version, compare, expect_edits, files_in, repair
from genericapiserver.storage.files_replay import jump, open_journal
from genericapiserver.storage.files_view import FolderView
from genericapiserver.storage.files_writer import FilesWriter
from genericapiserver.storage.resident import ResidentEngine
from genericapiserver.storage.retention import Retention
from genericapiserver.storage.writing import Compaction, Write, WriteQueue

LOCK = ".lock"
SLACK = 16 * 1024 * 1024
"""Bytes by which the journal grows at least before it is made smaller."""

NOT_BELIEVED = 366 * 24 * 3600 * 10**6
"""How far above the time in microseconds, and the journal, the resourceVersion in a file may be to be one that a server
may have given out; more was typed by somebody, and revisions that went on above it would never come down again."""


@attrs.define
class Opened:
    """A store that nobody else can open, as long as `lock` is not closed."""

    lock: FileLock
    journal: Journal
    view: FolderView
    history: "History"


@attrs.define
class History:
    """What the journal says, in order."""

    events: list[tuple[EngineEvent, float]] = attrs.field(factory=list)
    current: dict[bytes, KeyValue] = attrs.field(factory=dict)

    def apply(self, line: Line) -> None:
        """Take in a put or a delete."""
        key = line.engine_key
        existing = self.current.pop(key, None)
        value = line.stored if line.op == PUT else None
        previous = existing.value if existing is not None else None
        event = EngineEvent(line.rev, key, value, previous, line.created, line.prev)
        self.events.append((event, line.expires))
        if value is not None:
            self.current[key] = KeyValue(key, value, line.created, line.rev, line.expires)


class FileEngine(ResidentEngine):
    """A StorageEngine in the folder *path*. Made by `FileEngine.open`, on the loop that is going to use it."""

    @classmethod
    async def open(
        cls,
        path: str | Path,
        *,
        prefix: str = "/registry",
        initial_rev: int | None = None,
        retention: Retention | None = None,
        clock: Clock | None = None,
        slack: int = SLACK,
        edits: bool = False,
        suffix: str = JSON,
    ) -> Self:
        """Open or create the store. Raises EngineOpenError, whose text says what is wrong and what to do.

        Files are named by what follows *prefix* in their keys. *initial_rev* counts for a new store only; by default it
        begins at the time in microseconds, far above what a store that was deleted before may have given out. The journal
        is made smaller when it has doubled, and has grown by *slack* bytes. With *edits* what others have done to the files
        is left for who makes writes of it (`find_edits`). New files end in *suffix*, which says JSON or YAML.
        """
        opened = await asyncio.to_thread(open_folder, Path(path), prefix, initial_rev, edits, suffix)
        return cls(asyncio.get_running_loop(), opened, retention or Retention(), clock or SystemClock(), slack)

    def __init__(
        self, loop: asyncio.AbstractEventLoop, opened: Opened, retention: Retention, clock: Clock, slack: int
    ) -> None:
        journal, history = opened.journal, opened.history
        super().__init__(journal.state.floor)
        self._loop = loop
        self._lock = opened.lock
        self._path = journal.folder.parent
        self._journal_folder = journal.folder
        self._load(history.events, journal.state.rev)
        self._compact_rev = journal.state.compact_rev
        self._view = opened.view
        self._writes = WriteQueue(loop)
        post = self._writes.post
        self._writer = FilesWriter(
            journal,
            history.current,
            view=opened.view,
            path=self._path,
            retention=retention,
            clock=clock,
            slack=slack,
            lock=opened.lock.path,
            deliver=partial(post, self._committed),
            floor_raised=partial(post, self._floor_is),
            settled=partial(post, self._writes.settle),
        )
        self._writes.connect(self._writer.submit)
        self._closing: asyncio.Future[None] | None = None
        self._view.start()
        self._writer.start()

    def size_bytes(self) -> int:
        try:
            return sum(each.path.stat().st_size for each in segments_in(self._journal_folder)) + self._view.files.bytes
        except OSError:  # a file of the journal has just been replaced
            return self._view.files.bytes

    @property
    def files_pending(self) -> int:
        """How many files are not yet as their objects are."""
        return self._view.pending

    @property
    def file_failures(self) -> int:
        """How often files could not be written."""
        return self._view.failures

    async def put(self, key: bytes, value: bytes, *, expect_rev: int, ttl: float = 0.0) -> WriteResult:
        self._readable(0)
        return await self._writes.write(Write(key, value, expect_rev, ttl))

    async def delete(self, key: bytes, *, expect_rev: int) -> WriteResult:
        self._readable(0)
        return await self._writes.write(Write(key, None, expect_rev))

    async def compact(self, rev: int) -> None:
        self._readable(0)
        await self._writes.compact(rev)

    async def check(self) -> None:
        self._readable(0)
        if self._closing is None and not self._writer.is_alive():
            raise EngineFaultError("the storage writer has ended", str(self._path))
        await self._writes.probe()

    async def files_written(self, *, patience: float | None = None) -> None:
        """Return once the files of objects are as the objects are now, or after *patience* seconds."""
        await asyncio.to_thread(self._view.wait, patience)

    # ---- edits

    @property
    def set_aside(self) -> Sequence[str]:
        """What others have written that was kept aside since the start, relative to the folder, the newest last."""
        return self._view.files.set_aside_lately

    @property
    def folder(self) -> Path:
        return self._path

    def path_of(self, key: bytes) -> str:
        """The file of *key*, relative to the folder."""
        return self._view.files.path_of(key)

    def belongs_at(self, key: bytes, path: str) -> bool:
        """Whether *path* is the file of *key* in one of its forms."""
        return split(path) in {(self._view.files.paths.stem_of(key), suffix) for suffix in SUFFIXES}

    async def find_edits(self, paths: Iterable[str] | None = None) -> list[Edit]:
        """What others have done to *paths*, or to all files. Raises OSError."""

        def look() -> list[Edit]:
            wanted = {*files_in(self._path), *self._view.files.known_paths()} if paths is None else set(paths)
            return [edit for path in sorted(wanted) if (edit := self._look(path)) is not None]

        return await asyncio.to_thread(look)

    def _look(self, path: str) -> Edit | None:
        try:
            return self._view.files.look(path)
        except FileNotFoundError:  # it has gone this moment, which is noticed
            return None

    async def accept(self, edit: Edit, key: bytes) -> bool:
        """*edit* is about to become the object *key*: the file may be written over. False when it has changed again.

        Raises OSError.
        """
        return await asyncio.to_thread(self._view.files.accept, edit, key)

    async def withdraw(self, edit: Edit, key: bytes) -> None:
        """*edit* has not become the object: it is not written over, or kept aside if it was. Raises OSError."""
        if await asyncio.to_thread(self._view.files.withdraw, edit, key):
            self.show_again(key)

    def show_again(self, key: bytes) -> None:
        """Have the file of *key* written; what somebody has done to it is kept aside unless it was accepted."""
        self._writer.show_again(key)

    # ---- news from the writer thread, on the loop

    def _committed(self, base: int, writes: Sequence[Write]) -> None:
        events = []
        for write in writes:
            if write.event is not None:
                self._record(write.event, write.expires_at)
                events.append(write.event)
        self._log.publish(events)
        self._writes.answer(writes)

    def _floor_is(self, rev: int, compaction: Compaction | None) -> None:
        self._compact_rev = max(self._compact_rev, rev)
        self._forget(rev)
        if compaction is not None:
            compaction.settle(compaction)

    # ---- the end

    async def aclose(self) -> None:
        if self._closing is None:
            self._closing = self._loop.create_future()
            self._writes.close()
            self._writer.stop()
            await asyncio.to_thread(self._writer.join)
            # The writer's last news was posted before it ended, so it is handled before this goes on.
            self._log.close()
            self._stop_forgetting()
            self._lock.close()
            self._closing.set_result(None)
        await self._closing


def open_folder(root: Path, prefix: str, initial_rev: int | None, edits: bool, suffix: str = JSON) -> Opened:
    """Open or create the store; the parameters are those of `FileEngine.open`. Raises EngineOpenError."""
    root = root.absolute()
    lock = _locked(root)
    journal: Journal | None = None
    try:
        history = History()
        journal = open_journal(root / JOURNAL, initial_rev=initial_rev, apply=history.apply)
        view = FolderView(ObjectFiles(root, journal.temporary, KeyPaths(prefix, suffix)))
        _settle_files(view, journal, history, edits)
        return Opened(lock, journal, view, history)
    except OSError as error:
        _close(lock, journal)
        raise EngineOpenError(
            error.filename or str(root),
            f"{error.strerror}",
            "Check the permissions of the folder, and that its disk has room and is not read-only",
        ) from error
    except BaseException:
        _close(lock, journal)
        raise


def _close(lock: FileLock, journal: Journal | None) -> None:
    if journal is not None:
        journal.close()
    lock.close()


def _locked(root: Path) -> FileLock:
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(root / LOCK)
    except (FileExistsError, NotADirectoryError) as error:
        raise EngineOpenError(str(root), "it is not a folder", "Choose another path") from error
    except OSError as error:
        raise EngineOpenError(
            str(root), f"it cannot be written: {error.strerror}", "Check the permissions of the folder and its disk"
        ) from error
    if not lock.try_acquire():
        lock.close()
        raise EngineOpenError(str(root), "another process has it open", "Stop that process, or choose another path")
    return lock


def _settle_files(view: FolderView, journal: Journal, history: History, edits: bool) -> None:
    """Make the files what the journal says; find out whether it has lost its end."""
    deleted = {event.key for event, _ in history.events if event.value is None} - history.current.keys()
    latest = max(journal.state.rev, first_revision()) + NOT_BELIEVED
    found = compare(view.files, history.current, deleted, latest)
    if found.highest > journal.state.rev:
        jump(journal, "a file has a higher resourceVersion than the journal", found.highest)
    all_gone = (
        0 < len(history.current) == len(found.missing)
    )  # lost with its folder, more likely than deleted one by one
    if edits and journal.state.closed and not all_gone:
        expect_edits(view, found, history.current, journal.state.rev)
    else:
        lookup = partial(_values_at, journal.folder)
        repair(view, found, history.current, journal.state.rev, lookup, keep_edits=edits)


def _values_at(folder: Path, versions: set[Version]) -> Mapping[Version, bytes]:
    """What the journal says of keys at revisions."""
    found = {}
    for segment in segments_in(folder):
        for _, _, line in lines_of(segment):
            if line.op == PUT and (version := (line.engine_key, line.rev)) in versions:
                found[version] = line.stored
    return found
