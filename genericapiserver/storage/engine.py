"""What an engine promises: bytes under keys, one revision for the whole store, and its history.

The shape is that of etcd's calls, because everything above (consistent pages, watches that resume, compare-and-swap)
rests on exactly these. Rules that every engine keeps:

1. A write gets its revision and becomes visible in one step, in order: when revision n can be read, every lower one is
   final.
2. A revision can be read, and a watch can start from it, as long as it is not below `floor_rev()`.
3. Watches are cursors into the history, not queues: a slow reader costs nothing until compaction passes it.
4. When it cannot be proven that history is continuous (the process lost its memory, a backup was restored), the engine
   jumps: it goes on at a revision far above any it ever gave out, and its floor is that revision. Clients that come
   with an older one are told to list again, instead of waiting for ever or missing changes.
5. Values are opaque. An expired key is deleted by an ordinary write that watches see, never before its time.

Engines that live in this process tell their subscribers of every committed write, in order, before the writer is
answered: a cache that subscribes is never behind what a client was told. Where other processes write, too (`shared`), a
cache asks `is_current` before it answers with what is newest, and otherwise waits for `catch_up`.

Source of the shape: k8s.io/apiserver pkg/storage/etcd3/{store,watcher,compact}.go and etcd's API.
"""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from genericapiserver.storage.errors import StorageError

MAX_REVISION = 2**53
"""Revisions stay below it, so that they are exact in every JSON reader."""
LATEST_BEGINNING = MAX_REVISION // 2
"""Where a store begins at the latest, whatever the clock says: there is room for revisions above it."""
EPOCH_JUMP = 10**6
"""How far a revision jumps at least when continuity cannot be proven."""


class EngineError(StorageError):
    """The root of what engines raise."""


class CompactedError(EngineError):
    """History at *requested* is gone; reads start at *floor*."""

    def __init__(self, requested: int, floor: int) -> None:
        super().__init__(f"revision {requested} has been compacted, the oldest one is {floor}")
        self.requested = requested
        self.floor = floor


class FutureRevisionError(EngineError):
    """*requested* has not been written yet; the store is at *current*."""

    def __init__(self, requested: int, current: int) -> None:
        super().__init__(f"revision {requested} is in the future, the current one is {current}")
        self.requested = requested
        self.current = current


class TooLargeError(EngineError):
    """The engine does not take a value of *size* bytes."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"a value of {size} bytes exceeds the limit of {limit}")
        self.size = size
        self.limit = limit


class UnreachableError(EngineError):
    """The engine cannot be asked now."""


class EngineClosedError(UnreachableError):
    """The engine was closed by its owner."""


class EngineTimeoutError(EngineError):
    """The engine did not answer in time; a write may or may not have happened."""


class EngineFaultError(EngineError):
    """A read or a write failed below the engine. *problem* says what without naming the place, *path* names it.

    A write that fails so has left nothing behind, unless it is an UnfinishedWriteError.
    """

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(f"{path}: {problem}" if path else problem)
        self.problem = problem
        self.path = path


class UnfinishedWriteError(EngineFaultError):
    """A write has failed and could not be taken back. Nobody sees it, and nothing is written before it is taken back; if
    the process ends before that, it may be there when the store is opened again."""

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(
            f"{problem}, and what was written could not be taken back: it may be there after a restart", path
        )


class DiskFullError(EngineFaultError):
    """There is no room for the write."""


class CorruptFileError(EngineFaultError):
    """The file is damaged."""


class EngineOpenError(EngineFaultError):
    """The store cannot be opened; *advice* says what to do about it."""

    def __init__(self, path: str, problem: str, advice: str) -> None:
        super().__init__(f"{problem}. {advice}", path)
        self.advice = advice


class KeyValue(NamedTuple):
    """One key at one revision."""

    key: bytes
    value: bytes
    create_rev: int
    mod_rev: int
    expires_at: float = 0.0
    """Seconds since 1970, 0 for never."""


class GetResult(NamedTuple):
    kv: KeyValue | None
    rev: int
    """The revision the store was at."""


class RangeResult(NamedTuple):
    kvs: list[KeyValue]
    total: int
    """How many keys there are from the start on, whatever the limit."""
    rev: int


class RangeStats(NamedTuple):
    keys: int
    value_bytes: int


class WriteResult(NamedTuple):
    ok: bool
    rev: int
    """The revision of the write, or where the store was when it was refused."""
    current: KeyValue | None
    """What is under the key when the write was refused."""


class EngineEvent(NamedTuple):
    """One committed write. `value` is None for a deletion, `prev_value` is None when the key was absent before."""

    rev: int
    key: bytes
    value: bytes | None
    prev_value: bytes | None
    create_rev: int
    prev_rev: int


class WatchBatch(NamedTuple):
    """The next events of a watch. Without events it is a progress report: nothing else happened up to `rev`."""

    events: list[EngineEvent]
    rev: int


class EngineWatch(Protocol):
    """A cursor into the history."""

    async def next(self) -> WatchBatch:
        """The next events, waiting for one. Raises CompactedError when history has passed the cursor,
        EngineClosedError when watch or engine were closed."""

    def close(self) -> None:
        """Give the cursor up; a waiting `next` raises EngineClosedError. Idempotent."""


class Subscription(Protocol):
    """A subscriber's place; `close` ends it."""

    def close(self) -> None: ...


Subscriber: TypeAlias = Callable[[Sequence[EngineEvent]], None]
"""Called on the loop with committed writes in order. It must not raise and must not block."""


class StorageEngine(Protocol):
    """See the module for the rules. All methods belong to the loop the engine was started on."""

    @property
    def shared(self) -> bool:
        """Whether other processes may write, so that somebody may have been told of more than `current_rev`."""

    def is_current(self) -> bool:
        """Whether everything that anybody was told of before is known here. Costs next to nothing."""

    async def catch_up(self) -> None:
        """Return once everything is known that anybody was told of before this was called. Raises EngineError."""

    def current_rev(self) -> int:
        """The revision of the newest write, at least 1. Known without asking anybody."""

    def compact_rev(self) -> int:
        """The newest compaction somebody asked for, 0 when there was none."""

    def floor_rev(self) -> int:
        """The oldest revision that can be read: `compact_rev()`, or where history began if that is higher."""

    def size_bytes(self) -> int:
        """How much room the present values take, or the files on disk. Quick: asked for each page of metrics."""

    async def get(self, key: bytes, *, rev: int = 0) -> GetResult:
        """The newest value, or that at *rev*. Raises CompactedError, FutureRevisionError."""

    async def range(self, start: bytes, end: bytes, *, limit: int = 0, rev: int = 0) -> RangeResult:
        """Keys from *start* up to before *end* in byte order, at most *limit*, all as of one revision."""

    async def put(self, key: bytes, value: bytes, *, expect_rev: int, ttl: float = 0.0) -> WriteResult:
        """Write if the key was last written at *expect_rev* (0: is absent). A *ttl* in seconds starts now."""

    async def delete(self, key: bytes, *, expect_rev: int) -> WriteResult:
        """Delete if the key was last written at *expect_rev*."""

    async def stats(self, start: bytes, end: bytes) -> RangeStats:
        """How much there is now from *start* up to before *end*."""

    def watch(self, start: bytes, end: bytes | None, *, after_rev: int) -> EngineWatch:
        """Events after *after_rev* on keys from *start* up to before *end*; None: on the key *start* alone.

        A revision of the future is silent until it has passed.
        """

    async def history(self, start: bytes, end: bytes | None, *, after_rev: int, upto: int) -> WatchBatch:
        """The next events after *after_rev* up to *upto*, some of them if there are many; `rev` says how far.

        Raises CompactedError.
        """

    def subscribe(
        self,
        prefix: bytes,
        subscriber: Subscriber,
        *,
        closed: Callable[[], None] | None = None,
        lost: Callable[[], None] | None = None,
    ) -> Subscription:
        """Tell *subscriber* of every write under *prefix* (which ends in `/`) from now on.

        *closed* is called when the engine is closed before the subscription, *lost* when the engine has missed writes
        that nobody can tell any more: what the subscriber knows must be read anew.
        """

    async def reached(self, rev: int) -> None:
        """Return once `current_rev()` is *rev* or higher."""

    async def request_progress(self) -> None:
        """Look for news now and make idle watches report where they are."""

    async def compact(self, rev: int) -> None:
        """Forget history before *rev*, which stays readable. Raises CompactedError if that already happened."""

    async def check(self) -> None:
        """Raise EngineError unless the engine can read and write (health checks)."""

    async def aclose(self) -> None:
        """Finish what was accepted, end watches, give everything back. Idempotent."""


def first_revision() -> int:
    """Where a new store begins: at the time in microseconds, above whatever a store before it can have given out.

    A clock that is before 1970, or centuries ahead, does not keep a store from beginning.
    """
    return min(max(time.time_ns() // 1000, 1), LATEST_BEGINNING)


def prefix_end(prefix: bytes) -> bytes:
    """The first key after everything that starts with *prefix*."""
    stripped = prefix.rstrip(b"\xff")
    if not stripped:
        raise ValueError("a prefix of 0xff bytes only has no end")
    return stripped[:-1] + bytes([stripped[-1] + 1])
