"""SQLite on a disk that fails at any of its calls of the system, and on one that believes too much of itself.

A sync that fails is not repeated by the next one: Linux takes the pages for clean although they are not on the disk
(https://wiki.postgresql.org/wiki/Fsync_Errors). What is acknowledged, or was seen, afterwards must not stand on them.
"""

from pathlib import Path

from tests.storage.failing_disk_support import failures, needs_a_compiler, what_was_told_is_true

pytestmark = needs_a_compiler


@failures
def test_whatever_call_fails_what_was_told_is_true_afterwards(tmp_path: Path, error: str, times: int) -> None:
    what_was_told_is_true("sqlite", error, times, tmp_path)
