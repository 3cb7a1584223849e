"""Single health checks. Mirrors pkg/server/healthz/healthz.go."""

import asyncio
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


async def reason_of_failure(check: HealthChecker, scope: Scope) -> str | None:
    """Why *check* fails; None when it passes."""
    try:
        await check.check(scope)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise  # the request has ended
        return "it was cancelled"  # something that it waited for
    except Exception as error:  # noqa: BLE001 whatever a check raises is its way to say no
        return str(error) or type(error).__name__
    return None


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
