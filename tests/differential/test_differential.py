"""The tool against our own server: nothing differs from itself, and one doctored word is found."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice

import pytest

from tests.differential.families import FAMILIES
from tests.differential.families.mutations import mutated
from tests.differential.runs import Comparison, Report
from tests.differential.scenarios import Scenario, flunder
from tests.differential.servers import Server, ServerError, server
from tests.support.server_process import CHECKOUT

OURS = shlex.join([sys.executable, "-m", "examples.wardle", "--storage-backend=memory"])
DOCTORED = shlex.join([sys.executable, "-m", "tests.differential.doctored", "--storage-backend=memory"])
STRIDES = {
    "paths": 61,
    "queries": 97,
    "negotiation": 29,
    "bodies": 131,
    "patches": 37,
    "apply": 17,
    "deletes": 43,
    "watches": 83,
}
"""Of each family every so manieth scenario."""

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def ours() -> Iterator[Server]:
    with server("ours", OURS) as running:
        yield running


def some() -> list[Scenario]:
    chosen = [each for family, stride in STRIDES.items() for each in islice(FAMILIES[family](), 1, None, stride)]
    return [*chosen, *mutated(1, 24)]


def compared(one: Server, other: Server, scenarios: list[Scenario]) -> Report:
    comparison = Comparison(one.clients, other.clients)
    comparison.run(scenarios)
    return comparison.report


def test_nothing_differs_from_itself_and_a_doctored_word_is_found(ours: Server) -> None:
    (version,) = [each for each in FAMILIES["paths"]() if each.title == "GET /version"]
    with server("doctored", DOCTORED) as doctored:
        for each in (ours, doctored):
            each.require_empty()
        report = compared(ours, doctored, [*some(), version])
        doctored.require_alive()
    assert {each.line for each in report.new} == {
        '/body/gitVersion: wanted "v0.0.0-master+$Format:%H$", found "v0.0.0-doctored"'
    }
    assert "GET /version" in [each.request for each in report.new]
    assert all("/version" in each.request for each in report.new)
    assert report.requests > 200


def test_a_server_with_objects_is_refused(ours: Server) -> None:
    path = "/apis/wardle.example.com/v1beta1/namespaces/left-over/flunders"
    assert ours.clients["admin"].request("POST", path, flunder()).status == 201
    with pytest.raises(ServerError, match=r"ours has \d+ objects at /apis/wardle.example.com/v1beta1/flunders"):
        ours.require_empty()


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("/nowhere/at/all", "ours cannot be started: /nowhere/at/all: No such file or directory"),
        (f"{OURS} --no-such-flag", "ours ended with status 1:"),
    ],
)
def test_a_server_that_does_not_start_is_named_with_what_it_says(command: str, text: str) -> None:
    with pytest.raises(ServerError) as caught, server("ours", command):
        pass
    assert str(caught.value).startswith(text)


def test_the_program_tells_what_it_found_by_its_exit_status() -> None:
    words = [sys.executable, "-m", "tests.differential", "--ours", DOCTORED, "--reference", OURS]
    found = subprocess.run(
        [*words, "--only", "GET /version", "--requests", "0", "--seed", "1"],
        cwd=CHECKOUT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert found.returncode == 1, found.stderr
    assert found.stdout.startswith('/body/gitVersion: wanted "v0.0.0-master+$Format:%H$", found "v0.0.0-doctored"\n')
    assert "new differences in 1 groups" in found.stdout
