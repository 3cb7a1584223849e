"""Files of a store that somebody deletes, moves or replaces under a running server: what nobody would find again is not
acknowledged, and the server is not ready."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from genericapiserver.storage.engine import EngineFaultError, StorageEngine
from genericapiserver.storage.files import FileEngine
from genericapiserver.storage.sqlite import SQLiteEngine
from genericapiserver.storage.tools.reading import in_use, sqlite_for_reading
from tests.storage.conftest import NO_COMPACTION

ASTRAY = "was (deleted|moved|replaced|deleted, moved or replaced) while"


def replaced(path: Path) -> None:
    new = path.with_name("new")
    shutil.copyfile(path, new)
    new.replace(path)


def moved(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))


async def opened(name: str, folder: Path) -> StorageEngine:
    if name == "sqlite":
        return await SQLiteEngine.open(folder / "store.db", initial_rev=1, retention=NO_COMPACTION)
    return await FileEngine.open(folder, initial_rev=1, retention=NO_COMPACTION)


@pytest.mark.parametrize("how", [Path.unlink, moved, replaced])
@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("sqlite", "store.db"),
        ("sqlite", "store.db-wal"),
        ("sqlite", "store.db-shm"),
        ("sqlite", "store.db.lock"),
        ("file", "journal/0000000000000002.jsonl"),
        ("file", ".lock"),
    ],
)
async def test_nothing_is_acknowledged_that_nobody_would_find(
    tmp_path: Path, name: str, file: str, how: Callable[[Path], None]
) -> None:
    engine = await opened(name, tmp_path / "store")
    assert (await engine.put(b"/registry/r/ns/a", b"{}", expect_rev=0)).ok
    await engine.check()
    how(tmp_path / "store" / file)
    with pytest.raises(EngineFaultError, match=ASTRAY):
        await engine.put(b"/registry/r/ns/b", b"{}", expect_rev=0)
    with pytest.raises(EngineFaultError, match=ASTRAY):
        await engine.check()
    await engine.aclose()


async def test_a_check_finds_a_database_that_is_gone_before_anybody_writes_and_makes_no_other(tmp_path: Path) -> None:
    engine = await opened("sqlite", tmp_path)
    (tmp_path / "store.db").unlink()
    with pytest.raises(EngineFaultError, match=ASTRAY):
        await engine.check()
    with pytest.raises(EngineFaultError, match="unable to open"):
        await engine.get(b"/registry/r/ns/a")
    assert not (tmp_path / "store.db").exists()
    await engine.aclose()


@pytest.mark.parametrize(("name", "what"), [("sqlite", "store.db"), ("file", "journal")])
async def test_a_store_that_is_put_back_goes_on(tmp_path: Path, name: str, what: str) -> None:
    engine = await opened(name, tmp_path / "store")
    place, aside = tmp_path / "store" / what, tmp_path / "aside"
    place.rename(aside)
    with pytest.raises(EngineFaultError, match=ASTRAY):
        await engine.put(b"/registry/r/ns/a", b"{}", expect_rev=0)
    aside.rename(place)
    await engine.check()
    written = await engine.put(b"/registry/r/ns/a", b"{}", expect_rev=0)
    await engine.aclose()
    engine = await opened(name, tmp_path / "store")
    found = (await engine.get(b"/registry/r/ns/a")).kv
    assert found is not None
    assert found.mod_rev == written.rev
    await engine.aclose()


async def test_who_only_looks_takes_no_log_from_a_server_that_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who tidies up holds the lock until the files are gone."""
    path = tmp_path / "store.db"
    await (await opened("sqlite", tmp_path)).aclose()
    held: list[bool] = []
    real = Path.unlink

    def unlink(self: Path, *, missing_ok: bool = False) -> None:
        if self.name.startswith("store.db-"):
            held.append(in_use(path.with_name("store.db.lock")))
        real(self, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    with sqlite_for_reading(path):
        pass
    assert held == [True, True]
    assert sorted(os.listdir(tmp_path)) == ["store.db", "store.db.lock"]
