"""The file of the SQLite engine: its schema, how it is opened, and what is checked before it is trusted.

    log      every version of every key that history still needs; `rev` is the global revision
    current  the newest version of every key that exists, and when it expires
    meta     schema version, identity, compaction, and whether the file was closed properly
    leader   who does the maintenance when several processes share the file
    marks    when revisions were written (`history_times`)

SQLite does not notice when the disk changes bytes within a value: `log.sum` is a checksum of each row, and `meta` has one of
where history begins, which `genericapiserver storage check` and backups compare. Rows of versions without it have none.

`meta` has, beside others: `floor_rev`, below which nothing may be read; `compact_rev`, the newest compaction that was asked
for; `pruned_rev`, up to which the rows that compaction makes superfluous are gone.

Nobody but SQLite opens the file while it is in use: closing any descriptor of it in this process would drop SQLite's locks.
A lock of our own, on `<path>.lock`, keeps a second process out, unless both are told to share the file (`sqlite_sharing`);
it goes when the process does, however that ends.
"""

import contextlib
import os
import sqlite3
import stat
import struct
import time
import uuid
from pathlib import Path
from typing import Literal, TypeAlias
from zlib import crc32

import attrs

from genericapiserver.aio.file_lock import FileLock
from genericapiserver.aio.same_files import SameFiles
from genericapiserver.storage.engine import (
    EPOCH_JUMP,
    CorruptFileError,
    DiskFullError,
    EngineError,
    EngineFaultError,
    EngineOpenError,
    EngineTimeoutError,
    TooLargeError,
    first_revision,
)
from genericapiserver.storage.history_times import Mark
from genericapiserver.storage.sqlite_sharing import shared_folder

Synchronous: TypeAlias = Literal["FULL", "NORMAL", "EXTRA"]
"""SQLite's `synchronous`. FULL loses nothing that was acknowledged. NORMAL may lose the last writes when power fails;
after any unclean stop the revisions then jump, since some may have been given out and lost."""

SCHEMA_VERSION = 1
APPLICATION_ID = 0x67617073
"""Marks the file as ours, for `file` and for refusing to write into somebody else's database."""
BUSY_TIMEOUT = 5.0
LEAVING = 2.0
"""Seconds that the last of several processes gets to close the file before one that wants to join is refused."""
QUICK_CHECK_BYTES = 64 * 1024 * 1024
"""After an unclean stop, a file up to this size is checked as a whole (about 0.1 s); a larger one only where it is read."""

SCHEMA = """
CREATE TABLE log (
    rev INTEGER PRIMARY KEY AUTOINCREMENT,
    key BLOB NOT NULL,
    create_rev INTEGER NOT NULL,
    prev_rev INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    expires_at REAL NOT NULL,
    value BLOB,
    sum INTEGER
);
CREATE INDEX log_by_key ON log (key, rev, deleted);
CREATE TABLE current (
    key BLOB PRIMARY KEY,
    mod_rev INTEGER NOT NULL,
    create_rev INTEGER NOT NULL,
    expires_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX current_by_expiry ON current (expires_at) WHERE expires_at > 0;
CREATE TABLE meta (k TEXT PRIMARY KEY, v NOT NULL) WITHOUT ROWID;
CREATE TABLE leader (name TEXT PRIMARY KEY, owner TEXT NOT NULL, until REAL NOT NULL) WITHOUT ROWID;
"""
MARKS = "CREATE TABLE IF NOT EXISTS marks (rev INTEGER PRIMARY KEY, time REAL NOT NULL)"
"""Not of the schema's number, as `log.sum`: versions that do not know of them leave them alone, and their writes without."""
_SUMS = "ALTER TABLE log ADD COLUMN sum INTEGER"
_SUMMED = ("schema", "uuid", "floor_rev", "compact_rev", "pruned_rev")
_MARK = "INSERT OR REPLACE INTO marks VALUES (?, ?)"

_WHERE = """
SELECT seq, f.v, c.v, p.v FROM sqlite_sequence, meta f, meta c, meta p
WHERE name = 'log' AND f.k = 'floor_rev' AND c.k = 'compact_rev' AND p.k = 'pruned_rev'
"""
_NUMBERS = struct.Struct("<qqqqd")
_RESTORE = "Restore it from a backup, or move it away to start with an empty store"


@attrs.frozen
class FileState:
    """Where the store is when its file has been opened."""

    current_rev: int
    floor_rev: int
    compact_rev: int
    pruned_rev: int


class MovedError(sqlite3.OperationalError):
    """A file of the store is not where it was opened: whatever is written now, nobody would find again."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path.name} was deleted, moved or replaced while the server had it open, so that nothing can be written. "
            "Put it back, or stop the server and look what is there now"
        )


def files_in_use(path: Path) -> SameFiles:
    """The files of the open database *path*; SQLite deletes none of them before the last connection is closed."""
    return SameFiles(path.with_name(path.name + end) for end in ("", "-wal", "-shm", ".lock"))


class DatabaseLock:
    """This process's hold on the database: alone, or with others when *shared*. Goes with the process at the latest.

    `alone` says whether nobody else has it open now. Raises EngineOpenError.
    """

    def __init__(self, path: Path, *, shared: bool = False) -> None:
        self._shared = shared
        self._opening: FileLock | None = None
        lock_path = Path(f"{path}.lock")
        try:
            if shared:
                self._opening = FileLock(shared_folder(path) / "opening")
                self._opening.acquire()  # until this process has read the file, or made it
            self._lock = FileLock(lock_path)
        except OSError as error:
            raise EngineOpenError(
                str(path), f"its lock file cannot be opened: {error.strerror}", "Check the permissions of the directory"
            ) from error
        self.alone = self._lock.try_acquire()
        if not self.alone and not (shared and self._join()):
            self.release()
            how = "another process has it open" + (" and does not share it" if shared else "")
            raise EngineOpenError(str(path), how, "Stop that process, or choose another path")

    def _join(self) -> bool:
        """Share it; the last one to leave may hold it alone for a moment longer."""
        deadline = time.monotonic() + LEAVING
        while not self._lock.try_acquire(shared=True):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def opened(self) -> None:
        """The file has been read or made: let others share it."""
        if self._opening is not None:
            self._lock.try_acquire(shared=True)
            self._opening.release()

    def leave(self) -> bool:
        """Whether nobody else has it open, in which case nobody can open it until `release`."""
        return not self._shared or self._lock.try_acquire()

    def release(self) -> None:
        self._lock.close()
        if self._opening is not None:
            self._opening.close()


def prepare_path(path: Path) -> None:
    """Make the directory and an empty file that only its owner can read. Raises EngineOpenError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            with contextlib.suppress(FileExistsError):  # another process that shares it has just made it
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        if not stat.S_ISREG(path.stat().st_mode):
            raise EngineOpenError(str(path), "it is not a regular file", "Choose another path")
    except OSError as error:
        raise EngineOpenError(
            str(path), f"it cannot be created: {error.strerror}", "Check that the directory can be written"
        ) from error


def connect(
    path: Path, *, synchronous: Synchronous = "FULL", read_only: bool = False, patience: float = BUSY_TIMEOUT
) -> sqlite3.Connection:
    """A connection that begins no transactions by itself. The caller keeps it to one thread at a time."""
    # Who only reads must not make an empty database in the place of one that was deleted.
    name = f"{path.absolute().as_uri()}?mode=rw" if read_only else str(path)
    connection = sqlite3.connect(name, timeout=patience, isolation_level=None, check_same_thread=False, uri=read_only)
    try:
        connection.execute("PRAGMA cell_size_check = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
        else:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # counts only before the first table
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {synchronous}")
            connection.execute("PRAGMA fullfsync = ON")  # only where a plain fsync does not reach the disk
            connection.execute("PRAGMA journal_size_limit = 67108864")
    except BaseException:
        connection.close()
        raise
    return connection


def open_database(
    path: Path, *, synchronous: Synchronous, initial_rev: int | None, alone: bool = True
) -> tuple[sqlite3.Connection, FileState]:
    """The writing connection and where the store is. Raises EngineOpenError, which says what to do.

    Who is not *alone* trusts the file that others work with, and changes nothing about it.
    """
    try:
        connection = connect(path, synchronous=synchronous)
    except sqlite3.Error as error:
        raise not_opened(path, error) from error
    try:
        return connection, _adopt(connection, path, synchronous, initial_rev, alone)
    except sqlite3.Error as error:
        connection.close()
        raise not_opened(path, error) from error
    except BaseException:
        connection.close()
        raise


def _adopt(
    connection: sqlite3.Connection, path: Path, synchronous: Synchronous, initial_rev: int | None, alone: bool
) -> FileState:
    mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
    if mode != "wal":
        raise EngineOpenError(str(path), f"it has no write-ahead log ({mode})", "Put it on a local disk")
    if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0:
        return _create(connection, path, synchronous, initial_rev)
    meta = require_ours(connection, path)
    if not alone:
        _modernize(connection)
        if synchronous == "NORMAL":
            set_meta(connection, synchronous=synchronous)  # what one of them may lose, all may have told
        return where(connection)
    if not meta["clean"] and path.stat().st_size <= QUICK_CHECK_BYTES:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise EngineOpenError(str(path), f"it is damaged: {' '.join(found.split())}", _RESTORE)
    return _continue(connection, path, synchronous, meta)


def require_ours(connection: sqlite3.Connection, path: Path) -> dict[str, object]:
    """The rows of `meta`. Raises EngineOpenError for a database of others, or of a later version."""
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise EngineOpenError(str(path), "it is the database of another program", "Choose another path")
    meta: dict[str, object] = dict(connection.execute("SELECT k, v FROM meta"))
    schema = _number(meta["schema"])
    if schema > SCHEMA_VERSION:
        raise EngineOpenError(
            str(path),
            f"it was written by a newer version (schema {schema}, this one knows {SCHEMA_VERSION})",
            "Start that version",
        )
    return meta


def _create(connection: sqlite3.Connection, path: Path, synchronous: Synchronous, initial_rev: int | None) -> FileState:
    first = first_revision() if initial_rev is None else initial_rev
    if first < 1:
        raise ValueError("revisions start at 1")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    for statement in SCHEMA.split(";"):
        if statement.strip():
            connection.execute(statement)
    connection.execute(MARKS)
    mark(connection, first)
    connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('log', ?)", (first,))
    connection.executemany(
        "INSERT INTO meta VALUES (?, ?)",
        [
            ("schema", SCHEMA_VERSION),
            ("uuid", str(uuid.uuid4())),
            ("floor_rev", first),
            ("compact_rev", 0),
            ("pruned_rev", first),
            ("clean", 0),
            ("synchronous", synchronous),
            ("inode", path.stat().st_ino),
        ],
    )
    set_meta(connection, floor_rev=first)  # with its checksum
    connection.execute("COMMIT")
    return FileState(first, first, 0, first)


def _continue(
    connection: sqlite3.Connection, path: Path, synchronous: Synchronous, meta: dict[str, object]
) -> FileState:
    """Go on where the file ends, far above it when writes after its end may have been given out."""
    if not meta["clean"]:
        # The process before may have ended because its log could not be made durable. What is found in the log is then in
        # the memory of the system, which takes it for written: the next failure of power would end the log there, and
        # take away what is acknowledged from now on. In the database it is written anew.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    (current,) = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'log'").fetchone()
    floor = _number(meta["floor_rev"])
    inode = path.stat().st_ino
    complete = bool(meta["clean"]) or meta["synchronous"] != "NORMAL"
    jumps = not complete or meta["inode"] != inode  # another inode: a copy, whose original may have gone on
    if jumps:
        current = floor = max(current + EPOCH_JUMP, first_revision())
    connection.execute("BEGIN IMMEDIATE")
    _modernize(connection)
    if jumps:
        connection.execute("DELETE FROM marks")
    if connection.execute("SELECT count(*) FROM marks").fetchone()[0] == 0:
        mark(connection, current)  # what is older was written nobody knows when
    connection.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'log'", (current,))
    set_meta(connection, floor_rev=floor, clean=0, synchronous=synchronous, inode=inode)
    connection.execute("COMMIT")
    return FileState(current, floor, _number(meta["compact_rev"]), _number(meta["pruned_rev"]))


def where(connection: sqlite3.Connection) -> FileState:
    """Where the store is now, in whatever transaction is open."""
    row = connection.execute(_WHERE).fetchone()
    return FileState(*map(_number, row))


def _modernize(connection: sqlite3.Connection) -> None:
    """Add what a file of an older version has not."""
    connection.execute(MARKS)
    if not has_sums(connection):
        connection.execute(_SUMS)


def has_sums(connection: sqlite3.Connection) -> bool:
    """Whether the rows of the log may have checksums."""
    return any(column[1] == "sum" for column in connection.execute("PRAGMA table_info(log)"))


def row_sum(
    rev: int, key: bytes, create_rev: int, prev_rev: int, deleted: int, expires_at: float, value: bytes | None
) -> int:
    """The checksum of a row of the log."""
    numbers = _NUMBERS.pack(rev, create_rev, prev_rev, deleted, expires_at)
    return crc32(value or b"", crc32(key, crc32(numbers)))


def meta_sum(connection: sqlite3.Connection) -> int:
    """The checksum of where history begins, and of which store it is."""
    names = ", ".join(f"'{name}'" for name in _SUMMED)
    found = connection.execute(f"SELECT k, v FROM meta WHERE k IN ({names}) ORDER BY k").fetchall()  # noqa: S608
    return crc32(repr(found).encode())


def mark(connection: sqlite3.Connection, rev: int, now: float | None = None) -> None:
    """Note that *rev* is the newest revision *now*, in whatever transaction is open."""
    connection.execute(_MARK, (rev, time.time() if now is None else now))


def marks_in(connection: sqlite3.Connection) -> list[Mark]:
    """What is noted of when revisions were written. Nothing in a file that a version before has written."""
    if not connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'marks'").fetchone()[0]:
        return []
    return [Mark(*row) for row in connection.execute("SELECT rev, time FROM marks ORDER BY rev")]


def set_meta(connection: sqlite3.Connection, **values: object) -> None:
    """Write rows of `meta`, in whatever transaction is open."""
    connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", list(values.items()))
    if not values.keys().isdisjoint(_SUMMED):
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('sum', ?)", (meta_sum(connection),))


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise sqlite3.DatabaseError(f"a number was expected in meta, not {value!r}")
    return value


def not_opened(path: Path, error: sqlite3.Error) -> EngineOpenError:
    """What an error of SQLite means to who wants to open *path*."""
    fault = translated(error, path)
    match fault:
        case CorruptFileError():
            return EngineOpenError(str(path), f"it is damaged or no database ({error})", _RESTORE)
        case DiskFullError():
            return EngineOpenError(str(path), "there is no room left on its disk", "Make room and start again")
        case EngineTimeoutError():
            return EngineOpenError(str(path), "another program has locked it", "Stop that program")
        case _:
            return EngineOpenError(str(path), f"it cannot be opened ({error})", "Check the file and its directory")


def translated(error: Exception, path: Path) -> EngineError:
    """What an error of SQLite means to the callers of an engine."""
    if isinstance(error, MovedError):
        return EngineFaultError(str(error), str(path))
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    match code:
        case sqlite3.SQLITE_FULL:
            return DiskFullError("the disk is full", str(path))
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return CorruptFileError("the database file is damaged", str(path))
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return EngineTimeoutError(f"the database stayed locked for {BUSY_TIMEOUT} seconds")
        case sqlite3.SQLITE_TOOBIG:
            return TooLargeError(0, 1_000_000_000)
        case sqlite3.SQLITE_READONLY:
            return EngineFaultError("the database cannot be written", str(path))
        case sqlite3.SQLITE_IOERR:
            return EngineFaultError("reading or writing the disk failed", str(path))
        case _:
            return EngineFaultError(f"the database failed: {error}", str(path))
