"""Putting files and folders in their place whole or not at all."""

import contextlib
import ctypes
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import attrs

from genericapiserver.aio.durable import make_durable, sync_folder
from genericapiserver.storage.errors import StorageError

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


class ToolError(StorageError):
    """What a command could not do; the text says what was wrong, where, and what to do."""


@attrs.frozen
class Compacted:
    """From where to where history begins now, and the bytes on the disk."""

    before: int
    floor: int
    bytes_before: int
    bytes: int


def require_apart(target: Path, store: Path) -> None:
    """Raises ToolError when *target* is, or would be, a part of *store*, whose server would go on writing to nowhere."""
    target, store = target.resolve(), store.resolve()
    parts = {store.with_name(store.name + end) for end in ("", "-wal", "-shm", "-journal", ".lock", ".shared")}
    if not parts.isdisjoint((target, *target.parents)):
        raise ToolError(f"{target}: it is a part of the store {store} itself. Name a file somewhere else")


@contextlib.contextmanager
def new_file(path: Path, *, force: bool) -> Iterator[Path]:
    """A name beside *path* to write to. It gets its own name, durable, when the block ends well, else it is deleted.

    Raises ToolError when there is something at *path* and not *force*, and OSError.
    """
    path = path.absolute()
    if path.is_dir():
        raise ToolError(f"{path}: it is a folder. Name a file")
    if path.exists() and not force:
        raise ToolError(f"{path}: there is a file already. Name another one, or say --force to overwrite it")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        os.close(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        yield temporary
        descriptor = os.open(temporary, os.O_RDWR | os.O_CLOEXEC)
        try:
            make_durable(descriptor)
        finally:
            os.close(descriptor)
        if force:
            os.replace(temporary, path)
        else:
            os.link(temporary, path)  # which fails where somebody has made one meanwhile
            temporary.unlink()
        sync_folder(path.parent)
    except FileExistsError as error:
        raise ToolError(f"{path}: somebody has made a file there meanwhile. Name another one") from error
    except OSError as error:
        if error.filename is None:  # of a write: it does not know where to
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        for left in (temporary, *(temporary.with_name(temporary.name + end) for end in ("-wal", "-shm", "-journal"))):
            left.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder beside *path* to fill, deleted unless the block renames it. Raises OSError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.mkdir(mode=0o700, parents=True)
    try:
        yield temporary
    finally:
        if temporary.exists():
            shutil.rmtree(temporary)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Let SIGINT and SIGTERM wait until the block is done."""
    if threading.current_thread() is not threading.main_thread():  # they are handled in that one
        yield
        return
    # A mask would not do: another thread may take a signal, and Python handles it here all the same.
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda number, frame: came.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for each in came:
            signal.raise_signal(each)


def replace(path: Path, new: Path, aside: Path) -> None:
    """Put *new* at *path*, and what is there at *aside*. Raises OSError; all is as it was then.

    Where the system can exchange two names in one step, there is a whole store at *path* at any time, however this ends.
    """
    with uninterrupted():
        if not path.exists():
            os.rename(new, path)
        elif _exchange(new, path):
            try:
                os.rename(new, aside)
            except OSError:
                _exchange(new, path)
                raise
        else:
            os.rename(path, aside)
            try:
                os.rename(new, path)
            except OSError:
                os.rename(aside, path)
                raise
        sync_folder(path.parent)


def _exchange(one: Path, other: Path) -> bool:
    """False where it cannot be done: not on Linux, or not on this file system."""
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None)
    if renameat2 is None:
        return False
    done: int = renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    return done == 0


def aside_name(path: Path) -> Path:
    """Where what is at *path* is kept when something else takes its place."""
    return path.with_name(f"{path.name}.replaced-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}")
