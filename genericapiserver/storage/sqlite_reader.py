"""Reading the SQLite file: every function is one short read transaction, so it sees one revision and nothing in between.

No transaction lives longer than its function: an open one would keep the write-ahead log from being reused.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from genericapiserver.storage.engine import (
    CompactedError,
    EngineEvent,
    FutureRevisionError,
    GetResult,
    KeyValue,
    RangeResult,
    RangeStats,
    WatchBatch,
)
from genericapiserver.storage.sqlite_file import FileState, where

_CURRENT_REV = "SELECT seq FROM sqlite_sequence WHERE name = 'log'"

_GET = """
SELECT s.seq, c.create_rev, c.mod_rev, c.expires_at, l.value
FROM sqlite_sequence s LEFT JOIN current c ON c.key = ? LEFT JOIN log l ON l.rev = c.mod_rev
WHERE s.name = 'log'
"""
_GET_AT = """
SELECT deleted, create_rev, rev, expires_at, value FROM log WHERE key = ? AND rev <= ? ORDER BY rev DESC LIMIT 1
"""
_RANGE = """
SELECT c.key, l.value, c.create_rev, c.mod_rev, c.expires_at
FROM current c JOIN log l ON l.rev = c.mod_rev WHERE c.key >= ? AND c.key < ? ORDER BY c.key LIMIT ?
"""
_COUNT = "SELECT count(*) FROM current WHERE key >= ? AND key < ?"
# In a group with one max(), the other columns are those of its row: SQLite promises that. The index has all three columns
# in the order of the groups, so the inner query stops at the limit.
_RANGE_AT = """
SELECT l.key, l.value, l.create_rev, l.rev, l.expires_at
FROM (
    SELECT key, rev FROM (
        SELECT key, max(rev) AS rev, deleted FROM log WHERE key >= ? AND key < ? AND rev <= ? GROUP BY key ORDER BY key
    ) WHERE deleted = 0 LIMIT ?
) newest JOIN log l ON l.rev = newest.rev ORDER BY newest.key
"""
_COUNT_AT = """
SELECT count(*) FROM (
    SELECT max(rev), deleted FROM log WHERE key >= ? AND key < ? AND rev <= ? GROUP BY key
) WHERE deleted = 0
"""
_STATS = """
SELECT count(*), coalesce(sum(length(l.value)), 0)
FROM current c JOIN log l ON l.rev = c.mod_rev WHERE c.key >= ? AND c.key < ?
"""
_HISTORY = """
SELECT l.rev, l.key, l.value, p.value, l.create_rev, l.prev_rev
FROM log l NOT INDEXED LEFT JOIN log p ON p.rev = l.prev_rev
WHERE l.rev > ? AND l.rev <= ? AND l.key >= ? AND l.key < ? ORDER BY l.rev LIMIT ?
"""
_HISTORY_OF_KEY = """
SELECT l.rev, l.key, l.value, p.value, l.create_rev, l.prev_rev
FROM log l INDEXED BY log_by_key LEFT JOIN log p ON p.rev = l.prev_rev
WHERE l.rev > ? AND l.rev <= ? AND l.key = ? ORDER BY l.rev LIMIT ?
"""

_NEWS = """
SELECT l.rev, l.key, l.value, p.value, l.create_rev, l.prev_rev
FROM log l NOT INDEXED LEFT JOIN log p ON p.rev = l.prev_rev WHERE l.rev > ? ORDER BY l.rev LIMIT ?
"""


class News(NamedTuple):
    """The next events, and where the file was when they were read. When `state.floor_rev` is above the revision that was
    asked for, some may be gone."""

    events: list[EngineEvent]
    state: FileState


@contextmanager
def _snapshot(connection: sqlite3.Connection) -> Iterator[int]:
    """A read transaction; gives the revision it sees."""
    connection.execute("BEGIN")
    try:
        yield connection.execute(_CURRENT_REV).fetchone()[0]
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _check(connection: sqlite3.Connection, rev: int, current: int) -> None:
    if rev > current:
        raise FutureRevisionError(rev, current)
    floor = connection.execute("SELECT v FROM meta WHERE k = 'floor_rev'").fetchone()[0]
    if rev < floor:
        raise CompactedError(rev, floor)


def get(connection: sqlite3.Connection, key: bytes, rev: int) -> GetResult:
    if not rev:
        current, create_rev, mod_rev, expires_at, value = connection.execute(_GET, (key,)).fetchone()
        return GetResult(None if mod_rev is None else KeyValue(key, value, create_rev, mod_rev, expires_at), current)
    with _snapshot(connection) as current:
        _check(connection, rev, current)
        row = connection.execute(_GET_AT, (key, rev)).fetchone()
        if row is None or row[0]:
            return GetResult(None, current)
        _, create_rev, mod_rev, expires_at, value = row
        return GetResult(KeyValue(key, value, create_rev, mod_rev, expires_at), current)


def get_range(connection: sqlite3.Connection, start: bytes, end: bytes, limit: int, rev: int) -> RangeResult:
    with _snapshot(connection) as current:
        if rev:
            _check(connection, rev, current)
        bounds: tuple[bytes | int, ...] = (start, end)
        rows, count = _RANGE, _COUNT
        if rev and rev < current:
            bounds, rows, count = (start, end, rev), _RANGE_AT, _COUNT_AT
        kvs = [KeyValue(*row) for row in connection.execute(rows, (*bounds, limit or -1))]
        total = len(kvs)
        if limit and total == limit:
            total = connection.execute(count, bounds).fetchone()[0]
        return RangeResult(kvs, total, current)


def stats(connection: sqlite3.Connection, start: bytes, end: bytes) -> RangeStats:
    return RangeStats(*connection.execute(_STATS, (start, end)).fetchone())


def history(
    connection: sqlite3.Connection, start: bytes, end: bytes | None, after: int, upto: int, limit: int
) -> WatchBatch:
    """Events after *after* up to *upto*, at most *limit*, and the revision up to which nothing is missing."""
    with _snapshot(connection) as current:
        _check(connection, after, current)
        if end is None:
            rows = connection.execute(_HISTORY_OF_KEY, (after, upto, start, limit)).fetchall()
        else:
            rows = connection.execute(_HISTORY, (after, upto, start, end, limit)).fetchall()
    events = [EngineEvent(*row) for row in rows]
    return WatchBatch(events, events[-1].rev if len(events) == limit else upto)


def news(connection: sqlite3.Connection, after: int, limit: int) -> News:
    """What has been committed after *after*, by whomever."""
    connection.execute("BEGIN")
    try:
        state = where(connection)
        rows = () if after >= state.current_rev else connection.execute(_NEWS, (after, limit)).fetchall()
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return News([EngineEvent(*row) for row in rows], state)


def check(connection: sqlite3.Connection) -> None:
    connection.execute(_CURRENT_REV).fetchone()
