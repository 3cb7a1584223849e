"""Telling others that content has changed, and remembering how the readings of its source went."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

import attrs

Listener = Callable[[], None]
"""Called after the content changed, in the thread that changed it; must be quick and not raise."""


class Listeners:
    """The listeners of one provider, in the order they were added."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def add(self, listener: Listener) -> None:
        if listener not in self._listeners:
            self._listeners.append(listener)

    def remove(self, listener: Listener) -> None:
        """Call *listener* no more; nothing if it was never added."""
        with contextlib.suppress(ValueError):
            self._listeners.remove(listener)

    def notify(self) -> None:
        for listener in list(self._listeners):
            listener()


@attrs.define(eq=False)
class LoadState:
    """How the readings of one source went: when its content last came into use, and what is wrong with it now.

    Times are Unix seconds. *problem* is empty while the source holds what is in use. Listeners are called after every
    reading that brought something new or failed.
    """

    loads: int = 0
    loaded_at: float | None = None
    failures: int = 0
    failed_at: float | None = None
    problem: str = ""
    problem_since: float | None = None
    listeners: Listeners = attrs.field(factory=Listeners, repr=False)
    _now: Callable[[], float] = attrs.field(default=time.time, repr=False)

    def loaded(self) -> None:
        """New content is in use."""
        self.loads += 1
        self.loaded_at = self._now()
        self._good()
        self.listeners.notify()

    def failed(self, problem: str) -> None:
        """The source was read and cannot be used: what was in use stays so."""
        self.failures += 1
        self.failed_at = self._now()
        if not self.problem:
            self.problem_since = self.failed_at
        self.problem = problem
        self.listeners.notify()

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Record what becomes of the block, which reads the source and calls `loaded` if it found something new."""
        try:
            yield
        except Exception as error:
            self.failed(str(error) or type(error).__name__)
            raise
        if self.problem:  # the source went back to what is in use
            self._good()
            self.listeners.notify()

    def _good(self) -> None:
        self.problem, self.problem_since = "", None
