"""Telling others that content has changed."""

from collections.abc import Callable

Listener = Callable[[], None]
"""Called after the content changed, in the thread that changed it; must be quick and not raise."""


class Listeners:
    """The listeners of one provider, in the order they were added."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def add(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def notify(self) -> None:
        for listener in self._listeners:
            listener()
