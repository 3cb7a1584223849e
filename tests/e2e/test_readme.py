"""The README's server of one's own: its text is run as it stands there, and used with kubectl."""

import json
import re
from collections.abc import Iterator

import pytest

from tests.support.kubectl import Kubectl, needs_kubectl
from tests.support.server_process import CHECKOUT, free_port
from tests.support.standalone import Standalone, standalone

LONGEST = 25
"""Lines with anything on them that the first example may have."""

pytestmark = pytest.mark.e2e


def first_example() -> str:
    """The README's first Python block."""
    found = re.search(r"^```python\n(.*?)^```$", (CHECKOUT / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    folder = tmp_path_factory.mktemp("readme")
    (folder / "notes.py").write_text(first_example(), "utf-8")
    program = ["serve", f"{folder}/notes.py"]
    with standalone(folder / "data", free_port(), module="genericapiserver", before=program) as running:
        yield running
        running.process.stop()


@pytest.fixture(scope="module")
def kubectl(server: Standalone) -> Kubectl:
    return server.kubectl


def note(name: str, text: str) -> str:
    return json.dumps(
        {"apiVersion": "fridge.example.com/v1", "kind": "Note", "metadata": {"name": name}, "spec": {"text": text}}
    )


def test_the_example_fits_on_a_screen() -> None:
    assert sum(1 for line in first_example().splitlines() if line.strip()) <= LONGEST


def test_the_server_is_called_after_its_file(server: Standalone) -> None:
    assert server.process.stdout.startswith("notes is ready on ")


@needs_kubectl
def test_kubectl_explains_the_declared_type(kubectl: Kubectl) -> None:
    explained = kubectl("explain", "note.spec")
    assert "KIND:       Note" in explained
    assert "What a note says." in explained
    assert "The text of the note." in explained


@needs_kubectl
def test_kubectl_finds_the_resource_with_its_short_name(kubectl: Kubectl) -> None:
    _, row = kubectl("api-resources", "--api-group=fridge.example.com").splitlines()
    assert row.split() == ["notes", "no", "fridge.example.com/v1", "true", "Note"]


@needs_kubectl
def test_kubectl_applies_gets_and_deletes(kubectl: Kubectl) -> None:
    assert kubectl("apply", "-f", "-", stdin=note("milk", "buy some")) == "note.fridge.example.com/milk created\n"
    assert kubectl("apply", "-f", "-", stdin=note("milk", "buy two")) == "note.fridge.example.com/milk configured\n"
    assert kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=note("milk", "buy three"))
    assert kubectl("get", "notes", "-o", "name") == "note.fridge.example.com/milk\n"
    assert kubectl("get", "no", "milk", "-o", "jsonpath={.spec.text}") == "buy three"
    head, row = kubectl("get", "no").splitlines()
    assert head.split() == ["NAME", "CREATED", "AT"]
    assert row.split()[0] == "milk"
    assert kubectl("delete", "note", "milk") == 'note.fridge.example.com "milk" deleted\n'
    assert "No resources found" in kubectl.run("get", "notes").stderr


@needs_kubectl
def test_kubectl_is_told_of_a_field_that_nobody_declared(kubectl: Kubectl) -> None:
    body = note("bad", "x").replace('"text"', '"txet"')
    refused = kubectl.run("create", "-f", "-", stdin=body)
    assert refused.status == 1
    assert 'unknown field "spec.txet"' in refused.stderr
