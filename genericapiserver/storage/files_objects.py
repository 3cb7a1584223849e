"""The file of each object: how it was left, what somebody else has done to it, and how it is written again.

A file is written whole: under another name, to the disk, then renamed. A file that somebody else has changed is not lost
when its object is written: it is kept as `<name>.json.edited`. Files that are none of an object are left alone.

A file keeps the form that it has, JSON or YAML. One that a person has written, and that has become its object, stays as it
is, comments and all, until others change the object.
"""

import contextlib
import logging
import os
import stat
import threading
from collections import deque
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import NamedTuple

from genericapiserver.aio.durable import sync_folder
from genericapiserver.logs import kv as values
from genericapiserver.storage.engine import KeyValue
from genericapiserver.storage.files_disk import digest_of, free_name, make_folders, status_of, text_of, write_new
from genericapiserver.storage.files_index import NAME, Noted, encode_notes
from genericapiserver.storage.files_paths import JSON, SUFFIXES, KeyPaths, split
from genericapiserver.storage.files_reading import says_nothing_else
from genericapiserver.storage.files_text import shown

_log = logging.getLogger(__name__)


class Seen(NamedTuple):
    """A file as this program knows it: by its inode, size and time, or if those differ by its content."""

    inode: int
    size: int
    mtime_ns: int
    digest: bytes
    """Of the content; nothing where the content is not to be trusted to be this program's."""
    rev: int
    """The revision of the object that it shows."""
    by_hand: bool = False
    """A person has written it."""


class Edit(NamedTuple):
    """What somebody else has done to the file at *path*: *content*, None when it is gone."""

    path: str
    key: bytes | None
    """None for a file that is none of an object."""
    content: bytes | None
    shown_rev: int
    """The revision of the object that the file showed before, 0 for none."""
    problem: str = ""
    """Why the file cannot be looked into, or is not to be taken."""


class ObjectFiles:
    """The files under *root*. *temporary* is on the same disk. For any thread."""

    def __init__(self, root: Path, temporary: Path, paths: KeyPaths) -> None:
        self.root = root
        self.paths = paths
        self.bytes = 0
        """How much room the files take."""
        self.set_aside_lately: deque[str] = deque(maxlen=100)
        """Files that are kept aside, the newest last."""
        self.is_awaited: Callable[[bytes], bool] = lambda key: False
        """Whether the file of a key is about to be written."""
        self._temporary = temporary
        self._names = count()
        self._seen: dict[bytes, Seen] = {}
        self._cut: dict[str, bytes] = {}
        # How the files of these keys end, which is not how new ones do.
        self._suffixes: dict[bytes, str] = {}
        # What has become, or is about to become, the object of its key.
        self._accepted: dict[bytes, bytes] = {}
        self._by_hand: set[bytes] = set()
        self._notes_stale = False
        self._stale_folders: set[Path] = set()
        # Held while one file is written or looked at, so that nobody takes what this program does for somebody else's.
        self._lock = threading.RLock()

    # ---- what it is called

    def path(self, key: bytes) -> Path:
        return self.root / self.path_of(key)

    def path_of(self, key: bytes) -> str:
        """The file of *key*, relative to the folder, in the form that it has."""
        return self.paths.path_of(key, self._suffixes.get(key, ""))

    def keep_form(self, key: bytes, suffix: str) -> None:
        """The file of *key* ends in *suffix*, and is to."""
        if suffix == self.paths.suffix:
            self._suffixes.pop(key, None)
        else:
            self._suffixes[key] = suffix

    # ---- writing

    def write(self, key: bytes, kv: KeyValue | None) -> None:
        """Make the file of *key* show *kv*. Raises OSError."""
        with self._lock:
            self._write(key, kv)

    def _write(self, key: bytes, kv: KeyValue | None) -> None:
        path = self.path(key)
        accepted = self._accepted.pop(key, None)
        if accepted is not None and kv is not None and self._stays(key, path, accepted, kv):
            return
        self._keep_edits(key, path)
        if kv is None:
            self._remove(path)
            self._forget(key)
            self._suffixes.pop(key, None)
            return
        content = shown(kv, path.suffix)
        temporary = self._temporary / f"object-{next(self._names)}"
        status = write_new(temporary, content)
        try:
            make_folders(self.root, path.parent)
            os.replace(temporary, path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        self._stale_folders.add(path.parent)
        self.know(key, status, content, kv.mod_rev)

    def _stays(self, key: bytes, path: Path, accepted: bytes, kv: KeyValue) -> bool:
        """Whether the file is left as it is, because *kv* is what a person has *accepted* there, and nothing else.

        What was done to it since, by who writes twice in a moment, is the next edit, and not one that *kv* contradicts.
        """
        if not says_nothing_else(accepted, path.suffix, shown(kv)):
            return False
        try:
            status = path.lstat()
            unchanged = stat.S_ISREG(status.st_mode) and path.read_bytes() == accepted
        except (FileNotFoundError, NotADirectoryError):
            unchanged = False
        if unchanged:
            self.know(key, status, accepted, kv.mod_rev, by_hand=True)
        else:
            self._see(key, Seen(0, 0, 0, digest_of(accepted), kv.mod_rev, by_hand=True))
        return True

    def know(self, key: bytes, status: os.stat_result, content: bytes, rev: int, *, by_hand: bool = False) -> None:
        """The file of *key* is as it should be, with *content*, and shows its object at *rev*."""
        self._see(key, Seen(status.st_ino, status.st_size, status.st_mtime_ns, digest_of(content), rev, by_hand))

    def doubt(self, key: bytes, rev: int) -> None:
        """The file of *key* showed its object at *rev*, and is somebody else's now or gone."""
        self._see(key, Seen(0, 0, 0, b"", rev))

    def _see(self, key: bytes, seen: Seen) -> None:
        self._forget(key)
        if self.paths.key_of(self.paths.path_of(key)) is None:
            self._cut[self.paths.stem_of(key)] = key
        self._seen[key] = seen
        self.bytes += seen.size
        if seen.by_hand:
            self._by_hand.add(key)
            self._notes_stale = True

    def _forget(self, key: bytes) -> None:
        seen = self._seen.pop(key, None)
        if seen is not None:
            self.bytes -= seen.size
            if self._cut:
                self._cut.pop(self.paths.stem_of(key), None)
            if seen.by_hand:
                self._by_hand.discard(key)
                self._notes_stale = True

    def sync(self) -> None:
        """Bring the names of the files to the disk. Raises OSError."""
        for folder in list(self._stale_folders):
            with contextlib.suppress(FileNotFoundError):  # it is gone again
                sync_folder(folder)
            self._stale_folders.discard(folder)
        if self._notes_stale:
            self.note()

    def note(self, *, all_yaml: bool = False) -> None:
        """Write down what cannot be told from the journal. Raises nothing: what is not noted is looked at again."""
        with self._lock:
            keys = self._by_hand
            if all_yaml:
                keys = keys | {key for key in self._seen if not self.path_of(key).endswith(JSON)}
            seen = {self.path_of(key): self._seen[key] for key in keys}
            notes = {
                path: Noted(each.digest.hex(), each.rev, each.by_hand) for path, each in seen.items() if each.digest
            }
            place = self._temporary.parent / NAME
            try:
                if notes or place.exists():
                    temporary = self._temporary / NAME
                    write_new(temporary, encode_notes(notes))
                    os.replace(temporary, place)
                self._notes_stale = False
            except OSError as error:
                _log.error(values("Which files of objects people have written cannot be noted", file=place, err=error))

    def _remove(self, path: Path) -> None:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()
        self._stale_folders.add(path.parent)
        for folder in path.parents:
            if folder == self.root:
                break
            try:
                folder.rmdir()
            except OSError:  # not empty, or not there
                break
            self._stale_folders.add(folder.parent)

    # ---- what others have done to the files

    def is_ours(self, key: bytes, path: Path) -> bool:
        """Whether *path* is as this program has left it, or not there. Raises OSError."""
        try:
            status = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return True
        seen = self._seen.get(key)
        if seen is None or not stat.S_ISREG(status.st_mode):
            return False
        return _same(seen, status) or digest_of(path.read_bytes()) == seen.digest

    def look(self, path: str) -> Edit | None:
        """What somebody else has done to the file at *path*, None for nothing. Raises OSError."""
        with self._lock:
            key = self.key_at(path)
            seen = self._seen.get(key) if key is not None else None
            if key is not None and self.is_awaited(key):
                return None  # it is about to be written, and kept aside if it is not as it was left
            status = status_of(self.root / path)
            own = seen is not None and key is not None and path == self.path_of(key)
            if own and seen is not None and status is not None and _same(seen, status):
                return None
            others = [other for other in self._forms(path) if status_of(self.root / other) is not None]
            if status is None:
                # A file that has got another form has not gone: that one is told of.
                return Edit(path, key, None, seen.rev) if own and seen is not None and not others else None
            content, problem = text_of(self.root / path, status)
            if others and not own:
                problem = f"the object of this file has another one, {others[0]}: keep one of them"
            if seen is None:
                return Edit(path, None, content, 0, problem)
            same = own and not problem and digest_of(content) == seen.digest
            return None if same else Edit(path, key, content, seen.rev, problem)

    def key_at(self, path: str) -> bytes | None:
        """The key whose file *path* is, whether or not there is such an object."""
        return self.paths.key_of(path) or self._cut.get(split(path)[0])

    def _forms(self, path: str) -> list[str]:
        """The other files that would be of the same object."""
        stem, own = split(path)
        return [stem + suffix for suffix in SUFFIXES if suffix != own] if own else []

    def known_paths(self) -> list[str]:
        """The files of all objects that have one."""
        with self._lock:
            return [self.path_of(key) for key in self._seen]

    def accept(self, edit: Edit, key: bytes) -> bool:
        """What *edit* has left is about to become the object *key*: it may be written over. False when it has changed again.

        Raises OSError.
        """
        with self._lock:
            if self.look(edit.path) != edit:
                return False
            if edit.content is not None:
                self.keep_form(key, split(edit.path)[1])
                self._see(key, Seen(0, 0, 0, digest_of(edit.content), edit.shown_rev))
                self._accepted[key] = edit.content
            return True

    def withdraw(self, edit: Edit, key: bytes) -> bool:
        """It has not become the object: it is somebody else's again. Written over meanwhile, it is kept. Raises OSError.

        True when the file has to be shown again: it was left as it is for an object that others have written.
        """
        with self._lock:
            if edit.content is None:
                return False
            waits = self._accepted.pop(key, None) is not None
            path = self.root / edit.path
            seen = self._seen.get(key)
            if seen is None or seen.digest != digest_of(edit.content):
                self._keep_beside(path, edit.content)
                return False
            if not waits and seen.rev != edit.shown_rev:
                self._keep_beside(path, edit.content)
                return True
            self._forget(key)
            if edit.key is not None:
                self.doubt(key, edit.shown_rev)
            else:
                self._suffixes.pop(key, None)
            return False

    def _keep_edits(self, key: bytes, path: Path) -> None:
        if not self.is_ours(key, path):
            self.set_aside(path)

    def set_aside(self, path: Path) -> None:
        """Keep what somebody has written to *path* under another name. Raises OSError."""
        kept = free_name(path)
        os.rename(path, kept)
        self._stale_folders.add(path.parent)
        self._tell_of(path, kept)

    def _keep_beside(self, path: Path, content: bytes) -> None:
        kept = free_name(path)
        make_folders(self.root, kept.parent)
        write_new(kept, content)
        sync_folder(kept.parent)
        self._tell_of(path, kept)

    def _tell_of(self, path: Path, kept: Path) -> None:
        self.set_aside_lately.append(str(kept.relative_to(self.root)))
        _log.warning(
            values(
                "The file of an object is not what the store has written: it is kept beside it, the object is unchanged",
                file=path,
                kept=kept.name,
            )
        )


def _same(seen: Seen, status: os.stat_result) -> bool:
    return (seen.inode, seen.size, seen.mtime_ns) == (status.st_ino, status.st_size, status.st_mtime_ns)
