"""The simulation, run as its page says and looked into with kubectl."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.kubectl import Kubectl, needs_kubectl
from tests.support.server_process import ServerProcess, server_process

pytestmark = [pytest.mark.e2e, needs_kubectl]

OUTPUT = """\
batch would fit on node-a
web-0 would fit on node-a, node-b, node-c
web-1 would fit on node-a, node-b, node-c
spread: {'batch': 'node-a', 'web-0': 'node-b', 'web-1': 'node-c'}
pack:   {'batch': 'node-a', 'web-0': 'node-a', 'web-1': 'node-b'}
from spread to pack:
  default/web-0: spec.nodeName: 'node-b' -> 'node-a'
  default/web-1: spec.nodeName: 'node-c' -> 'node-b'
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("simulation")


@pytest.fixture(scope="module")
def simulation(folder: Path) -> Iterator[ServerProcess]:
    arguments = ["--port=0", f"--kubeconfig={folder}/minkapi.yaml"]
    with server_process("examples.simulation", arguments, folder / "logs") as process:
        process.until_it_says("try:")
        yield process
        process.stop()
        assert process.status == 0


def nodes_of_pods(folder: Path, kubeconfig: str) -> dict[str, str]:
    kubectl = Kubectl(folder / "home", [f"--kubeconfig={folder / kubeconfig}"])
    items = json.loads(kubectl("get", "pods", "-o", "json"))["items"]
    return {item["metadata"]["name"]: item["spec"].get("nodeName", "") for item in items}


def test_the_schedulers_say_where_they_differ(simulation: ServerProcess) -> None:
    assert simulation.stdout.startswith(OUTPUT)


def test_kubectl_sees_each_alternative_and_the_cluster_as_it_was(simulation: ServerProcess, folder: Path) -> None:
    assert nodes_of_pods(folder, "minkapi-spread.yaml") == {
        "batch": "node-a", "database": "node-b", "web-0": "node-b", "web-1": "node-c",
    }  # fmt: skip
    assert nodes_of_pods(folder, "minkapi-pack.yaml") == {
        "batch": "node-a", "database": "node-b", "web-0": "node-a", "web-1": "node-b",
    }  # fmt: skip
    assert nodes_of_pods(folder, "minkapi.yaml") == {"batch": "", "database": "node-b", "web-0": "", "web-1": ""}


def test_what_is_done_in_one_alternative_stays_in_it(simulation: ServerProcess, folder: Path) -> None:
    pack = Kubectl(folder / "home", [f"--kubeconfig={folder}/minkapi-pack.yaml"])
    pack("delete", "node", "node-c")
    pack("label", "pod", "web-0", "tested=true")
    assert "node-c" not in pack("get", "nodes", "-o", "name")
    for other in ("minkapi.yaml", "minkapi-spread.yaml"):
        kubectl = Kubectl(folder / "home", [f"--kubeconfig={folder / other}"])
        assert "node-c" in kubectl("get", "nodes", "-o", "name")
        assert kubectl("get", "pods", "-l", "tested=true", "-o", "name") == ""
