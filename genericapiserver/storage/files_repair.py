"""What is done about the files of objects when a store is opened: they are made what the journal says.

A file can be older than its object, because the process ended before its turn had come: such a file has what the journal
says of an older revision, and is written anew. Anything else that differs was written by somebody else, and is kept aside.
"""

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import attrs

from genericapiserver.logs import kv as values
from genericapiserver.storage.engine import KeyValue
from genericapiserver.storage.files_paths import JOURNAL, SUFFIX
from genericapiserver.storage.files_text import revision_in, shown
from genericapiserver.storage.files_view import FolderView

_log = logging.getLogger(__name__)

AT_ONCE = 500
"""So many files are written before the store is open; writing more would take seconds."""
NAMED = 5
"""So many files are named in one line of the log."""

Version: TypeAlias = tuple[bytes, int]
Lookup: TypeAlias = Callable[[set[Version]], Mapping[Version, bytes]]
"""What the journal knows of some keys at some revisions."""


@attrs.define
class Found:
    """The files of a folder beside what they should be; paths are relative to it."""

    missing: list[bytes] = attrs.field(factory=list)
    """Objects without a file."""
    differing: dict[bytes, bytes] = attrs.field(factory=dict)
    """What the files of these objects have instead."""
    left_over: dict[bytes, bytes] = attrs.field(factory=dict)
    """What the files of these objects have, which were deleted."""
    foreign: list[str] = attrs.field(factory=list)
    """Files where objects could be, of which the store knows nothing."""
    highest: int = 0
    """The highest revision in a file that is not as it should be."""


def files_in(root: Path) -> Iterator[str]:
    """The files of *root* that may be those of objects: no hidden ones, and not the journal. Raises OSError."""
    folders = [""]
    while folders:
        folder = folders.pop()
        with os.scandir(root / folder) as entries:
            for entry in entries:
                path = f"{folder}/{entry.name}" if folder else entry.name
                if entry.name.startswith(".") or path == JOURNAL:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(path)
                elif entry.name.endswith(SUFFIX):
                    yield path


def compare(view: FolderView, current: Mapping[bytes, KeyValue], deleted: Iterable[bytes]) -> Found:
    """Look at all files; those that are as they should be are known to *view* from here on. Raises OSError."""
    found = Found()
    expected = {view.paths.path_of(key): key for key in current}
    gone = {view.paths.path_of(key): key for key in deleted}
    present = set()
    for path in files_in(view.root):
        key = expected.get(path)
        if key is not None:
            present.add(path)
            with (view.root / path).open("rb") as file:
                status, content = os.fstat(file.fileno()), file.read()
            if content == shown(current[key]):
                view.know(key, status, content, current[key].mod_rev)
                continue
            found.differing[key] = content
        else:
            content = (view.root / path).read_bytes()
            if path in gone:
                found.left_over[gone[path]] = content
            else:
                found.foreign.append(path)
                if view.paths.key_of(path) is None:
                    continue
        found.highest = max(found.highest, revision_in(content))
    found.missing = [key for path, key in expected.items() if path not in present]
    return found


def repair(
    view: FolderView,
    found: Found,
    current: Mapping[bytes, KeyValue],
    rev: int,
    lookup: Lookup,
    *,
    keep_edits: bool = False,
) -> None:
    """Make the files what the journal says, which ends at *rev*. Raises OSError.

    What somebody else has written is kept aside at once, or left where it is with *keep_edits*. When there is much more to
    write, the thread of *view* does it.
    """
    others = found.differing | found.left_over
    versions = {key: (key, revision_in(content)) for key, content in others.items()}
    known = lookup(set(versions.values())) if versions else {}
    stale = list(found.missing)
    for key, content in others.items():
        version = versions[key]
        value = known.get(version)
        if value is not None and shown(KeyValue(key, value, 0, version[1])) == content:
            view.know(key, view.path(key).lstat(), content, version[1])
            stale.append(key)
        elif not keep_edits:
            view.write(key, current.get(key))
        elif key in current:
            view.doubt(key, current[key].mod_rev)
    for key in stale[:AT_ONCE]:
        view.write(key, current.get(key))
    view.sync()
    view.changed({key: current.get(key) for key in stale[AT_ONCE:]}, rev)
    if stale:
        _tell("Files of objects were missing or older than their objects, and are written anew", view, stale)
    if found.foreign:
        _log.info(
            values(
                "There are files in the folder of the store that are none of its objects: they are left alone",
                folder=view.root,
                number=len(found.foreign),
                files=sorted(found.foreign)[:NAMED],
            )
        )


def expect_edits(view: FolderView, found: Found, current: Mapping[bytes, KeyValue], rev: int) -> None:
    """Leave all that was *found* for who makes writes of it: no file waited for its turn when the store was closed, so
    every difference is an edit, and what is missing was deleted."""
    for key in [*found.differing, *found.missing]:
        view.doubt(key, current[key].mod_rev)
    view.changed({}, rev)


def _tell(message: str, view: FolderView, keys: list[bytes]) -> None:
    files = sorted(view.paths.path_of(key) for key in keys)
    _log.warning(values(message, folder=view.root, number=len(files), files=files[:NAMED]))
