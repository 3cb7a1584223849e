"""From configuration to engines and backends."""

from pathlib import Path

import pytest

from genericapiserver.storage.cacher import Cacher
from genericapiserver.storage.engine import EngineOpenError
from genericapiserver.storage.factory import StorageConfig, new_backend, open_engine
from genericapiserver.storage.files import FileEngine
from genericapiserver.storage.memory import MemoryEngine
from genericapiserver.storage.sqlite import SQLiteEngine
from genericapiserver.storage.store import Store
from tests.conformance.storage_harness import CODEC, Pod, new_pod


@pytest.mark.parametrize(
    ("type_", "kind"), [("memory", MemoryEngine), ("sqlite", SQLiteEngine), ("", SQLiteEngine), ("file", FileEngine)]
)
async def test_a_type_names_an_engine(tmp_path: Path, type_: str, kind: type) -> None:
    engine = await open_engine(StorageConfig(type=type_, path=str(tmp_path / "store.db")))
    assert isinstance(engine, kind)
    await engine.check()
    await engine.aclose()


async def test_a_type_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown storage type: etcd9"):
        await open_engine(StorageConfig(type="etcd9"))
    for type_ in ("sqlite", "file"):
        with pytest.raises(ValueError, match=f"the {type_} engine needs a path"):
            await open_engine(StorageConfig(type=type_))
    with pytest.raises(EngineOpenError):
        await open_engine(StorageConfig(type="sqlite", path=str(tmp_path)))


async def test_backends_of_one_engine_share_its_revisions() -> None:
    config = StorageConfig(type="memory", prefix="/elsewhere")
    engine = await open_engine(config)
    pods = new_backend(engine, config, codec=CODEC, object_type=Pod, resource_prefix="/pods")
    others = new_backend(engine, config, codec=CODEC, object_type=Pod, resource_prefix="/others", watch_cache=False)
    assert isinstance(pods, Cacher)
    assert isinstance(others, Store)
    first = await pods.create("/pods/ns/a", new_pod("ns/a"))
    second = await others.create("/others/ns/a", new_pod("ns/a"))
    assert second.revision == first.revision + 1
    assert (await engine.get(b"/elsewhere/pods/ns/a")).kv is not None
    await engine.aclose()
