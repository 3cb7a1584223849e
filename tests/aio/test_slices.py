"""Work in slices lets others have their turn."""

import asyncio
from collections.abc import Generator

import pytest

from genericapiserver.aio.slices import at_once, in_slices


def count(steps: int) -> Generator[None, None, int]:
    done = 0
    for _ in range(steps):
        done += 1
        yield
    return done


async def test_others_get_a_turn_between_two_slices() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    assert await in_slices(count(10), seconds=0.0) == 10
    task.cancel()
    assert turns >= 10


async def test_work_that_fits_into_a_slice_is_done_in_one() -> None:
    waiting = asyncio.create_task(asyncio.sleep(0))
    assert await in_slices(count(10), seconds=60.0) == 10
    assert not waiting.done()
    await waiting


async def test_errors_come_out() -> None:
    def broken() -> Generator[None, None, int]:
        yield
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await in_slices(broken())
    with pytest.raises(ValueError, match="broken"):
        at_once(broken())
    assert at_once(count(3)) == 3
