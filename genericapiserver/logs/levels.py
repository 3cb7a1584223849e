"""klog's verbosity on Python's levels: `-v=N` lets lines up to V(N) through.

    V(0) INFO    V(1) V(2) V(3)    V(4) DEBUG    V(5) ... V(10)

Warnings and errors are always written. A module may be more talkative than the rest (`--vmodule`). Loggers belong to the
process, so this does too. Source: k8s.io/klog/v2.
"""

import contextlib
import logging
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Final

import attrs

V1: Final = 18
V2: Final = 16
V3: Final = 14
V4: Final = logging.DEBUG
V5: Final = 9
V6: Final = 8

_LEVELS: Final = (logging.INFO, V1, V2, V3, V4, V5, V6, 7, 6, 5, 4)

LIBRARY: Final = "genericapiserver"
TALKATIVE: Final = (
    "asyncio", "grpc", "h11", "h2", "hpack", "httpcore", "httpx", "hypercorn", "opentelemetry", "watchfiles", "wsproto",
)  # fmt: skip
"""Loggers of other people's libraries. Only their warnings are let through: hpack's debug lines hold every header sent."""


def level_of(verbosity: int) -> int:
    """Python's level of V(*verbosity*); below 0 and above 10 there is nothing more to tell apart."""
    return _LEVELS[min(max(verbosity, 0), len(_LEVELS) - 1)]


def verbosity_of(level: int) -> int:
    """N of the V(N) that *level* is; 0 for INFO and above."""
    return next((verbosity for verbosity, known in enumerate(_LEVELS) if level >= known), len(_LEVELS) - 1)


@attrs.frozen
class ModuleVerbosity:
    """Loggers whose last part, or with a dot in the pattern whose whole name, matches *pattern* log up to *verbosity*."""

    pattern: str
    verbosity: int

    def matches(self, name: str) -> bool:
        return fnmatchcase(name if "." in self.pattern else name.rpartition(".")[2], self.pattern)


class Levels:
    """Which lines of which loggers are written."""

    def __init__(self, *, root: logging.Logger | None = None) -> None:
        """*root*: the logger above those of this library that follows the verbosity, too, where the process is ours."""
        self._root = root
        self.modules: Sequence[ModuleVerbosity] = ()
        self.verbosity = 0

    def set(self, verbosity: int, modules: Sequence[ModuleVerbosity] | None = None) -> None:
        """Take effect at once, also for loggers that are made later. *modules* stay as they are when not given."""
        self.verbosity = verbosity
        level = level_of(verbosity)
        logging.getLogger(LIBRARY).setLevel(level)
        if self._root is None:
            return
        self._root.setLevel(level)
        for name in TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)
        if modules is not None:
            self.modules = modules
        if self.modules:
            self._follow_modules()

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Put the levels of all loggers back at the end of the block."""
        manager = logging.Logger.manager
        for name in (LIBRARY, *TALKATIVE):
            logging.getLogger(name)
        known = [logger for logger in manager.loggerDict.values() if isinstance(logger, logging.Logger)]
        before = {logger: logger.level for logger in [*known, logging.getLogger()]}
        made = manager.loggerClass
        try:
            yield
        finally:
            manager.loggerClass = made
            for logger, level in before.items():
                logger.setLevel(level)

    def _follow_modules(self) -> None:
        levels, manager = self, logging.Logger.manager
        made = manager.loggerClass or logging.getLoggerClass()

        class Followed(made):  # type: ignore[valid-type, misc]  # whatever class the program has chosen
            def __init__(self, name: str, level: int = logging.NOTSET) -> None:
                super().__init__(name, level)
                levels.adjust(self)

        if not getattr(made, "follows_modules", False):
            Followed.follows_modules = True
            manager.loggerClass = Followed
        for known in list(manager.loggerDict.values()):
            if isinstance(known, logging.Logger):
                self.adjust(known)

    def adjust(self, logger: logging.Logger) -> None:
        """Give *logger* the level of the first pattern that matches it, unless the rest is as talkative anyway."""
        if logger.name.partition(".")[0] in TALKATIVE:
            return
        for module in self.modules:
            if module.matches(logger.name):
                logger.setLevel(level_of(max(module.verbosity, self.verbosity)))
                return
