"""`genericapiserver storage copy`."""

import asyncio
from pathlib import Path

import pytest

from genericapiserver.options.storage_place import CommandFlags, Place
from genericapiserver.storage.factory import StorageConfig, open_engine
from tests.storage.commands_support import Shop, key, storage, value


@pytest.fixture(params=["sqlite", "file"])
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Shop:
    """Where to copy to."""
    folder = tmp_path / "target"
    folder.mkdir()
    return Shop(request.param, folder)


def copy(shop: Shop, other: Shop, *more: str) -> int:
    return storage("copy", shop.flags(lead="from-"), other.flags(lead="to-"), *more)


def test_every_byte_and_lease_is_copied_and_the_source_stays(
    shop: Shop, other: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    assert copy(shop, other) == 0
    assert "2 objects" in capsys.readouterr().out
    assert (
        other.objects()
        == shop.objects()
        == {
            key("one"): value("one", "blue", manager="other"),
            key("three"): value("three", "black"),
        }
    )

    async def expiry(of: Shop) -> float:
        engine = await of.open()
        found = (await engine.get(key("three"))).kv
        await engine.aclose()
        assert found is not None
        return found.expires_at

    assert abs(asyncio.run(expiry(shop)) - asyncio.run(expiry(other))) < 5


def test_a_target_with_objects_is_refused_unless_the_copy_is_resumed(
    shop: Shop, other: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    assert copy(shop, other) == 0

    async def interrupt() -> None:
        engine = await other.open()
        found = (await engine.get(key("one"))).kv
        assert found is not None
        await engine.delete(key("one"), expect_rev=found.mod_rev)
        await engine.aclose()

    asyncio.run(interrupt())
    capsys.readouterr()
    assert copy(shop, other) == 1
    assert "--resume" in capsys.readouterr().err
    assert copy(shop, other, "--resume") == 0
    assert "1 of them were there before" in capsys.readouterr().out
    assert other.objects() == shop.objects()


def test_what_differs_in_the_target_is_never_overwritten(
    shop: Shop, other: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    async def write() -> None:
        engine = await other.open()
        await engine.put(key("one"), b"{}", expect_rev=0)
        await engine.aclose()

    asyncio.run(write())
    assert copy(shop, other, "--resume") == 1
    assert key("one").decode() in capsys.readouterr().err
    assert other.objects() == {key("one"): b"{}"}


def test_more_than_a_page_is_copied_below_another_prefix(tmp_path: Path) -> None:
    source, target = Shop("sqlite", tmp_path), Shop("file", tmp_path / "other")

    async def fill() -> None:
        engine = await source.open()
        await asyncio.gather(*(engine.put(key(f"n{n}"), value(f"n{n}", "red"), expect_rev=0) for n in range(1203)))
        await engine.aclose()

    asyncio.run(fill())
    assert copy(source, target, "--to-etcd-prefix=/elsewhere") == 0
    expected = {each.replace(b"/registry/", b"/elsewhere/"): content for each, content in source.objects().items()}
    assert len(expected) == 1203

    async def read() -> dict[bytes, bytes]:
        config = StorageConfig(type="file", path=str(target.path), prefix="/elsewhere")
        engine = await open_engine(config)
        found = {kv.key: kv.value for kv in (await engine.range(b"/", b"0")).kvs}
        await engine.aclose()
        return found

    assert asyncio.run(read()) == expected


def test_a_store_is_not_copied_into_itself(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert copy(shop, shop) == 1
    assert "are the same" in capsys.readouterr().err


def test_a_cluster_of_etcd_is_named_by_the_flags_of_servers_and_is_not_another_for_its_path() -> None:
    source, target = Place("from-"), Place("to-")
    for place in (source, target):
        flags = CommandFlags("copy")
        place.add_flags(flags)
        lead = "from" if place is source else "to"
        flags.parse(
            [
                f"--{lead}-storage-backend=etcd3",
                f"--{lead}-storage-path={lead}",
                f"--{lead}-etcd-servers=https://a:2379,https://b:2379",
                f"--{lead}-etcd-cafile=ca.crt",
                f"--{lead}-etcd-prefix=/shop",
            ]
        )
    assert source.config.etcd.servers == ("https://a:2379", "https://b:2379")
    assert (source.config.etcd.ca_file, source.config.prefix) == ("ca.crt", "/shop")
    assert str(source) == str(target)
