"""Servers for all clients, a namespace for each, and the table of what they did."""

import contextlib
import importlib.metadata
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tests.clients import matrix
from tests.clients.matrix import Row
from tests.support.server_process import CHECKOUT, free_port
from tests.support.standalone import Standalone, standalone

CLIENTS = frozenset({"@kubernetes/client-node", "kopf", "kr8s", "kubernetes", "kubernetes_asyncio", "lightkube"})
WATCH_SECONDS = 2
"""How long the server lets a watch last, or up to twice that."""

ROWS = pytest.StashKey[dict[str, Row]]()

NewRow = Callable[..., Row]


@contextlib.contextmanager
def serving(folder: Path, *flags: str) -> Iterator[Standalone]:
    with standalone(folder / "data", free_port(), f"--min-request-timeout={WATCH_SECONDS}", *flags) as running:
        yield running
        running.process.stop()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    """A server as it starts by itself."""
    with serving(tmp_path_factory.mktemp("plain")) as running:
        yield running


@pytest.fixture(scope="session")
def server_with_core(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    """A server for the clients that cannot do without namespaces and events."""
    with serving(tmp_path_factory.mktemp("core"), matrix.CORE) as running:
        yield running


@pytest.fixture
def new_row(request: pytest.FixtureRequest) -> NewRow:
    """Makes the row of a client in the table; without a version it is that of the installed package."""

    def make(client: str, version: str = "", *, needs: str = "", leaves_out: Iterable[str] = ()) -> Row:
        row = Row(client, version or importlib.metadata.version(client), needs, frozenset(leaves_out))
        request.config.stash.setdefault(ROWS, {})[client] = row
        return row

    return make


def pytest_configure(config: pytest.Config) -> None:
    # What other people's packages warn of, sockets left open at the end included, is theirs to mend.
    config.addinivalue_line("filterwarnings", "ignore")


def pytest_sessionfinish(session: pytest.Session) -> None:
    rows = session.config.stash.get(ROWS, {})
    if rows.keys() == CLIENTS:  # a run of some clients says nothing of the others
        matrix.write(CHECKOUT / "docs" / "clients.md", rows.values())
