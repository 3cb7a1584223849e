"""Writes of one object that keep losing to each other go on one at a time.

Everybody who lost a compare-and-swap tries again at once, and all but one lose again: with n writers each write costs n
tries, each of which makes, admits and encodes its object anew, and who comes last waits for all of them. With a hundred
writers a server does little else, and requests run out of their time. So whoever has lost twice waits until nobody
else of this process who has lost twice is at it. Writes of other processes, and those that have not lost yet, are raced as
before; the compare-and-swap decides, not the turn.

Not in the reference, where tries are spread over many processors.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Final

from genericapiserver.aio import KeyedLocks

AT_ONCE: Final = 2
"""Tries before somebody waits. The second tells at once who came with an old resourceVersion, and wins most races of two."""
PATIENCE: Final = 5.0
"""Seconds for which somebody waits before the next try. Who has the turn may ask a webhook that writes the same object: it
must not wait for ever for what waits for it."""


class Race:
    """The tries of one write. Close it when the write is done or has failed."""

    __slots__ = ("_key", "_lost", "_patience", "_turn", "_turns")

    def __init__(self, turns: KeyedLocks, key: str, patience: float) -> None:
        self._turns = turns
        self._key = key
        self._patience = patience
        self._lost = 0
        self._turn: AsyncExitStack | None = None

    async def lost(self) -> bool:
        """Another write came first. True when this one has waited, so that yet others may have come meanwhile."""
        self._lost += 1
        if self._lost < AT_ONCE or self._turn is not None:
            return False
        turn = AsyncExitStack()
        try:
            async with asyncio.timeout(self._patience):
                await turn.enter_async_context(self._turns(self._key))
        except TimeoutError:
            return True
        self._turn = turn
        return True

    async def aclose(self) -> None:
        """Let the next one have its turn."""
        if self._turn is not None:
            await self._turn.aclose()
            self._turn = None


class WriteRaces:
    """The races for the objects of one resource."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._turns = KeyedLocks()
        self._patience = patience

    @property
    def contended(self) -> int:
        """The keys for which somebody has the turn."""
        return len(self._turns)

    def enter(self, key: str) -> Race:
        """The race for *key* of a write that has not been tried."""
        return Race(self._turns, key, self._patience)
