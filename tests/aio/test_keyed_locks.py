"""One at a time for each key."""

import asyncio

from genericapiserver.aio import KeyedLocks


async def test_locks_live_as_long_as_they_are_used() -> None:
    locks = KeyedLocks()
    order: list[str] = []

    async def work(name: str) -> None:
        async with locks("ns", name):
            order.append(f"begin {name}")
            await asyncio.sleep(0)
            order.append(f"end {name}")

    waiting = asyncio.create_task(work("a"))
    async with locks("ns", "a"):
        await asyncio.sleep(0)
        cancelled = asyncio.create_task(work("a"))
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        assert (order, len(locks)) == ([], 1)
    await asyncio.gather(waiting, work("b"))
    assert sorted(order) == ["begin a", "begin b", "end a", "end b"]
    assert len(locks) == 0
