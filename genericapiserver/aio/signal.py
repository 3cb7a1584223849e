"""A named one-shot event: it fires once, stays fired, and any number of waiters wake (Go's closed channel)."""

import asyncio
from collections.abc import Callable


class Signal:
    """Fires once. `set` is idempotent and may be called before any loop runs; there is no way back.

    Refuses bool(): write `signal.is_set()`, since the truth of the object says nothing.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._event = asyncio.Event()
        self._callbacks: list[Callable[[], None]] = []

    def __bool__(self) -> bool:
        raise TypeError(f"signal {self.name!r} has no truth value: call is_set()")

    def __repr__(self) -> str:
        return f"<Signal {self.name} {'set' if self.is_set() else 'not set'}>"

    def is_set(self) -> bool:
        return self._event.is_set()

    def set(self) -> None:
        if self._event.is_set():
            return
        self._event.set()
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def on_set(self, callback: Callable[[], None]) -> None:
        """Call *callback* when the signal fires, at once if it has."""
        if self._event.is_set():
            callback()
        else:
            self._callbacks.append(callback)

    async def wait(self) -> None:
        await self._event.wait()
