"""A token bucket: bursts pass, floods do not."""


class Budget:
    """Holds up to *capacity* tokens and gains *refill* a second. Time is handed in, so nothing here reads a clock."""

    __slots__ = ("_capacity", "_refill", "_tokens", "_updated")

    def __init__(self, capacity: float, refill: float, now: float) -> None:
        self._capacity = capacity
        self._refill = refill
        self._tokens = capacity
        self._updated = now

    def spend(self, now: float, amount: float = 1.0) -> float:
        """Take *amount* and say what is left; below zero the bucket is overdrawn, and says by how much."""
        self._tokens = min(self._capacity, self._tokens + (now - self._updated) * self._refill) - amount
        self._updated = now
        return self._tokens
