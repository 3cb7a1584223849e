"""A file that is set aside when it is full: `audit.log` becomes `audit-2006-01-02T15-04-05.000.log`, perhaps `.gz`.

A small one of our own, because the standard library's handlers count backups instead of dating them, keep none by age, and
swallow errors; names, modes and limits here are those that operators of the reference know
(gopkg.in/natefinch/lumberjack.v2, under plugin/pkg/audit/log of k8s.io/apiserver).

Not thread-safe, but for `tidy`, which may run in a thread of its own: it touches only files that are already set aside.

Several processes may write to one file when each is told that it is *shared*: a lock on the file lets one of them write a
batch of lines, or set the file aside, at a time; the others find that it was, and go on in the new one.
"""

import contextlib
import fcntl
import gzip
import os
import re
import shutil
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

MEGABYTE: Final = 1024 * 1024
DEFAULT_MAX_SIZE: Final = 100 * MEGABYTE

_DIRECTORY_MODE: Final = 0o700
_FILE_MODE: Final = 0o600
_STAMP: Final = "%Y-%m-%dT%H-%M-%S"


class LogFile:
    """Appends to the file at *path*. Sizes are in bytes; 0 stands for 100 MB, no age limit, and all backups.

    *on_rotated* is called when a file was set aside, which is the time to `tidy`.
    """

    def __init__(
        self,
        path: str,
        *,
        max_size: int = 0,
        max_age_days: int = 0,
        max_backups: int = 0,
        compress: bool = False,
        shared: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        on_rotated: Callable[[], None] = lambda: None,
    ) -> None:
        self.path = Path(path)
        self._max_size = max_size or DEFAULT_MAX_SIZE
        self._max_age_days = max_age_days
        self._max_backups = max_backups
        self._compress = compress
        self._shared = shared
        self._now = now
        self.on_rotated = on_rotated
        self._descriptor = -1
        self._regular = True
        self._size = 0
        self._rotate_at = self._max_size
        stem, suffix = self.path.stem, self.path.suffix
        self._backup_name = re.compile(
            rf"{re.escape(stem)}-(\d{{4}}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{{3}}){re.escape(suffix)}(\.gz)?"
        )

    @property
    def descriptor(self) -> int:
        return self._descriptor

    @property
    def regular(self) -> bool:
        """Whether it is a file at all, and not a pipe or a device, which never fills and may block."""
        return self._regular

    def open(self) -> None:
        """Open the file, or make it and its directories. Raises OSError with what was tried in its text."""
        _make_directories(self.path.parent)
        self._open()

    def write(self, data: bytes) -> None:
        """Append *data* whole or not at all. Raises OSError."""
        if self._descriptor < 0:
            self._open()
        if not self._shared or not self._regular:
            self._write(data)
            return
        self._lock()
        try:
            self._write(data)
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def _lock(self) -> None:
        """Be the only one who writes to the file that has the name now."""
        while True:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            status = os.fstat(self._descriptor)
            with contextlib.suppress(OSError):
                named = self.path.stat()
                if (named.st_dev, named.st_ino) == (status.st_dev, status.st_ino):
                    self._size = status.st_size
                    return
            self.close()  # and with it the lock; another process has set the file aside
            self._open()

    def _write(self, data: bytes) -> None:
        if self._regular and self._size + len(data) > self._rotate_at and self._size:
            self._rotate()
        written = 0
        try:
            while written < len(data):
                written += os.write(self._descriptor, data[written:] if written else data)
        except OSError:
            if written and self._regular:
                # Half a line would spoil the next one as well.
                with contextlib.suppress(OSError):
                    os.ftruncate(self._descriptor, self._size)
            raise
        self._size += written

    def close(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)

    def tidy(self) -> None:
        """Remove backups that are too many or too old, compress the others if that is wanted. Raises OSError."""
        if not self._shared:
            self._tidy()
            return
        directory = os.open(self.path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._tidy()
        except BlockingIOError:
            return  # another process is at it
        finally:
            os.close(directory)

    def _tidy(self) -> None:
        kept = []
        oldest = self._now() - timedelta(days=self._max_age_days)
        for index, (at, path) in enumerate(self._backups()):
            too_many = self._max_backups and index >= self._max_backups
            if too_many or (self._max_age_days and at < oldest):
                path.unlink(missing_ok=True)
            else:
                kept.append(path)
        if self._compress:
            for path in kept:
                if path.suffix != ".gz":
                    _compress(path)

    def _open(self) -> None:
        try:
            self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, _FILE_MODE)
        except OSError as error:
            raise _described(error, f"open {self.path}") from error
        status = os.fstat(self._descriptor)
        self._regular = stat.S_ISREG(status.st_mode)
        self._size = status.st_size
        self._rotate_at = self._max_size

    def _rotate(self) -> None:
        """Set the file aside and open a new one; where that fails, the old one goes on and grows.

        The reference loses the event that found the file full; an audit log that is too large is the smaller harm.
        """
        old, mode = self._descriptor, stat.S_IMODE(os.fstat(self._descriptor).st_mode)
        backup = self._free_backup_path()
        try:
            self.path.rename(backup)
            self._open()
        except OSError:
            self._descriptor = old
            with contextlib.suppress(OSError):
                if not self.path.exists():
                    backup.rename(self.path)
            self._rotate_at = self._size + self._max_size // 10
            return
        if self._shared:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            self._size = os.fstat(self._descriptor).st_size  # somebody may have been quicker
        os.close(old)
        os.fchmod(self._descriptor, mode)
        self.on_rotated()

    def _free_backup_path(self) -> Path:
        at = self._now()
        while True:
            name = f"{self.path.stem}-{at.strftime(_STAMP)}.{at.microsecond // 1000:03d}{self.path.suffix}"
            path = self.path.with_name(name)
            if not path.exists() and not path.with_name(f"{name}.gz").exists():
                return path
            at += timedelta(milliseconds=1)  # two in one millisecond: the reference loses the first

    def _backups(self) -> list[tuple[datetime, Path]]:
        """The files that were set aside, the newest first."""
        found = []
        for path in self.path.parent.iterdir():
            match = self._backup_name.fullmatch(path.name)
            if match is not None:
                with contextlib.suppress(ValueError):
                    found.append((datetime.strptime(match[1], f"{_STAMP}.%f").replace(tzinfo=UTC), path))
        return sorted(found, reverse=True)


def _compress(path: Path) -> None:
    """Replace *path* by `<path>.gz`. What is half done when it fails is removed."""
    target = path.with_name(f"{path.name}.gz")
    partial = path.with_name(f"{path.name}.gz.partial")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _FILE_MODE)
        with (
            path.open("rb") as source,
            os.fdopen(descriptor, "wb") as raw,
            gzip.GzipFile(path.name, "wb", 6, raw) as out,
        ):
            shutil.copyfileobj(source, out, MEGABYTE)
        partial.rename(target)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    path.unlink()


class StandardOut:
    """The process's standard output, which is not ours to set aside or to close."""

    descriptor = 1
    regular = False

    def open(self) -> None:
        self.regular = stat.S_ISREG(os.fstat(self.descriptor).st_mode)

    def write(self, data: bytes) -> None:
        """Write all of *data*, however long the reader takes. Raises OSError."""
        view = memoryview(data)
        while view:
            view = view[os.write(self.descriptor, view) :]

    def close(self) -> None:
        pass

    def tidy(self) -> None:
        pass


def ensure_log_file(path: str) -> None:
    """Make the log file and its directories, so that a path that cannot work is found early. Raises OSError."""
    file = LogFile(path)
    file.open()
    file.close()


def _make_directories(path: Path) -> None:
    """Make *path* and what is missing above it, all for the owner alone: mkdir(parents=True) opens those above."""
    missing = [path, *path.parents]
    for directory in reversed(missing[: next(index for index, one in enumerate(missing) if one.exists())]):
        try:
            directory.mkdir(mode=_DIRECTORY_MODE, exist_ok=True)
        except OSError as error:
            raise _described(error, f"mkdir {directory}") from error


def _described(error: OSError, tried: str) -> OSError:
    return type(error)(error.errno, f"{tried}: {(error.strerror or str(error)).lower()}")
