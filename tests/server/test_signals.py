"""Signals of the operating system, in processes of their own."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest

from genericapiserver import signals
from genericapiserver.signals import request_shutdown, setup_signal_handler

ROOT = Path(__file__).parents[2]

PROGRAM = """
import asyncio, sys, time
from genericapiserver.signals import request_shutdown, setup_signal_handler

async def main():
    assert not request_shutdown(), "nobody listens yet"
    wait = setup_signal_handler()
    try:
        setup_signal_handler()
    except RuntimeError:
        print("once", flush=True)
    await wait()
    print("stopping", flush=True)
    {then}

asyncio.run(main())
assert not request_shutdown(), "nobody listens any more"
print("stopped", flush=True)
"""


async def start(then: str = "pass") -> Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM.format(then=then),
        stdout=PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert await line(process) == "once"
    return process


async def line(process: Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(30):
        return (await process.stdout.readline()).decode().strip()


async def end(process: Process) -> tuple[str, int]:
    """The rest of what it prints, and its exit status."""
    async with asyncio.timeout(30):
        out, _ = await process.communicate()
        return out.decode().strip(), await process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
async def test_the_first_signal_asks_and_the_second_ends(number: signal.Signals) -> None:
    well, busy, waiting = await asyncio.gather(start(), start("time.sleep(60)"), start("await asyncio.Event().wait()"))
    for process in (well, busy, waiting):
        process.send_signal(number)
        assert await line(process) == "stopping"
    assert await end(well) == ("stopped", 0)
    for process in (busy, waiting):
        process.send_signal(signal.SIGTERM)
        assert await end(process) == ("", 1)


async def test_a_request_to_shut_down_counts_as_a_signal() -> None:
    process = await start("assert request_shutdown(); await asyncio.Event().wait()")
    process.send_signal(signal.SIGINT)
    assert await line(process) == "stopping"
    assert await end(process) == ("", 1)


async def test_a_request_to_shut_down_wakes_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "_requests", [])
    assert not request_shutdown()
    wait = setup_signal_handler()
    try:
        assert await asyncio.to_thread(request_shutdown), "any thread may ask"
        async with asyncio.timeout(10):
            await wait()
    finally:
        for number in signals.SHUTDOWN_SIGNALS:
            asyncio.get_running_loop().remove_signal_handler(number)
