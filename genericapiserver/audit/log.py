"""The log backend: a line for each event, in a file or on standard output. Source: plugin/pkg/audit/log of k8s.io/apiserver.

Writing to a file takes the kernel a few microseconds, handing the write to a thread many more, so lines are written where
they are made. Two things can make a write slow: a disk that is behind with its work, and a reader of a pipe that is. Neither
may stop the whole server, so writes go to one thread, in their order, while

- the pipe has no room for the line (poll tells), or
- a write took long, until some time has passed.

The requests that wait for those writes are then the only ones that wait.
"""

import asyncio
import logging
import select
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Final, Literal, Protocol

from genericapiserver.audit.backend import SHUT_DOWN, Accepted, report_error
from genericapiserver.audit.event import AuditEvent
from genericapiserver.audit.metrics import AuditMetrics

logger = logging.getLogger(__name__)

LogFormat = Literal["json", "legacy"]

_SLOW_WRITE: Final = 0.05
"""Seconds. Ten thousand times what a write takes that only reaches the page cache."""
_SLOW_PERIOD: Final = 10.0
"""Seconds for which writes stay in the thread after a slow one."""


class LogTarget(Protocol):
    """What is written to; see log_file.py."""

    @property
    def descriptor(self) -> int: ...
    @property
    def regular(self) -> bool: ...
    def open(self) -> None: ...
    def write(self, data: bytes) -> None: ...
    def tidy(self) -> None: ...
    def close(self) -> None: ...


class LogBackend:
    """Writes events to *target* as JSON lines, or in the *format* `legacy`."""

    name = "log"

    def __init__(self, target: LogTarget, *, format: LogFormat = "json", metrics: AuditMetrics | None = None) -> None:
        self._target = target
        self._line: Callable[[AuditEvent], bytes] = AuditEvent.line if format == "json" else _legacy_line
        self._metrics = metrics
        self._executor = ThreadPoolExecutor(1, "audit-log")
        self._housekeeping = ThreadPoolExecutor(1, "audit-log-tidy")
        self._pending: set[asyncio.Task[bool]] = set()
        self._slow_until = 0.0
        self._closed = False
        self._poll: select.poll | None = None

    async def start(self) -> None:
        """Open the target. Raises OSError."""
        self._target.open()
        if not self._target.regular:
            self._poll = select.poll()
            self._poll.register(self._target.descriptor, select.POLLOUT)
        self.tidy()

    def tidy(self) -> None:
        """Have what was set aside before looked after, in a thread."""
        self._housekeeping.submit(self._tidy)

    def process_events(self, events: Sequence[AuditEvent]) -> Accepted:
        if self._closed:
            report_error(self._metrics, self.name, SHUT_DOWN, events)
            return False
        data = self._line(events[0]) if len(events) == 1 else b"".join(map(self._line, events))
        if self._pending or not self._writes_at_once(len(data)):
            return self._write_later(data, events)
        start = perf_counter()
        try:
            self._target.write(data)
        except OSError as error:
            report_error(self._metrics, self.name, error, events)
            return False
        if (end := perf_counter()) - start > _SLOW_WRITE:
            self._slow_until = end + _SLOW_PERIOD
        return True

    async def aclose(self) -> None:
        self._closed = True
        while self._pending:
            await asyncio.wait(self._pending)
        await asyncio.to_thread(self._shut_down)

    def _writes_at_once(self, size: int) -> bool:
        if self._poll is None:
            return self._slow_until == 0.0 or perf_counter() >= self._slow_until
        # A pipe that can take anything can take this many bytes (pipe(7)).
        return size <= select.PIPE_BUF and bool(self._poll.poll(0))

    def _write_later(self, data: bytes, events: Sequence[AuditEvent]) -> Awaitable[bool]:
        task = asyncio.create_task(self._write_in_thread(data, [event.snapshot() for event in events]))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)
        return asyncio.shield(task)

    async def _write_in_thread(self, data: bytes, events: Sequence[AuditEvent]) -> bool:
        try:
            # Tasks start in the order in which they were made, so the thread gets the lines in theirs.
            await asyncio.get_running_loop().run_in_executor(self._executor, self._target.write, data)
        except Exception as error:  # noqa: BLE001  whatever it is, the events are not where they belong
            report_error(self._metrics, self.name, error, events)
            return False
        return True

    def _shut_down(self) -> None:
        self._executor.shutdown()
        self._housekeeping.shutdown()
        self._target.close()

    def _tidy(self) -> None:
        try:
            self._target.tidy()
        except Exception:
            logger.exception("the old audit logs were not tidied up")


def _legacy_line(event: AuditEvent) -> bytes:
    return event.legacy_line().encode("utf-8", "replace") + b"\n"
