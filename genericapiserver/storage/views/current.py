"""The engine of whichever view the running task works on: one store serves the objects of all views.

Who serves a request says which view it is for (`use`), once; tasks that the request starts inherit it. A watch is a
cursor of the view it was opened on, whoever reads it.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

from genericapiserver.storage.engine import (
    GetResult,
    RangeResult,
    RangeStats,
    Subscriber,
    Subscription,
    WatchBatch,
    WriteResult,
)
from genericapiserver.storage.event_log import LogCursor
from genericapiserver.storage.views.engine import ViewEngine


class CurrentEngine:
    """A StorageEngine that hands every call to the view in use; where none is, to *default*.

    *default* is for work that belongs to no request, such as counting objects for metrics.
    """

    def __init__(self, default: ViewEngine) -> None:
        self.default = default
        self._view: ContextVar[ViewEngine] = ContextVar("genericapiserver_view", default=default)

    @property
    def view(self) -> ViewEngine:
        return self._view.get()

    @contextlib.contextmanager
    def use(self, view: ViewEngine) -> Iterator[None]:
        """Have the running task, and those it starts, work on *view* for the length of the block."""
        before = self._view.set(view)
        try:
            yield
        finally:
            self._view.reset(before)

    @property
    def shared(self) -> bool:
        return False

    def is_current(self) -> bool:
        return True

    async def catch_up(self) -> None:
        await self._view.get().catch_up()

    def current_rev(self) -> int:
        return self._view.get().current_rev()

    def compact_rev(self) -> int:
        return self._view.get().compact_rev()

    def floor_rev(self) -> int:
        return self._view.get().floor_rev()

    def size_bytes(self) -> int:
        """Of all views together."""
        return sum(view.size_bytes() for view in self.default.family.views)

    async def get(self, key: bytes, *, rev: int = 0) -> GetResult:
        return await self._view.get().get(key, rev=rev)

    async def range(self, start: bytes, end: bytes, *, limit: int = 0, rev: int = 0) -> RangeResult:
        return await self._view.get().range(start, end, limit=limit, rev=rev)

    async def put(self, key: bytes, value: bytes, *, expect_rev: int, ttl: float = 0.0) -> WriteResult:
        return await self._view.get().put(key, value, expect_rev=expect_rev, ttl=ttl)

    async def delete(self, key: bytes, *, expect_rev: int) -> WriteResult:
        return await self._view.get().delete(key, expect_rev=expect_rev)

    async def stats(self, start: bytes, end: bytes) -> RangeStats:
        return await self._view.get().stats(start, end)

    def watch(self, start: bytes, end: bytes | None, *, after_rev: int) -> LogCursor:
        return self._view.get().watch(start, end, after_rev=after_rev)

    async def history(self, start: bytes, end: bytes | None, *, after_rev: int, upto: int) -> WatchBatch:
        return await self._view.get().history(start, end, after_rev=after_rev, upto=upto)

    def subscribe(
        self,
        prefix: bytes,
        subscriber: Subscriber,
        *,
        closed: Callable[[], None] | None = None,
        lost: Callable[[], None] | None = None,
    ) -> Subscription:
        return self._view.get().subscribe(prefix, subscriber, closed=closed, lost=lost)

    async def reached(self, rev: int) -> None:
        await self._view.get().reached(rev)

    async def request_progress(self) -> None:
        await self._view.get().request_progress()

    async def compact(self, rev: int) -> None:
        await self._view.get().compact(rev)

    async def check(self) -> None:
        await self._view.get().check()

    async def aclose(self) -> None:
        """Close all views."""
        self.default.close()
