"""The reference's recorded exchanges, replayed in their order against one process for each storage backend."""

from collections.abc import Iterator

import pytest

from tests.conformance.recorded.replay import problems
from tests.conformance.recorded.scenarios import Scenario, load
from tests.support.reference_server import ReferenceServer, reference_server

SCENARIOS = load()

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module", params=["memory", "sqlite", "file"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReferenceServer]:
    folder = tmp_path_factory.mktemp(request.param)
    flags = {
        "memory": [],
        "sqlite": [f"--storage-path={folder}/objects.db"],
        "file": [f"--storage-path={folder}/objects"],
    }
    with reference_server(folder, f"--storage-backend={request.param}", *flags[request.param]) as running:
        yield running


def test_there_are_all_the_scenarios() -> None:
    assert len(SCENARIOS) == 133


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.title)
def test_the_server_answers_as_the_reference_did(server: ReferenceServer, scenario: Scenario) -> None:
    assert problems(scenario, server.clients) == []
