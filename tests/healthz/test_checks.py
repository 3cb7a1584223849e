import threading

import pytest

from genericapiserver.healthz import HealthCheckError
from genericapiserver.healthz.checks import LogCheck
from tests.support.clock import HandClock


def assert_set(event: threading.Event) -> None:
    assert event.wait(10)


async def test_a_log_that_takes_lines_is_healthy_and_is_flushed_once_a_minute() -> None:
    clock = HandClock()
    flushed = threading.Event()
    times = 0

    def flush() -> None:
        nonlocal times
        times += 1
        flushed.set()

    check = LogCheck(flush=flush, clock=clock)
    for clock.seconds in (0.0, 1.0, 59.0, 60.0):
        await check.check({})
        assert flushed.wait(5)
        assert check._thread is not None
        check._thread.join(5)
    assert times == 2


async def test_a_log_that_blocks_for_two_minutes_fails_until_it_is_free() -> None:
    clock = HandClock()
    free = threading.Event()
    check = LogCheck(flush=lambda: assert_set(free), clock=clock)
    for clock.seconds in (0.0, 60.0, 120.0):
        await check.check({})
    clock.seconds = 120.1
    with pytest.raises(HealthCheckError, match="logging blocked"):
        await check.check({})
    free.set()
    assert check._thread is not None
    check._thread.join(5)
    await check.check({})
