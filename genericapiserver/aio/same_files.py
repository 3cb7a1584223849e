"""Whether files that a process has open are still what others find under their names."""

import os
from collections.abc import Iterable
from pathlib import Path


class SameFiles:
    """The files *paths*, as they are now. Raises OSError when one of them is not there."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._known = {path: _identity(path) for path in paths}

    def astray(self) -> Path | None:
        """The first one that somebody has deleted, moved, or put another file in the place of."""
        for path, known in self._known.items():
            try:
                if _identity(path) != known:
                    return path
            except OSError:
                return path
        return None


def _identity(path: Path) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino
