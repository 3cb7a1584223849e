"""A session of kubectl commands, each with the status and output that it had against the reference server."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.kubectl import Kubectl, Outcome, kubectl_minor, needs_kubectl
from tests.support.reference_server import reference_server

RECORDING = Path(__file__).parents[1] / "conformance" / "recorded" / "kubectl.json"
COMMANDS: list[dict[str, Any]] = json.loads(RECORDING.read_text("utf-8"))
RECORDED_WITH = 32

CHANGING = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UID"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"((?:resourceVersion|Resource Version)\W+)\d+"), r"\1N"),
    (re.compile(r"127\.0\.0\.1:\d+"), "HOST"),
    (re.compile(r"\S*/(LIVE|MERGED)-\d+/"), r"/tmp/\1/"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [+-]\d{4}"), "STAMP"),
)
"""What differs from run to run, and what the recording holds in its place."""

pytestmark = [
    pytest.mark.e2e,
    needs_kubectl,
    pytest.mark.skipif(
        kubectl_minor() not in (0, RECORDED_WITH),
        reason=f"the session was recorded with kubectl 1.{RECORDED_WITH}, this one is 1.{kubectl_minor()}",
    ),
]


@pytest.fixture(scope="module", params=["memory", "sqlite"])
def kubectl(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    folder = tmp_path_factory.mktemp(request.param)
    flags = ["--storage-backend=memory"]
    if request.param == "sqlite":
        flags = ["--storage-backend=sqlite", f"--storage-path={folder}/objects.db"]
    with reference_server(folder, *flags) as server:
        yield Kubectl(folder / "home", server.kubectl_flags)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command["args"])[:60])
def test_kubectl_prints_what_it_printed_for_the_reference(kubectl: Kubectl, command: dict[str, Any]) -> None:
    for name, text in command.get("files", {}).items():
        (kubectl.home / name).write_text(text, "utf-8")
    arguments = [f"{kubectl.home}/{each[1:]}" if each.startswith("@") else each for each in command["args"]]
    outcome = kubectl.run(*arguments, env=command.get("env"))
    assert as_recorded(outcome, kubectl.home, status_only=command.get("rc_only", False)) == command["got"]


def as_recorded(outcome: Outcome, home: Path, *, status_only: bool) -> dict[str, Any]:
    if status_only:
        return {"rc": outcome.status}
    return {"rc": outcome.status, "out": cleaned(outcome.stdout, home), "err": cleaned(outcome.stderr, home)}


def cleaned(text: str, home: Path) -> str:
    text = text.replace(str(home), "DIR")
    for pattern, replacement in CHANGING:
        text = pattern.sub(replacement, text)
    return text
