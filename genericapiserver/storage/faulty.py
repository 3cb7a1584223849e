"""An engine that fails when it is told to: for tests of servers, controllers and whoever else has to live with storage.

    engine = FaultyEngine(MemoryEngine())
    engine.fail(3, Manner.ANSWER_LOST)  # the third call from now on takes effect, and its caller hears of a timeout

What is asked of the engine counts as a call: reads, writes, `catch_up`, `stats`, `history`, `compact`, `check`, and the
beginning of a watch or a subscription. Each batch of a watch is one, too, when there is one to hand out. What costs nothing
(`current_rev` and its like) cannot fail. Everything that does not fail is done by the engine behind it, which stays what is
true: a test compares what clients were told with that one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import TypeVar

from genericapiserver.storage.engine import (
    CompactedError,
    DiskFullError,
    EngineError,
    EngineEvent,
    EngineFaultError,
    EngineTimeoutError,
    EngineWatch,
    GetResult,
    RangeResult,
    RangeStats,
    StorageEngine,
    Subscriber,
    Subscription,
    UnreachableError,
    WatchBatch,
    WriteResult,
)

R = TypeVar("R")


class Manner(StrEnum):
    """How a call fails."""

    UNREACHABLE = "unreachable"
    """UnreachableError; nothing has happened."""
    FAULT = "fault"
    """EngineFaultError, as of a broken disk; nothing has happened."""
    DISK_FULL = "disk full"
    """DiskFullError; nothing has happened."""
    TIMEOUT = "timeout"
    """EngineTimeoutError; nothing has happened, which the caller cannot know."""
    ANSWER_LOST = "answer lost"
    """EngineTimeoutError; it has happened."""
    HANG = "hang"
    """No answer until the caller gives up, or `heal` or `release`; nothing has happened."""
    HANG_AFTERWARDS = "hang afterwards"
    """No answer until the caller gives up, or `heal` or `release`; it has happened."""
    COMPACTED = "compacted"
    """CompactedError; for calls that name a revision, and batches of watches."""


_AFTERWARDS = (Manner.ANSWER_LOST, Manner.HANG_AFTERWARDS)
_HANGING = (Manner.HANG, Manner.HANG_AFTERWARDS)
_ERRORS: dict[Manner, Callable[[str], EngineError]] = {
    Manner.UNREACHABLE: lambda call: UnreachableError(f"{call} was made to fail: the engine cannot be reached"),
    Manner.FAULT: lambda call: EngineFaultError(f"{call} was made to fail: reading or writing the disk failed"),
    Manner.DISK_FULL: lambda call: DiskFullError(f"{call} was made to fail: the disk is full"),
    Manner.TIMEOUT: lambda call: EngineTimeoutError(f"{call} was made to fail: no answer in time"),
    Manner.ANSWER_LOST: lambda call: EngineTimeoutError(f"{call} was made to fail: no answer in time"),
}


class FaultyEngine:
    """A StorageEngine in front of *engine*. `called` names the calls since `fail` or `heal` was called last."""

    def __init__(self, engine: StorageEngine) -> None:
        self.engine = engine
        self.called: list[str] = []
        self.struck = asyncio.Event()
        """Set when a call has met its fault: before it hangs, or as it fails."""
        self._first = 0
        self._times = 0
        self._manner = Manner.UNREACHABLE
        self._subscriptions: list[_FaultySubscription] = []
        self._news_left = 0
        self._hanging: set[asyncio.Future[None]] = set()

    # ---- what a test says

    def fail(self, number: int, manner: Manner, *, times: int = 1) -> None:
        """The call *number*, counted from 1 and from now, fails, and those after it until *times* have."""
        if number < 1 or times < 1:
            raise ValueError("calls are counted from 1")
        self.heal()
        self._first, self._manner, self._times = number, manner, times

    def heal(self) -> None:
        """Nothing fails any more. What still hangs ends with UnreachableError, as when a connection is given up."""
        self._first = self._times = self._news_left = 0
        self.called = []
        self.struck = asyncio.Event()
        hanging, self._hanging = self._hanging, set()
        for future in hanging:
            if not future.done():
                future.set_exception(UnreachableError("the connection was given up"))

    def release(self) -> None:
        """Have done what hangs in Manner.HANG, and answer all that hangs."""
        for future in self._hanging:
            if not future.done():
                future.set_result(None)

    def lose_news(self, number: int = 0) -> None:
        """Keep news back from a subscriber, the *number*th from now, and tell it that they are lost; 0: tell all now.

        So an engine does that has been away from what it follows for too long.
        """
        self._news_left = number
        if not number:
            for subscription in tuple(self._subscriptions):
                subscription.lose()

    # ---- failing

    def _falls(self, call: str) -> Manner | None:
        """Count *call*; how it is to fail."""
        self.called.append(call)
        number = len(self.called)
        if not self._first or not self._first <= number < self._first + self._times:
            return None
        self.struck.set()
        return self._manner

    def _fail_now(self, call: str, revision: int = 0) -> None:
        """A call that does not wait."""
        manner = self._falls(call)
        if manner is not None and manner not in _HANGING:
            raise self._error(manner, call, revision)

    def _error(self, manner: Manner, call: str, revision: int) -> EngineError:
        if manner is Manner.COMPACTED:
            return CompactedError(revision, self.engine.current_rev()) if revision else _ERRORS[Manner.FAULT](call)
        return _ERRORS[manner](call)

    async def _hang(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._hanging.add(future)
        try:
            await future
        finally:
            self._hanging.discard(future)

    async def _do(self, call: str, work: Callable[[], Awaitable[R]], revision: int = 0) -> R:
        manner = self._falls(call)
        if manner is None:
            return await work()
        if manner in _AFTERWARDS:
            result = await work()
        if manner not in _HANGING:
            raise self._error(manner, call, revision)
        await self._hang()
        return result if manner in _AFTERWARDS else await work()

    # ---- the engine

    @property
    def shared(self) -> bool:
        return self.engine.shared

    def is_current(self) -> bool:
        return self.engine.is_current()

    async def catch_up(self) -> None:
        await self._do("catch_up", self.engine.catch_up)

    def current_rev(self) -> int:
        return self.engine.current_rev()

    def compact_rev(self) -> int:
        return self.engine.compact_rev()

    def floor_rev(self) -> int:
        return self.engine.floor_rev()

    def size_bytes(self) -> int:
        return self.engine.size_bytes()

    async def get(self, key: bytes, *, rev: int = 0) -> GetResult:
        return await self._do("get", lambda: self.engine.get(key, rev=rev), rev)

    async def range(self, start: bytes, end: bytes, *, limit: int = 0, rev: int = 0) -> RangeResult:
        return await self._do("range", lambda: self.engine.range(start, end, limit=limit, rev=rev), rev)

    async def put(self, key: bytes, value: bytes, *, expect_rev: int, ttl: float = 0.0) -> WriteResult:
        return await self._do("put", lambda: self.engine.put(key, value, expect_rev=expect_rev, ttl=ttl))

    async def delete(self, key: bytes, *, expect_rev: int) -> WriteResult:
        return await self._do("delete", lambda: self.engine.delete(key, expect_rev=expect_rev))

    async def stats(self, start: bytes, end: bytes) -> RangeStats:
        return await self._do("stats", lambda: self.engine.stats(start, end))

    def watch(self, start: bytes, end: bytes | None, *, after_rev: int) -> EngineWatch:
        self._fail_now("watch", after_rev)
        return _FaultyWatch(self, self.engine.watch(start, end, after_rev=after_rev))

    async def history(self, start: bytes, end: bytes | None, *, after_rev: int, upto: int) -> WatchBatch:
        return await self._do(
            "history", lambda: self.engine.history(start, end, after_rev=after_rev, upto=upto), after_rev
        )

    def subscribe(
        self,
        prefix: bytes,
        subscriber: Subscriber,
        *,
        closed: Callable[[], None] | None = None,
        lost: Callable[[], None] | None = None,
    ) -> Subscription:
        self._fail_now("subscribe")
        subscription = _FaultySubscription(self, prefix, subscriber, closed, lost)
        self._subscriptions.append(subscription)
        return subscription

    async def reached(self, rev: int) -> None:
        await self._do("reached", lambda: self.engine.reached(rev))

    async def request_progress(self) -> None:
        await self._do("request_progress", self.engine.request_progress)

    async def compact(self, rev: int) -> None:
        await self._do("compact", lambda: self.engine.compact(rev))

    async def check(self) -> None:
        await self._do("check", self.engine.check)

    async def aclose(self) -> None:
        """Close the engine behind; what hangs ends."""
        self.heal()
        await self.engine.aclose()

    # ---- what subscriptions and watches ask

    def keeps_back(self) -> bool:
        """Whether these news are to be lost."""
        if not self._news_left:
            return False
        self._news_left -= 1
        if self._news_left:
            return False
        self.struck.set()
        return True

    def forget(self, subscription: "_FaultySubscription") -> None:
        self._subscriptions = [each for each in self._subscriptions if each is not subscription]

    async def next_batch(self, watch: EngineWatch) -> WatchBatch:
        """A batch of *watch*. One that is lost in failing is gone, with the watch."""
        batch = await watch.next()
        manner = self._falls("next")
        if manner is None:
            return batch
        if manner in _HANGING:
            await self._hang()
            return batch
        watch.close()
        raise self._error(manner, "next", batch.rev)


class _FaultyWatch:
    def __init__(self, owner: FaultyEngine, watch: EngineWatch) -> None:
        self._owner = owner
        self._watch = watch

    async def next(self) -> WatchBatch:
        return await self._owner.next_batch(self._watch)

    def close(self) -> None:
        self._watch.close()


class _FaultySubscription:
    def __init__(
        self,
        owner: FaultyEngine,
        prefix: bytes,
        subscriber: Subscriber,
        closed: Callable[[], None] | None,
        lost: Callable[[], None] | None,
    ) -> None:
        self._owner = owner
        self._subscriber = subscriber
        self.lose = lost or (lambda: None)
        self._subscription = owner.engine.subscribe(prefix, self._hear, closed=closed, lost=lost)

    def _hear(self, news: Sequence[EngineEvent]) -> None:
        if self._owner.keeps_back():
            self.lose()
        else:
            self._subscriber(news)

    def close(self) -> None:
        self._owner.forget(self)
        self._subscription.close()
