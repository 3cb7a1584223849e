"""Durable engines on a disk that fails at any of their calls of the system, and on one that believes too much of itself.

A sync that fails is not repeated by the next one: Linux takes the pages for clean although they are not on the disk
(https://wiki.postgresql.org/wiki/Fsync_Errors). What is acknowledged, or was seen, afterwards must not stand on them.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
COMPILER = shutil.which("cc")
ONCE, FOR_EVER = 1, 10**6

pytestmark = pytest.mark.skipif(
    COMPILER is None or not sys.platform.startswith("linux"), reason="there is no C compiler on the path, or no Linux"
)


@pytest.fixture(scope="module")
def failing_disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library to preload."""
    assert COMPILER is not None
    library = tmp_path_factory.mktemp("failing-disk") / "failing_disk.so"
    source = HERE.parent / "support" / "failing_disk.c"
    subprocess.run([COMPILER, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl", "-lpthread"], check=True)
    return library


@pytest.mark.parametrize("engine", ["sqlite", "file"])
@pytest.mark.parametrize(
    ("error", "times"),
    [
        pytest.param("EIO", ONCE, id="one call fails"),
        pytest.param("EIO", FOR_EVER, id="the disk is gone"),
        pytest.param("ENOSPC", ONCE, id="the disk is full for a moment"),
        pytest.param("KILL", ONCE, id="the process is killed"),
    ],
)
def test_whatever_call_fails_what_was_told_is_true_afterwards(
    tmp_path: Path, failing_disk: Path, engine: str, error: str, times: int
) -> None:
    done = subprocess.run(
        [sys.executable, HERE / "failing_disk_session.py", engine, "any", error, str(times), tmp_path],
        env=os.environ | {"LD_PRELOAD": str(failing_disk)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found = json.loads(done.stdout)
    assert found["calls"] > 12
    assert (found["refused"] > 0) == (error != "KILL"), "the failures have reached the engine"
