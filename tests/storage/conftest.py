"""Engines for the tests: every engine test runs against each of them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from genericapiserver.storage.engine import StorageEngine
from genericapiserver.storage.etcd.engine import EtcdEngine
from genericapiserver.storage.files import FileEngine
from genericapiserver.storage.memory import MemoryEngine
from genericapiserver.storage.retention import Retention
from genericapiserver.storage.sqlite import SQLiteEngine
from genericapiserver.storage.views import ViewEngine, ViewFamily
from tests.storage.commands_support import Shop
from tests.support.etcd import FreshEtcds, needs_etcd

NO_COMPACTION = Retention(interval=0, max_events=0)
OpenEngine: TypeAlias = Callable[[], Awaitable[StorageEngine]]


@pytest.fixture(scope="module")
def fresh_etcds() -> Iterator[FreshEtcds]:
    etcds = FreshEtcds()
    yield etcds
    etcds.close()


ETCD_PARAMETER = pytest.param("etcd", marks=needs_etcd)


@pytest.fixture(params=["memory", "sqlite", "shared", "file", "view", "fork", ETCD_PARAMETER])
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StorageEngine]:
    """An empty engine at revision 1."""
    made: StorageEngine
    if request.param == "etcd":
        with request.getfixturevalue("fresh_etcds").take() as member:
            made = await EtcdEngine.open([member.url], prefix="/", compaction_interval=0, grace=10.0)
            yield made
            await made.aclose()
        return
    if request.param == "memory":
        made = MemoryEngine(initial_rev=1, retention=NO_COMPACTION)
    elif request.param in ("view", "fork"):
        base = made = ViewEngine.base(ViewFamily(initial_rev=1, retention=NO_COMPACTION))
        if request.param == "fork":
            made = base.fork().fork()
    elif request.param == "file":
        made = await FileEngine.open(tmp_path / "objects", initial_rev=1, retention=NO_COMPACTION)
    else:
        made = await SQLiteEngine.open(
            tmp_path / "store.db", initial_rev=1, retention=NO_COMPACTION, shared=request.param == "shared"
        )
    yield made
    await made.aclose()


@pytest.fixture(params=["sqlite", "file"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Shop:
    """A store with some history, which nobody has open."""
    shop = Shop(request.param, tmp_path)
    shop.fill()
    return shop
