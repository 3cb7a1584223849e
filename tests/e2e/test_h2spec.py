"""h2spec itself, where it is installed, against a server with its default flags.

Its cases are tests without it (tests/connection/test_h2_conformance.py); what it alone shows is a whole server, which ends
the connection of who has no credentials: h2spec has none.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.server_process import free_port
from tests.support.standalone import standalone

H2SPEC = os.environ.get("TEST_H2SPEC") or shutil.which("h2spec")
PUBLIC = "/livez?verbose"
"""A page for everybody, and of more than five bytes: cases about windows are skipped for less."""
SUMMARY = re.compile(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed")


@pytest.mark.e2e
@pytest.mark.skipif(H2SPEC is None, reason="there is no h2spec on PATH (github.com/summerwind/h2spec)")
@pytest.mark.parametrize(("strictness", "count"), [([], 146), (["--strict"], 147)], ids=["h2spec", "h2spec --strict"])
def test_every_case_holds(tmp_path: Path, strictness: list[str], count: int) -> None:
    with standalone(tmp_path / "data", free_port(), "--storage-backend=memory") as server:
        where = ["-h", "127.0.0.1", "-p", str(server.port), "-P", PUBLIC, "-t", "-k"]
        judged = subprocess.run(
            [str(H2SPEC), *where, "-o", "10", *strictness],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=120,
        )
    summary = SUMMARY.search(judged.stdout)
    assert summary is not None, judged.stdout + judged.stderr
    assert [int(number) for number in summary.groups()] == [count, count, 0, 0], judged.stdout.partition("Failures:")[2]
