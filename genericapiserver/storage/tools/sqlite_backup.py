"""Backups of the SQLite engine: one file, a database as it was at one revision.

A server may write to the store meanwhile: what is copied is one read transaction. A store made from a backup goes on far
above every revision that the backed up one can have given out, without history (rule 4 of the engines), whatever the copy
says of how it was closed.
"""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs

from genericapiserver.aio.durable import make_durable, sync_folder
from genericapiserver.storage import sqlite_file
from genericapiserver.storage.engine import (
    EPOCH_JUMP,
    EngineOpenError,
    first_revision,
)
from genericapiserver.storage.sqlite_file import DatabaseLock
from genericapiserver.storage.tools.placing import (
    ToolError,
    aside_name,
    new_file,
    replace,
    require_apart,
    uninterrupted,
)
from genericapiserver.storage.tools.reading import in_use, sqlite_for_reading
from genericapiserver.storage.tools.sqlite_sums import damaged_rows, sum_is_wrong

PAGES = 4096
"""Pages copied in one step, between which progress is told and the command can be ended."""
_OTHER = "Name a backup that `genericapiserver storage backup` has made of a store with the same --storage-backend"

Progress = Callable[[int, int], None]
"""Told how much is done, of how much."""


@attrs.frozen
class Saved:
    """What is in a backup, or was put back from one."""

    revision: int
    objects: int
    bytes: int
    aside: Path | None = None
    """Where what was there before is kept."""
    damaged: int = 0
    """Rows that the disk had changed before, and that are in the backup as they were found."""


def back_up(path: Path, target: Path, *, force: bool, progress: Progress) -> Saved:
    """Copy the store *path*, in use or not, into the file *target*. Raises EngineOpenError, ToolError, OSError."""
    require_apart(target, path)
    _require_idle(target)
    with sqlite_for_reading(path) as source, new_file(target, force=force) as temporary, _failing(target):
        _copy(source, temporary, progress)
        revision, objects, damaged = _alone(temporary)
        size = temporary.stat().st_size
    return Saved(revision, objects, size, damaged=damaged)


def _require_idle(target: Path) -> None:
    """Raises EngineOpenError when *target* is another store that a server has open: to overwrite it loses what it writes."""
    if in_use(target.with_name(f"{target.name}.lock")):
        raise EngineOpenError(str(target), "it is a store that another process has open", "Name another file")


def _copy(source: sqlite3.Connection, target: Path, progress: Progress) -> None:
    source.execute("BEGIN")  # all steps see what the first one saw
    source.execute("SELECT count(*) FROM meta").fetchone()
    copy = sqlite3.connect(target, isolation_level=None)
    try:
        source.backup(copy, pages=PAGES, progress=lambda _, left, total: progress(total - left, total))
    finally:
        copy.close()
        source.execute("ROLLBACK")


def _alone(path: Path) -> tuple[int, int, int]:
    """Make *path* one file that says it was closed well and is a copy; its revision, number of objects and damaged rows."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        sqlite_file.set_meta(connection, clean=1, inode=0)
        (objects,) = connection.execute("SELECT count(*) FROM current").fetchone()
        damaged = sum(1 for _ in damaged_rows(connection)) + sum_is_wrong(connection)
        return sqlite_file.where(connection).current_rev, objects, damaged


def restore(path: Path, backup: Path, *, force: bool, progress: Progress) -> Saved:
    """Make the store *path* from *backup*. With *force* a store that is there is kept aside.

    Raises ToolError for what is no whole backup and for a place that is taken, EngineOpenError while the store is in use,
    OSError. Nothing is changed then.
    """
    path = path.absolute()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = DatabaseLock(path)
    try:
        taken = path.exists() and path.stat().st_size > 0
        if taken and not force:
            raise ToolError(
                f"{path}: there is a store already. Choose another --storage-path, or say --force to put the backup in "
                "its place; what is there now is kept beside it"
            )
        beyond = _newest(path) if taken else 0
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            saved = _prepare(backup, temporary, beyond, progress)
            return attrs.evolve(saved, aside=_replace(path, temporary))
        finally:
            for end in ("", "-wal", "-shm", "-journal"):
                temporary.with_name(temporary.name + end).unlink(missing_ok=True)
    finally:
        lock.release()


def _prepare(backup: Path, temporary: Path, beyond: int, progress: Progress) -> Saved:
    if not backup.is_file():
        raise ToolError(f"{backup}: there is no such file. {_OTHER}")
    os.close(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    shutil.copyfile(backup, temporary)
    try:
        with contextlib.closing(sqlite3.connect(temporary, isolation_level=None)) as connection:
            sqlite_file.require_ours(connection, backup)
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if found != "ok":
                raise ToolError(f"{backup}: the backup is damaged: {' '.join(found.split())}. Take another one")
            rev, key = next(damaged_rows(connection), (0, b""))
            if rev or sum_is_wrong(connection):
                what = f"{key.decode(errors='replace')} at revision {rev}" if rev else "where history begins"
                raise ToolError(f"{backup}: the backup is damaged: {what} is not as it was written. Take another one")
            revision = sqlite_file.where(connection).current_rev
            first = max(revision + EPOCH_JUMP, beyond + EPOCH_JUMP, first_revision())
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'log'", (first,))
            sqlite_file.set_meta(connection, floor_rev=first, clean=1, inode=0)
            connection.execute("COMMIT")
            (objects,) = connection.execute("SELECT count(*) FROM current").fetchone()
    except sqlite3.Error as error:
        raise ToolError(f"{backup}: it is damaged, or no backup of the sqlite engine ({error}). {_OTHER}") from error
    except EngineOpenError as error:
        raise ToolError(f"{error.path}: {error.problem}. {_OTHER}") from error
    with temporary.open("rb+") as file:
        make_durable(file.fileno())
    size = temporary.stat().st_size
    progress(size, size)
    return Saved(first, objects, size)


def _newest(path: Path) -> int:
    """The revision of a store that is to be replaced; 0 when it cannot be read."""
    try:
        with sqlite_for_reading(path) as connection:
            return sqlite_file.where(connection).current_rev
    except (EngineOpenError, sqlite3.Error):
        return 0


def _replace(path: Path, temporary: Path) -> Path | None:
    """Put *temporary* at *path*; what is there goes aside, its log with it."""
    aside = aside_name(path)
    _fold_log(path)
    if not path.with_name(f"{path.name}-wal").exists():
        replace(path, temporary, aside)
    else:
        with uninterrupted():
            _move_with_log(path, temporary, aside)
    if aside.exists() and aside.stat().st_size == 0:
        aside.unlink()
    return aside if aside.exists() else None


def _fold_log(path: Path) -> None:
    """Bring what is in the log of *path* into the database, so that one file is all of it; when it is whole."""
    if path.exists() and path.stat().st_size:
        with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _move_with_log(path: Path, temporary: Path, aside: Path) -> None:
    # The database first: a log without one is dropped, a database without its log has lost what is in it. A log that was
    # left alone goes as well, or it would be taken for that of the new database.
    for end in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.rename(path.with_name(path.name + end), aside.with_name(aside.name + end))
    os.rename(temporary, path)
    sync_folder(path.parent)


@contextlib.contextmanager
def _failing(target: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise ToolError(
            f"{target}: the backup could not be written: {sqlite_file.translated(error, target)}"
        ) from error
