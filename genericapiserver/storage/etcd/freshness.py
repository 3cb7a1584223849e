"""Knowing that everything is known: where the cluster is, and whether the feed has come that far.

The revision of the cluster is asked with a linearizable read that returns nothing; who comes while one is under way shares
the next. It also counts writes outside the prefix, of which the feed hears nothing. When the feed does not come to it by
itself, etcd is asked to report progress on the stream; and where etcd cannot be believed in that (see `believable`), a key
under the prefix is written, the marker: once its event has come, everything before it has. A cluster that is full takes no
marker; there, everything that was written since is read, other prefixes, too.

Source: k8s.io/apiserver pkg/storage/feature/feature_support_checker.go, pkg/storage/cacher/progress.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Final

from genericapiserver.aio import is_being_cancelled
from genericapiserver.storage.engine import DiskFullError, EngineClosedError, EngineError, EngineTimeoutError
from genericapiserver.storage.etcd import messages
from genericapiserver.storage.etcd.client import EtcdClient
from genericapiserver.storage.event_log import EventLog

PERIOD: Final = 0.1
"""Seconds between two requests for progress."""
TIMEOUT: Final = 10.0
ROUND: Final = 1.0
"""Seconds between two looks whether somebody waits."""

_VERSION: Final = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?")


def believable(version: str) -> bool:
    """Whether etcd of that version reports progress only after the events before it, on a stream that is asked for it.

    A release candidate comes before its release. Deviation: the reference believes those of 3.5.0, which it compares with
    3.4.31 alone.
    """
    found = _VERSION.fullmatch(version.strip())
    if found is None:
        return False
    *number, candidate = found.groups()
    reached = (int(number[0]), int(number[1]), int(number[2]), not candidate)
    return (3, 4, 31, True) <= reached < (3, 5, 0, False) or reached >= (3, 5, 13, True)


class Freshness:
    """Brings *log* to what the cluster has. *grace* in seconds is how long the feed gets to come there by itself; *doubt* is
    told once a second while somebody waits for it. *read_up_to* brings the log to a revision without a write."""

    def __init__(
        self,
        client: EtcdClient,
        log: EventLog,
        *,
        marker: bytes,
        grace: float,
        request_progress: Callable[[], Awaitable[None]],
        read_up_to: Callable[[int], Awaitable[None]],
        doubt: Callable[[], None],
    ) -> None:
        self._client = client
        self._log = log
        self._marker = marker
        self._grace = grace
        self._request_progress = request_progress
        self._read_up_to = read_up_to
        self._doubt = doubt
        self._waiting = 0
        self._looking: asyncio.TimerHandle | None = None
        self._asking: asyncio.Task[int] | None = None
        self._next: asyncio.Task[int] | None = None
        self._needed = 0
        self._proving: asyncio.Task[None] | None = None
        self.progress_counts = False
        """Whether every member reports progress that can be believed."""

    async def catch_up(self) -> None:
        """Return once everything is known that was written before this was called. Raises EngineError."""
        if self._next is None:
            self._next = asyncio.create_task(self._ask(self._asking))
            self._next.add_done_callback(_seen)
        try:
            revision = await asyncio.shield(self._next)
        except asyncio.CancelledError:
            if is_being_cancelled():
                raise
            raise EngineClosedError("the storage engine is closed") from None
        await self.known(revision)

    async def _ask(self, before: "asyncio.Task[int] | None") -> int:
        if before is not None:
            await asyncio.wait([before])
        self._asking, self._next = self._next, None
        return await self.revision()

    async def revision(self) -> int:
        """Where the cluster is, as its quorum says."""
        request = messages.RangeRequest(key=self._marker, count_only=True)
        return int((await self._client.read("Range", request)).header.revision)

    async def known(self, rev: int, *, comes: bool = False) -> None:
        """Return once the log is at *rev*, which the cluster has. Raises EngineTimeoutError, EngineClosedError.

        With *comes* there is an event of that revision, which nobody has to ask for.
        """
        if rev <= self._log.current_rev:
            return
        if not comes:
            self._prove_up_to(rev)
        self._waiting += 1
        if self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(ROUND, self._look)
        try:
            async with asyncio.timeout(TIMEOUT):
                await self._log.reached(rev)
        except TimeoutError as error:
            raise EngineTimeoutError(
                f"the watch on etcd is at revision {self._log.current_rev} and does not come to {rev}"
            ) from error
        finally:
            self._waiting -= 1

    def _look(self) -> None:
        self._looking = None
        if self._waiting:
            self._doubt()
            self._looking = asyncio.get_running_loop().call_later(ROUND, self._look)

    def _prove_up_to(self, rev: int) -> None:
        self._needed = max(self._needed, rev)
        if self._proving is None:
            self._proving = asyncio.create_task(self._prove())
            self._proving.add_done_callback(_seen)

    async def _prove(self) -> None:
        try:
            wait = self._grace
            while not self._log.closed and not await self._comes(self._needed, wait):
                try:
                    await (self._request_progress() if self.progress_counts else self._mark_or_read())
                except EngineClosedError:
                    return
                except EngineError:  # the feed says what is wrong; who waits has a timeout
                    await asyncio.sleep(PERIOD)
                wait = PERIOD if self.progress_counts else 10 * PERIOD
        finally:
            self._proving = None

    async def _comes(self, rev: int, wait: float) -> bool:
        try:
            async with asyncio.timeout(wait):
                await self._log.reached(rev)
        except TimeoutError:
            return False
        except EngineClosedError:
            return True
        return self._log.current_rev >= self._needed

    async def _mark_or_read(self) -> None:
        try:
            await self.mark()
        except DiskFullError:
            await self._read_up_to(self._needed)

    async def mark(self) -> None:
        """Write the marker."""
        put = messages.RequestOp(request_put=messages.PutRequest(key=self._marker))
        await self._client.write("Txn", messages.TxnRequest(success=[put]))

    async def aclose(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
        for task in (self._asking, self._next, self._proving):
            if task is not None and not task.done():
                task.cancel()
                await asyncio.wait([task])


def _seen(task: "asyncio.Task[int] | asyncio.Task[None]") -> None:
    if not task.cancelled():
        task.exception()
