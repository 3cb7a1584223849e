"""Putting files and folders in their place whole or not at all."""

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import attrs

from genericapiserver.aio.durable import make_durable, sync_folder
from genericapiserver.storage.errors import StorageError


class ToolError(StorageError):
    """What a command could not do; the text says what was wrong, where, and what to do."""


@attrs.frozen
class Compacted:
    """From where to where history begins now, and the bytes on the disk."""

    before: int
    floor: int
    bytes_before: int
    bytes: int


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


def aside_name(path: Path) -> Path:
    """Where what is at *path* is kept when something else takes its place."""
    return path.with_name(f"{path.name}.replaced-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}")
