"""A disk of its own that is filled to the last byte, by somebody else: the engine says so before anybody has to write."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from genericapiserver.aio import durable
from genericapiserver.storage.engine import DiskFullError, StorageEngine
from genericapiserver.storage.files import FileEngine
from genericapiserver.storage.sqlite import SQLiteEngine
from tests.storage.conftest import NO_COMPACTION

KEY = b"/registry/r/ns/%d"
ALL = (b"/registry/", b"/registry0")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Two megabytes."""
    if not sys.platform.startswith("linux"):
        pytest.skip("a small disk is made as Linux makes it")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs", tmp_path], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no disk can be mounted here")
    try:
        yield tmp_path
    finally:
        subprocess.run(["umount", "--lazy", tmp_path], check=True)


async def opened(name: str, folder: Path) -> StorageEngine:
    if name == "sqlite":
        return await SQLiteEngine.open(folder / "store.db", initial_rev=1, retention=NO_COMPACTION)
    return await FileEngine.open(folder / "objects", initial_rev=1, retention=NO_COMPACTION)


def fill(path: Path) -> None:
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


@pytest.mark.parametrize("name", ["sqlite", "file"])
async def test_an_engine_on_a_full_disk_is_unhealthy_until_there_is_room(disk: Path, name: str) -> None:
    engine = await opened(name, disk)
    told = {}
    for number in range(5):
        told[KEY % number] = (await engine.put(KEY % number, b'{"n":1}', expect_rev=0)).rev
    await engine.check()
    if isinstance(engine, FileEngine):
        await engine.files_written()
    await asyncio.to_thread(fill, disk / "filler")

    def big(number: int) -> bytes:
        return b'{"text":"%b"}' % (b"%d" % number * 20_000)

    async def write_on() -> None:
        for number in range(100):  # SQLite has some room of its own
            told[KEY % 0] = (await engine.put(KEY % 0, big(number), expect_rev=told[KEY % 0])).rev

    with pytest.raises(DiskFullError, match="the disk is full"):
        await write_on()
    with pytest.raises(DiskFullError, match="the disk is full"):
        await engine.check()
    assert {kv.key: kv.mod_rev for kv in (await engine.range(*ALL)).kvs} == told
    (disk / "filler").unlink()
    await engine.check()
    assert (await engine.put(b"/registry/r/ns/later", b"{}", expect_rev=0)).ok
    await engine.aclose()
    engine = await opened(name, disk)
    assert told.items() <= {kv.key: kv.mod_rev for kv in (await engine.range(*ALL)).kvs}.items()
    await engine.aclose()


@pytest.mark.parametrize("name", ["sqlite", "file"])
async def test_a_disk_that_has_become_read_only_is_found_by_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Nobody has tried to write since; only then is a write tried for the check."""
    engine = await opened(name, tmp_path)
    await engine.check()
    real = os.statvfs

    def read_only(path: Path) -> os.statvfs_result:
        found = list(real(path))
        found[8] |= os.ST_RDONLY
        return os.statvfs_result(found)

    monkeypatch.setattr(os, "statvfs", read_only)
    assert durable.may_be_unwritable(tmp_path)
    rev = engine.current_rev()
    await engine.check()  # a write works all the same
    assert engine.current_rev() == rev
    await engine.aclose()


def test_a_disk_that_is_gone_may_be_unwritable(tmp_path: Path) -> None:
    assert not durable.may_be_unwritable(tmp_path)
    assert durable.may_be_unwritable(tmp_path / "missing")
