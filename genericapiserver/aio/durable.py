"""Writing so that it survives the machine: what these functions have returned from is on the disk. They block."""

import fcntl
import os
from pathlib import Path

_FULL_SYNC: int | None = getattr(fcntl, "F_FULLFSYNC", None)
"""Where a plain fsync only reaches the cache of the disk (macOS)."""


NEARLY_FULL = 64 * 1024
"""So few bytes are left where nobody can be sure that the next write finds room."""


def may_be_unwritable(folder: Path) -> bool:
    """Whether the disk of *folder* is read-only, nearly full or gone: then only a write can tell. A call of the system."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return True
    return bool(disk.f_flag & os.ST_RDONLY) or disk.f_bavail * disk.f_frsize < NEARLY_FULL


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of *data*, however many calls it takes. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def make_durable(descriptor: int) -> None:
    """Return once everything written to the file is on the disk. Raises OSError."""
    if _FULL_SYNC is not None:
        fcntl.fcntl(descriptor, _FULL_SYNC)
    else:
        os.fsync(descriptor)


def sync_folder(folder: Path | str) -> None:
    """Return once the names in *folder* are on the disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
