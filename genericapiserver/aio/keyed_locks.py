"""One at a time for each key, within this process.

An update reads, changes and writes. Where two do so at once, the second writes what it has made from the state before the
first: both are told that they succeeded, and one is lost. What compares versions when it writes does not need this.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Hashable

import attrs


@attrs.define(eq=False)
class _Held:
    lock: asyncio.Lock = attrs.field(factory=asyncio.Lock)
    users: int = 0


class KeyedLocks:
    """`async with locks(key):` waits for others with the same key. A lock lives as long as somebody holds or awaits it."""

    def __init__(self) -> None:
        self._held: dict[Hashable, _Held] = {}

    def __len__(self) -> int:
        return len(self._held)

    @contextlib.asynccontextmanager
    async def __call__(self, *key: Hashable) -> AsyncIterator[None]:
        """Not for a block that takes the same lock again: it would wait for itself."""
        held = self._held.setdefault(key, _Held())
        held.users += 1
        try:
            async with held.lock:
                yield
        finally:
            held.users -= 1
            if not held.users:
                del self._held[key]
