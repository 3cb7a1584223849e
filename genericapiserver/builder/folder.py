"""The folder of a server that stands alone: its authority and certificates, the kubeconfig, its objects.

A start that is refused takes away what it has made there, so that it leaves no half of a folder for the next one.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from genericapiserver.builder.pki import Authority


class DataFolder:
    """*path*, which need not exist."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def pki(self) -> Path:
        return self.path / "pki"

    @property
    def kubeconfig(self) -> Path:
        return self.path / "kubeconfig"

    @property
    def database(self) -> Path:
        return self.path / "objects.db"

    @property
    def objects(self) -> Path:
        """The folder of objects, where each has a file of its own."""
        return self.path / "objects"

    def authority(self) -> Authority:
        """The authority in the folder, made when there is none. Raises OSError."""
        return Authority(self.pki)

    @contextlib.contextmanager
    def undone_on_error(self) -> Iterator[None]:
        """Make the folder; when the block raises, remove the files and folders that are new, the objects excepted.

        Other servers may use the folder at the same time, and what this one has made may be theirs by now: it stays then.
        Each holds a shared lock on the folder for as long as its process lives. Raises OSError.
        """
        missing = [folder for folder in (self.pki, self.path, *self.path.parents) if not folder.exists()]
        before = self._files()
        self.path.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        with contextlib.suppress(OSError):  # file systems without locks are not shared either
            fcntl.flock(lock, fcntl.LOCK_SH)
        try:
            yield
        except BaseException:
            with contextlib.suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._remove(self._files() - before, missing)
            os.close(lock)
            raise

    def _files(self) -> set[Path]:
        with contextlib.suppress(OSError):
            return {*self.pki.glob("*"), *self.path.glob("kubeconfig*")}
        return set()

    def _remove(self, files: set[Path], folders: list[Path]) -> None:
        for file in files:
            file.unlink(missing_ok=True)
        for folder in folders:
            with contextlib.suppress(OSError):  # it holds something that is not ours
                folder.rmdir()
