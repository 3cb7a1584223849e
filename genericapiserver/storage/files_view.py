"""The files of objects: what the journal says, for people to read, search and compare.

A thread of its own writes them behind the journal, each whole: under another name, to the disk, then renamed. When one
object is written again before its turn has come, only the last version is. A file that somebody else has changed is not lost
when its object is written: it is kept as `<name>.json.edited`. Files that are none of an object are left alone.

A file keeps the form that it has, JSON or YAML. One that a person has written, and that has become its object, stays as it
is, comments and all, until others change the object.
"""

import contextlib
import logging
import os
import stat
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import count, islice
from pathlib import Path
from typing import NamedTuple

from genericapiserver.aio.durable import make_durable, sync_folder, write_all
from genericapiserver.logs import kv as values
from genericapiserver.storage.engine import KeyValue
from genericapiserver.storage.files_index import NAME, Noted, encode_notes
from genericapiserver.storage.files_paths import JSON, SUFFIXES, KeyPaths, split
from genericapiserver.storage.files_reading import LONGEST_FILE, says_nothing_else
from genericapiserver.storage.files_text import shown

_log = logging.getLogger(__name__)

REST = 5.0
"""Seconds until files that could not be written are tried again."""
LINGER = 0.02
"""Seconds that changes wait for others: each costs a trip to the disk, which the journal wants to make, too, and objects are
often written several times in a row."""
EDITED = ".edited"
BATCH = 200
"""Files after which folders are brought to the disk, and those who wait for files are told."""


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


def digest_of(content: bytes) -> bytes:
    return blake2b(content, digest_size=16).digest()


class FolderView(threading.Thread):
    """Keeps the files in *root* as the objects of the store are. *temporary* is on the same disk."""

    def __init__(self, root: Path, temporary: Path, paths: KeyPaths) -> None:
        super().__init__(name=f"object-files {root.name}", daemon=True)
        self.root = root
        self.paths = paths
        self.bytes = 0
        """How much room the files take."""
        self.failures = 0
        """How often a file could not be written."""
        self.set_aside_lately: deque[str] = deque(maxlen=100)
        """Files that are kept aside, the newest last."""
        self._temporary = temporary
        self._names = count()
        self._seen: dict[bytes, Seen] = {}
        self._changed: dict[bytes, KeyValue | None] = {}
        self._taken: dict[bytes, KeyValue | None] = {}
        self._cut: dict[str, bytes] = {}
        # How the files of these keys end, which is not how new ones do.
        self._suffixes: dict[bytes, str] = {}
        # What has become, or is about to become, the object of its key.
        self._accepted: dict[bytes, bytes] = {}
        self._by_hand: set[bytes] = set()
        self._notes_stale = False
        self._condition = threading.Condition()
        self._newest = 0
        self._done = 0
        # How often changes were told of, and how often when the files were last up to date.
        self._told = 0
        self._shown = 0
        self._deadline: float | None = None
        self._ended = False
        self._stale_folders: set[Path] = set()
        self._failing: set[bytes] = set()
        # Held while one file is written or looked at, so that nobody takes what this program does for somebody else's.
        self._lock = threading.RLock()

    # ---- what others tell and ask

    def changed(self, changes: Mapping[bytes, KeyValue | None], rev: int) -> None:
        """The objects of *changes* are like that at *rev*; None: deleted."""
        with self._condition:
            self._told += 1
            if not changes and not self.pending:
                self._done, self._shown = rev, self._told
            self._changed.update(changes)
            self._newest = rev
            self._condition.notify_all()

    @property
    def pending(self) -> int:
        """How many files are not yet as their objects are."""
        return len(self._changed) + len(self._taken)

    def wait_for(self, rev: int) -> bool:
        """Block until files are as objects were at *rev* or later; false when this ends before they are."""
        with self._condition:
            self._condition.wait_for(lambda: self._done >= rev or self._ended)
            return self._done >= rev

    def wait(self, patience: float | None) -> None:
        """Block until files are as they are to be now, for *patience* seconds at most, or until this ends."""
        with self._condition:
            told = self._told
            self._condition.wait_for(lambda: self._shown >= told or self._ended, patience)

    def stop(self, patience: float) -> bool:
        """Block until everything is written, for *patience* seconds at most; whether it is."""
        with self._condition:
            self._deadline = time.monotonic() + patience
            self._condition.notify_all()
        self.join()
        if self._changed:
            return False
        self._note(all_yaml=True)
        return True

    # ---- the thread

    def run(self) -> None:
        while (taken := self._take()) is not None:
            changes, upto, told = taken
            left = self._write_all(changes)
            with self._condition:
                for key, kv in left.items():
                    self._changed.setdefault(key, kv)  # unless it was written again meanwhile
                self._taken.clear()
                if not left:
                    self._done, self._shown = upto, told
                self._condition.notify_all()
                if left:
                    self.failures += 1
                    self._condition.wait_for(self._stopping, REST)
        with self._condition:
            self._ended = True
            self._condition.notify_all()

    def _stopping(self) -> bool:
        return self._deadline is not None

    def _take(self) -> tuple[dict[bytes, KeyValue | None], int, int] | None:
        """Everything that has changed, when there is something, up to which revision and news; None at the end."""
        with self._condition:
            self._condition.wait_for(lambda: self._changed or self._stopping())
            self._condition.wait_for(self._stopping, LINGER)
            out_of_time = self._deadline is not None and (time.monotonic() > self._deadline or self._failing)
            if not self._changed or out_of_time:
                return None
            changes, self._changed = self._changed, {}
            self._taken = dict(changes)
            return changes, self._newest, self._told

    def _write_all(self, changes: Mapping[bytes, KeyValue | None]) -> dict[bytes, KeyValue | None]:
        """Bring the files of *changes* up to date; those for which that did not work, or for which there was no time."""
        left: dict[bytes, KeyValue | None] = {}
        for batch in batched(changes.items(), BATCH):
            if self._deadline is not None and time.monotonic() > self._deadline:
                left.update(batch)
            else:
                left.update(self._write_some(batch))
            with self._condition:
                for key, _ in batch:
                    if key not in left:
                        del self._taken[key]
        return left

    def _write_some(self, batch: Sequence[tuple[bytes, KeyValue | None]]) -> dict[bytes, KeyValue | None]:
        left: dict[bytes, KeyValue | None] = {}
        for key, kv in batch:
            try:
                self.write(key, kv)
                self._failing.discard(key)
            except OSError as error:
                left[key] = kv
                self._tell(key, error)
        try:
            self.sync()
        except OSError as error:
            _log.error(values("The folders of objects cannot be brought to the disk", folder=self.root, err=error))
            left.update(batch)
        return left

    def _tell(self, key: bytes, error: OSError) -> None:
        """Once, not every few seconds."""
        if key not in self._failing:
            self._failing.add(key)
            _log.error(
                values(
                    "The file of an object cannot be written and is tried again; the object is safe in the journal",
                    file=self.path(key),
                    err=error,
                )
            )

    # ---- single files

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
        status = _write_new(temporary, content)
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
            self._note()

    def _note(self, *, all_yaml: bool = False) -> None:
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
                    _write_new(temporary, encode_notes(notes))
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
            if key is not None and self._is_awaited(key):
                return None  # it is about to be written, and kept aside if it is not as it was left
            status = _status(self.root / path)
            own = seen is not None and key is not None and path == self.path_of(key)
            if own and seen is not None and status is not None and _same(seen, status):
                return None
            others = [other for other in self._forms(path) if _status(self.root / other) is not None]
            if status is None:
                # A file that has got another form has not gone: that one is told of.
                return Edit(path, key, None, seen.rev) if own and seen is not None and not others else None
            content, problem = _text_of(self.root / path, status)
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

    def _is_awaited(self, key: bytes) -> bool:
        with self._condition:
            return key in self._changed or key in self._taken

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
        kept = _free_name(path)
        os.rename(path, kept)
        self._stale_folders.add(path.parent)
        self._tell_of(path, kept)

    def _keep_beside(self, path: Path, content: bytes) -> None:
        kept = _free_name(path)
        make_folders(self.root, kept.parent)
        _write_new(kept, content)
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


def _status(path: Path) -> os.stat_result | None:
    """None when there is nothing. Raises OSError."""
    try:
        return path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _text_of(path: Path, status: os.stat_result) -> tuple[bytes, str]:
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
    content, problem = _text_of(path, status)
    return None if problem else (status, content)


def _free_name(path: Path) -> Path:
    for number in count(1):
        kept = path.with_name(f"{path.name}{EDITED}" + (f".{number}" if number > 1 else ""))
        if not os.path.lexists(kept):
            return kept
    raise AssertionError("numbers have no end")


def _write_new(path: Path, content: bytes) -> os.stat_result:
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


def batched(items: Iterable[tuple[bytes, KeyValue | None]], size: int) -> Iterator[list[tuple[bytes, KeyValue | None]]]:
    """*items* in lists of at most *size* (itertools.batched came with Python 3.12)."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
