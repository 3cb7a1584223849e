"""Single health checks. Mirrors pkg/server/healthz/healthz.go."""

import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import attrs

from genericapiserver.aio import Clock, SystemClock
from genericapiserver.asgi import Scope

FLUSH_PERIOD: Final = 60.0
BLOCKED_AFTER: Final = 120.0


class HealthCheckError(Exception):
    """A check failed; the text is the reason."""


class HealthChecker(Protocol):
    """One named check."""

    @property
    def name(self) -> str:
        """How it is called on the pages, and the last part of its own path."""

    @property
    def group(self) -> str:
        """A name by which several checks can be excluded together; "" for none."""

    async def check(self, scope: Scope) -> None:
        """Return when all is well. Any exception is a failure, its text the reason; *scope* is the request's."""


CheckFunction = Callable[[Scope], Awaitable[None] | None]


@attrs.frozen
class _NamedCheck:
    name: str
    function: CheckFunction
    group: str = ""

    async def check(self, scope: Scope) -> None:
        result = self.function(scope)
        if result is not None:
            await result


def named_check(name: str, function: CheckFunction, *, group: str = "") -> HealthChecker:
    """A check from a function, plain or async, that raises when something is wrong."""
    return _NamedCheck(name, function, group)


def _flush_all() -> None:
    logger: logging.Logger | None = logging.getLogger(__name__)
    while logger is not None:
        for handler in logger.handlers:
            handler.flush()
        logger = logger.parent


class LogCheck:
    """Fails while the log cannot be written, as with a full pipe or a dead disk.

    Asked often, it flushes the log once a minute from a thread of its own, and counts it as blocked when a flush has not
    come back for two minutes.
    """

    name = "log"
    group = ""

    def __init__(self, *, flush: Callable[[], None] = _flush_all, clock: Clock | None = None) -> None:
        self._flush = flush
        self._clock = clock or SystemClock()
        self._started: float | None = None
        self._thread: threading.Thread | None = None

    async def check(self, scope: Scope) -> None:
        now = self._clock.monotonic()
        flushing = self._thread is not None and self._thread.is_alive()
        if not flushing and (self._started is None or now - self._started >= FLUSH_PERIOD):
            self._started = now
            self._thread = threading.Thread(target=self._flush, name="log flush", daemon=True)
            self._thread.start()
        elif flushing and self._started is not None and now - self._started > BLOCKED_AFTER:
            raise HealthCheckError("logging blocked")


PING: Final = named_check("ping", lambda scope: None)
"""Passes whenever the server answers at all."""

LOG: Final[HealthChecker] = LogCheck()
"""The log of the process; there is one, so there is one check."""
