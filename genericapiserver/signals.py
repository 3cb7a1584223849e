"""Signals of the operating system: the first asks the server to stop, the second ends the process at once.

Source: pkg/server/signal.go of k8s.io/apiserver.
"""

import asyncio
import functools
import os
import signal
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Final

SHUTDOWN_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_requests: list[Callable[[], object]] = []


def setup_signal_handler() -> Callable[[], Awaitable[None]]:
    """Watch SIGINT and SIGTERM in the running loop; the result waits for the first of them.

    A second signal ends the process with status 1, whatever it is doing. Raises RuntimeError when called twice in one
    process: two watchers could not agree on which signal is the second.
    """
    if _requests:
        raise RuntimeError("setup_signal_handler may be called only once in a process")
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            os._exit(1)
        stop.set()
        for number in SHUTDOWN_SIGNALS:  # from now on at once, even while the loop is busy or waits for a thread
            signal.signal(number, _exit_at_once)

    for number in SHUTDOWN_SIGNALS:
        loop.add_signal_handler(number, on_signal)
    _requests.append(functools.partial(loop.call_soon_threadsafe, on_signal))

    async def wait() -> None:
        await stop.wait()

    return wait


def _exit_at_once(number: int, frame: FrameType | None) -> None:
    os._exit(1)


def request_shutdown() -> bool:
    """Do what a signal does, from any thread. False when no handler was set up, or its loop has ended."""
    if not _requests:
        return False
    try:
        _requests[0]()
    except RuntimeError:  # the loop is closed
        return False
    return True
