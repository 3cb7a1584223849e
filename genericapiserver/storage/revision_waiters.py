"""Who waits for a revision, and is woken in the order of the revisions."""

import asyncio
from heapq import heappop, heappush
from itertools import count

from genericapiserver.storage.engine import EngineClosedError


class RevisionWaiters:
    """Those who wait for revisions that have not been written yet."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._tickets = count()

    async def wait_for(self, rev: int) -> None:
        """Return once `tell` was called with *rev* or more. Raises EngineClosedError when `close` was called before."""
        future = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (rev, next(self._tickets), future))
        try:
            await future
        finally:
            if future.cancelled():
                self._waiting = [waiter for waiter in self._waiting if waiter[2] is not future]
                self._waiting.sort()

    def tell(self, current_rev: int) -> None:
        """Everything up to *current_rev* can be read."""
        while self._waiting and self._waiting[0][0] <= current_rev:
            future = heappop(self._waiting)[2]
            if not future.done():
                future.set_result(None)

    def close(self) -> None:
        for _, _, future in self._waiting:
            if not future.done():
                future.set_exception(EngineClosedError("the storage engine is closed"))
        self._waiting.clear()
