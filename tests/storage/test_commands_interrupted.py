"""Storage commands that are ended in the middle, at any of their calls, or that find no room: nothing is left half made."""

import asyncio
import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from genericapiserver.storage.tools import placing
from tests.storage.commands_support import PREFIX, Shop, storage

CALLS = ("open", "rename", "replace", "link", "unlink", "mkdir", "fsync", "listdir", "scandir")
"""Functions of `os` that commands call, themselves or by the standard library."""


@contextmanager
def at_call(number: int, happens: Callable[[], None]) -> Iterator[list[str]]:
    """Have *happens* called before the call *number* of one of CALLS; gives the calls."""
    calls: list[str] = []

    def counted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            calls.append(name)
            if len(calls) == number:
                happens()
            return real(*arguments, **options)

        return call

    with pytest.MonkeyPatch.context() as patched:
        for name in CALLS:
            patched.setattr(os, name, counted(name, getattr(os, name)))
        yield calls


def interrupt() -> None:
    signal.raise_signal(signal.SIGTERM)


def no_room() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "somewhere")


def left_over(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.endswith((".tmp", "-journal")) or ".tmp-" in path.name]


def stores(shop: Shop) -> list[dict[bytes, bytes]]:
    """What is in the store and in what is kept beside it."""
    places = [shop.path, *shop.folder.glob("store.replaced-*")]
    return [shop.objects(path) for path in places if not path.name.endswith((".lock", "-wal", "-shm"))]


@pytest.fixture(params=["sqlite", "file"])
def template(request: pytest.FixtureRequest, tmp_path: Path) -> Shop:
    """A store, its backup, and what was written after that."""
    (tmp_path / "template").mkdir()
    shop = Shop(request.param, tmp_path / "template")
    shop.fill()
    assert storage("backup", shop.flags(), "--to", str(tmp_path / "template" / "backup")) == 0

    async def more() -> None:
        engine = await shop.open()
        await engine.put(f"{PREFIX}late".encode(), b'{"kind":"Flunder"}', expect_rev=0)
        await engine.aclose()

    asyncio.run(more())
    return shop


def copied(template: Shop, folder: Path) -> Shop:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(template.folder, folder)
    return Shop(template.engine, folder)


@pytest.mark.parametrize(("happens", "status"), [(interrupt, 143), (no_room, 1)], ids=["interrupted", "no room"])
def test_a_backup_that_ends_in_the_middle_leaves_nothing(
    template: Shop, tmp_path: Path, happens: Callable[[], None], status: int
) -> None:
    target, number = tmp_path / "new-backup", 0
    while True:
        number += 1
        with at_call(number, happens) as calls:
            ended = storage("backup", template.flags(), "--to", str(target))
        assert not left_over(tmp_path)
        if len(calls) < number:
            break
        assert ended in (0, status)  # what is only tried may fail
        assert ended == 0 or not target.exists() or whole(template, target, tmp_path)
        target.unlink(missing_ok=True)
    assert ended == 0
    assert number > 5


def whole(template: Shop, backup: Path, folder: Path) -> bool:
    other = Shop(template.engine, folder / "other")
    shutil.rmtree(other.folder, ignore_errors=True)
    other.folder.mkdir()
    return storage("restore", other.flags(), "--from", str(backup)) == 0


@pytest.mark.parametrize("exchanges", [True, False], ids=["in one step", "in two steps"])
@pytest.mark.parametrize(("happens", "status"), [(interrupt, 143), (no_room, 1)], ids=["interrupted", "no room"])
def test_a_restore_that_ends_in_the_middle_loses_no_store(
    template: Shop,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    happens: Callable[[], None],
    status: int,
    exchanges: bool,
) -> None:
    if not exchanges:
        monkeypatch.setattr(placing, "_exchange", lambda one, other: False)
    new, late = template.objects(), f"{PREFIX}late".encode()
    old = {key: value for key, value in new.items() if key != late}
    number = 0
    while True:
        number += 1
        shop = copied(template, tmp_path / "shop")
        with at_call(number, happens) as calls:
            ended = storage("restore", shop.flags(), "--from", str(shop.folder / "backup"), "--force")
        if len(calls) < number:
            break
        assert not left_over(shop.folder), number
        assert ended in (0, status), number
        assert shop.path.exists(), number
        found = stores(shop)
        assert new in found, f"call {number} of {calls}: the store is gone"
        assert all(each in (old, new) for each in found)
    assert ended == 0
    assert number > 10
    assert stores(shop) == [old, new]


@pytest.mark.parametrize("command", ["backup", "restore", "compact", "copy"])
@pytest.mark.parametrize("engine", ["sqlite", "file"])
def test_a_command_that_finds_the_disk_full_says_so_and_leaves_nothing(
    tmp_path: Path, engine: str, command: str
) -> None:
    """The limit is one on the size of files, which the kernel enforces as it does a full disk."""
    shop = Shop(engine, tmp_path)

    async def fill() -> None:
        opened = await shop.open()
        for number in range(10):
            await opened.put(f"{PREFIX}{number}".encode(), b'{"text":"%b"}' % (b"x" * 100_000), expect_rev=0)
        await opened.aclose()

    asyncio.run(fill())
    before = shop.objects()
    backup, other = tmp_path / "backup", tmp_path / "other"
    assert storage("backup", shop.flags(), "--to", str(backup)) == 0
    arguments = {
        "backup": ["backup", *shop.flags(), "--to", str(tmp_path / "second")],
        "restore": ["restore", *shop.flags(), "--from", str(backup), "--force"],
        "compact": ["compact", *shop.flags()],
        "copy": ["copy", *shop.flags(lead="from-"), *shop.flags(other, lead="to-")],
    }[command]
    done = subprocess.run(
        [sys.executable, "-m", "genericapiserver", "storage", *arguments],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)),
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr
    if done.returncode or (engine, command) != ("sqlite", "compact"):  # which may need no room
        assert done.returncode == 1, done.stderr
        texts = ("the disk is full", "writing the disk failed", "file too large")
        assert any(text in done.stderr for text in texts), done.stderr
    assert not (tmp_path / "second").exists()
    assert not left_over(tmp_path)
    assert shop.objects() == before
