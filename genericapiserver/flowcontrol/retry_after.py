"""How many seconds a refused client is asked to wait: longer the more are refused, shorter again when it gets better.

Source: pkg/util/flowcontrol/dropped_requests_tracker.go.
"""

from typing import Final

LONGEST: Final = 32


class RetryAfter:
    """One priority level's answer. Looked at again with the first request that is refused in a new second."""

    __slots__ = ("_count", "_history", "_raised", "_second", "value")

    def __init__(self) -> None:
        self.value = 1
        self._history: list[tuple[int, int]] = []
        self._second = 0
        self._count = 0
        self._raised = 0

    def record(self, second: int) -> None:
        """One request was refused in this *second* of the wall clock."""
        if second == self._second:
            self._count += 1
            return
        self._history.append((self._second, self._count))
        kept = min(2 * self.value, LONGEST)
        self._history = [entry for entry in self._history if second - entry[0] <= max(kept, self.value)]
        self._second, self._count = second, 1
        self._adapt(second)

    def _adapt(self, second: int) -> None:
        value = self.value
        refused = sum(count for at, count in self._history if second - value <= at < second)
        if refused >= 3 * value and second - self._raised >= value:
            self.value = min(2 * value, LONGEST)
            self._raised = second
        elif refused < value and value > 1:
            self.value = value - 1
