"""How much of the server one request will take: seats while it runs, and seats that it holds on to afterwards.

Source: pkg/util/flowcontrol/request/width.go.
"""

from typing import Final

SERVICE_TIME: Final = 0.003
"""Seconds that a request is taken to run before it has run; put right when it is done."""


class WorkEstimate:
    """Seats while the handler runs, then *final_seats* for *additional_latency* seconds more. Immutable, to be shared."""

    __slots__ = ("additional_latency", "final_seats", "initial_seats", "seats", "total")

    def __init__(self, initial_seats: int, final_seats: int = 0, additional_latency: float = 0.0) -> None:
        self.initial_seats = initial_seats
        self.final_seats = final_seats
        self.additional_latency = additional_latency
        self.seats = max(initial_seats, final_seats)
        """What is held all the time: the larger of the two."""
        self.total = initial_seats * SERVICE_TIME + final_seats * additional_latency
        """The whole work in seat-seconds."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WorkEstimate) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        return f"WorkEstimate{self._values()}"

    def _values(self) -> tuple[int, int, float]:
        return self.initial_seats, self.final_seats, self.additional_latency

    def narrowed_to(self, seats: int) -> "WorkEstimate":
        """The same final work on at most *seats* seats, for longer."""
        if self.final_seats <= seats or seats <= 0:
            return self
        return WorkEstimate(self.initial_seats, seats, self.final_seats * self.additional_latency / seats)


ONE_SEAT: Final = WorkEstimate(1)
