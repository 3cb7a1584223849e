"""One list() for everybody who waits, and polling while somebody watches.

A read of the newest state is answered by a list() that began after the read did, or it could miss what was written just
before. Those that come while one is running share the next one: however many clients ask, a source is asked one thing at a
time.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from genericapiserver.apimachinery.errors import StatusError
from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.builder.sources.calls import LIST, SourceCalls
from genericapiserver.builder.sources.mirror import BadObjectError, Mirror
from genericapiserver.logs import kv
from genericapiserver.logs.served import nobodys

logger = logging.getLogger(__name__)

TRIES: Final = 3
"""Lists for one snapshot, where objects are written meanwhile; after them what others have brought stands for these."""
LONGEST_PAUSE: Final = 30.0
"""Seconds between two polls of a source that fails; never less than the interval."""


class Snapshots:
    """Brings *mirror* to what list() says."""

    def __init__(self, mirror: Mirror, calls: SourceCalls) -> None:
        self._mirror = mirror
        self._calls = calls
        self._turn = asyncio.Lock()
        self._begun = 0
        self._ended = 0
        """The number of the last snapshot that came to an end, well or not."""
        self._failure: StatusError | None = None
        self._taken_at: float | None = None

    @property
    def age(self) -> float | None:
        """Seconds since the list() began that the mirror shows; None before the first."""
        return None if self._taken_at is None else asyncio.get_running_loop().time() - self._taken_at

    async def take(self, *, max_age: float = 0.0) -> None:
        """Return once the mirror shows a list() that began after this call, or at most *max_age* seconds before it.

        Raises StatusError when the source fails, StorageError when the mirror does.
        """
        age = self.age
        if max_age and age is not None and age <= max_age:
            return
        wanted = self._begun + 1
        async with self._turn:
            if self._ended < wanted:
                await self._take()
            elif self._failure is not None:
                raise self._failure

    async def _take(self) -> None:
        """One snapshot. When it is cancelled it counts as begun and not as ended, and those who wait take their own."""
        self._begun += 1
        number, began = self._begun, asyncio.get_running_loop().time()
        try:
            for _ in range(TRIES):
                before = await self._mirror.seen()
                objects = await self._calls(LIST)
                if await self._mirror.take(self._mirror.by_key(objects), before):
                    break
        except BadObjectError as error:
            self._ended, self._failure = number, self._calls.failed(LIST, error)
            raise self._failure from error
        except StatusError as error:
            self._ended, self._failure = number, error
            raise
        self._ended, self._failure, self._taken_at = number, None, began


class Polling:
    """Takes a snapshot every *interval* seconds, and when it is told to, while there is at least one `watcher`."""

    def __init__(self, snapshots: Snapshots, *, interval: float, resource: GroupResource) -> None:
        self._snapshots = snapshots
        self._interval = interval
        self._resource = resource
        self._watchers = 0
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told = asyncio.Event()

    @property
    def running(self) -> bool:
        return self._task is not None

    def watcher(self) -> Callable[[], None]:
        """Count one more who watches; the result counts it off, once."""
        self._watchers += 1
        if self._task is None:
            self._loop = asyncio.get_running_loop()
            self._task = self._loop.create_task(self._poll(), context=nobodys())
        left = False

        def leave() -> None:
            nonlocal left
            if not left:
                left = True
                self._watchers -= 1
                if not self._watchers:
                    self._stop()

        return leave

    def tell(self) -> None:
        """Look now if anybody watches. For any thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._told.set)

    async def aclose(self) -> None:
        task = self._task
        self._stop()
        if task is not None:
            await asyncio.wait([task])

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _poll(self) -> None:
        age = self._snapshots.age
        pause, failing = max(0.0, self._interval - age) if age is not None else 0.0, False
        while True:
            await self._paused(pause)
            try:
                await self._snapshots.take()
            except Exception as error:  # noqa: BLE001  whatever it is, watches go on when it is over
                pause = min(max(pause, self._interval) * 2, max(self._interval, LONGEST_PAUSE))
                logger.error(
                    kv("Watches are behind: a source cannot be read", resource=self._resource, err=error, again=pause)
                )
                failing = True
            else:
                if failing:
                    logger.info(kv("A source can be read again", resource=self._resource))
                pause, failing = self._interval, False

    async def _paused(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._told.wait()
        except TimeoutError:
            pass
        self._told.clear()
