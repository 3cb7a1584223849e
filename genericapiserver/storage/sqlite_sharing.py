"""What the processes tell each other that share one SQLite file, in the folder `<path>.shared` beside it.

    N.lock            held by the process that has the place N; free again when it ends, however that ends
    N.bell            a FIFO that this process listens to: a byte in it means that somebody has written
    versions          a place for each process, mapped into the memory of all of them
    turn, write       the locks around write transactions
    maintenance       held by the one process that deletes what has expired and compacts

`versions` is why a read costs next to nothing: a process counts its commits there, so comparing a few bytes of memory shows
whether somebody has written since the file was last looked at. It counts twice, before a commit and after it: from the
moment of the commit on everybody can read it in the file, so while a count is odd nobody may trust what he knows, and has to
look. That goes for the process itself, too, whose loop hears of its own commit last. A process that is killed there leaves
an odd count behind, which is as good as an even one once it is dead. A bell is rung for the others after each commit; nobody
asks the file while nothing happens.

The two locks make waiting fair, which SQLite's own busy handler, a sleep of growing length, is not: who waits for `write`
holds `turn`, so whoever had `write` and wants it again stands behind.
"""

import errno
import mmap
import os
import struct
import time
from pathlib import Path

from genericapiserver.aio.file_lock import FileLock
from genericapiserver.storage.engine import EngineOpenError

PLACES = 64
"""Processes that may share one file."""
_PLACE = struct.Struct("<QQ")  # commits counted, and what tells one holder of the place from the next (0: nobody)
_PLACES = struct.Struct(f"<{2 * PLACES}Q")
_POSITION = struct.Struct("<Q")
_POSITIONS_AT = PLACES * _PLACE.size
_SIZE = _POSITIONS_AT + PLACES * _POSITION.size


class Sharing:
    """This process's place among those that share the file *path*. Raises EngineOpenError.

    `begin`, `end`, `announce` and `try_maintain` belong to the writer's thread, the rest to the loop.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder = shared_folder(path)
        self._locks: list[FileLock] = []
        self._bells: dict[
            int, tuple[int, int]
        ] = {}  # by place: who has it, and the descriptor, -1 for one that is gone
        self.bell = -1
        self.waits_since = 0.0
        """Since when (monotonic) the writer waits for another process's transaction; 0 when it does not."""
        try:
            self._turn = self._lock("turn")
            self._write = self._lock("write")
            self._maintenance = self._lock("maintenance")
            self._maintains = False
            self._place = self._take_place()
            self._memory = self._map()
            self.bell = self._open_bell()
        except BaseException as error:
            self.close()
            if isinstance(error, OSError):
                raise EngineOpenError(
                    str(path),
                    f"it cannot be shared: {error.filename or self._folder}: {error.strerror}",
                    "Check the folder beside it, which must be on a local disk",
                ) from error
            raise
        self._own = self._place * _PLACE.size
        count = _PLACE.unpack_from(self._memory, self._own)[0]
        self._count = count + count % 2  # odd if the one before was killed in a commit
        self._delivered = (-1, 0)
        self._identity = time.time_ns()
        self._tell()

    def _lock(self, name: str) -> FileLock:
        lock = FileLock(self._folder / name)
        self._locks.append(lock)
        return lock

    def _take_place(self) -> int:
        for place in range(PLACES):
            lock = FileLock(self._folder / f"{place}.lock")
            if lock.try_acquire():
                self._locks.append(lock)
                return place
            lock.close()
        raise EngineOpenError(str(self._path), f"{PLACES} processes have it open", "Stop some of them")

    def _map(self) -> mmap.mmap:
        descriptor = os.open(self._folder / "versions", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(descriptor, _SIZE)
            return mmap.mmap(descriptor, _SIZE)
        finally:
            os.close(descriptor)

    def _open_bell(self) -> int:
        path = self._folder / f"{self._place}.bell"
        path.unlink(missing_ok=True)  # of a process that was killed, perhaps with rings in it
        os.mkfifo(path, 0o600)
        # Open for writing, too: without a writer a FIFO is at its end, which would be readable for ever.
        return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    # ---- writing

    def begin(self) -> None:
        """Wait for this process's turn to write."""
        self.waits_since = time.monotonic()
        self._turn.acquire()
        try:
            self._write.acquire()
        finally:
            self._turn.release()
            self.waits_since = 0.0

    def end(self) -> None:
        """Let the next one write."""
        self._write.release()

    def committing(self) -> None:
        """From here on others may see in the file what is being written."""
        self._count += 1
        self._tell()

    def announce(self) -> None:
        """After a commit, before anybody is told of it, or after it failed: count it, and ring for the others.

        Does nothing when none was begun.
        """
        if self._count % 2 == 0:
            return
        self._count += 1
        self._tell()
        for place, who in enumerate(_PLACES.unpack_from(self._memory)[1::2]):
            if who and place != self._place:
                self._ring(place, who)

    def delivers(self, revision: int) -> None:
        """What the last commit wrote, up to *revision*, is on its way to the loop."""
        self._delivered = self._count, revision

    def _tell(self) -> None:
        _PLACE.pack_into(self._memory, self._own, self._count, self._identity)

    def _ring(self, place: int, who: int) -> None:
        known = self._bells.get(place)
        if known is None or known[0] != who:
            if known is not None and known[1] >= 0:
                os.close(known[1])
            known = self._bells[place] = who, self._find_bell(place)
        if known[1] < 0:
            return
        try:
            os.write(known[1], b"\0")
        except BlockingIOError:
            pass  # it has not listened to the last 65536 rings; one more says nothing new
        except OSError:  # its process was killed
            os.close(known[1])
            self._bells[place] = who, -1

    def _find_bell(self, place: int) -> int:
        try:
            return os.open(self._folder / f"{place}.bell", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in (errno.ENXIO, errno.ENOENT):  # nobody listens
                return -1
            raise

    def try_maintain(self) -> bool:
        """Whether this process does the maintenance. Once it does, it goes on to its end; then another one does."""
        if not self._maintains:
            self._maintains = self._maintenance.try_acquire()
        return self._maintains

    # ---- hearing

    def versions(self) -> bytes:
        """Changes whenever a process commits, this one included."""
        return self._memory[:_POSITIONS_AT]

    def versions_to_trust(self) -> bytes | None:
        """`versions`, for who is about to look at the file; None while somebody commits, who may be seen by others first."""
        versions = self.versions()
        places = _PLACES.unpack(versions)
        for place, (count, who) in enumerate(zip(places[::2], places[1::2], strict=True)):
            if count % 2 and who and (place == self._place or self._is_alive(place)):
                return None
        return versions

    def with_own(self, versions: bytes, known: int) -> bytes:
        """*versions* with this process's own commits, of which everything up to the revision *known* is known."""
        count, revision = self._delivered
        if count < 0 or revision > known:
            return versions
        return versions[: self._own] + _PLACE.pack(count, self._identity) + versions[self._own + _PLACE.size :]

    def listen(self) -> None:
        """Empty the bell."""
        try:
            os.read(self.bell, 65536)
        except BlockingIOError:
            return

    def reached(self, revision: int) -> None:
        """Tell the others that this process knows everything up to *revision*."""
        _POSITION.pack_into(self._memory, _POSITIONS_AT + self._place * _POSITION.size, revision)

    def slowest(self) -> int:
        """The lowest revision that another live process is at; 0 without any."""
        found = []
        for place, who in enumerate(_PLACES.unpack_from(self._memory)[1::2]):
            if who and place != self._place and self._is_alive(place):
                found.append(_POSITION.unpack_from(self._memory, _POSITIONS_AT + place * _POSITION.size)[0])
        return min(found, default=0)

    def _is_alive(self, place: int) -> bool:
        lock = FileLock(self._folder / f"{place}.lock")
        try:
            return not lock.try_acquire()
        finally:
            lock.close()

    def close(self) -> None:
        """Leave the place. Idempotent."""
        memory = getattr(self, "_memory", None)
        if memory is not None and not memory.closed:
            if hasattr(self, "_own"):
                _PLACE.pack_into(memory, self._own, self._count, 0)
            memory.close()
        if self.bell >= 0:
            (self._folder / f"{self._place}.bell").unlink(missing_ok=True)
            os.close(self.bell)
            self.bell = -1
        for _, descriptor in self._bells.values():
            if descriptor >= 0:
                os.close(descriptor)
        self._bells.clear()
        for lock in reversed(self._locks):  # the place last taken goes first
            lock.close()
        self._locks.clear()


def shared_folder(path: Path) -> Path:
    """The folder beside the file *path*, which is made when it is missing. Raises EngineOpenError."""
    folder = path.with_name(f"{path.name}.shared")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise EngineOpenError(
            str(path), f"{folder} cannot be made: {error.strerror}", "Check the permissions of the directory"
        ) from error
    return folder
