"""Reading a store without opening it as its server does: it may be in use, and nothing in it is changed."""

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final, Protocol

from genericapiserver.aio.file_lock import FileLock
from genericapiserver.storage import sqlite_file, sqlite_reader
from genericapiserver.storage.engine import (
    CompactedError,
    EngineEvent,
    EngineOpenError,
    FutureRevisionError,
    GetResult,
    KeyValue,
    RangeResult,
    WatchBatch,
)
from genericapiserver.storage.factory import SQLITE, StorageConfig, open_engine
from genericapiserver.storage.files import LOCK, History
from genericapiserver.storage.files_journal import JournalState
from genericapiserver.storage.files_paths import JOURNAL
from genericapiserver.storage.files_replay import read_journal
from genericapiserver.storage.history_times import HistoryTimes
from genericapiserver.storage.resident import ResidentEngine

PAGE: Final = 500
ALL_KEYS: Final = (b"", b"\xff" * 8)
"""From before the first key to behind the last one; keys are UTF-8."""
_TRIES: Final = 20
_MISSING: Final = "Say with --storage-backend and --storage-path where the store is"


class StoreReader(Protocol):
    """The reading half of a StorageEngine."""

    def current_rev(self) -> int: ...

    def floor_rev(self) -> int: ...

    async def get(self, key: bytes, *, rev: int = 0) -> GetResult: ...

    async def range(self, start: bytes, end: bytes, *, limit: int = 0, rev: int = 0) -> RangeResult: ...

    async def history(self, start: bytes, end: bytes | None, *, after_rev: int, upto: int) -> WatchBatch: ...


class SQLiteStoreReader:
    """A StoreReader over *connection*, at the revision that it was made at."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._state = sqlite_file.where(connection)

    def times(self) -> HistoryTimes:
        """When its revisions were written."""
        with self._translated():
            return HistoryTimes(sqlite_file.marks_in(self._connection), self._state.current_rev)

    def current_rev(self) -> int:
        return self._state.current_rev

    def floor_rev(self) -> int:
        return self._state.floor_rev

    async def get(self, key: bytes, *, rev: int = 0) -> GetResult:
        with self._translated():
            return sqlite_reader.get(self._connection, key, rev)

    async def range(self, start: bytes, end: bytes, *, limit: int = 0, rev: int = 0) -> RangeResult:
        with self._translated():
            return sqlite_reader.get_range(self._connection, start, end, limit, rev)

    async def history(self, start: bytes, end: bytes | None, *, after_rev: int, upto: int) -> WatchBatch:
        with self._translated():
            return sqlite_reader.history(self._connection, start, end, after_rev, upto, PAGE)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise sqlite_file.translated(error, self._path) from error


class JournalReader(ResidentEngine):
    """A StoreReader over the journal of a folder of files, as it was when this was made."""

    def __init__(self, folder: Path) -> None:
        history, state = _read_whole(folder)
        super().__init__(state.floor)
        self._load(history.events, state.rev)
        self._marks = state.marks

    def times(self) -> HistoryTimes:
        """When its revisions were written."""
        return HistoryTimes(self._marks, self.current_rev())


def _read_whole(folder: Path) -> tuple[History, JournalState]:
    """The journal; its files may be replaced by smaller ones in the midst of it, and then it is read again."""
    if folder.exists() and not folder.is_dir():
        raise EngineOpenError(str(folder), "it is not a folder", _MISSING)
    for left in reversed(range(_TRIES)):
        history = History()
        try:
            return history, read_journal(folder / JOURNAL, apply=history.apply)
        except (FileNotFoundError, EngineOpenError) as error:
            if left and folder.is_dir() and in_use(folder / LOCK):
                continue
            if isinstance(error, OSError):
                raise EngineOpenError(str(folder), "there is no store in it", _MISSING) from error
            raise
    raise AssertionError("the last try raises")


def in_use(lock: Path) -> bool:
    """Whether a process has the store open that this lock is of."""
    if not lock.exists():
        return False
    held = FileLock(lock)
    try:
        return not held.try_acquire(shared=True)
    finally:
        held.close()


@contextlib.contextmanager
def sqlite_for_reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that cannot write to the store *path*, in use or not; leaves no file behind. Raises EngineOpenError."""
    path = path.absolute()
    if not path.is_file():
        problem = "it is a folder, and not a database" if path.is_dir() else "there is no such file"
        raise EngineOpenError(str(path), problem, _MISSING)
    try:
        connection = sqlite3.connect(
            f"{path.as_uri()}?mode=ro", uri=True, timeout=sqlite_file.BUSY_TIMEOUT, isolation_level=None
        )
    except sqlite3.Error as error:
        raise sqlite_file.not_opened(path, error) from error
    try:
        try:
            sqlite_file.require_ours(connection, path)
        except sqlite3.Error as error:
            raise sqlite_file.not_opened(path, error) from error
        yield connection
    finally:
        connection.close()
        _tidy(path)


def _tidy(path: Path) -> None:
    """Take away the files beside the database that looking at it has made: nobody uses it, and its log is empty."""
    log, lock = (path.with_name(f"{path.name}{end}") for end in ("-wal", ".lock"))
    with contextlib.suppress(OSError), contextlib.ExitStack() as held:
        if lock.exists():  # held until the files are gone: a server that starts meanwhile would write into the log
            ours = FileLock(lock)
            held.callback(ours.close)
            if not ours.try_acquire():
                return
        if log.stat().st_size:
            return
        log.unlink()
        path.with_name(f"{path.name}-shm").unlink()


@contextlib.asynccontextmanager
async def open_reader(config: StorageConfig) -> AsyncIterator[StoreReader]:
    """What *config* names, for reading. Raises EngineOpenError."""
    match config.type or SQLITE:
        case "sqlite":
            path = Path(config.path)
            with sqlite_for_reading(path) as connection:
                yield SQLiteStoreReader(connection, path)
        case "file":
            yield JournalReader(Path(config.path))
        case _:
            engine = await open_engine(config)
            try:
                yield engine
            finally:
                await engine.aclose()


async def pages(reader: StoreReader, start: bytes, end: bytes, *, rev: int) -> AsyncIterator[list[KeyValue]]:
    """Everything from *start* up to before *end* at *rev*, a page at a time. Raises CompactedError, FutureRevisionError."""
    while True:
        found = await reader.range(start, end, limit=PAGE, rev=rev)
        if found.kvs:
            yield found.kvs
        if len(found.kvs) < PAGE:
            return
        start = found.kvs[-1].key + b"\0"


async def events_of(reader: StoreReader, key: bytes) -> list[EngineEvent]:
    """All that is known of *key*, oldest first; the first event may be what it was where history begins."""
    floor, current = reader.floor_rev(), reader.current_rev()
    found: list[EngineEvent] = []
    first = (await reader.get(key, rev=floor)).kv
    if first is not None:
        found.append(EngineEvent(first.mod_rev, key, first.value, None, first.create_rev, 0))
    return found + [event async for event in events_between(reader, key, None, older=floor, newer=current)]


async def events_between(
    reader: StoreReader, start: bytes, end: bytes | None, *, older: int, newer: int
) -> AsyncIterator[EngineEvent]:
    """What was written from *start* up to before *end* after *older* up to *newer*, oldest first. Raises CompactedError,
    FutureRevisionError."""
    if newer > reader.current_rev():
        raise FutureRevisionError(newer, reader.current_rev())
    if older < reader.floor_rev():
        raise CompactedError(older, reader.floor_rev())
    while older < newer:
        batch = await reader.history(start, end, after_rev=older, upto=newer)
        for event in batch.events:
            yield event
        if batch.rev <= older:
            return
        older = batch.rev
