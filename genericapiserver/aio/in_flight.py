"""Counting requests in flight, and waiting for the last one (apimachinery pkg/util/waitgroup)."""

import asyncio
from types import TracebackType


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
            raise NotAcceptingError("add with positive delta after Wait is forbidden")
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
