"""What errors of the operating system mean to the callers of the file engine."""

import errno
from pathlib import Path

from genericapiserver.storage.engine import DiskFullError, EngineError, EngineFaultError


def translated(error: Exception, path: Path) -> EngineError:
    """The engine's error for *error*, which came from the store in the folder *path*."""
    number = error.errno if isinstance(error, OSError) else None
    match number:
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            return DiskFullError("the disk is full", str(path))
        case errno.EROFS | errno.EACCES | errno.EPERM:
            return EngineFaultError("the folder of the store cannot be written", str(path))
        case errno.EIO:
            return EngineFaultError("reading or writing the disk failed", str(path))
        case _:
            text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            return EngineFaultError(f"the journal cannot be written: {text}", str(path))
