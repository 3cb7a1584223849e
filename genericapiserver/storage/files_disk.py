"""Single files of a folder of objects, as the disk has them: looked into, and written whole or not at all."""

import contextlib
import os
import stat
from hashlib import blake2b
from itertools import count
from pathlib import Path

from genericapiserver.aio.durable import make_durable, sync_folder, write_all
from genericapiserver.storage.files_reading import LONGEST_FILE

EDITED = ".edited"
"""What the names of files end in that are kept aside."""


def digest_of(content: bytes) -> bytes:
    return blake2b(content, digest_size=16).digest()


def status_of(path: Path) -> os.stat_result | None:
    """None when there is nothing. Raises OSError."""
    try:
        return path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def text_of(path: Path, status: os.stat_result) -> tuple[bytes, str]:
    """What is in a file, and why it cannot be looked into. Raises OSError when it has just gone."""
    if not stat.S_ISREG(status.st_mode):
        kind = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "no regular file"
        return b"", f"it is {kind}: put a file there"
    if status.st_size > LONGEST_FILE:
        return b"", f"it has {status.st_size} bytes, and no object more than {LONGEST_FILE}"
    try:
        return path.read_bytes(), ""
    except FileNotFoundError:
        raise
    except OSError as error:
        return b"", f"it cannot be read: {error.strerror}"


def read_file(path: Path) -> tuple[os.stat_result, bytes] | None:
    """A file as it is; None for what is no file that can be read. Raises FileNotFoundError."""
    status = path.lstat()
    content, problem = text_of(path, status)
    return None if problem else (status, content)


def free_name(path: Path) -> Path:
    for number in count(1):
        kept = path.with_name(f"{path.name}{EDITED}" + (f".{number}" if number > 1 else ""))
        if not os.path.lexists(kept):
            return kept
    raise AssertionError("numbers have no end")


def write_new(path: Path, content: bytes) -> os.stat_result:
    """A durable file with *content* that only its owner can read. Raises OSError, and leaves nothing then."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        write_all(descriptor, content)
        make_durable(descriptor)
        return os.fstat(descriptor)
    except OSError:
        with contextlib.suppress(OSError):
            path.unlink()
        raise
    finally:
        os.close(descriptor)


def make_folders(root: Path, folder: Path) -> None:
    """*folder* under *root* and everything between, for their owner only. Raises OSError."""
    missing = []
    while folder != root and not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        with contextlib.suppress(FileExistsError):
            each.mkdir(mode=0o700)
        sync_folder(each.parent)
