"""What `make serve` starts, used as its first message says: with kubectl and the kubeconfig in its folder."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.https_client import HTTPSClient
from tests.support.kubectl import Kubectl, needs_kubectl
from tests.support.server_process import CHECKOUT, eventually, free_port
from tests.support.standalone import FLUNDERS, WARDLE, Standalone, ended, standalone

pytestmark = pytest.mark.e2e


def flunder(name: str, reference: str = "x", **metadata: Any) -> str:
    return json.dumps(
        {
            "apiVersion": "wardle.example.com/v1beta1",
            "kind": "Flunder",
            "metadata": {"name": name, **metadata},
            "spec": {"referenceType": "Flunder", "flunderReference": reference},
        }
    )


def fingerprints(folder: Path) -> dict[str, str]:
    """What every file of *folder* holds, in short."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    with standalone(tmp_path_factory.mktemp("serve") / "data", free_port()) as running:
        yield running


@pytest.fixture(scope="module")
def kubectl(server: Standalone) -> Kubectl:
    return server.kubectl


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make on PATH")
def test_make_serve_starts_this_program() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    told = subprocess.run(
        ["make", "--dry-run", "serve", "PORT=7443", "DATA=/srv/x", "ARGS=--v=2"],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    command = told.stdout.splitlines()[-1].split()
    assert command[1:3] == ["-m", WARDLE]
    assert {"--port=7443", "--data=/srv/x", "--storage-backend=sqlite", "--v=2"} == set(command[3:])


def test_it_says_where_it_is_and_what_to_try(server: Standalone) -> None:
    first, second = server.process.stdout.splitlines()
    assert first == f"sample-apiserver is ready on https://127.0.0.1:{server.port}, objects in {server.data}"
    assert second.split() == [
        "try:",
        "kubectl",
        "--kubeconfig",
        f"{server.data}/kubeconfig",
        "explain",
        "flunders.spec",
    ]


@needs_kubectl
def test_the_command_that_it_proposes_works(server: Standalone, kubectl: Kubectl) -> None:
    proposed = server.process.stdout.splitlines()[1].split()[2:]
    assert "referenceType" in kubectl(*proposed)


@needs_kubectl
def test_kubectl_applies_gets_changes_and_deletes(kubectl: Kubectl) -> None:
    assert kubectl("apply", "-f", "-", stdin=flunder("a")) == "flunder.wardle.example.com/a created\n"
    assert kubectl("apply", "-f", "-", stdin=flunder("a")) == "flunder.wardle.example.com/a unchanged\n"
    assert kubectl("apply", "-f", "-", stdin=flunder("a", "y")) == "flunder.wardle.example.com/a configured\n"
    kubectl("label", "flunder/a", "tier=gold")
    kubectl("patch", "flunder/a", "--type=merge", "-p", '{"spec":{"flunderReference":"z"}}')
    found = json.loads(kubectl("get", "flunder/a", "-o", "json"))
    assert found["metadata"]["labels"] == {"tier": "gold"}
    assert found["spec"] == {"referenceType": "Flunder", "flunderReference": "z"}
    assert kubectl("get", "flunders", "-l", "tier=gold", "-o", "name") == "flunder.wardle.example.com/a\n"
    assert kubectl("delete", "flunder/a") == 'flunder.wardle.example.com "a" deleted\n'
    assert kubectl.run("get", "flunder/a").stderr.startswith("Error from server (NotFound): ")


@needs_kubectl
def test_kubectl_explains_every_field(kubectl: Kubectl) -> None:
    assert "FIELD: flunderReference <string>" in kubectl("explain", "flunders.spec.flunderReference")
    assert "disallowedFlunders" in kubectl("explain", "fischers", "--recursive")


@needs_kubectl
def test_a_watching_kubectl_sees_a_create(kubectl: Kubectl, tmp_path: Path) -> None:
    kubectl("create", "-f", "-", stdin=flunder("before"))
    output = tmp_path / "watch"

    def sees(name: str) -> bool:
        return f"flunder.wardle.example.com/{name}\n" in output.read_text("utf-8")

    with ended(kubectl.start("get", "flunders", "--watch", "-o", "name", output=output)) as watch:
        eventually(lambda: sees("before"), "the watch shows what there is")
        kubectl("create", "-f", "-", stdin=flunder("after"))
        eventually(lambda: sees("after"), "the watch shows what is created")
        assert watch.poll() is None
    kubectl("delete", "flunders", "--all")


def test_a_second_start_goes_on_where_the_first_ended(tmp_path: Path) -> None:
    data, port = tmp_path / "data", free_port()
    with standalone(data, port) as first:
        created = first.admin.request("POST", FLUNDERS, flunder("kept"))
        assert created.status == 201
        made = fingerprints(data / "pki")
        first.process.stop()
    with standalone(data, port) as second:
        assert second.admin.get(f"{FLUNDERS}/kept").json() == created.json()
        assert fingerprints(data / "pki") == made
        later = second.admin.request("POST", FLUNDERS, flunder("later")).json()
        assert int(later["metadata"]["resourceVersion"]) > int(created.json()["metadata"]["resourceVersion"])
        second.process.stop()


@needs_kubectl
def test_kubectl_goes_on_over_a_restart(tmp_path: Path) -> None:
    data, port = tmp_path / "data", free_port()
    with standalone(data, port) as first:
        first.kubectl("create", "-f", "-", stdin=flunder("kept", "here"))
        first.process.stop()
        refused = first.kubectl.run("get", "flunders")
        assert refused.status == 1
        assert "refused" in refused.stderr
    with standalone(data, port) as second:
        assert second.kubectl("get", "flunder/kept", "-o", "jsonpath={.spec.flunderReference}") == "here"


def test_what_only_the_owner_may_read_is_readable_to_nobody_else(server: Standalone) -> None:
    secrets = [server.data / "kubeconfig", server.data / "objects.db", *server.data.glob("pki/*.key")]
    assert len(secrets) == 5
    assert {oct(path.stat().st_mode & 0o777) for path in secrets} == {"0o600"}


def test_nobody_without_a_certificate_may_do_anything(server: Standalone) -> None:
    stranger = HTTPSClient(server.port, authority=server.data / "pki" / "ca.crt")
    refused = stranger.get(FLUNDERS)
    assert refused.status == 403
    assert '"system:anonymous" cannot list resource "flunders"' in refused.json()["message"]
