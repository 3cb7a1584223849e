"""The demonstration of aggregation, with kubectl through its front."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.support.kubectl import Kubectl, needs_kubectl
from tests.support.server_process import ServerProcess, eventually, free_port, server_process
from tests.support.standalone import ended

pytestmark = [pytest.mark.e2e, needs_kubectl]

FLUNDER = {
    "apiVersion": "wardle.example.com/v1beta1",
    "kind": "Flunder",
    "metadata": {"name": "first", "namespace": "default"},
    "spec": {},
}
RECIPE = {
    "apiVersion": "kitchen.example.com/v1",
    "kind": "Recipe",
    "metadata": {"name": "first", "namespace": "default"},
    "spec": {"servings": 4, "steps": ["boil", "serve"]},
}
WARDLE, KITCHEN = "v1beta1.wardle.example.com", "v1.kitchen.example.com"


@attrs.frozen
class Shown:
    """The running demonstration."""

    process: ServerProcess
    data: Path

    @property
    def kubectl(self) -> Kubectl:
        return Kubectl(self.data.parent / "home", [f"--kubeconfig={self.data}/front/kubeconfig"])

    def pid(self, name: str) -> int:
        """The process of a server, the one that was started last."""
        return int(re.findall(rf"^{name} is ready, process (\d+)$", self.process.stdout, re.MULTILINE)[-1])

    def availability(self) -> dict[str, str]:
        """What `kubectl get apiservices` says, by name."""
        rows = [re.split(r"\s{2,}", line) for line in self.kubectl("get", "apiservices", "--no-headers").splitlines()]
        return {row[0]: row[2] for row in rows}

    def until(self, name: str, availability: str) -> None:
        """Wait until an APIService says so; it is changed a bit, so that its server is looked at soon."""

        def says() -> bool:
            if self.availability()[name] == availability:
                return True
            self.kubectl("annotate", "--overwrite", "apiservice", name, f"looked={os.urandom(4).hex()}")
            return False

        eventually(says, f"{name}: {availability}")

    def users(self, name: str, path: str) -> set[str]:
        """Who has asked a server behind for *path*, as that server has seen it."""
        lines = (self.data / name / "audit.log").read_text("utf-8").splitlines()
        events = [json.loads(line) for line in lines if line.endswith("}")]
        return {event["user"]["username"] for event in events if event["requestURI"].startswith(path)}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    folder = tmp_path_factory.mktemp("aggregation")
    ports = [f"--port={free_port()}", f"--wardle-port={free_port()}", f"--kitchen-port={free_port()}"]
    arguments = [f"--data={folder / 'data'}", *ports]
    with server_process("examples.aggregation", arguments, folder / "logs") as process:
        process.until_it_says("try:")
        shown = Shown(process, folder / "data")
        pids = [shown.pid(name) for name in ("front", "wardle", "kitchen")]
        for name in (WARDLE, KITCHEN):
            shown.until(name, "True")
        yield shown
        process.stop()
        for pid in pids:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)


def names(listed: str) -> list[str]:
    return [line.split()[0] for line in listed.splitlines()]


@pytest.mark.parametrize(
    ("resource", "manifest", "explained"),
    [("flunders", FLUNDER, "flunderReference"), ("recipes", RECIPE, "For how many it is")],
)
def test_kubectl_gets_creates_watches_explains_and_deletes(
    shown: Shown, tmp_path: Path, resource: str, manifest: dict[str, Any], explained: str
) -> None:
    kubectl = shown.kubectl
    assert explained in kubectl("explain", f"{resource}.spec")
    seen = tmp_path / "seen"
    with ended(kubectl.start("get", resource, "--watch", "--no-headers", output=seen)):
        kubectl("create", "-f", "-", stdin=json.dumps(manifest))
        eventually(lambda: "first" in seen.read_text(), "the watch tells of it")
        assert json.loads(kubectl("get", resource, "first", "-o", "json"))["spec"] is not None
        assert names(kubectl("get", resource, "--no-headers")) == ["first"]
        kubectl("label", resource, "first", "color=red")
        assert "color=red" in kubectl("describe", resource, "first")
        kubectl("delete", resource, "first")
        assert kubectl("get", resource, "--no-headers") == ""


def test_both_groups_are_discovered(shown: Shown) -> None:
    listed = shown.kubectl("api-resources", "--no-headers")
    assert {"flunders", "fischers", "recipes", "apiservices", "namespaces"} <= set(names(listed))
    assert {"wardle.example.com/v1beta1", "wardle.example.com/v1alpha1", "kitchen.example.com/v1"} <= set(
        shown.kubectl("api-versions").split()
    )


def test_the_documents_of_openapi_have_both_groups(shown: Shown) -> None:
    def paths() -> set[str]:
        return set(json.loads(shown.kubectl("get", "--raw", "/openapi/v2"))["paths"])

    wanted = {
        "/apis/wardle.example.com/v1beta1/flunders",
        "/apis/kitchen.example.com/v1/recipes",
        "/apis/apiregistration.k8s.io/v1/apiservices",
        "/api/v1/namespaces",
    }
    eventually(lambda: wanted <= paths(), "OpenAPI v2 of all")
    root = json.loads(shown.kubectl("get", "--raw", "/openapi/v3"))["paths"]
    document = json.loads(shown.kubectl("get", "--raw", root["apis/kitchen.example.com/v1"]["serverRelativeURL"]))
    assert any(name.endswith(".RecipeSpec") for name in document["components"]["schemas"])
    # kubectl asks for this one in protobuf.
    assert "VERSION:  kitchen.example.com/v1" in shown.kubectl("explain", "recipes", "--output=plaintext-openapiv2")


def test_the_user_of_the_front_is_the_one_who_arrives(shown: Shown) -> None:
    kubectl = shown.kubectl
    refused = kubectl.run("--as=alice", "get", "recipes")
    assert "forbidden" in refused.stderr.lower()
    kubectl("create", "clusterrole", "cook", "--verb=get,list", "--resource=recipes.kitchen.example.com")
    kubectl("create", "clusterrolebinding", "cook", "--clusterrole=cook", "--user=alice")
    eventually(lambda: kubectl.run("--as=alice", "get", "recipes").status == 0, "alice may")
    assert "alice" in shown.users("kitchen", "/apis/kitchen.example.com/v1/namespaces/default/recipes")
    kubectl("get", "flunders")
    assert "admin" in shown.users("wardle", "/apis/wardle.example.com/v1beta1/namespaces/default/flunders")
    assert "system:kube-aggregator" in shown.users("wardle", "/apis")


def test_one_server_less_harms_no_other_and_it_comes_back(shown: Shown) -> None:
    kubectl = shown.kubectl
    kubectl("create", "-f", "-", stdin=json.dumps(FLUNDER))
    before = shown.pid("wardle")
    os.kill(before, signal.SIGKILL)
    shown.until(WARDLE, "False (FailedDiscoveryCheck)")
    assert shown.availability()[KITCHEN] == "True"
    assert "unavailable" in kubectl.run("get", "flunders").stderr.lower()
    kubectl("create", "-f", "-", stdin=json.dumps(RECIPE))
    assert names(kubectl("get", "recipes", "--no-headers")) == ["first"]
    assert "For how many" in kubectl("explain", "recipes.spec")
    kubectl("delete", "recipe", "first")
    shown.process.signal(signal.SIGHUP)
    eventually(lambda: shown.pid("wardle") != before, "the server is started again")
    shown.until(WARDLE, "True")
    assert names(kubectl("get", "flunders", "--no-headers")) == ["first"]
    kubectl("delete", "flunder", "first")


def test_a_port_that_is_taken_is_told_and_leaves_nobody_behind(tmp_path: Path) -> None:
    port = free_port()
    with contextlib.ExitStack() as stack:
        taken = stack.enter_context(socket.socket())
        taken.bind(("127.0.0.1", port))
        taken.listen()
        arguments = [f"--data={tmp_path / 'data'}", f"--port={port}"]
        process = stack.enter_context(server_process("examples.aggregation", arguments, tmp_path / "logs"))
        assert process.wait() == 1
        assert "Error: front did not start: see" in process.stderr
        assert "address already in use" in (tmp_path / "data" / "front.log").read_text("utf-8")
