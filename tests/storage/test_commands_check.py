"""`genericapiserver storage check`."""

import asyncio
import hashlib
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from genericapiserver.storage.engine import EngineOpenError
from genericapiserver.storage.tools.checking import check_files, check_sqlite
from genericapiserver.storage.tools.reading import ALL_KEYS, open_reader
from tests.storage.commands_support import Shop, in_another_process, key, storage, value


def everything(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_whole_store_has_no_problems_and_is_not_changed(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    before = everything(shop.folder)
    assert storage("check", shop.flags()) == 0, capsys.readouterr().out
    assert "2 objects at revision 105: no problems" in capsys.readouterr().out
    assert everything(shop.folder) == before


def test_what_is_encrypted_is_no_damage(shop: Shop) -> None:
    async def work() -> None:
        engine = await shop.open()
        await engine.put(key("secret"), b"k8s:enc:aesgcm:v1:key1:\x00\x01", expect_rev=0)
        await engine.aclose()

    asyncio.run(work())
    assert storage("check", shop.flags()) == 0


def test_a_store_in_use_is_checked(shop: Shop) -> None:
    async def work() -> None:
        engine = await shop.open()
        assert await asyncio.to_thread(in_another_process, ["check", *shop.flags()]) == 0
        await engine.aclose()

    asyncio.run(work())


def test_values_that_are_not_what_their_keys_say_are_named(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    async def work() -> None:
        engine = await shop.open()
        await engine.put(key("four"), value("five", "white"), expect_rev=0)
        await engine.put(key("six"), b"not json", expect_rev=0)
        await engine.put(key("seven"), b'{"metadata":{"name":"seven"}}', expect_rev=0)
        await engine.aclose()

    asyncio.run(work())
    assert storage("check", shop.flags()) == 1
    told = capsys.readouterr().out
    assert f"{key('four').decode()} at revision 106: the object calls itself 'five', its key 'four'" in told
    assert f"{key('six').decode()} at revision 107: it is no JSON" in told
    assert f"{key('seven').decode()} at revision 108: the object has no kind" in told
    assert "4 problems" in told


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("DELETE FROM log WHERE rev = 103", "the newest version of the key is missing from the log"),
        ("DELETE FROM current WHERE mod_rev = 105", "the log says that the key exists, but it is not shown"),
        ("UPDATE sqlite_sequence SET seq = 104", "revision 105 is above the last one, 104"),
        ("UPDATE current SET mod_rev = 101 WHERE mod_rev = 103", "the log has a newer version of the key"),
        ("UPDATE log SET prev_rev = 104 WHERE rev = 103", "a write follows one that is not older"),
    ],
)
def test_tables_that_do_not_agree_are_found(
    tmp_path: Path, statement: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = Shop("sqlite", tmp_path)
    shop.fill()
    connection = sqlite3.connect(shop.path)
    connection.execute(statement)
    connection.commit()
    connection.close()
    assert storage("check", shop.flags()) == 1
    assert text in capsys.readouterr().out


def flips(data: bytes, seed: int, number: int) -> Iterator[bytes]:
    """*data* with one bit changed somewhere."""
    random_ = random.Random(seed)
    for _ in range(number):
        changed = bytearray(data)
        changed[random_.randrange(len(data))] ^= 1 << random_.randrange(8)
        yield bytes(changed)


async def whole(shop: Shop) -> list[object]:
    """All that can be read of a store: what it is now, and what it was."""
    async with open_reader(shop.config()) as reader:
        floor, current = reader.floor_rev(), reader.current_rev()
        states = [(await reader.range(*ALL_KEYS, rev=rev)).kvs for rev in range(floor, current + 1, 5)]
        return [floor, current, (await reader.range(*ALL_KEYS)).kvs, states]


@pytest.mark.parametrize("engine", ["sqlite", "file"])
@pytest.mark.parametrize("seed", range(3))
async def test_a_flipped_bit_is_found_or_changes_nothing(engine: str, seed: int, tmp_path: Path) -> None:
    shop = Shop(engine, tmp_path)
    store = await shop.open()
    revs: dict[str, int] = {}
    random_ = random.Random(seed)
    for number in range(80):
        name = f"n{random_.randrange(20)}"
        if number % 7 == 6 and name in revs:
            await store.delete(key(name), expect_rev=revs.pop(name))
        else:
            color = "c" * random_.randrange(1, 3000)
            revs[name] = (await store.put(key(name), value(name, color), expect_rev=revs.get(name, 0))).rev
    await store.compact(store.current_rev() - 40)
    await store.aclose()
    written, found = await whole(shop), 0
    path = shop.path if engine == "sqlite" else max(shop.path.glob("journal/*.jsonl"))
    data = path.read_bytes()
    for changed in flips(data, seed, 60):
        path.write_bytes(changed)
        try:
            problems = check_sqlite(path, "/registry").problems if engine == "sqlite" else None
            problems = problems if problems is not None else (await check_files(shop.path, "/registry")).problems
        except EngineOpenError:
            found += 1
            continue
        found += bool(problems)
        assert problems or await whole(shop) == written
    assert found > 10


def test_a_damaged_row_is_named_and_its_backup_not_taken_for_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = Shop("sqlite", tmp_path)
    shop.fill()
    backup, taken = tmp_path / "backup", tmp_path / "taken"
    assert storage("backup", shop.flags(), "--to", str(backup)) == 0
    for path in (shop.path, backup):
        path.write_bytes(path.read_bytes().replace(b'"black"', b'"bleak"'))
    assert storage("check", shop.flags()) == 1
    assert f"{key('three').decode()} at revision 105: its checksum is not that" in capsys.readouterr().out
    assert storage("backup", shop.flags(), "--to", str(taken)) == 1
    assert "1 rows of the store are damaged" in capsys.readouterr().out
    for damaged in (backup, taken):
        assert storage("restore", shop.flags(tmp_path / "other"), f"--from={damaged}") == 1
        assert f"{key('three').decode()} at revision 105 is not as it was written" in capsys.readouterr().err


def test_damage_in_a_journal_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop = Shop("file", tmp_path)
    shop.fill()
    (segment,) = (shop.path / "journal").glob("*.jsonl")
    segment.write_bytes(segment.read_bytes().replace(b"green", b"greed"))
    assert storage("check", shop.flags()) == 1
    told = capsys.readouterr().out
    assert f"{segment}: line 3" in told
    assert "its checksum is not that of its text" in told


def test_files_that_are_not_what_the_journal_says_are_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop = Shop("file", tmp_path)
    shop.fill()
    one, three = (
        shop.path / "wardle.example.com" / "flunders" / "default" / f"{name}.json" for name in ("one", "three")
    )
    one.write_bytes(one.read_bytes().replace(b"blue", b"pink"))
    three.unlink()
    assert storage("check", shop.flags()) == 1
    told = capsys.readouterr().out
    assert f"{one}: the file of an object is not what the journal says" in told
    assert f"{three}: an object has no file" in told
