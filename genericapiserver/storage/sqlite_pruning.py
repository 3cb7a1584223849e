"""Deleting what compaction has made superfluous in the SQLite file, one step at a time."""

import sqlite3

from genericapiserver.storage.sqlite_file import set_meta

_PRUNE_MARKS = "DELETE FROM marks WHERE rev < (SELECT max(rev) FROM marks WHERE rev < ?)"

PRUNE_REVISIONS = 1000
"""Revisions that one step of compaction looks at."""


def prune(connection: sqlite3.Connection, *, after: int, floor: int) -> int:
    """Delete what the next PRUNE_REVISIONS revisions up to *floor* supersede, and their tombstones; how far that came.

    What is superseded before *after* is gone already, so only this stretch of the log has to be read. Belongs into a write
    transaction.
    """
    execute = connection.execute
    row = execute(
        "SELECT rev FROM log WHERE rev > ? AND rev <= ? ORDER BY rev LIMIT 1 OFFSET ?",
        (after, floor, PRUNE_REVISIONS - 1),
    ).fetchone()
    upto = floor if row is None else int(row[0])
    stretch = (after, upto)
    execute("DELETE FROM log WHERE rev IN (SELECT prev_rev FROM log WHERE rev > ? AND rev <= ?)", stretch)
    execute("DELETE FROM log WHERE rev > ? AND rev <= ? AND deleted = 1", stretch)
    execute(_PRUNE_MARKS, (upto,))
    set_meta(connection, pruned_rev=upto)
    return upto
