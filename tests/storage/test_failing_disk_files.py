"""Files on a disk that fails: see test_failing_disk. A file of tests of its own, so that both can run at once."""

from pathlib import Path

from tests.storage.failing_disk_support import failures, needs_a_compiler, what_was_told_is_true

pytestmark = needs_a_compiler


@failures
def test_whatever_call_fails_what_was_told_is_true_afterwards(tmp_path: Path, error: str, times: int) -> None:
    what_was_told_is_true("file", error, times, tmp_path)
