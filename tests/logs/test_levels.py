"""klog's verbosity on Python's loggers."""

import logging
from collections.abc import Iterator

import pytest

from genericapiserver.logs import V1, V2, V3, V4, V5, V6, Levels, ModuleVerbosity
from genericapiserver.logs.levels import LIBRARY, TALKATIVE, level_of, verbosity_of


@pytest.fixture(autouse=True)
def unchanged() -> Iterator[None]:
    """Loggers are the process's: put everything back."""
    with Levels().kept():
        yield


def test_verbosities_are_levels_and_back() -> None:
    assert [level_of(n) for n in range(-1, 7)] == [logging.INFO, logging.INFO, V1, V2, V3, V4, V5, V6]
    assert [verbosity_of(level_of(n)) for n in range(11)] == list(range(11))
    assert level_of(99) == level_of(10)
    assert verbosity_of(logging.ERROR) == 0


@pytest.mark.parametrize("verbosity", range(6))
def test_lines_up_to_the_verbosity_are_let_through(verbosity: int) -> None:
    Levels(root=logging.getLogger()).set(verbosity)
    for name in (f"{LIBRARY}.filters", "somebody.elses.program"):
        enabled = [n for n in range(11) if logging.getLogger(name).isEnabledFor(level_of(n))]
        assert enabled == list(range(verbosity + 1))


def test_other_libraries_say_only_what_is_wrong() -> None:
    Levels(root=logging.getLogger()).set(10)
    for name in (*TALKATIVE, "hpack.hpack", "httpcore.http11"):
        assert not logging.getLogger(name).isEnabledFor(logging.INFO)
        assert logging.getLogger(name).isEnabledFor(logging.WARNING)


def test_an_embedded_server_leaves_the_programs_loggers_alone() -> None:
    root = logging.getLogger().level
    Levels().set(4)
    assert logging.getLogger().level == root
    assert logging.getLogger(LIBRARY).level == V4


def test_modules_may_say_more() -> None:
    logging.getLogger(f"{LIBRARY}.storage.sqlite_writer")
    levels = Levels(root=logging.getLogger())
    levels.set(1, [ModuleVerbosity("sqlite_*", 4), ModuleVerbosity(f"{LIBRARY}.made_later.*", 5)])
    assert logging.getLogger(f"{LIBRARY}.storage.sqlite_writer").isEnabledFor(V4)
    assert not logging.getLogger(f"{LIBRARY}.storage.sqlite_writer").isEnabledFor(V5)
    assert logging.getLogger(f"{LIBRARY}.made_later.module").isEnabledFor(V5)
    assert not logging.getLogger(f"{LIBRARY}.storage.cacher_of_tests").isEnabledFor(V2)
    levels.set(5)
    assert logging.getLogger(f"{LIBRARY}.storage.sqlite_writer").isEnabledFor(V5), "-v is the least that everybody says"
    levels.set(0)
    assert logging.getLogger(f"{LIBRARY}.storage.sqlite_writer").isEnabledFor(V4)
    assert not logging.getLogger(f"{LIBRARY}.storage.sqlite_writer").isEnabledFor(V5)
