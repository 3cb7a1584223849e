"""The request that is being served where code runs that is not told of requests: storage, clients, the log.

The outermost filter says so once a request. Tasks and threads (`asyncio.to_thread`) that a request starts inherit it.
"""

from contextvars import Context, ContextVar
from time import perf_counter
from typing import Any, Final, Protocol


class ServedRequest(Protocol):
    """What such code may know of a request, and tell it."""

    @property
    def audit_id(self) -> str: ...

    def sum_latency(self, part: str, seconds: float) -> None:
        """Add *seconds* to what *part* of the request took."""

    def add_log_pair(self, key: str, value: Any) -> None:
        """Have the log line of the request say so."""


SERVED: Final[ContextVar[ServedRequest | None]] = ContextVar("genericapiserver_served_request", default=None)


def nobodys() -> Context:
    """A context that belongs to no request, for timers and tasks that a request starts and that serve all that follow."""
    return Context()


def spent(part: str, begun: float) -> None:
    """Tell the request being served, if there is one, that *part* took the time since *begun* (performance counter)."""
    request = SERVED.get()
    if request is not None:
        request.sum_latency(part, perf_counter() - begun)
