"""Signals of the operating system, in processes of their own."""

import asyncio
import contextlib
import logging
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
import asyncio, signal, sys, threading, time
from genericapiserver.signals import request_shutdown, setup_signal_handler

async def main(wait):
    await wait()
    print("stopping", flush=True)
    {then}

assert not request_shutdown(), "nobody listens yet"
wait = setup_signal_handler()
try:
    setup_signal_handler()
except RuntimeError:
    print("once", flush=True)
{before}
asyncio.run(main(wait))
assert not request_shutdown(), "nobody listens any more"
print("stopped", flush=True)
{after}
"""


async def start(then: str = "pass", *, before: str = "", after: str = "") -> Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM.format(then=then, before=before, after=after),
        stdin=PIPE,
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


BLOCK = "print('blocked', flush=True); exec('while True: time.sleep(0.01)')"
"""Keeps the main thread, and so the loop, from everything. In short steps: a signal that comes in the moment between the
interpreter's look for signals and a sleep is heard after it."""


async def blocked(process: Process) -> None:
    while (said := await line(process)) != "blocked":
        assert said, "it has ended before it blocked"


async def test_the_second_signal_ends_at_any_moment() -> None:
    lock = "print('blocked', flush=True); lock = threading.Lock(); lock.acquire(); lock.acquire()"
    for process in await asyncio.gather(
        start(before=BLOCK),  # before there is a loop, and both signals find nobody who waits
        start(f"asyncio.get_running_loop().call_soon(lambda: exec({BLOCK!r})); await asyncio.Event().wait()"),
        start(lock),  # waiting for another thread
        start(after=BLOCK),  # after the loop has ended: the interpreter may take its time to end
    ):
        process.send_signal(signal.SIGTERM)
        await blocked(process)
        # Not with send_signal, which asks for the status first: whoever sees the end first is the only one who does.
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)
            os.kill(process.pid, signal.SIGINT)
        assert (await end(process))[1] == 1


async def test_a_signal_that_comes_before_the_loop_is_remembered() -> None:
    process = await start(before="print('starting', flush=True); sys.stdin.readline()")
    assert await line(process) == "starting"
    process.send_signal(signal.SIGTERM)
    assert process.stdin is not None
    process.stdin.write(b"go on\n")
    assert await line(process) == "stopping"
    assert await end(process) == ("stopped", 0)


async def test_sighup_is_left_to_the_system() -> None:
    # Whoever runs the tests may have it ignored (nohup), which processes inherit.
    process = await start(before="signal.signal(signal.SIGHUP, signal.SIG_DFL); print('set', flush=True)")
    assert await line(process) == "set"
    process.send_signal(signal.SIGHUP)
    assert await end(process) == ("", -signal.SIGHUP)


async def test_a_request_to_shut_down_counts_as_a_signal() -> None:
    process = await start("assert request_shutdown(); await asyncio.Event().wait()")
    process.send_signal(signal.SIGINT)
    assert await line(process) == "stopping"
    assert await end(process) == ("", 1)


async def test_a_request_to_shut_down_wakes_who_waits(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(signals, "_installed", [])
    handlers = {number: signal.getsignal(number) for number in signals.SHUTDOWN_SIGNALS}
    assert not request_shutdown()
    wait = setup_signal_handler()
    try:
        waiting = [asyncio.ensure_future(wait()) for _ in range(2)]
        await asyncio.sleep(0)
        assert await asyncio.to_thread(request_shutdown), "any thread may ask"
        async with asyncio.timeout(10):
            await asyncio.gather(*waiting)
            await wait()
        assert [record.message for record in caplog.records] == [
            "asked to stop by request_shutdown(); a second signal ends the process at once"
        ]
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
