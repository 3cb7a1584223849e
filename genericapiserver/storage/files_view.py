"""The files of objects: what the journal says, for people to read, search and compare.

A thread of its own writes them behind the journal (`files_objects` says how). When one object is written again before its
turn has come, only the last version is.
"""

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from genericapiserver.logs import kv as values
from genericapiserver.storage.engine import KeyValue
from genericapiserver.storage.files_objects import ObjectFiles

_log = logging.getLogger(__name__)

REST = 5.0
"""Seconds until files that could not be written are tried again."""
LINGER = 0.02
"""Seconds that changes wait for others: each costs a trip to the disk, which the journal wants to make, too, and objects are
often written several times in a row."""
BATCH = 200
"""Files after which folders are brought to the disk, and those who wait for files are told."""


class FolderView(threading.Thread):
    """Keeps *files* as the objects of the store are."""

    def __init__(self, files: ObjectFiles) -> None:
        super().__init__(name=f"object-files {files.root.name}", daemon=True)
        self.files = files
        self.failures = 0
        """How often a file could not be written."""
        self._changed: dict[bytes, KeyValue | None] = {}
        self._taken: dict[bytes, KeyValue | None] = {}
        self._condition = threading.Condition()
        self._newest = 0
        self._done = 0
        # How often changes were told of, and how often when the files were last up to date.
        self._told = 0
        self._shown = 0
        self._deadline: float | None = None
        self._ended = False
        self._failing: set[bytes] = set()
        files.is_awaited = self._is_awaited

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

    def _is_awaited(self, key: bytes) -> bool:
        with self._condition:
            return key in self._changed or key in self._taken

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
        self.files.note(all_yaml=True)
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
                self.files.write(key, kv)
                self._failing.discard(key)
            except OSError as error:
                left[key] = kv
                self._tell(key, error)
        try:
            self.files.sync()
        except OSError as error:
            _log.error(
                values("The folders of objects cannot be brought to the disk", folder=self.files.root, err=error)
            )
            left.update(batch)
        return left

    def _tell(self, key: bytes, error: OSError) -> None:
        """Once, not every few seconds."""
        if key not in self._failing:
            self._failing.add(key)
            _log.error(
                values(
                    "The file of an object cannot be written and is tried again; the object is safe in the journal",
                    file=self.files.path(key),
                    err=error,
                )
            )


def batched(items: Iterable[tuple[bytes, KeyValue | None]], size: int) -> Iterator[list[tuple[bytes, KeyValue | None]]]:
    """*items* in lists of at most *size* (itertools.batched came with Python 3.12)."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
