"""Set up the log of a process that is a server: every line of every library in one format, and nothing unheard.

For programs that embed a server and have a log of their own, none of this is called: the library's loggers then speak
through whatever that program has set up.
"""

import atexit
import contextlib
import logging
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Final, TextIO

import attrs

from genericapiserver.logs.formats import FORMATS
from genericapiserver.logs.handler import LogHandler
from genericapiserver.logs.levels import Levels, ModuleVerbosity
from genericapiserver.logs.pairs import kv

logger = logging.getLogger(__name__)

FLUSH_PERIOD: Final = 5.0


@attrs.frozen(kw_only=True)
class LogConfig:
    """How a process logs. *split*: errors to stderr and the rest to stdout, gathered up to *buffer_size* bytes."""

    format: str = "text"
    verbosity: int = 0
    modules: Sequence[ModuleVerbosity] = ()
    split: bool = False
    buffer_size: int = 0
    flush_period: float = FLUSH_PERIOD


@contextlib.contextmanager
def logging_as(
    config: LogConfig, *, stderr: TextIO | None = None, stdout: TextIO | None = None
) -> Iterator[LogHandler]:
    """Log as *config* says in this block, whatever in the process it is that speaks, and as before after it."""
    root = logging.getLogger()
    handler = LogHandler(
        FORMATS[config.format](),
        Levels(root=root),
        errors=stderr or sys.stderr,
        information=(stdout or sys.stdout) if config.split else None,
        buffer_size=config.buffer_size,
        flush_period=config.flush_period,
    )
    before = (sys.excepthook, sys.unraisablehook, threading.excepthook, warnings.showwarning)
    root.addHandler(handler)
    # Before logging's own exit, which would wait for a reader that has stopped reading.
    atexit.register(handler.finish)
    sys.excepthook, sys.unraisablehook = _uncaught, _unraisable
    threading.excepthook, warnings.showwarning = _uncaught_in_thread, _warned
    try:
        with handler.levels.kept():
            handler.levels.set(config.verbosity, config.modules)
            yield handler
    finally:
        sys.excepthook, sys.unraisablehook, threading.excepthook, warnings.showwarning = before
        atexit.unregister(handler.finish)
        root.removeHandler(handler)
        handler.close()


def set_verbosity(verbosity: int) -> None:
    """klog's verbosity from here on: in the whole process where its log was set up here, else in this library."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LogHandler):
            handler.levels.set(verbosity)
            return
    Levels().set(verbosity)


def _uncaught(kind: type[BaseException], error: BaseException, traceback: Any) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    logger.critical(kv("Uncaught exception"), exc_info=(kind, error, traceback))


def _uncaught_in_thread(arguments: threading.ExceptHookArgs) -> None:
    if arguments.exc_value is None or issubclass(arguments.exc_type, SystemExit):
        return
    name = arguments.thread.name if arguments.thread is not None else ""
    message = kv("Uncaught exception in a thread", thread=name)
    logger.critical(message, exc_info=(arguments.exc_type, arguments.exc_value, arguments.exc_traceback))


def _unraisable(unraisable: Any) -> None:
    message = kv(unraisable.err_msg or "Exception ignored", object=repr(unraisable.object))
    error = unraisable.exc_value
    logger.error(message, exc_info=(type(error), error, unraisable.exc_traceback) if error is not None else None)


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    logger.warning(kv(str(message), category=category.__name__, file=f"{filename}:{lineno}"))
