"""Long work on the event loop, in slices: others get their turn between two of them.

Work that takes tens of milliseconds and is written in Python keeps everybody waiting, and so does a thread that does it,
because the interpreter lets one of them run. A generator that yields wherever it can be interrupted is run here for a
few milliseconds at a time.
"""

import asyncio
import time
from collections.abc import Generator
from typing import Final, TypeAlias, TypeVar

T = TypeVar("T")

Steps: TypeAlias = Generator[None, None, T]
"""Work that yields wherever it can be interrupted, and returns its result."""

SLICE: Final = 0.002
"""Seconds of work until the others get a turn."""


async def in_slices(steps: Steps[T], *, seconds: float = SLICE) -> T:
    """The result of *steps*, worked at for about *seconds* in one turn of the loop. Raises what they raise."""
    while True:
        until = time.perf_counter() + seconds
        while True:
            try:
                next(steps)
            except StopIteration as end:
                result: T = end.value
                return result
            if time.perf_counter() >= until:
                break
        await asyncio.sleep(0)


def at_once(steps: Steps[T]) -> T:
    """The result of *steps* without a pause. Raises what they raise."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
