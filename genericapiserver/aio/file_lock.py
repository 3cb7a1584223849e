"""Locks on files that processes share; the kernel releases them when their process ends, however that happens.

They are flock(2) locks: they belong to the open file, so that two holders in one process exclude each other, too.
"""

import fcntl
import os
from pathlib import Path


class FileLock:
    """A lock on the file *path*, which is made when it is missing. Nothing is written into it. Raises OSError."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def acquire(self) -> None:
        """Hold it alone, waiting for as long as it takes."""
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def try_acquire(self, *, shared: bool = False) -> bool:
        """Hold it, alone or with others that share it; false when somebody is in the way. May change what is held."""
        try:
            fcntl.flock(self._descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Let it go; it can be acquired again."""
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let it go for good. Idempotent."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)
