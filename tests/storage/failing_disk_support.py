"""Running `failing_disk_session` with the library that makes a disk fail."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
COMPILER = shutil.which("cc")
ONCE, FOR_EVER = 1, 10**6

needs_a_compiler = pytest.mark.skipif(
    COMPILER is None or not sys.platform.startswith("linux"), reason="there is no C compiler on the path, or no Linux"
)
failures = pytest.mark.parametrize(
    ("error", "times"),
    [
        pytest.param("EIO", ONCE, id="one call fails"),
        pytest.param("EIO", FOR_EVER, id="the disk is gone"),
        pytest.param("ENOSPC", ONCE, id="the disk is full for a moment"),
        pytest.param("KILL", ONCE, id="the process is killed"),
    ],
)
"""What happens to a call: *error*, and how many calls it happens to."""


def compiled(folder: Path) -> Path:
    """The library to preload, in *folder*."""
    assert COMPILER is not None
    library = folder / "failing_disk.so"
    source = HERE.parent / "support" / "failing_disk.c"
    subprocess.run([COMPILER, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl", "-lpthread"], check=True)
    return library


def what_was_told_is_true(engine: str, error: str, times: int, folder: Path) -> None:
    """Fail every call of a session with *engine* in turn."""
    done = subprocess.run(
        [sys.executable, HERE / "failing_disk_session.py", engine, "any", error, str(times), folder],
        env=os.environ | {"LD_PRELOAD": str(compiled(folder))},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["calls"] > 12
    assert (found["refused"] > 0) == (error != "KILL"), "the failures have reached the engine"
