"""The acceptance suite of storage on every engine of the library, without and with a watch cache in front.

`two` are two engines on one file: writes go through one of them, the cache and its watches are on the other. `view` is a
base, `fork` a view over a view, `furnished` one over a base that has other objects.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite(
    "tests.conformance.storage_harness",
    "tests.conformance.storage_objects",
    "tests.conformance.storage_lists",
    "tests.conformance.storage_watches",
    "tests.conformance.storage_scoped_watches",
)

from genericapiserver.storage.engine import StorageEngine  # noqa: E402
from genericapiserver.storage.etcd.engine import EtcdEngine  # noqa: E402
from genericapiserver.storage.files import FileEngine  # noqa: E402
from genericapiserver.storage.memory import MemoryEngine  # noqa: E402
from genericapiserver.storage.retention import Retention  # noqa: E402
from genericapiserver.storage.sqlite import SQLiteEngine  # noqa: E402
from genericapiserver.storage.views import ViewEngine, ViewFamily  # noqa: E402
from tests.conformance.storage_harness import Harness, made  # noqa: E402
from tests.conformance.storage_lists import *  # noqa: E402, F403
from tests.conformance.storage_objects import *  # noqa: E402, F403
from tests.conformance.storage_scoped_watches import *  # noqa: E402, F403
from tests.conformance.storage_watches import *  # noqa: E402, F403
from tests.conformance.two_engines import TwoEngines  # noqa: E402
from tests.support.etcd import EtcdProcess, needs_etcd  # noqa: E402

VIEWS = ("view", "fork", "furnished")
NO_COMPACTION = Retention(interval=0, max_events=0)

ETCD = pytest.param("etcd", marks=needs_etcd)
ETCD_CACHER = pytest.param("etcd-cacher", marks=needs_etcd)


async def open_etcd(member: EtcdProcess) -> StorageEngine:
    return await EtcdEngine.open([member.url], prefix="/", compaction_interval=0, grace=10.0)


async def open_engine(name: str, tmp_path: Path) -> StorageEngine:
    if name == "memory":
        return MemoryEngine(initial_rev=1, retention=NO_COMPACTION)
    if name in ("view", "fork", "furnished"):
        base = ViewEngine.base(ViewFamily(initial_rev=1, retention=NO_COMPACTION))
        if name == "furnished":
            for key in (b"/a", b"/registry/others/ns/one", b"/registry/zebras/ns/one", b"/z"):
                await base.put(key, b"{}", expect_rev=0)
        return base if name == "view" else base.fork().fork()
    if name == "two":
        return await TwoEngines.open(tmp_path / "store.db", initial_rev=1, retention=NO_COMPACTION)
    if name == "file":
        return await FileEngine.open(tmp_path / "objects", initial_rev=1, retention=NO_COMPACTION)
    return await SQLiteEngine.open(tmp_path / "store.db", initial_rev=1, retention=NO_COMPACTION)


@pytest.fixture(
    params=[
        "memory",
        "sqlite",
        "file",
        "memory-cacher",
        "sqlite-cacher",
        "file-cacher",
        "two-cacher",
        *VIEWS,
        "fork-cacher",
        ETCD,
        ETCD_CACHER,
    ]
)
async def harness(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Harness]:
    engine, _, cacher = request.param.partition("-")
    if engine == "etcd":
        with request.getfixturevalue("fresh_etcds").take() as member:
            async for ready in made(await open_etcd(member), cached=bool(cacher)):
                yield ready
        return
    async for ready in made(await open_engine(engine, tmp_path), cached=bool(cacher)):
        yield ready


@pytest.fixture(params=["memory", "sqlite", "file", *VIEWS, ETCD])
async def bare_harness(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Harness]:
    """For the cases that the reference runs without a cache only."""
    if request.param == "etcd":
        with request.getfixturevalue("fresh_etcds").take() as member:
            async for ready in made(await open_etcd(member), cached=False):
                yield ready
        return
    async for ready in made(await open_engine(request.param, tmp_path), cached=False):
        yield ready


@pytest.fixture(params=["memory-cacher", "sqlite-cacher", "file-cacher", "two-cacher", "fork-cacher", ETCD_CACHER])
async def cached_harness(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Harness]:
    """For the cases that only a cache has."""
    engine = request.param.partition("-")[0]
    if engine == "etcd":
        with request.getfixturevalue("fresh_etcds").take() as member:
            async for ready in made(await open_etcd(member), cached=True):
                yield ready
        return
    async for ready in made(await open_engine(engine, tmp_path), cached=True):
        yield ready
