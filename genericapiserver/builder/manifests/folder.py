"""Writing files into a folder that may hold other people's work, and one's own of an earlier time.

What was written is remembered with its checksum, in the form of sha256sum. A file that is as it was written may be replaced,
or removed when it is no longer needed; one that somebody has changed, or put there, stops everything before anything is
written.
"""

import contextlib
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from genericapiserver.config import ConfigError

RECORD: Final = ".manifests.sha256"


class OutputFolder:
    """*path*, which need not exist. Errors of the file system are ConfigErrors with the name of the file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def check(self, names: list[str], *, force: bool) -> None:
        """Raises ConfigError when writing *names* would overwrite something that was not written here."""
        if self.path.exists() and not self.path.is_dir():
            raise ConfigError(f"--output-dir {self.path} is no folder")
        written = self._written()
        foreign = [name for name in names if self._is_foreign(name, written)]
        if foreign and not force:
            raise ConfigError(
                f"--output-dir {self.path}: not written by this command, or changed since: {', '.join(sorted(foreign))}; "
                "move them away, or give --force to overwrite them"
            )

    def write(self, files: Mapping[str, str], *, private: frozenset[str]) -> None:
        """Write *files*, those in *private* for their owner only, and remove what was written before and is not needed."""
        written = self._written()
        try:
            for name, content in files.items():
                self._put(name, content, mode=0o600 if name in private else 0o644)
            for name in written.keys() - files.keys():
                if not self._is_foreign(name, written):
                    self._remove(name)
            self._put(RECORD, "".join(f"{_sum(files[name].encode())}  {name}\n" for name in sorted(files)), mode=0o644)
        except OSError as error:
            raise ConfigError(f"{error.filename or self.path}: {error.strerror or error}") from error

    def _written(self) -> dict[str, str]:
        """Checksums by name."""
        try:
            lines = (self.path / RECORD).read_text("utf-8").splitlines()
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{self.path / RECORD}: {error}") from error
        pairs = (line.partition("  ") for line in lines)
        return {name: checksum for checksum, _, name in pairs if self._is_below(name)}

    def _is_below(self, name: str) -> bool:
        """Whether *name* leads nowhere else: the record is a file, and files can be edited."""
        return bool(name) and not Path(name).is_absolute() and ".." not in Path(name).parts

    def _is_foreign(self, name: str, written: Mapping[str, str]) -> bool:
        try:
            return _sum((self.path / name).read_bytes()) != written.get(name)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise ConfigError(f"{self.path / name}: {error.strerror or error}") from error

    def _put(self, name: str, content: str, *, mode: int) -> None:
        """In one step: who is killed meanwhile leaves the old file or the new one."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}.new")
        draft.unlink(missing_ok=True)
        try:
            draft.touch(mode=mode)
            draft.write_text(content, encoding="utf-8")
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise

    def _remove(self, name: str) -> None:
        path = self.path / name
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # it holds something else
            path.parent.rmdir()


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
