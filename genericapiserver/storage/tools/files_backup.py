"""Backups of the file engine: one file of JSON lines with checksums, which is a snapshot of its journal.

The objects' own files are not in it: they are written anew from the journal when the store is opened.
"""

import contextlib
import uuid
from pathlib import Path

from genericapiserver.aio.file_lock import FileLock
from genericapiserver.storage.engine import (
    EPOCH_JUMP,
    EngineEvent,
    EngineOpenError,
    first_revision,
)
from genericapiserver.storage.files import LOCK, History
from genericapiserver.storage.files_journal import (
    SNAPSHOT_SUFFIX,
    TEMPORARY,
    Journal,
    JournalState,
    Segment,
    lines_of,
)
from genericapiserver.storage.files_lines import (
    FORMAT,
    SNAPSHOT,
    DamagedLineError,
    Line,
    encode,
    encode_write,
)
from genericapiserver.storage.files_paths import JOURNAL
from genericapiserver.storage.files_replay import read_journal
from genericapiserver.storage.tools.placing import (
    ToolError,
    aside_name,
    new_file,
    new_folder,
    replace,
    require_apart,
)
from genericapiserver.storage.tools.reading import ALL_KEYS, JournalReader
from genericapiserver.storage.tools.sqlite_backup import Progress, Saved

_OTHER = "Name a backup that `genericapiserver storage backup` has made of a store with the same --storage-backend"


async def back_up(path: Path, target: Path, *, force: bool, progress: Progress) -> Saved:
    """Write the store in the folder *path*, in use or not, to *target*. Raises EngineOpenError, ToolError, OSError."""
    require_apart(target, path)
    reader = JournalReader(path)
    found = await reader.range(*ALL_KEYS)
    kvs = sorted(found.kvs, key=lambda kv: kv.mod_rev)
    rev = reader.current_rev()
    with new_file(target, force=force) as temporary:
        with temporary.open("wb") as file:
            file.write(
                encode(Line(op=SNAPSHOT, rev=rev, format=FORMAT, store=str(uuid.uuid4()), floor=rev, count=len(kvs)))
            )
            for number, kv in enumerate(kvs, 1):
                event = EngineEvent(kv.mod_rev, kv.key, kv.value, None, kv.create_rev, 0)
                file.write(encode_write(event, kv.expires_at, kv.mod_rev))
                if number % 1000 == 0 or number == len(kvs):
                    progress(number, len(kvs))
        size = temporary.stat().st_size
    return Saved(rev, len(kvs), size)


def restore(path: Path, backup: Path, *, force: bool, progress: Progress) -> Saved:
    """Make the folder *path* from *backup*. With *force* a store that is there is kept aside.

    Raises ToolError for what is no whole backup and for a place that is taken, EngineOpenError while the store is in use,
    OSError. Nothing is changed then.
    """
    path = path.absolute()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    head = _look(backup)
    lock = _locked(path) if path.exists() else None
    try:
        taken = lock is not None and any(entry.name != LOCK for entry in path.iterdir())
        if taken and not force:
            raise ToolError(
                f"{path}: there is something already. Choose another --storage-path, or say --force to put the backup in "
                "its place; what is there now is kept beside it"
            )
        beyond = _newest(path) if taken else 0
        with new_folder(path) as temporary:
            first = _fill(temporary / JOURNAL, backup, head, beyond)
            aside = aside_name(path) if lock is not None else None
            replace(path, temporary, aside or path)
        if aside is not None and not taken:
            (aside / LOCK).unlink(missing_ok=True)
            aside.rmdir()
            aside = None
    finally:
        if lock is not None:
            lock.close()
    progress(head.count, head.count)
    return Saved(first, head.count, backup.stat().st_size, aside)


def _look(backup: Path) -> Line:
    """The first line of *backup*, when every line of it is as it was written."""
    try:
        lines = [line for _, _, line in lines_of(Segment(0, True, backup))]
    except FileNotFoundError as error:
        raise ToolError(f"{backup}: there is no such file. {_OTHER}") from error
    except DamagedLineError as error:
        number, _, problem = error.args
        raise ToolError(
            f"{backup}: line {number}: it is damaged, or no backup of the file engine: {problem}. {_OTHER}"
        ) from error
    if not lines or lines[0].op != SNAPSHOT or lines[0].format != FORMAT:
        raise ToolError(f"{backup}: it is no backup of the file engine, or one of another version. {_OTHER}")
    if len(lines) != lines[0].count + 1:
        raise ToolError(
            f"{backup}: {lines[0].count + 1} lines were written, and it has {len(lines)}: it is cut off. Take another one"
        )
    return lines[0]


def _fill(journal: Path, backup: Path, head: Line, beyond: int) -> int:
    """A journal that begins with *backup* and goes on far above it; the revision it is at."""
    (journal / TEMPORARY).mkdir(parents=True, mode=0o700)
    with new_file(journal / f"{head.rev:016}{SNAPSHOT_SUFFIX}", force=False) as temporary:
        temporary.write_bytes(backup.read_bytes())
    first = max(head.rev + EPOCH_JUMP, beyond + EPOCH_JUMP, first_revision())
    opened = Journal(journal, -1, journal, 0, JournalState(first, first), head.store)
    try:
        opened.rotate(jumped=True)
    finally:
        opened.close()
    return first


def _newest(path: Path) -> int:
    with contextlib.suppress(EngineOpenError, OSError):
        return read_journal(path / JOURNAL, apply=History().apply).rev
    return 0


def _locked(path: Path) -> FileLock:
    if not path.is_dir():
        raise ToolError(f"{path}: it is not a folder. Choose another --storage-path")
    lock = FileLock(path / LOCK)
    if not lock.try_acquire():
        lock.close()
        raise EngineOpenError(str(path), "another process has it open", "Stop that process, or choose another path")
    return lock
