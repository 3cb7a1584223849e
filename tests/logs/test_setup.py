"""The log of a process: everything it says in one form, and nothing that holds it up."""

import asyncio
import io
import json
import logging
import os
import subprocess
import sys
import textwrap
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from genericapiserver.healthz.checks import HealthCheckError, LogCheck
from genericapiserver.logs import V3, V4, ModuleVerbosity, kv
from genericapiserver.logs.handler import LogHandler
from genericapiserver.logs.setup import LogConfig, logging_as, set_verbosity
from tests.support.clock import HandClock

logger = logging.getLogger("somebodys.program")


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    written = io.StringIO()
    with logging_as(LogConfig(format="json"), stderr=written):
        yield written


def messages(log: io.StringIO) -> list[str]:
    return [json.loads(line)["msg"] for line in log.getvalue().splitlines()]


def test_everything_is_in_one_format(log: io.StringIO) -> None:
    logger.info("plain %s", "text")
    logger.warning(kv("structured", key="value"))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old ways", UserWarning, stacklevel=1)
    thread = threading.Thread(target=lambda: 1 / 0, name="divider")
    thread.start()
    thread.join()
    sys.excepthook(KeyError, KeyError("x"), None)
    asyncio.run(_forget_a_failure())
    assert messages(log) == [
        "plain text",
        "structured",
        "old ways",
        "Uncaught exception in a thread",
        "Uncaught exception",
        *messages(log)[5:],
    ]
    (asyncios,) = messages(log)[5:]
    assert asyncios.startswith("Exception in callback")
    line = json.loads(log.getvalue().splitlines()[3])
    assert (line["thread"], line["err"]) == ("divider", "ZeroDivisionError: division by zero")
    assert "stacktrace" in line


async def _forget_a_failure() -> None:
    asyncio.get_running_loop().call_soon(lambda: 1 / 0)
    await asyncio.sleep(0)


def test_a_message_that_does_not_fit_its_arguments_is_told_of(log: io.StringIO) -> None:
    # By hand: pytest's own handler raises what is wrong with a message.
    (handler,) = (each for each in logging.getLogger().handlers if isinstance(each, LogHandler))
    handler.handle(logging.LogRecord("x", logging.INFO, __file__, 1, "%d objects", ("many",), None))
    assert messages(log) == ["A log message could not be put together"]
    assert json.loads(log.getvalue().splitlines()[0])["template"] == "%d objects"


class Broken(Exception):
    """An error of somebody's own that cannot even say what it is."""

    def __str__(self) -> str:
        raise LookupError("half made")

    __repr__ = __str__


def test_a_value_that_cannot_be_shown_ends_nobody(log: io.StringIO) -> None:
    around: dict[str, Any] = {}
    around["itself"] = around
    logger.info(kv("a value", value=Broken(), good=1))
    logger.info(kv("an error"), exc_info=Broken())
    (handler,) = (each for each in logging.getLogger().handlers if isinstance(each, LogHandler))
    for message in (kv("without an end", value=around), Broken()):  # by hand: pytest's own handler raises
        handler.handle(logging.LogRecord("x", logging.INFO, __file__, 1, message, None, None))
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [line["msg"] for line in lines] == ["a value", "an error", *["A log message could not be put together"] * 2]
    assert lines[0]["value"] == "<Broken that cannot be shown: LookupError>"
    assert lines[0]["good"] == 1
    assert lines[1]["err"] == "Broken: <Broken that cannot be shown: LookupError>"
    assert lines[2]["template"] == "without an end"
    assert lines[3]["template"] == "<Broken that cannot be shown: LookupError>"


def test_the_verbosity_of_the_process_is_changed(log: io.StringIO) -> None:
    logger.log(V3, "not yet")
    set_verbosity(3)
    logger.log(V3, "now")
    logger.log(V4, "too much")
    set_verbosity(0)
    logger.log(V3, "no more")
    assert messages(log) == ["now"]


def test_everything_is_as_before_after_the_block() -> None:
    root = logging.getLogger()
    before = (sys.excepthook, threading.excepthook, warnings.showwarning, root.level, list(root.handlers))
    with logging_as(LogConfig(verbosity=5, modules=[ModuleVerbosity("x", 9)]), stderr=io.StringIO()):
        assert root.level != before[3]
    assert (sys.excepthook, threading.excepthook, warnings.showwarning, root.level, root.handlers) == before


def test_streams_are_split() -> None:
    errors, information = io.StringIO(), io.StringIO()
    with logging_as(LogConfig(split=True), stderr=errors, stdout=information):
        logger.info("one")
        logger.warning("two")
        logger.error("three")
    assert [line.rpartition("] ")[2] for line in information.getvalue().splitlines()] == ['"one"', '"two"']
    assert errors.getvalue().endswith('] "three"\n')


async def test_the_health_check_tells_of_a_log_that_nobody_reads() -> None:
    read_end, write_end = os.pipe()
    clock = HandClock()
    with os.fdopen(write_end, "w") as stream:
        with logging_as(LogConfig(), stderr=stream) as handler:
            assert isinstance(handler, LogHandler)
            check = LogCheck(flush=handler.flush, clock=clock)
            await check.check({})
            for _ in range(1000):  # more than a pipe holds: none of these lines waits
                logger.info("x" * 500)
            clock.seconds = 61.0
            await check.check({})
            clock.seconds = 61.0 + 121.0
            with pytest.raises(HealthCheckError, match="logging blocked"):
                await check.check({})
            received = 0
            while received < 1000 * 500:
                received += len(os.read(read_end, 65536))
        os.close(read_end)


PROGRAM = textwrap.dedent(
    """
    import logging, sys
    from genericapiserver.logs.setup import LogConfig, logging_as

    with logging_as(LogConfig()):
        for number in range(2000):
            logging.getLogger("program").info("line %d of many, which are more than a pipe holds", number)
        if sys.argv[1] == "exit":
            sys.exit(3)
    """
)


@pytest.mark.parametrize(("end", "status"), [("return", 0), ("exit", 3)])
def test_a_process_that_ends_has_written_everything(end: str, status: int) -> None:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, end], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    lines = process.stderr.read().splitlines()
    assert process.wait() == status
    assert len(lines) == 2000
    assert "line 1999 of many" in lines[-1]
    process.stderr.close()


def test_a_process_that_ends_does_not_wait_for_ever_for_its_reader() -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM, "return"], stderr=subprocess.PIPE) as process:
        assert process.wait(timeout=60) == 0
