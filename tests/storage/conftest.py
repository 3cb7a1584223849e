"""Engines for the tests: every engine test runs against each of them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from genericapiserver.storage.engine import StorageEngine
from genericapiserver.storage.etcd.engine import EtcdEngine
from genericapiserver.storage.files import FileEngine
from genericapiserver.storage.memory import MemoryEngine
from genericapiserver.storage.retention import Retention
from genericapiserver.storage.sqlite import SQLiteEngine
from genericapiserver.storage.views import ViewEngine, ViewFamily
from tests.storage import acceptance_table
from tests.storage.acceptance_table import FAILED, PASSED, Result, render, row_of, title_of
from tests.storage.commands_support import Shop
from tests.support.etcd import FreshEtcds, needs_etcd

ACCEPTANCE = "test_acceptance.py"
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


# ---- the table of the acceptance suite


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-acceptance", action="store_true", help=f"write {acceptance_table.PAGE}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let reports of the acceptance suite say what they are about."""
    for item in items:
        if item.path.name == ACCEPTANCE and isinstance(item, pytest.Function) and hasattr(item, "callspec"):
            engine = next((str(value) for name, value in item.callspec.params.items() if name.endswith("harness")), "")
            if engine:
                row, title = row_of(item.callspec.id, engine), title_of(item.originalname)
                item.user_properties.append(("acceptance", [row, title, engine]))


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--write-acceptance") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(TableWriter(), "acceptance-table")


class TableWriter:
    """Writes the page from the reports, wherever the tests have run."""

    def __init__(self) -> None:
        self._results: list[Result] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        about: Any = dict(report.user_properties).get("acceptance")
        if about is None or not (report.when == "call" or report.outcome != "passed"):
            return
        outcome = FAILED
        if report.passed:
            outcome = PASSED
        elif report.skipped and isinstance(report.longrepr, tuple):
            outcome = str(report.longrepr[2]).removeprefix("Skipped: ")
        row, title, engine = map(str, about)
        self._results.append(Result(row, title, engine, outcome))

    def pytest_sessionfinish(self) -> None:
        if self._results:
            acceptance_table.PAGE.write_text(render(self._results))
