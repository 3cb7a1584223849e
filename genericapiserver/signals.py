"""Signals of the operating system: the first asks the server to stop, the second ends the process at once.

SIGINT and SIGTERM are alike. SIGHUP is left to the system, which ends the process: nothing is read again on it, since
certificates and policies follow their files by themselves. Source: pkg/server/signal.go of k8s.io/apiserver.
"""

import asyncio
import itertools
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from types import FrameType
from typing import Final

logger = logging.getLogger(__name__)

SHUTDOWN_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class ShutdownRequests:
    """Counts what asks for an end. The first wakes whoever waits; the second is the end of the process, with status 1.

    The handlers are those of the `signal` module and not the loop's: they run between two steps of the program whatever
    it does, so that a second signal counts while the loop is blocked, before there is a loop, and after it.
    """

    def __init__(self) -> None:
        self._numbers = itertools.count(1)  # one step of the interpreter: no lock that a handler could wait for
        self._requested = False
        self._by = "request_shutdown()"
        self._told = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    def install(self, signals: Sequence[signal.Signals] = SHUTDOWN_SIGNALS) -> None:
        """Watch *signals*. Raises ValueError outside of the main thread."""
        for number in signals:
            signal.signal(number, self._handle)

    def request(self) -> bool:
        """Count one more. False when whoever waited for it is gone."""
        if next(self._numbers) > 1:
            os._exit(1)
        self._requested = True
        return self._wake()

    async def wait(self) -> None:
        """Return once somebody has asked, which may have been before. Any number may wait, in one loop."""
        if self._stop is None:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            if self._requested:  # a handler that comes after the line before finds the event
                self._stop.set()
        await self._stop.wait()
        if not self._told:  # here and not in the handler, which may have interrupted a line that is being logged
            self._told = True
            logger.info("asked to stop by %s; a second signal ends the process at once", self._by)

    @property
    def in_use(self) -> bool:
        """False once the loop in which `wait` was called is closed: nobody could act on a request."""
        return self._loop is None or not self._loop.is_closed()

    def _wake(self) -> bool:
        if self._loop is None or self._stop is None:
            return True
        try:
            self._loop.call_soon_threadsafe(self._stop.set)
        except RuntimeError:  # the loop is closed
            return False
        return True

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._by = signal.Signals(number).name
        self.request()


_installed: list[ShutdownRequests] = []


def setup_signal_handler(signals: Sequence[signal.Signals] = SHUTDOWN_SIGNALS) -> Callable[[], Awaitable[None]]:
    """Watch *signals* from now on; the result waits for the first of them, and may be called later.

    A second signal ends the process with status 1, whatever it is doing. Call it from the main thread and as early as there
    is something to end in good order. Raises RuntimeError when called twice in one process: two watchers could not agree
    on which signal is the second.
    """
    if _installed:
        raise RuntimeError("setup_signal_handler may be called only once in a process")
    requests = ShutdownRequests()
    requests.install(signals)
    _installed.append(requests)
    return requests.wait


def request_shutdown() -> bool:
    """Do what a signal does, from any thread. False when no handler was set up, or its loop has ended."""
    return bool(_installed) and _installed[0].in_use and _installed[0].request()
