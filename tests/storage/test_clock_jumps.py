"""The wall clock is set while a server runs, or was wrong at the start: nothing is lost, nothing begins below its past."""

import asyncio
import datetime as dt
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from genericapiserver.aio import SteadyClock
from genericapiserver.storage.engine import EPOCH_JUMP, LATEST_BEGINNING, StorageEngine, first_revision
from genericapiserver.storage.files import FileEngine
from genericapiserver.storage.memory import MemoryEngine
from genericapiserver.storage.sqlite import SQLiteEngine
from genericapiserver.storage.views import ViewEngine, ViewFamily
from tests.storage.conftest import NO_COMPACTION

KEY = b"/registry/leases/ns/one"
DAY = 24 * 3600.0


class JumpingClock:
    """The machine's own, whose wall clock somebody has set by `jump` seconds."""

    def __init__(self) -> None:
        self.jump = 0.0

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=self.jump)

    def monotonic(self) -> float:
        return time.monotonic()


async def opened(name: str, path: Path, clock: JumpingClock) -> StorageEngine:
    options: dict[str, Any] = {"initial_rev": 1, "retention": NO_COMPACTION, "clock": clock}
    if name == "memory":
        return MemoryEngine(**options)
    if name == "view":
        return ViewEngine.base(ViewFamily(**options))
    if name == "sqlite":
        return await SQLiteEngine.open(path / "store.db", **options)
    return await FileEngine.open(path / "objects", **options)


@pytest.mark.parametrize("jump", [DAY, -DAY], ids=["forward", "back"])
@pytest.mark.parametrize("name", ["memory", "view", "sqlite", "file"])
async def test_what_expires_does_so_in_its_time_when_the_clock_is_set(tmp_path: Path, name: str, jump: float) -> None:
    clock = JumpingClock()
    engine = await opened(name, tmp_path, clock)
    await engine.put(KEY, b"long", expect_rev=0, ttl=1000)
    clock.jump = jump
    begun = time.monotonic()
    await engine.put(KEY + b"2", b"short", expect_rev=0, ttl=0.3)
    watch = engine.watch(b"/registry/", b"/registry0", after_rev=engine.current_rev())
    async with asyncio.timeout(20):
        (event,) = (await watch.next()).events
    assert (event.key, event.value) == (KEY + b"2", None)
    assert time.monotonic() - begun >= 0.3
    assert (await engine.get(KEY)).kv is not None
    await engine.aclose()


def test_a_steady_clock_goes_with_the_time_that_passes() -> None:
    clock = JumpingClock()
    steady = SteadyClock(clock)
    clock.jump = DAY
    assert abs((steady.now() - dt.datetime.now(dt.UTC)).total_seconds()) < 60


@pytest.mark.parametrize(
    "seconds", [-10.0, 0.0, 10.0**9, 10.0**11], ids=["before 1970", "1970", "2001", "the year 5138"]
)
@pytest.mark.parametrize("name", ["sqlite", "file"])
async def test_a_store_goes_on_above_its_past_whatever_the_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, seconds: float
) -> None:
    """The copy of a store jumps, since its original may have gone on; it must not jump back, or out of bounds."""

    async def reopened(folder: str) -> StorageEngine:
        if name == "sqlite":
            return await SQLiteEngine.open(tmp_path / folder / "store.db", retention=NO_COMPACTION)
        return await FileEngine.open(tmp_path / folder, retention=NO_COMPACTION)

    engine = await reopened("one")
    before = (await engine.put(KEY, b"1", expect_rev=0)).rev
    await engine.aclose()
    await asyncio.to_thread(shutil.copytree, tmp_path / "one", tmp_path / "two")
    monkeypatch.setattr(time, "time_ns", lambda: int(seconds * 10**9))
    assert 1 <= first_revision() <= LATEST_BEGINNING
    engine = await reopened("two")
    assert engine.current_rev() >= before + EPOCH_JUMP
    assert (await engine.put(KEY, b"2", expect_rev=before)).ok
    await engine.aclose()
    engine = await reopened("new")
    assert 1 <= engine.current_rev() <= LATEST_BEGINNING
    await engine.aclose()
