"""`--serve-core`: namespaces and events beside the groups of a server that stands alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.https_client import HTTPSClient
from tests.support.server_process import free_port
from tests.support.standalone import standalone

pytestmark = pytest.mark.e2e

NAMESPACES = "/api/v1/namespaces"
EVENTS = f"{NAMESPACES}/a/events"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("core") / "data"


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[HTTPSClient]:
    with standalone(folder, free_port(), "--serve-core") as running:
        for name in ("a", "elsewhere"):
            assert running.admin.request("POST", NAMESPACES, namespace(name)).status == 201
        yield running.admin
        running.process.stop()


def namespace(name: str, **fields: Any) -> dict[str, Any]:
    return {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name}, **fields}


def an_event(name: str, of: str) -> dict[str, Any]:
    involved = {"kind": "Flunder", "namespace": "a", "name": of}
    return {"kind": "Event", "apiVersion": "v1", "metadata": {"name": name}, "involvedObject": involved}


def test_discovery_lists_both(server: HTTPSClient) -> None:
    assert server.get("/api").json()["versions"] == ["v1"]
    found = {resource["name"]: resource for resource in server.get("/api/v1").json()["resources"]}
    assert {name: found[name]["namespaced"] for name in found} == {"events": True, "namespaces": False}


@pytest.mark.parametrize("name", ["default", "kube-node-lease", "kube-public", "kube-system"])
def test_the_namespaces_of_every_cluster_are_there_from_the_start(server: HTTPSClient, name: str) -> None:
    found = server.get(f"{NAMESPACES}/{name}").json()
    assert found["status"] == {"phase": "Active"}
    assert found["metadata"]["labels"] == {"kubernetes.io/metadata.name": name}


def test_clients_change_only_the_metadata_of_a_namespace(server: HTTPSClient) -> None:
    made = server.request(
        "POST", NAMESPACES, namespace("b", spec={"finalizers": ["x"]}, status={"phase": "Terminating"})
    )
    assert made.status == 201, made.body
    assert (made.json()["spec"], made.json()["status"]) == ({}, {"phase": "Active"})
    changed = namespace("b", status={"phase": "Terminating"})
    changed["metadata"]["labels"] = {"c": "d"}
    written = server.request("PUT", f"{NAMESPACES}/b", changed).json()
    assert written["status"] == {"phase": "Active"}
    assert written["metadata"]["labels"] == {"c": "d", "kubernetes.io/metadata.name": "b"}
    assert server.request("DELETE", f"{NAMESPACES}/b").status == 200
    assert server.get(f"{NAMESPACES}/b").status == 404


def test_a_namespace_that_finalizers_keep_takes_no_new_content(server: HTTPSClient) -> None:
    kept = namespace("kept")
    kept["metadata"]["finalizers"] = ["example.com/x"]
    assert server.request("POST", NAMESPACES, kept).status == 201
    assert server.request("DELETE", f"{NAMESPACES}/kept").json()["status"] == {"phase": "Terminating"}
    event = an_event("late", "f") | {"involvedObject": {"kind": "Flunder", "namespace": "kept", "name": "f"}}
    # The plugin follows namespaces by a watch; for a deleted one it asks the server itself.
    refused = server.request("POST", f"{NAMESPACES}/kept/events", event)
    assert refused.status == 403
    assert refused.json()["details"]["causes"] == [
        {
            "reason": "NamespaceTerminating",
            "message": "namespace kept is being terminated",
            "field": "metadata.namespace",
        }
    ]
    patch = {"metadata": {"finalizers": None}}
    gone = server.request("PATCH", f"{NAMESPACES}/kept", patch, {"Content-Type": "application/merge-patch+json"})
    assert gone.status == 200, gone.body
    assert server.get(f"{NAMESPACES}/kept").status == 404


def test_namespaces_are_not_deleted_together(server: HTTPSClient) -> None:
    verbs = {resource["name"]: resource["verbs"] for resource in server.get("/api/v1").json()["resources"]}
    assert "deletecollection" in verbs["events"]
    assert "deletecollection" not in verbs["namespaces"]
    assert server.request("DELETE", NAMESPACES).status == 405


def test_a_namespace_is_named_as_domains_are(server: HTTPSClient) -> None:
    refused = server.request("POST", NAMESPACES, namespace("a.b"))
    assert refused.status == 422
    assert refused.json()["details"]["causes"][0]["field"] == "metadata.name"


def test_events_are_selected_by_what_they_are_about(server: HTTPSClient) -> None:
    for name, of in (("one", "f"), ("two", "g")):
        assert server.request("POST", EVENTS, an_event(name, of)).status == 201
    found = server.get(f"{EVENTS}?fieldSelector=involvedObject.name=g").json()
    assert [item["metadata"]["name"] for item in found["items"]] == ["two"]
    assert server.get(f"{EVENTS}?fieldSelector=message=x").status == 400


def test_an_event_elsewhere_than_its_object_is_refused(server: HTTPSClient) -> None:
    refused = server.request("POST", f"{NAMESPACES}/elsewhere/events", an_event("three", "f"))
    assert refused.status == 422, refused.body


def test_an_event_may_be_reported_by_an_update(server: HTTPSClient) -> None:
    assert server.request("PUT", f"{EVENTS}/four", an_event("four", "f")).status == 201
    assert server.request("PUT", f"{EVENTS}/four", an_event("four", "f")).status == 200


def test_events_of_a_namespace_that_does_not_exist_are_refused(server: HTTPSClient) -> None:
    refused = server.request("POST", f"{NAMESPACES}/nowhere/events", an_event("five", "f"))
    assert (refused.status, refused.json()["message"]) == (404, 'namespaces "nowhere" not found')


def test_a_second_start_finds_the_namespaces_of_the_first(tmp_path: Path) -> None:
    for _ in range(2):
        with standalone(tmp_path / "data", free_port(), "--serve-core") as running:
            assert running.admin.get(f"{NAMESPACES}/default").status == 200
            running.process.stop()


def test_without_the_flag_nothing_of_it_is_served(tmp_path: Path) -> None:
    with standalone(tmp_path / "data", free_port()) as running:
        assert running.admin.get("/api").status == 404
        assert running.admin.get(NAMESPACES).status == 404


def test_nothing_is_made_in_a_namespace_that_does_not_exist(server: HTTPSClient) -> None:
    refused = server.request("POST", f"{NAMESPACES}/nowhere/events", an_event("five", "f"))
    assert (refused.status, refused.json()["message"]) == (404, 'namespaces "nowhere" not found')


def test_the_default_roles_find_their_namespace(server: HTTPSClient) -> None:
    """Where namespaces are kept, nothing can be made in one that is not there: not by the server itself either."""
    roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/roles"
    found = server.get(f"{roles}/extension-apiserver-authentication-reader")
    assert found.status == 200, found.body
