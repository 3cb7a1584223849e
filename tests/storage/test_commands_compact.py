"""`genericapiserver storage compact`."""

import asyncio
from pathlib import Path

import pytest

from genericapiserver.storage.engine import CompactedError
from tests.storage.commands_support import Shop, in_another_process, key, storage, value


def size_of(shop: Shop) -> int:
    """Of the database, or of the journal."""
    return sum(path.stat().st_size for path in (shop.path, *(shop.path / "journal").glob("*")) if path.is_file())


@pytest.fixture(params=["sqlite", "file"])
def long(request: pytest.FixtureRequest, tmp_path: Path) -> Shop:
    """A store with 3,000 revisions after the 105th."""
    shop = Shop(request.param, tmp_path)
    shop.fill()

    async def work() -> None:
        engine = await shop.open()
        rev = 0
        for number in range(0, 3000, 100):
            names = [f"n{n}" for n in range(100)]
            await asyncio.gather(
                *(
                    engine.put(key(name), value(name, "x" * 1000), expect_rev=0 if not number else rev + offset + 1)
                    for offset, name in enumerate(names)
                )
            )
            rev = engine.current_rev() - 100
        await engine.aclose()

    asyncio.run(work())
    return shop


def test_history_is_forgotten_and_the_file_smaller(long: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    before, objects = size_of(long), long.objects()
    assert storage("compact", long.flags(), "--revision=3000") == 0
    assert "history begins at revision 3000, before at 100" in capsys.readouterr().out
    assert size_of(long) < before / 2
    assert long.objects() == objects
    assert storage("check", long.flags()) == 0

    async def look() -> None:
        engine = await long.open()
        assert engine.current_rev() == 3105
        assert (await engine.get(key("one"), rev=3000)).kv is not None
        with pytest.raises(CompactedError):
            await engine.get(key("one"), rev=2999)
        await engine.aclose()

    asyncio.run(look())
    assert storage("compact", long.flags(), "--revision=2000") == 1
    assert "has been compacted" in capsys.readouterr().err
    assert storage("compact", long.flags(), "--revision=4000") == 1
    assert "is in the future" in capsys.readouterr().err


def test_a_store_in_use_is_left_to_its_server(long: Shop) -> None:
    async def work() -> None:
        engine = await long.open()
        assert await asyncio.to_thread(in_another_process, ["compact", *long.flags()]) == 1
        assert engine.floor_rev() == 100
        await engine.aclose()

    asyncio.run(work())


@pytest.mark.parametrize(("engine", "problem"), [("sqlite", "no such file"), ("file", "there is no store in it")])
def test_nothing_is_made_where_no_store_is(
    engine: str, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert storage("compact", f"--storage-backend={engine}", f"--storage-path={tmp_path / 'none'}") == 1
    assert problem in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "flags", [["--keep=1h", "--revision=5"], ["--keep=-1h"], ["--storage-backend=etcd3", "--keep=1h"]]
)
def test_what_makes_no_sense_is_refused(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert storage("compact", "--storage-path=none", flags) == 1
    assert "--" in capsys.readouterr().err


def test_what_people_did_to_files_is_there_after_a_compaction(tmp_path: Path) -> None:
    shop = Shop("file", tmp_path)
    shop.fill()
    folder = shop.path / "wardle.example.com/flunders/default"
    (folder / "one.json").write_text("edited")
    (folder / "three.json").unlink()
    (folder / "new.json").write_text("new")
    for _ in range(2):
        assert storage("compact", shop.flags()) == 0
    assert sorted(path.name for path in folder.iterdir()) == ["new.json", "one.json"]
    assert (folder / "one.json").read_text() == "edited"
    assert key("three") in shop.objects()


def test_files_that_a_crash_left_behind_are_written_before_history_goes(tmp_path: Path) -> None:
    """What they show is known from the journal only; without it they would be taken for edits."""
    shop = Shop("file", tmp_path)
    shop.fill()
    shown = shop.path / "wardle.example.com/flunders/default/one.json"
    newest = shown.read_bytes()
    (journal,) = shop.path.glob("journal/*.jsonl")
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-1]))  # without its end, as after a crash
    shown.write_bytes(newest.replace(b"blue", b"red").replace(b'"103"', b'"101"'))
    assert storage("compact", shop.flags()) == 0
    assert shown.read_bytes() == newest
    assert not list(shop.path.rglob("*.edited*"))
