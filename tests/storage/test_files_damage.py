"""The file engine on a disk that fails: cut off and damaged journals, full and read-only disks, writes that fail halfway."""

import asyncio
import errno
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genericapiserver.aio import durable
from genericapiserver.storage import files_disk, files_journal, files_replay, files_view
from genericapiserver.storage.engine import DiskFullError, EngineFaultError, EngineOpenError
from genericapiserver.storage.errors import StorageInternalError
from genericapiserver.storage.files import FileEngine
from tests.conformance.storage_harness import Harness
from tests.storage.files_support import ALL, ONE, ONE_FILE, TWO, contents, flunder, journal_of, lines_in, reopen

KEYS = [b"/registry/r/%d" % number for number in range(6)]


async def filled(folder: Path) -> None:
    """A journal of ten lines: the head, six puts at the revisions 2 to 7, two deletions, the end."""
    engine = await reopen(folder)
    for key in KEYS:
        await engine.put(key, flunder("x", text="y" * 50), expect_rev=0)
    await engine.delete(KEYS[0], expect_rev=2)
    await engine.delete(KEYS[1], expect_rev=3)
    await engine.aclose()


# ---- the end


@pytest.mark.parametrize("tail", [b'{"op":"pu', b"\0" * 500, b"{" * 5000], ids=["a prefix", "zeros", "much"])
async def test_a_last_line_that_was_interrupted_is_cut_off_with_a_log_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, tail: bytes
) -> None:
    await filled(tmp_path)
    (path,) = journal_of(tmp_path)
    before = path.read_bytes()
    path.write_bytes(before + tail)
    with caplog.at_level(logging.WARNING):
        engine = await reopen(tmp_path)
    assert "The journal ends in a write that was interrupted and never acknowledged: it is cut off" in caplog.text
    assert f"bytes={len(tail)}" in caplog.text
    assert path.read_bytes() == before
    assert engine.current_rev() == 9
    assert (await engine.put(ONE, flunder("one"), expect_rev=0)).rev == 10
    await engine.aclose()
    engine = await reopen(tmp_path)
    assert engine.current_rev() == 10
    await engine.aclose()


async def test_a_journal_can_be_cut_off_at_any_byte_of_its_last_line(tmp_path: Path) -> None:
    await filled(tmp_path / "objects")
    (path,) = journal_of(tmp_path / "objects")
    whole = path.read_bytes().splitlines(keepends=True)[:-1]  # without the mark of a good end
    kept, last = b"".join(whole[:-1]), whole[-1]
    for length in range(0, len(last), 7):
        path.write_bytes(kept + last[:length])
        engine = await reopen(tmp_path / "objects")
        assert (engine.current_rev(), len((await engine.range(*ALL)).kvs)) == (8, 5)
        await engine.aclose()


async def test_zeros_in_the_last_batch_are_what_a_power_failure_leaves(tmp_path: Path) -> None:
    """Some blocks of the last write reached the disk and earlier ones did not: nothing of it was acknowledged."""
    engine = await reopen(tmp_path)
    await engine.put(ONE, flunder("one"), expect_rev=0)
    await asyncio.gather(*(engine.put(key, flunder("x"), expect_rev=0) for key in KEYS))
    await engine.aclose()
    (path,) = journal_of(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)[:-1]
    assert b'"batch":3' in lines[4]
    lines[3] = b"\0" * len(lines[3])
    path.write_bytes(b"".join(lines))
    shutil.rmtree(tmp_path / "r")  # their files were not written either
    engine = await reopen(tmp_path)
    assert [kv.key for kv in (await engine.range(*ALL)).kvs] == [KEYS[0], ONE]
    assert (await engine.put(TWO, flunder("two"), expect_rev=0)).rev == 4
    await engine.aclose()


# ---- the middle


def flip(line: bytes) -> bytes:
    return line.replace(b'"rev":', b'"rev";', 1)


def cut_short(line: bytes) -> bytes:
    return line[:20] + b"\n"


def zeros(line: bytes) -> bytes:
    return b"\0" * (len(line) - 1) + b"\n"


def nothing(line: bytes) -> bytes:
    return b""


def twice(line: bytes) -> bytes:
    return line * 2


def another_value(line: bytes) -> bytes:
    return line.replace(b"yyyy", b"yyyz") if b"yyyy" in line else line.replace(b'"created":', b'"created":1')


@pytest.mark.parametrize("number", [2, 5, 8, 9])
@pytest.mark.parametrize("damage", [flip, cut_short, zeros, nothing, twice, another_value])
async def test_damage_in_the_middle_is_refused_with_file_line_and_what_to_do(
    tmp_path: Path, number: int, damage: Callable[[bytes], bytes]
) -> None:
    """Wherever it is, also in the last write: it may have been acknowledged."""
    await filled(tmp_path)
    (path,) = journal_of(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[number - 1] = damage(lines[number - 1])
    path.write_bytes(b"".join(lines))
    before = contents(tmp_path)
    with pytest.raises(EngineOpenError) as caught:
        await reopen(tmp_path)
    line = number + 1 if damage is twice else number
    assert str(caught.value).startswith(f"{path}: line {line}: the journal is damaged here: ")
    assert "Restore the folder from a backup" in str(caught.value)
    assert contents(tmp_path) == before
    # What the text says can be done works.
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[: line - 1]))
    await (await reopen(tmp_path)).aclose()


async def test_a_journal_of_several_files_is_whole_or_refused(tmp_path: Path) -> None:
    """Its files are a snapshot, and one that follows it."""
    template = tmp_path / "template"
    engine = await reopen(template, slack=1)
    for key in KEYS:
        await engine.put(key, flunder("x"), expect_rev=0)
    await engine.compact(5)
    await engine.put(ONE, flunder("one"), expect_rev=0)
    await engine.aclose()
    assert [path.name for path in journal_of(template)] == ["0000000000000007.snapshot.jsonl", "0000000000000008.jsonl"]

    def cut_lines(path: Path) -> None:
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))

    def cut_bytes(path: Path) -> None:
        path.write_bytes(path.read_bytes()[:-3])

    def empty(path: Path) -> None:
        path.write_bytes(b"")

    def of_another_store(path: Path) -> None:
        asyncio.run(filled(tmp_path / "another"))
        (other,) = journal_of(tmp_path / "another")
        path.write_bytes(other.read_bytes())

    spoilings: list[tuple[int, Callable[[Path], None], str]] = [
        (0, Path.unlink, "a file of the journal is missing: it follows revision 7, and the file before it is missing"),
        (1, Path.unlink, "a file of the journal is missing: no file follows this one"),
        (0, cut_lines, "7 lines were written, and this is the last one"),
        (0, cut_bytes, "the journal is damaged here: it is cut off"),
        (0, empty, "the journal is damaged here: the file is empty"),
        (1, empty, "the journal is damaged here: the file is empty"),
        (1, of_another_store, "it is of another store. Move it away"),
    ]
    for place, spoil, problem in spoilings:
        folder = tmp_path / "objects"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(template, folder)
        await asyncio.to_thread(spoil, journal_of(folder)[place])
        with pytest.raises(EngineOpenError, match=problem):
            await reopen(folder)


async def test_a_journal_of_a_newer_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(files_journal, "FORMAT", 2)
        await filled(tmp_path)
    with pytest.raises(EngineOpenError, match=r"another version \(format 2, this one knows 1\)\. Start that version"):
        await reopen(tmp_path)


async def test_a_snapshot_of_a_damaged_journal_is_not_made(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What can still be read stays where it is."""
    engine = await reopen(tmp_path, slack=1)
    for key in KEYS:
        await engine.put(key, flunder("x"), expect_rev=0)
    (path,) = journal_of(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    with path.open("r+b") as file:  # in its place, as a disk does
        file.seek(len(lines[0]))
        file.write(flip(lines[1]))
    await engine.compact(5)
    await engine.aclose()
    assert "The journal could not be made smaller, and stays as it is" in caplog.text
    assert path.exists()


# ---- places that cannot be used


async def test_a_path_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "objects"):
        with pytest.raises(EngineOpenError, match=r"it is not a folder\. Choose another path"):
            await reopen(path)


async def test_a_read_only_folder_is_refused_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await filled(tmp_path)
    real = os.open

    def read_only(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and str(path).startswith(str(tmp_path)):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return real(path, flags, *arguments, **options)

    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(EngineOpenError, match=r"it cannot be written: Read-only file system\. Check the") as caught:
        await reopen(tmp_path)
    assert str(tmp_path) in str(caught.value)


async def test_a_journal_that_cannot_be_read_is_refused_and_the_lock_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(files_replay, "lines_of", failing(1, errno.EIO))
        with pytest.raises(EngineOpenError, match="it cannot be read or written: Input/output error"):
            await reopen(tmp_path)
    await (await reopen(tmp_path)).aclose()


# ---- writes that fail


def failing(number: int, code: int, real: Callable[..., Any] | None = None, times: int = 1) -> Callable[..., Any]:
    """*real*, whose calls from *number* on meet an error, *times* times."""
    calls = 0

    def call(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if number <= calls < number + times or real is None:
            if real is durable.write_all:  # some of it is written, as a full disk does
                os.write(arguments[0], arguments[1][: len(arguments[1]) // 2])
            raise OSError(code, os.strerror(code), "somewhere")
        return real(*arguments)

    return call


async def test_a_full_disk_fails_the_write_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = durable.write_all

    def no_room_for_big_ones(descriptor: int, data: bytes) -> None:
        if len(data) > 100_000:
            os.write(descriptor, data[:5000])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor, data)

    engine = await reopen(tmp_path)
    monkeypatch.setattr(files_journal, "write_all", no_room_for_big_ones)
    big = [engine.put(b"/registry/big/%d" % n, b"x" * 200_000, expect_rev=0) for n in range(5)]
    small = [engine.put(b"/registry/small/%d" % n, b"y", expect_rev=0) for n in range(5)]
    results = await asyncio.gather(*big, *small, return_exceptions=True)
    assert all(isinstance(result, DiskFullError) for result in results[:5])
    assert all(not isinstance(result, BaseException) and result.ok for result in results[5:])
    assert engine.current_rev() == 6
    with pytest.raises(DiskFullError, match=f"{tmp_path}: the disk is full"):
        await engine.put(b"/registry/big/0", b"x" * 200_000, expect_rev=0)
    await engine.check()  # there is room for something
    monkeypatch.undo()
    assert (await engine.put(b"/registry/big/0", b"x" * 200_000, expect_rev=0)).rev == 7
    await engine.aclose()
    engine = await reopen(tmp_path)
    assert len((await engine.range(*ALL)).kvs) == 6
    await engine.aclose()


async def test_the_check_fails_until_the_disk_can_be_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await reopen(tmp_path)
    await engine.check()
    monkeypatch.setattr(files_journal, "write_all", failing(1, errno.EROFS, times=10**6))
    with pytest.raises(EngineFaultError, match="the folder of the store cannot be written"):
        await engine.put(ONE, b"1", expect_rev=0)
    for _ in range(2):
        with pytest.raises(EngineFaultError, match="the folder of the store cannot be written"):
            await engine.check()
    monkeypatch.undo()
    await engine.check()
    assert [line["op"] for line in lines_in(tmp_path)] == ["segment"]
    assert (await engine.put(ONE, b"1", expect_rev=0)).rev == 2
    await engine.aclose()


async def test_a_client_is_told_of_a_full_disk_without_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await reopen(tmp_path)
    harness = Harness(engine, cached=True)
    await harness.create("ns/a")
    monkeypatch.setattr(files_journal, "write_all", failing(1, errno.ENOSPC))
    with pytest.raises(StorageInternalError, match=r"^the disk is full$"):
        await harness.create("ns/b")
    assert (await harness.backend.stats()).object_count == 1
    await harness.aclose()
    await engine.aclose()


@pytest.mark.parametrize("function", ["write_all", "make_durable"])
@pytest.mark.parametrize("fail", range(1, 12))
async def test_a_failed_write_or_sync_fails_its_writes_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, fail: int
) -> None:
    """Also where what is left of it cannot be taken away at once."""
    engine = await reopen(tmp_path)
    heard: list[int] = []
    engine.subscribe(b"/", lambda news: heard.extend(event.rev for event in news))
    monkeypatch.setattr(files_journal, function, failing(fail, errno.EIO, getattr(files_journal, function), times=3))
    expected: dict[bytes, tuple[bytes, int]] = {}
    for turn in range(4):
        values = {key: flunder("x", turn=turn, key=key.decode()) for key in KEYS[:4]}
        results = await asyncio.gather(
            *(
                engine.put(key, value, expect_rev=expected[key][1] if key in expected else 0)
                for key, value in values.items()
            ),
            return_exceptions=True,
        )
        for (key, value), result in zip(values.items(), results, strict=True):
            if isinstance(result, BaseException):
                assert "reading or writing the disk failed" in str(result)
            else:
                assert result.ok
                expected[key] = (value, result.rev)
    monkeypatch.undo()
    rev = engine.current_rev()
    assert heard == list(range(2, rev + 1))
    assert {kv.key: (kv.value, kv.mod_rev) for kv in (await engine.range(*ALL)).kvs} == expected
    await engine.check()
    await engine.aclose()
    engine = await reopen(tmp_path)
    assert engine.current_rev() == rev
    assert {kv.key: (kv.value, kv.mod_rev) for kv in (await engine.range(*ALL)).kvs} == expected
    await engine.aclose()


@pytest.mark.parametrize("function", ["sync_folder", "make_durable", "write_all"])
async def test_a_new_file_of_the_journal_that_fails_leaves_the_old_one_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    engine = await reopen(tmp_path, slack=1)
    for key in KEYS:
        await engine.put(key, flunder("x"), expect_rev=0)
    real = getattr(files_journal, function)
    number = 1 if function == "sync_folder" else 2  # the first is for the line that says what was compacted
    monkeypatch.setattr(files_journal, function, failing(number, errno.EIO, real))
    await engine.compact(5)
    assert (await engine.put(ONE, flunder("one"), expect_rev=0)).rev == 8
    await engine.aclose()
    engine = await reopen(tmp_path)
    assert (engine.current_rev(), engine.compact_rev()) == (8, 5)
    assert len((await engine.range(*ALL)).kvs) == 7
    await engine.aclose()


async def test_a_journal_that_is_deleted_under_the_engine_acknowledges_nothing_more(tmp_path: Path) -> None:
    engine = await reopen(tmp_path)
    await engine.put(ONE, b"1", expect_rev=0)
    for path in journal_of(tmp_path):
        path.unlink()
    for call in (engine.put(TWO, b"1", expect_rev=0), engine.check()):
        with pytest.raises(EngineFaultError, match="the journal cannot be written"):
            await call
    assert (await engine.get(ONE)).kv is not None
    await engine.aclose()


# ---- the files of objects


async def test_a_file_that_cannot_be_written_is_tried_again_and_costs_no_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(files_view, "REST", 0.01)
    engine = await reopen(tmp_path)
    monkeypatch.setattr(files_disk, "write_all", failing(1, errno.ENOSPC, durable.write_all, times=3))
    assert (await engine.put(ONE, flunder("one"), expect_rev=0)).ok
    await engine.files_written()
    assert (tmp_path / ONE_FILE).exists()
    assert engine.file_failures == 3
    assert caplog.text.count("The file of an object cannot be written and is tried again") == 1
    await engine.check()
    await engine.aclose()


async def test_files_that_cannot_be_written_do_not_keep_the_engine_from_closing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine: FileEngine = await reopen(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(files_disk, "write_all", failing(1, errno.EACCES, times=10**6))
        await engine.put(ONE, flunder("one"), expect_rev=0)
        await engine.aclose()
    assert not (tmp_path / ONE_FILE).exists()
    assert lines_in(tmp_path)[-1]["op"] == "put"  # and does not claim that all files are there
    engine = await reopen(tmp_path)
    assert (tmp_path / ONE_FILE).exists()
    await engine.aclose()
