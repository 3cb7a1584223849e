"""Content from files that is kept current: read again when it changes, every minute, and while it cannot be used."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from genericapiserver.certificates import DynamicCAContent, keep_current, reloading
from tests.support.pki import issue

ONE, TWO = issue("one", ca=True), issue("two", ca=True)


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.001)


@asynccontextmanager
async def kept(*contents: reloading.FileContent, **settings: float) -> AsyncIterator[None]:
    task = asyncio.create_task(keep_current(contents, **settings))
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


class Source:
    """Content whose file is read by hand: *answers* are raised, or returned, one after the other; then nothing new."""

    def __init__(self, name: str, *answers: bool | Exception) -> None:
        self.name = name
        self.files: tuple[Path, ...] = (Path(f"/nonexistent/{name}"),)
        self.answers = list(answers)
        self.readings = 0

    def reload(self) -> bool:
        self.readings += 1
        answer = self.answers.pop(0) if self.answers else False
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_what_cannot_be_read_is_tried_again_without_a_change(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "genericapiserver.certificates")
    source = Source("disk", *[OSError("the disk does not answer")] * 3, True)
    other = Source("other")
    async with kept(source, other, refresh_interval=3600.0):
        await until(lambda: "Loaded new content" in caplog.text)
    assert source.readings == 4
    assert other.readings == 1, "what is good is left alone"
    messages = [record.getMessage() for record in caplog.records]
    assert messages == [
        '"Changed content is not loaded, the old stays in use" name="disk" err="the disk does not answer" readEvery=3600.0',
        '"Loaded new content" name="disk"',
        '"Changed content can be used again" name="disk"',
    ]


async def test_files_are_read_again_now_and_then_whatever_the_system_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_changes(*paths: object, look_interval: float) -> AsyncGenerator[None, None]:
        await asyncio.Event().wait()
        yield None

    monkeypatch.setattr(reloading, "file_changes", no_changes)
    source = Source("quiet")
    async with kept(source, refresh_interval=0.01):
        await until(lambda: source.readings >= 3)


async def test_a_watch_that_breaks_is_set_up_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    watches = 0

    async def broken(*paths: object, look_interval: float) -> AsyncGenerator[None, None]:
        nonlocal watches
        watches += 1
        if watches:
            raise RuntimeError("no watch today")
        yield None

    monkeypatch.setattr(reloading, "file_changes", broken)
    source = Source("file", False, True)
    async with kept(source, refresh_interval=0.01):
        await until(lambda: watches >= 2 and source.readings >= 2)
    assert "Changes of certificate files are not noticed at once" in caplog.text


async def test_whatever_goes_wrong_with_one_the_others_are_followed(caplog: pytest.LogCaptureFixture) -> None:
    source, other = Source("odd", ZeroDivisionError("odd")), Source("good", True)
    async with kept(source, other, refresh_interval=3600.0):
        await until(lambda: source.readings == 2 and other.readings)
    assert 'the old stays in use" name="odd"' in caplog.text


async def test_the_state_of_a_source_tells_how_its_readings_went(tmp_path: Path) -> None:
    path = tmp_path / "ca.crt"
    path.write_bytes(ONE.pem)
    content = DynamicCAContent.from_file("purpose", path)
    state, told = content.state, []
    state.listeners.add(lambda: told.append((state.loads, state.failures, state.problem)))
    assert (state.loads, state.failures, state.problem) == (1, 0, "")
    path.write_bytes(b"half")
    for _ in range(2):
        with pytest.raises(ValueError):
            content.reload()
    problem = (
        f'error loading CA bundle for "purpose::{path}": data does not contain any valid RSA or ECDSA certificates'
    )
    since = state.problem_since
    assert (state.failures, state.problem) == (2, problem)
    path.write_bytes(ONE.pem)
    assert not content.reload()
    assert (state.problem, state.problem_since) == ("", None)
    assert since is not None
    path.write_bytes(TWO.pem)
    assert content.reload()
    assert told == [(1, 1, problem), (1, 2, problem), (1, 2, ""), (2, 2, "")]


@pytest.mark.parametrize("kind", ["a device without an end", "a pipe that nobody writes to"])
def test_what_might_never_end_is_not_read_again(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "ca.crt"
    path.write_bytes(ONE.pem)
    content = DynamicCAContent.from_file("purpose", path)
    path.unlink()
    if kind.startswith("a pipe"):
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(ValueError, match=r"ca\.crt is no regular file$"):
        content.reload()
    assert content.current_ca_bundle() == ONE.pem


def test_a_file_that_holds_no_certificates_for_sure(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^/dev/zero has more than 16777216 bytes, which no certificates have$"):
        DynamicCAContent.from_file("purpose", "/dev/zero")
    with pytest.raises(IsADirectoryError):
        DynamicCAContent.from_file("purpose", tmp_path)
