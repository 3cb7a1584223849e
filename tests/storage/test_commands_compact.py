"""`genericapiserver storage compact`."""

import asyncio
from pathlib import Path

import pytest

from genericapiserver.storage.engine import CompactedError
from tests.storage.commands_support import Shop, in_another_process, key, storage, value


@pytest.fixture
def long(tmp_path: Path) -> Shop:
    """A store with 3,000 revisions after the 105th."""
    shop = Shop("sqlite", tmp_path)
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
    before, objects = long.path.stat().st_size, long.objects()
    assert storage("compact", long.flags(), "--revision=3000") == 0
    assert "history begins at revision 3000, before at 100" in capsys.readouterr().out
    assert long.path.stat().st_size < before / 2
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


def test_nothing_is_made_where_no_store_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert storage("compact", f"--storage-path={tmp_path / 'none'}") == 1
    assert "there is no such file" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
