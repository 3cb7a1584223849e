"""Files on disk, changed in every way that programs and Kubernetes change them; both ways of noticing."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from genericapiserver.aio.file_watch import file_changes

NOTICES = [pytest.param(True, id="told"), pytest.param(False, id="looking")]


class Watching:
    """Reads *path* at each notice, as a user of the watch does."""

    def __init__(self, path: Path, notices: bool) -> None:
        self.path = path
        self.contents: list[str | None] = []
        self.started = asyncio.Event()
        self._changed = asyncio.Event()
        # With notices the looks are too far apart to be what noticed.
        self._changes = file_changes(path, look_interval=60.0 if notices else 0.01, notices=notices)

    async def run(self) -> None:
        async with contextlib.aclosing(self._changes) as changes:
            async for _ in changes:
                self.contents.append(self.path.read_text() if self.path.exists() else None)
                self.started.set()
                self._changed.set()

    async def until(self, content: str | None) -> None:
        async with asyncio.timeout(10):
            while not self.contents or self.contents[-1] != content:
                self._changed.clear()
                await self._changed.wait()


@contextlib.asynccontextmanager
async def watching(path: Path, notices: bool) -> AsyncIterator[Watching]:
    watch = Watching(path, notices)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(watch.run())
        await watch.started.wait()
        try:
            yield watch
        finally:
            task.cancel()


def overwrite(path: Path) -> None:
    path.write_text("new")


def rename_over(path: Path) -> None:
    other = path.with_name("other")
    other.write_text("new")
    other.rename(path)


def delete_and_write(path: Path) -> None:
    path.unlink()
    path.write_text("new")


@pytest.mark.parametrize("notices", NOTICES)
@pytest.mark.parametrize("change", [overwrite, rename_over, delete_and_write])
async def test_a_changed_file_is_noticed_and_so_is_its_next_change(
    tmp_path: Path, change: Callable[[Path], None], notices: bool
) -> None:
    path = tmp_path / "ca.crt"
    path.write_text("old")
    async with watching(path, notices) as watch:
        assert watch.contents == ["old"]
        change(path)
        await watch.until("new")
        path.write_text("newer")
        await watch.until("newer")


@pytest.mark.parametrize("notices", NOTICES)
async def test_a_file_may_appear_with_its_folders_and_go_and_come_back(tmp_path: Path, notices: bool) -> None:
    path = tmp_path / "etc" / "certs" / "ca.crt"
    async with watching(path, notices) as watch:
        assert watch.contents == [None]
        path.parent.mkdir(parents=True)
        path.write_text("first")
        await watch.until("first")
        path.unlink()
        await watch.until(None)
        path.write_text("second")
        await watch.until("second")


def mount(folder: Path, version: str, content: str) -> None:
    """Write a version of a Secret as kubelet does: a new folder, and one rename that makes it the current one."""
    data = folder / f"..{version}"
    data.mkdir(parents=True)
    (data / "tls.crt").write_text(content)
    (folder / "..data_tmp").symlink_to(data.name)
    os.replace(folder / "..data_tmp", folder / "..data")


@pytest.mark.parametrize("notices", NOTICES)
async def test_a_secret_that_is_swapped_as_a_whole_is_noticed_each_time(tmp_path: Path, notices: bool) -> None:
    mount(tmp_path, "2026_01", "one")
    path = tmp_path / "tls.crt"
    path.symlink_to("..data/tls.crt")
    async with watching(path, notices) as watch:
        assert watch.contents == ["one"]
        for version, content in (("2026_02", "two"), ("2026_03", "three")):
            mount(tmp_path, version, content)
            await watch.until(content)
        (tmp_path / "..2026_03" / "tls.crt").write_text("in place")
        await watch.until("in place")


@pytest.mark.parametrize("notices", NOTICES)
async def test_a_link_to_a_folder_higher_up_is_part_of_the_way(tmp_path: Path, notices: bool) -> None:
    for name in ("blue", "green"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "ca.crt").write_text(name)
    link = tmp_path / "current"
    link.symlink_to(tmp_path / "blue")
    async with watching(link / "ca.crt", notices) as watch:
        assert watch.contents == ["blue"]
        (tmp_path / "next").symlink_to(tmp_path / "green")
        os.replace(tmp_path / "next", link)
        await watch.until("green")


async def test_other_files_in_the_folder_are_no_news(tmp_path: Path) -> None:
    path = tmp_path / "ca.crt"
    path.write_text("old")
    async with watching(path, True) as watch:
        (tmp_path / "noise").write_text("x")
        (tmp_path / "more").write_text("x")
        await asyncio.sleep(0.3)  # longer than notices are gathered
        assert watch.contents == ["old"]
        path.write_text("new")
        await watch.until("new")


async def test_a_file_is_looked_at_where_the_system_tells_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr("watchfiles.awatch", refuse)
    path = tmp_path / "ca.crt"
    path.write_text("old")
    changes = file_changes(path, look_interval=0.01)
    async with asyncio.timeout(10), contextlib.aclosing(changes):
        await anext(changes)
        path.write_text("new")
        await anext(changes)


async def test_links_in_a_circle_are_waited_for_like_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    changes = file_changes(path, look_interval=0.01, notices=False)
    async with asyncio.timeout(10), contextlib.aclosing(changes):
        await anext(changes)
        path.unlink()
        path.write_text("a file")
        await anext(changes)
