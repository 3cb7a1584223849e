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
from genericapiserver.storage.files_disk import digest_of, read_file
from genericapiserver.storage.files_index import Noted, read_notes
from genericapiserver.storage.files_objects import ObjectFiles
from genericapiserver.storage.files_paths import JOURNAL, SUFFIXES, split
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

    latest: int
    """The highest revision that is believed of a file."""
    missing: list[bytes] = attrs.field(factory=list)
    """Objects without a file."""
    differing: dict[bytes, bytes] = attrs.field(factory=dict)
    """What the files of these objects have instead."""
    left_over: dict[bytes, bytes] = attrs.field(factory=dict)
    """What the files of these objects have, which were deleted."""
    stale: list[bytes] = attrs.field(factory=list)
    """Objects whose files show an older version, as is known; some of them were deleted."""
    foreign: list[str] = attrs.field(factory=list)
    """Files where objects could be, of which the store knows nothing."""
    highest: int = 0
    """The highest revision in a file that is not as it should be."""

    def shows(self, rev: int) -> None:
        """A file that is not as it should be has the revision *rev*."""
        if self.highest < rev <= self.latest:
            self.highest = rev


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
                elif entry.name.endswith(SUFFIXES):
                    yield path


def compare(files: ObjectFiles, current: Mapping[bytes, KeyValue], deleted: Iterable[bytes], latest: int) -> Found:
    """Look at all files; those that are as they should be are known to *files* from here on. Raises OSError.

    Revisions in them above *latest* are taken for what somebody has typed.
    """
    found = Found(latest)
    keys = {files.paths.stem_of(key): key for key in (*deleted, *current)}
    there: dict[bytes, list[str]] = {}
    for path in files_in(files.root):
        stem, suffix = split(path)
        key = keys.get(stem)
        if key is not None:
            there.setdefault(key, []).append(suffix)
        else:
            found.foreign.append(path)
            if files.paths.key_of(path) is not None and (file := read_file(files.root / path)) is not None:
                found.shows(revision_in(file[1], suffix))
    notes = read_notes(files.root / JOURNAL)
    for key, suffixes in there.items():
        _compare_one(files, found, key, current.get(key), suffixes, notes)
    found.missing = [key for key in current if key not in there]
    return found


def _compare_one(
    files: ObjectFiles,
    found: Found,
    key: bytes,
    kv: KeyValue | None,
    suffixes: list[str],
    notes: Mapping[str, Noted],
) -> None:
    """Look at the files of *key*, which is *kv*. There is one, unless somebody has made others."""
    suffixes.sort(key=SUFFIXES.index)
    suffixes.sort(key=lambda suffix: (files.paths.path_of(key, suffix) not in notes, suffix != files.paths.suffix))
    suffix, *others = suffixes
    found.foreign += [files.paths.path_of(key, other) for other in others]
    files.keep_form(key, suffix)
    file = read_file(files.path(key))
    status, content = file if file is not None else (None, b"")
    note = notes.get(files.path_of(key))
    if status is not None and note is not None and note.digest == digest_of(content).hex():
        files.know(key, status, content, note.rev, by_hand=note.by_hand)
        if kv is None or note.rev != kv.mod_rev:
            found.stale.append(key)
    elif status is not None and kv is not None and content == shown(kv, suffix):
        files.know(key, status, content, kv.mod_rev)
    else:
        (found.left_over if kv is None else found.differing)[key] = content
        found.shows(revision_in(content, suffix))


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
    files, others = view.files, found.differing | found.left_over
    versions = {key: (key, revision_in(content, files.path(key).suffix)) for key, content in others.items()}
    known = lookup(set(versions.values())) if versions else {}
    stale = [*found.missing, *found.stale]
    for key, content in others.items():
        version = versions[key]
        value = known.get(version)
        if value is not None and shown(KeyValue(key, value, 0, version[1]), files.path(key).suffix) == content:
            files.know(key, files.path(key).lstat(), content, version[1])
            stale.append(key)
        elif not keep_edits:
            files.write(key, current.get(key))
        elif key in current:
            files.doubt(key, current[key].mod_rev)
    for key in stale[:AT_ONCE]:
        files.write(key, current.get(key))
    files.sync()
    view.changed({key: current.get(key) for key in stale[AT_ONCE:]}, rev)
    if stale:
        _tell("Files of objects were missing or older than their objects, and are written anew", files, stale)
    if found.foreign:
        _log.info(
            values(
                "There are files in the folder of the store that are none of its objects: they are left alone",
                folder=files.root,
                number=len(found.foreign),
                files=sorted(found.foreign)[:NAMED],
            )
        )


def expect_edits(view: FolderView, found: Found, current: Mapping[bytes, KeyValue], rev: int) -> None:
    """Leave all that was *found* for who makes writes of it: no file waited for its turn when the store was closed, so
    every difference is an edit, and what is missing was deleted."""
    for key in [*found.differing, *found.missing]:
        view.files.doubt(key, current[key].mod_rev)
    view.changed({key: current.get(key) for key in found.stale}, rev)


def _tell(message: str, files: ObjectFiles, keys: list[bytes]) -> None:
    paths = sorted(files.path_of(key) for key in keys)
    _log.warning(values(message, folder=files.root, number=len(paths), files=paths[:NAMED]))
