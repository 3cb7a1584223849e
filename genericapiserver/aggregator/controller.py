"""A queue of names, and workers that bring each to where it should be: what every controller here stands on.

A name waits at most once however often it is added, and is worked on by one worker at a time; what is added meanwhile is
worked on again. A failure is tried again after a pause that doubles up to a limit, until it succeeds.
Source: client-go's util/workqueue with its exponential failure rate limiter, in the small.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, TypeAlias

from genericapiserver.logs import kv

logger = logging.getLogger(__name__)

FIRST_RETRY: Final = 0.005
LONGEST_RETRY: Final = 30.0
"""Seconds until a name that failed is tried again; the reference's for controllers of APIServices."""


class Cancellable(Protocol):
    def cancel(self) -> Any: ...


CallLater: TypeAlias = Callable[[float, Callable[[], None]], Cancellable]
"""Has a function called after so many seconds; asyncio's, or a test's own."""


def call_later(seconds: float, function: Callable[[], None]) -> Cancellable:
    """On the clock of the running loop."""
    return asyncio.get_running_loop().call_later(seconds, function)


class TryAgainError(Exception):
    """Work on a name is not done, for a reason that is nobody's mistake: try again, and say nothing in the log."""


class Controller:
    """Calls *reconcile* with each name that is added. *name* is for the log.

    *reconcile* looks at what is and does what is missing; it raises when it could not, and is called again later.
    """

    def __init__(
        self,
        name: str,
        reconcile: Callable[[str], Awaitable[None]],
        *,
        workers: int = 1,
        first_retry: float = FIRST_RETRY,
        longest_retry: float = LONGEST_RETRY,
        call_later: CallLater = call_later,
    ) -> None:
        self.name = name
        self._reconcile = reconcile
        self._workers = workers
        self._first_retry = first_retry
        self._longest_retry = longest_retry
        self._call_later = call_later
        self._waiting: deque[str] = deque()
        self._dirty: set[str] = set()
        """To be worked on; those in work are not among the waiting."""
        self._working: set[str] = set()
        self._failures: dict[str, int] = {}
        self._timers: dict[str, Cancellable] = {}
        self._added = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()

    def add(self, name: str) -> None:
        """Have *name* worked on, now or as soon as the work on it under way is done."""
        if name in self._dirty:
            return
        self._dirty.add(name)
        self._settled.clear()
        if name not in self._working:
            self._waiting.append(name)
            self._added.set()

    def add_after(self, name: str, seconds: float) -> None:
        """Have *name* worked on in *seconds*; of several times the earliest counts only if it is set last."""
        if (timer := self._timers.pop(name, None)) is not None:
            timer.cancel()

        def due() -> None:
            self._timers.pop(name, None)
            self.add(name)

        self._timers[name] = self._call_later(seconds, due)

    def retries(self, name: str) -> int:
        """How often *name* has failed in a row."""
        return self._failures.get(name, 0)

    async def settled(self) -> None:
        """Return when nothing waits and nothing is worked on; what is to be tried again later does not count."""
        await self._settled.wait()

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(self._workers):
                    tasks.create_task(self._work())
        finally:
            for timer in self._timers.values():
                timer.cancel()
            self._timers.clear()

    async def _work(self) -> None:
        while True:
            while not self._waiting:
                self._added.clear()
                await self._added.wait()
            name = self._waiting.popleft()
            self._dirty.discard(name)
            self._working.add(name)
            try:
                await self._once(name)
            finally:
                self._working.discard(name)
                if name in self._dirty:
                    self._waiting.append(name)
                    self._added.set()
                if not self._dirty and not self._working:
                    self._settled.set()

    async def _once(self, name: str) -> None:
        try:
            await self._reconcile(name)
        except TryAgainError:
            self._try_later(name)
        except Exception as error:
            level = logging.WARNING if isinstance(error, ConnectionError) else logging.ERROR
            logger.log(
                level,
                kv("A controller failed, trying again", controller=self.name, name=name, err=error),
                exc_info=not isinstance(error, ConnectionError),
            )
            self._try_later(name)
        else:
            self._failures.pop(name, None)

    def _try_later(self, name: str) -> None:
        failures = self._failures.get(name, 0)
        self._failures[name] = failures + 1
        # Beyond the sixtieth doubling the number is no float any more, and long beyond the limit.
        self.add_after(name, min(self._first_retry * 2 ** min(failures, 60), self._longest_retry))
