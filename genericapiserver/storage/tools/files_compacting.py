"""Forgetting history of a folder of files that no server has open, and making its journal smaller."""

from pathlib import Path

from genericapiserver.storage.engine import CompactedError, EngineOpenError, FutureRevisionError
from genericapiserver.storage.files import Opened, open_folder
from genericapiserver.storage.files_compaction import write_snapshot
from genericapiserver.storage.files_faults import translated
from genericapiserver.storage.files_journal import Journal, segments_in
from genericapiserver.storage.files_lines import CLOSE, COMPACT, DamagedLineError, Line, encode
from genericapiserver.storage.files_paths import JOURNAL
from genericapiserver.storage.tools.placing import Compacted
from genericapiserver.storage.tools.sqlite_backup import Progress

PATIENCE = 3600.0
"""Seconds that files of objects get which are not up to date: what the journal says of older versions goes."""


def compact(path: Path, prefix: str, revision: int, *, progress: Progress) -> Compacted:
    """Forget what is before *revision*; 0 is the newest one. What people have done to the files is left as it is.

    Raises EngineOpenError where there is no store or it is in use, FutureRevisionError, CompactedError and EngineError. The
    snapshot is whole before what it stands for goes, so that an interruption loses nothing.
    """
    path = path.absolute()
    if not (path / JOURNAL).is_dir():
        raise EngineOpenError(str(path), "there is no store in it", "Say with --storage-path where the store is")
    opened = open_folder(path, prefix, None, True)
    try:
        return _forget(opened, revision, progress)
    except (OSError, DamagedLineError) as error:
        raise translated(error, path) from error
    finally:
        opened.journal.close()
        opened.lock.close()


def _forget(opened: Opened, revision: int, progress: Progress) -> Compacted:
    journal, view = opened.journal, opened.view
    state, size = journal.state, _size(journal)
    before, floor = state.floor, revision or state.rev
    if floor > state.rev:
        raise FutureRevisionError(floor, state.rev)
    if floor < before:
        raise CompactedError(floor, before)
    view.start()
    up_to_date = view.stop(PATIENCE)
    if floor > before:
        journal.append(encode(Line(op=COMPACT, rev=floor)))
        state.floor = state.compact_rev = floor
    if up_to_date:
        journal.rotate()
        write_snapshot(
            journal.folder, rev=state.rev, floor=state.floor, compact_rev=state.compact_rev, store=journal.store
        )
        journal.append(encode(Line(op=CLOSE, rev=state.rev)))
    progress(1, 1)
    return Compacted(before, floor, size, _size(journal))


def _size(journal: Journal) -> int:
    return sum(segment.path.stat().st_size for segment in segments_in(journal.folder))
