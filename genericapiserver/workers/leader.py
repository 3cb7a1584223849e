"""One of several processes does what must be done once.

A leader is not elected for a term: it leads until its process ends, and then, however it ended, the kernel lets go of the
lock and another process leads within a second. Work that is handed in starts when this process leads, which may be never.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from genericapiserver.aio.file_lock import FileLock

LOOK_EVERY: Final = 0.25
"""Seconds between two tries of a follower: one system call each."""

Work: TypeAlias = Callable[[], Awaitable[None]]


class Leader(Protocol):
    """Says when this process leads."""

    @property
    def leads(self) -> bool:
        """Whether it does now."""

    async def lead(self, work: Work) -> None:
        """Run *work* once this process leads, and return when it has returned. Cancel it to end it."""

    async def aclose(self) -> None:
        """Let another process lead. Call it when no work is running any more. Idempotent."""


class SoleLeader:
    """Of a server that is alone: it leads at once."""

    leads: Final = True

    async def lead(self, work: Work) -> None:
        await work()

    async def aclose(self) -> None:
        pass


class FileLockLeader:
    """Leads while it holds the lock on the file *path*, which every process must name the same and which is on a local disk.

    Raises OSError when the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._lock = FileLock(path)
        self._leads = False
        self._closed = False

    @property
    def leads(self) -> bool:
        return self._leads

    async def lead(self, work: Work) -> None:
        while not self._try():  # noqa: ASYNC110  who holds the lock is another process
            await asyncio.sleep(LOOK_EVERY)
        await work()

    def _try(self) -> bool:
        if not self._leads and not self._closed:
            self._leads = self._lock.try_acquire()
        return self._leads

    async def aclose(self) -> None:
        self._closed, self._leads = True, False
        with contextlib.suppress(OSError):
            self._lock.close()
