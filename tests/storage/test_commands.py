"""`genericapiserver storage backup` and `restore`, run as a person does."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from genericapiserver.aio.file_lock import FileLock
from genericapiserver.storage.engine import CompactedError, StorageEngine
from tests.storage.commands_support import Shop, in_another_process, key, storage, value


def test_a_backup_of_a_stopped_store_is_restored_with_every_byte(shop: Shop) -> None:
    backup, other = shop.folder / "backup", shop.folder / "other"
    assert storage("backup", shop.flags(), "--to", str(backup)) == 0
    assert storage("restore", shop.flags(other), f"--from={backup}") == 0
    assert (
        shop.objects(other)
        == shop.objects()
        == {
            key("one"): value("one", "blue", manager="other"),
            key("three"): value("three", "black"),
        }
    )


def test_a_backup_of_a_store_in_use_is_restored(shop: Shop) -> None:
    backup, other = shop.folder / "backup", shop.folder / "other"

    async def work() -> None:
        engine = await shop.open()
        written = await engine.put(key("four"), value("four", "white"), expect_rev=0)
        assert written.ok
        assert await asyncio.to_thread(in_another_process, ["backup", *shop.flags(), "--to", str(backup)]) == 0
        await engine.put(key("five"), value("five", "white"), expect_rev=0)
        await engine.aclose()

    asyncio.run(work())
    assert storage("restore", shop.flags(other), f"--from={backup}") == 0
    assert set(shop.objects(other)) == {key("one"), key("three"), key("four")}


def test_a_backup_beside_a_writing_server_is_a_store_as_it_once_was(shop: Shop, tmp_path: Path) -> None:
    """Every write is there that was acknowledged before it began, and of what came meanwhile a beginning."""
    acknowledged = 0

    async def write(engine: StorageEngine, begun: asyncio.Event, done: asyncio.Event) -> None:
        nonlocal acknowledged
        revs = [0, 0]
        number = 0
        while not done.is_set():
            number += 1
            for each in (0, 1):  # the second one is never ahead of the first
                written = await engine.put(key(f"pair{each}"), value(f"pair{each}", str(number)), expect_rev=revs[each])
                revs[each] = written.rev
            acknowledged = number
            if number == 20:
                begun.set()

    async def back_up(backup: Path) -> int:
        engine = await shop.open()
        begun, done = asyncio.Event(), asyncio.Event()
        writing = asyncio.create_task(write(engine, begun, done))
        async with asyncio.timeout(60):
            await begun.wait()
        before = acknowledged
        assert await asyncio.to_thread(in_another_process, ["backup", *shop.flags(), "--to", str(backup)]) == 0
        assert acknowledged > before
        done.set()
        await writing
        await engine.aclose()
        return before

    backup, other = tmp_path / "backup", tmp_path / "other"
    before = asyncio.run(back_up(backup))
    assert storage("restore", shop.flags(other), f"--from={backup}") == 0
    found = shop.objects(other)
    first, second = (int(json.loads(found[key(f"pair{each}")])["spec"]["color"]) for each in (0, 1))
    assert before <= second <= first <= second + 1


def test_revisions_after_a_restore_are_above_all_that_were_given_out(shop: Shop) -> None:
    backup = shop.folder / "backup"
    assert storage("backup", shop.flags(), "--to", str(backup)) == 0

    async def go_on() -> int:
        engine = await shop.open()
        result = await engine.put(key("later"), value("later", "grey"), expect_rev=0)
        await engine.aclose()
        return result.rev

    told = asyncio.run(go_on())
    assert storage("restore", shop.flags(), f"--from={backup}", "--force") == 0

    async def look() -> None:
        engine = await shop.open()
        assert engine.current_rev() >= told + 10**6
        with pytest.raises(CompactedError):
            await engine.get(key("one"), rev=told)
        watch = engine.watch(b"/", b"0", after_rev=105)
        with pytest.raises(CompactedError):
            await watch.next()
        kept = (await engine.get(key("three"))).kv
        assert kept is not None
        assert kept.expires_at > 0
        await engine.aclose()

    asyncio.run(look())
    assert len(list(shop.folder.glob("store.replaced-*"))) >= 1


def test_a_backup_is_not_written_over(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    backup = shop.folder / "backup"
    backup.write_text("precious")
    assert storage("backup", shop.flags(), "--to", str(backup)) == 1
    assert "--force" in capsys.readouterr().err
    assert backup.read_text() == "precious"
    assert storage("backup", shop.flags(), "--to", str(backup), "--force") == 0
    assert backup.read_bytes() != b"precious"


def test_a_store_is_not_written_over(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    backup = shop.folder / "backup"
    assert storage("backup", shop.flags(), "--to", str(backup)) == 0
    before = shop.objects()
    assert storage("restore", shop.flags(), "--from", str(backup)) == 1
    assert "already" in capsys.readouterr().err
    assert shop.objects() == before


def test_nothing_is_restored_into_a_store_in_use(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    backup = shop.folder / "backup"
    assert storage("backup", shop.flags(), "--to", str(backup)) == 0

    async def work() -> None:
        engine = await shop.open()
        status = await asyncio.to_thread(in_another_process, ["restore", *shop.flags(), f"--from={backup}", "--force"])
        assert status == 1
        assert (await engine.get(key("one"))).kv is not None
        await engine.aclose()

    asyncio.run(work())


def test_a_damaged_backup_is_refused_and_leaves_nothing(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    backup, other = shop.folder / "backup", shop.folder / "other"
    assert storage("backup", shop.flags(), "--to", str(backup)) == 0
    content = bytearray(backup.read_bytes())
    backup.write_bytes(content[: len(content) // 2])
    before = {path.name for path in shop.folder.iterdir()}
    assert storage("restore", shop.flags(other), "--from", str(backup)) == 1
    assert str(backup) in capsys.readouterr().err
    left = {path.name for path in shop.folder.iterdir()} - before
    assert left <= {"other.lock"}


def test_a_backup_leaves_no_files_beside_the_store(shop: Shop) -> None:
    before = {path.name for path in shop.folder.iterdir()}
    assert storage("backup", shop.flags(), "--to", str(shop.folder / "backup")) == 0
    assert {path.name for path in shop.folder.iterdir()} == before | {"backup"}


def test_memory_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert storage("backup", "--storage-backend=memory", "--to=x") == 1
    assert "memory keeps nothing" in capsys.readouterr().err


def test_a_log_that_was_left_behind_does_not_get_into_the_restored_store(tmp_path: Path) -> None:
    shop, backup = Shop("sqlite", tmp_path), tmp_path / "backup"
    shop.fill()
    assert storage("backup", shop.flags(), "--to", str(backup)) == 0
    expected = shop.objects()

    async def crash() -> None:
        engine = await shop.open()
        await engine.put(key("four"), value("four", "white"), expect_rev=0)
        shutil.copy(shop.folder / "store-wal", shop.folder / "kept")
        await engine.aclose()

    asyncio.run(crash())
    shop.path.unlink()
    (shop.folder / "kept").rename(shop.folder / "store-wal")
    assert storage("restore", shop.flags(), f"--from={backup}") == 0
    assert shop.objects() == expected
    assert storage("check", shop.flags()) == 0


def test_a_backup_never_takes_the_place_of_a_store_that_is_in_use(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its server would go on writing into a file that nobody finds again."""
    before = shop.objects()
    part = shop.path if shop.engine == "sqlite" else shop.path / "journal" / "backup"
    assert storage("backup", shop.flags(), "--force", "--to", str(part)) == 1
    assert "is a part of the store" in capsys.readouterr().err
    link = shop.folder / "link"
    link.symlink_to(part)
    assert storage("backup", shop.flags(), "--force", "--to", str(link)) == 1
    assert "is a part of the store" in capsys.readouterr().err
    if shop.engine == "sqlite":
        for end in ("-wal", ".lock"):
            assert storage("backup", shop.flags(), "--force", "--to", f"{shop.path}{end}") == 1
        other = shop.folder / "other"
        lock = FileLock(f"{other}.lock")
        other.write_bytes(b"of another server")
        assert lock.try_acquire()
        assert storage("backup", shop.flags(), "--force", "--to", str(other)) == 1
        assert "another process has open" in capsys.readouterr().err
        assert other.read_bytes() == b"of another server"
        lock.close()
    assert shop.objects() == before


@pytest.mark.parametrize("command", ["backup", "restore", "check", "compact", "copy"])
def test_a_path_without_a_flag_is_refused_and_not_passed_over(
    shop: Shop, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    flags = [] if command == "copy" else shop.flags()
    assert storage(command, flags, "notes.db") == 1
    assert "unexpected argument 'notes.db': places are named with flags" in capsys.readouterr().err


def test_what_is_no_store_is_called_what_it_is(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    other = shop.folder / "other"
    if shop.engine == "sqlite":
        other.mkdir()
    else:
        other.write_text("")
    assert storage("list", shop.flags(other)) == 1
    what = "it is a folder, and not a database" if shop.engine == "sqlite" else "it is not a folder"
    assert f"{other}: {what}" in capsys.readouterr().err
