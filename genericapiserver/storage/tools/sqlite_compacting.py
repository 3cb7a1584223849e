"""Forgetting history of a SQLite store that no server has open, and giving the room back to the disk."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from genericapiserver.storage import sqlite_file
from genericapiserver.storage.engine import CompactedError, EngineOpenError, FutureRevisionError
from genericapiserver.storage.sqlite_file import DatabaseLock, FileState
from genericapiserver.storage.sqlite_pruning import prune
from genericapiserver.storage.tools.placing import Compacted
from genericapiserver.storage.tools.sqlite_backup import Progress

VACUUM_PAGES = 500


def compact(path: Path, revision: int, *, progress: Progress) -> Compacted:
    """Forget what is before *revision*; 0 is the newest one. Each step is whole: what is left a server goes on with.

    Raises EngineOpenError where there is no store or it is in use, FutureRevisionError, CompactedError and EngineError.
    """
    path = path.absolute()
    if not path.is_file():
        raise EngineOpenError(str(path), "there is no such file", "Say with --storage-path where the store is")
    lock = DatabaseLock(path)
    try:
        size = _size(path)
        connection, state = sqlite_file.open_database(path, synchronous="FULL", initial_rev=None)
        with contextlib.closing(connection):
            try:
                floor = _forget(connection, state, revision, progress)
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            except sqlite3.Error as error:
                raise sqlite_file.translated(error, path) from error
            finally:
                with contextlib.suppress(sqlite3.Error):
                    sqlite_file.set_meta(connection, clean=1)
        return Compacted(state.floor_rev, floor, size, _size(path))
    finally:
        lock.release()


def _forget(connection: sqlite3.Connection, state: FileState, revision: int, progress: Progress) -> int:
    floor = revision or state.current_rev
    if floor > state.current_rev:
        raise FutureRevisionError(floor, state.current_rev)
    if floor < state.floor_rev:
        raise CompactedError(floor, state.floor_rev)
    with _transaction(connection):
        sqlite_file.set_meta(connection, floor_rev=floor, compact_rev=max(floor, state.compact_rev))
    pruned = state.pruned_rev
    while pruned < floor:
        with _transaction(connection):
            pruned = prune(connection, after=pruned, floor=floor)
        progress(pruned, floor)
    while connection.execute("PRAGMA freelist_count").fetchone()[0]:
        with _transaction(connection):
            connection.execute(f"PRAGMA incremental_vacuum({VACUUM_PAGES})").fetchall()
    return floor


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _size(path: Path) -> int:
    size = 0
    for file in (path, path.with_name(f"{path.name}-wal")):
        with contextlib.suppress(FileNotFoundError):
            size += file.stat().st_size
    return size
