"""What the disk has changed in a SQLite file: rows whose checksums are not those of their contents."""

import sqlite3
import struct
from collections.abc import Iterator

from genericapiserver.storage.sqlite_file import has_sums, meta_sum, row_sum


def sum_is_wrong(connection: sqlite3.Connection) -> bool:
    """Whether what `meta` says has changed by itself. Never for a file of a version that has no checksums."""
    row = connection.execute("SELECT v FROM meta WHERE k = 'sum'").fetchone()
    return row is not None and row[0] != meta_sum(connection)


def damaged_rows(connection: sqlite3.Connection) -> Iterator[tuple[int, bytes]]:
    """Revision and key of the rows of the log that have changed by themselves."""
    if not has_sums(connection):
        return
    rows = connection.execute(
        "SELECT sum, rev, key, create_rev, prev_rev, deleted, expires_at, value FROM log NOT INDEXED WHERE sum IS NOT NULL"
    )
    for expected, *row in rows:
        try:
            damaged = row_sum(*row) != expected
        except (TypeError, ValueError, struct.error):  # not even of the right types
            damaged = True
        if damaged:
            yield row[0], row[1] if isinstance(row[1], bytes) else str(row[1]).encode()
