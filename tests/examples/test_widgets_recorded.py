"""What the reference's widgets server answered, replayed against the sample: exchanges, and a session of kubectl."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.recorded.replay import problems
from tests.conformance.recorded.scenarios import Scenario, load
from tests.e2e.test_kubectl_session import RECORDED_WITH, as_recorded
from tests.support.kubectl import Kubectl, kubectl_minor, needs_kubectl
from tests.support.reference_server import ReferenceServer, reference_server

RECORDINGS = Path(__file__).parent / "widgets"
SCENARIOS = load(RECORDINGS / "cases")
COMMANDS: list[dict[str, Any]] = json.loads((RECORDINGS / "kubectl.json").read_text("utf-8"))

pytestmark = pytest.mark.e2e


def running(backend: str, folder: Path) -> contextlib.AbstractContextManager[ReferenceServer]:
    flags = {"memory": [], "sqlite": [f"--storage-path={folder}/objects.db"]}[backend]
    return reference_server(folder, f"--storage-backend={backend}", *flags, program="examples.widgets")


@pytest.fixture(scope="module", params=["memory", "sqlite"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReferenceServer]:
    with running(request.param, tmp_path_factory.mktemp(request.param)) as made:
        yield made


@pytest.fixture(scope="module", params=["memory", "sqlite"])
def kubectl(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """kubectl against a server of its own: the session lists every namespace."""
    folder = tmp_path_factory.mktemp(request.param)
    with running(request.param, folder) as made:
        yield Kubectl(folder / "home", made.kubectl_flags)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.title)
def test_the_server_answers_as_the_reference_did(server: ReferenceServer, scenario: Scenario) -> None:
    assert problems(scenario, server.clients) == []


@needs_kubectl
@pytest.mark.skipif(kubectl_minor() not in (0, RECORDED_WITH), reason="recorded with another kubectl")
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command["args"])[:60])
def test_kubectl_prints_what_it_printed_for_the_reference(kubectl: Kubectl, command: dict[str, Any]) -> None:
    for name, text in command.get("files", {}).items():
        (kubectl.home / name).write_text(text, "utf-8")
    arguments = [f"{kubectl.home}/{each[1:]}" if each.startswith("@") else each for each in command["args"]]
    outcome = kubectl.run(*arguments, env=command.get("env"))
    assert as_recorded(outcome, kubectl.home, status_only=command.get("rc_only", False)) == command["got"]
