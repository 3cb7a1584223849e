"""The handler of the root logger: formats where the line is logged, so that it knows the request, and never blocks there."""

import io
import logging
import sys
import time
from collections.abc import Callable
from typing import Final, TextIO

from genericapiserver.logs.levels import Levels
from genericapiserver.logs.output import Output
from genericapiserver.logs.pairs import kv, shown

CLOSE_TIMEOUT: Final = 3.0
"""Seconds that a process which ends waits for whoever reads its log."""

Write = Callable[[bytes], None]


class LogHandler(logging.Handler):
    """Writes lines through *formatter* to *errors*, or those that are no errors to *information* where that is given."""

    def __init__(
        self,
        formatter: logging.Formatter,
        levels: Levels,
        *,
        errors: TextIO,
        information: TextIO | None = None,
        buffer_size: int = 0,
        flush_period: float = 5.0,
    ) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.levels = levels
        self._outputs: list[Output] = []
        self._errors = self._writer(errors, 0, flush_period)
        self._information = (
            self._errors if information is None else self._writer(information, buffer_size, flush_period)
        )

    def _writer(self, stream: TextIO, buffer_size: int, flush_period: float) -> Write:
        try:
            descriptor = stream.fileno()
        except (OSError, io.UnsupportedOperation):  # a stream in memory: it cannot block
            return lambda line: _write_to(stream, line)
        output = Output(descriptor, lost=self._lost, buffer_size=buffer_size, flush_period=flush_period)
        self._outputs.append(output)
        return output.write

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception as error:  # noqa: BLE001  whatever is wrong with a message must not stop who logs it
            line = self._unformatted(record, error)
        write = self._errors if record.levelno >= logging.ERROR else self._information
        write(line.encode("utf-8", "backslashreplace") + b"\n")

    def flush(self) -> None:
        """Wait until all lines are written, however long that takes: the health check `log` tells when it takes long."""
        for output in self._outputs:
            output.flush()

    def finish(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Write what there is, for *timeout* seconds at most, before the process ends."""
        until = time.monotonic() + timeout
        for output in self._outputs:
            output.close(max(0.0, until - time.monotonic()))

    def close(self) -> None:
        self.finish()
        super().close()

    def _unformatted(self, record: logging.LogRecord, error: Exception) -> str:
        # The pairs are left out: what cannot be put together may be among them.
        template = record.msg.text if isinstance(record.msg, kv) else shown(record.msg)
        pairs = {"template": template, "from": f"{record.filename}:{record.lineno}", "err": repr(error)}
        return self.format(_record(logging.ERROR, kv("A log message could not be put together", pairs)))

    def _lost(self, count: int) -> bytes:
        message = kv("Lines are missing from the log, which could not be written", lines=count)
        return self.format(_record(logging.WARNING, message)).encode("utf-8", "backslashreplace") + b"\n"


def _record(level: int, message: kv) -> logging.LogRecord:
    return logging.LogRecord(__name__, level, __file__, sys._getframe(1).f_lineno, message, (), None)


def _write_to(stream: TextIO, line: bytes) -> None:
    if not stream.closed:
        stream.write(line.decode("utf-8", "replace"))
        stream.flush()
