"""One server for all clients, a namespace for each, and the table of what they did."""

import importlib.metadata
from collections.abc import Callable, Iterator
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


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    data = tmp_path_factory.mktemp("server") / "data"
    with standalone(data, free_port(), "--serve-core", f"--min-request-timeout={WATCH_SECONDS}") as running:
        yield running
        running.process.stop()


@pytest.fixture
def kubeconfig(server: Standalone) -> Path:
    return server.data / "kubeconfig"


@pytest.fixture
def new_row(request: pytest.FixtureRequest) -> NewRow:
    """Makes the row of a client in the table; without a version it is that of the installed package."""

    def make(client: str, version: str = "", leaves_out: frozenset[str] = frozenset()) -> Row:
        row = Row(client, version or importlib.metadata.version(client), leaves_out)
        request.config.stash.setdefault(ROWS, {})[client] = row
        return row

    return make


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Warnings in other people's packages are theirs to mend.
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    rows = session.config.stash.get(ROWS, {})
    if rows.keys() == CLIENTS:  # a run of some clients says nothing of the others
        matrix.write(CHECKOUT / "docs" / "clients.md", rows.values())
