"""Where lines go: a file descriptor that may be a pipe whose reader has stopped reading.

A line is written at once when the descriptor takes it, which is nearly always: no thread stands between, and nothing is
lost with the process. When it would block, lines wait in memory and a thread writes them; beyond a limit they are counted
instead of kept, and the first line that goes through again says how many are missing. The event loop never waits.
"""

import contextlib
import os
import select
import stat
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

MAX_PENDING: Final = 8 * 1024 * 1024
"""Bytes of lines that wait while nobody reads; at the default verbosity that is days of them."""

_ATOMIC: Final = 4096
"""Linux's PIPE_BUF: a pipe that is ready takes so much without blocking."""


class Output:
    """Lines to *descriptor*. *lost* makes the line that says how many are missing.

    With a *buffer_size*, lines are gathered up to so many bytes or for *flush_period* seconds.
    """

    def __init__(
        self,
        descriptor: int,
        *,
        lost: Callable[[int], bytes],
        max_pending: int = MAX_PENDING,
        buffer_size: int = 0,
        flush_period: float = 5.0,
    ) -> None:
        self._descriptor = descriptor
        self._lost_line = lost
        self._max_pending = max_pending
        self._buffer_size = buffer_size
        self._flush_period = flush_period
        # Reentrant: what is collected in the middle of a write may log in its finalizer.
        self._changed = threading.Condition(threading.RLock())
        self._pending: deque[bytes] = deque()
        self._size = 0
        self._lost = 0
        self._writing = False
        self._closed = False
        self._flushing = 0
        self._thread: threading.Thread | None = None
        self._is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        self._poll = select.poll()
        if not self._is_file:
            self._poll.register(descriptor, select.POLLOUT)

    @property
    def lost(self) -> int:
        """Lines that could not be kept, and of which nobody was told yet."""
        return self._lost

    def write(self, line: bytes) -> None:
        """Write *line*, which ends in a newline, now or when the descriptor takes it."""
        with self._changed:
            idle = not self._pending and not self._writing
            if self._lost and idle:
                line = self._lost_line(self._lost) + line
            if idle and not self._buffer_size and self._ready(len(line)):
                try:
                    line = line[os.write(self._descriptor, line) :]
                except BlockingIOError:
                    pass  # somebody else has filled it since it was ready
                except OSError:  # nobody reads any more, or the disk is full: there is nowhere to say it
                    self._lost += 1
                    return
                if not line:
                    self._lost = 0
                    return
            if self._closed or self._size + len(line) > self._max_pending:
                self._lost += 1
                return
            if idle:
                self._lost = 0  # this line says it
            self._pending.append(line)
            self._size += len(line)
            self._start()
            if self._size >= self._buffer_size:
                self._changed.notify_all()

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until everything is written, for *timeout* seconds at most; whether it is."""
        with self._changed:
            self._flushing += 1
            self._changed.notify_all()
            try:
                return self._changed.wait_for(lambda: self._closed or not (self._pending or self._writing), timeout)
            finally:
                self._flushing -= 1

    def close(self, timeout: float) -> None:
        """Flush for *timeout* seconds at most. What still waits then is lost. Idempotent."""
        if not self._closed:
            self.flush(timeout)
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _ready(self, length: int) -> bool:
        """Whether *length* bytes can be written without waiting."""
        return self._is_file or (length <= _ATOMIC and bool(self._poll.poll(0)))

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="log", daemon=True)
            with contextlib.suppress(RuntimeError):  # the interpreter is going down: the last flush writes what it can
                self._thread.start()

    def _due(self) -> bool:
        return self._closed or (bool(self._pending) and (self._size >= self._buffer_size or self._flushing > 0))

    def _run(self) -> None:
        """Write what waits, in its order, until the output is closed."""
        while True:
            with self._changed:
                self._changed.wait_for(self._due, self._flush_period if self._buffer_size else None)
                if self._closed and not self._pending:
                    return
                batch = b"".join(self._pending)
                self._pending.clear()
                self._writing = True
            try:
                self._write_all(batch)
            finally:
                with self._changed:
                    self._size -= len(batch)
                    self._writing = False
                    self._changed.notify_all()

    def _write_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view and not self._closed:
            try:
                view = view[os.write(self._descriptor, view) :]
            except BlockingIOError:
                self._poll.poll(1000)
            except OSError:
                with self._changed:
                    self._lost += bytes(view).count(b"\n")
                time.sleep(0.1)  # a full disk is not helped by asking it without pause
                return
