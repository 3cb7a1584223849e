"""Counting what is in flight, and waiting for the last of it (apimachinery pkg/util/waitgroup).

`InFlightRequests` is the reference's SafeWaitGroup: requests end by themselves. `InFlightWatches` is its
RateLimitedSafeWaitGroup: watches do not, so they are told to, one after another.
"""

import asyncio
from collections.abc import Callable
from types import TracebackType

import attrs

from genericapiserver.aio.signal import Signal

_FORBIDDEN = "add with positive delta after Wait is forbidden"


class NotAcceptingError(RuntimeError):
    """Draining has begun; nothing new may be added."""


class InFlightRequests:
    """`with in_flight:` counts one request; `drain` refuses new ones and waits for the rest.

    Entering after `drain` began raises NotAcceptingError.
    """

    def __init__(self) -> None:
        self._count = 0
        self._draining = False
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def count(self) -> int:
        return self._count

    @property
    def draining(self) -> bool:
        return self._draining

    def __enter__(self) -> None:
        if self._draining:
            raise NotAcceptingError(_FORBIDDEN)
        self._count += 1
        self._empty.clear()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._count -= 1
        if self._count == 0:
            self._empty.set()

    async def drain(self) -> None:
        """Refuse new requests from now on and return when none is left. There is no timeout: wrap it in one."""
        self._draining = True
        await self._empty.wait()


@attrs.frozen
class EndingRate:
    """How fast watches may be ended: *per_second* of them, and for *seconds* at most."""

    per_second: float
    seconds: float


@attrs.frozen
class Ended:
    """What became of the watches: how many there were, how many are left, and whether the time was long enough."""

    before: int
    after: int

    @property
    def in_time(self) -> bool:
        return self.after == 0


class InFlightWatches:
    """`ending = watches.open()` counts one watch, which has to end when *ending* fires; `end_all` has them fire.

    They fire one after another, so that clients come back spread out in time and not all at once, to servers that have
    more to do then. In the reference all watches fall silent together and only their last byte is held back; here each goes
    on until it is its turn.
    """

    def __init__(self) -> None:
        self._endings: dict[Signal, None] = {}
        self._draining = False
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def count(self) -> int:
        return len(self._endings)

    @property
    def draining(self) -> bool:
        return self._draining

    def open(self) -> Signal:
        """Count a watch until `close` is called with what this returns. Raises NotAcceptingError."""
        if self._draining:
            raise NotAcceptingError(_FORBIDDEN)
        ending = Signal("the watch is to end")
        self._endings[ending] = None
        self._empty.clear()
        return ending

    def close(self, ending: Signal) -> None:
        """The watch of *ending* has ended."""
        del self._endings[ending]
        if not self._endings:
            self._empty.set()

    async def end_all(self, rate: Callable[[int], EndingRate] | None) -> Ended:
        """Refuse new watches, have those there are end as fast as *rate* says for their number, and wait for them.

        When the time is over, the rest is told to end and not waited for. Raises ValueError without a *rate*.
        """
        if rate is None:
            raise ValueError("rate limiter factory must be specified")
        self._draining = True
        endings = list(self._endings)
        limits = rate(len(endings))
        try:
            async with asyncio.timeout(limits.seconds):
                await self._end_in_turn(endings, limits.per_second)
                await self._empty.wait()
        except TimeoutError:
            pass
        finally:
            for ending in endings:
                ending.set()
        return Ended(len(endings), self.count)

    async def _end_in_turn(self, endings: list[Signal], per_second: float) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for turn, ending in enumerate(endings):
            if ending in self._endings:  # it may have ended by itself
                if (early := began + turn / per_second - loop.time()) > 0:
                    await asyncio.sleep(early)
                ending.set()
