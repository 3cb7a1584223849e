"""Kubernetes' own kinds at a server: kubectl explains, shows, selects, patches and applies them as at a cluster."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from genericapiserver.minkapi.kinds import ServedKind
from tests.support.kinds_server import SERVED
from tests.support.server_process import free_port
from tests.support.standalone import Standalone, standalone

MANIFESTS = Path(__file__).parents[1] / "apis" / "manifests"
PODS = "/api/v1/namespaces/default/pods"
STRATEGIC = {"Content-Type": "application/strategic-merge-patch+json"}
APPLY = {"Content-Type": "application/apply-patch+yaml"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    folder = tmp_path_factory.mktemp("kinds")
    flags = ["--control-plane-groups=", "--disable-admission-plugins=NamespaceLifecycle"]
    with standalone(folder / "data", free_port(), *flags, module="tests.support.kinds_server") as server:
        yield server


def path_of(kind: ServedKind, namespace: str) -> str:
    version = kind.group_version
    prefix = f"/apis/{version}" if version.group else f"/api/{version.version}"
    return f"{prefix}/namespaces/{namespace}/{kind.plural}" if kind.namespaced else f"{prefix}/{kind.plural}"


def create(server: Standalone, path: str, value: Any) -> Any:
    response = server.admin.request("POST", f"{path}?fieldValidation=Strict", value)
    assert response.status == 201, response.body
    return response.json()


def patch(server: Standalone, path: str, value: Any, headers: dict[str, str] = STRATEGIC, status: int = 200) -> Any:
    response = server.admin.request("PATCH", path, json.dumps(value), headers)
    assert response.status == status, response.body
    return response.json()


def test_kubectl_shows_every_kind(server: Standalone) -> None:
    kinds = {(kind.group_version_kind.api_version, kind.kind): kind for kind in SERVED}
    for path in sorted(MANIFESTS.glob("*.yaml")):
        for manifest in yaml.safe_load_all(path.read_text()):
            kind = kinds.get((manifest["apiVersion"], manifest["kind"]))
            if kind is not None:
                manifest["metadata"] |= {"namespace": "shown"} if kind.namespaced else {}
                manifest["metadata"].pop("resourceVersion", None)
                create(server, path_of(kind, "shown"), manifest)
    kubectl = server.kubectl
    names = {f"{kind.plural}.v1.{kind.group_version.group}": kind for kind in SERVED}
    tables = kubectl("get", ",".join(names), "-n", "shown", "-o", "wide").split("\n\n")
    for table, kind in zip(tables, names.values(), strict=True):
        heading, *rows = table.splitlines()
        assert heading.split() == " ".join(column.name.upper() for column in kind.columns).split(), kind.plural
        assert rows, kind.plural
    # Go's own types read what was written. Older kubectl describes one kind at a version of its own.
    kubectl("describe", ",".join(name for name in names if "volumeattributes" not in name), "-n", "shown")
    described = kubectl("describe", "pod", "everything", "-n", "shown")
    assert "OOMKilled" in described
    assert "node.kubernetes.io/unschedulable:NoSchedule" in kubectl("describe", "node", "node-1")


def test_kubectl_explains_them(server: Standalone) -> None:
    kubectl = server.kubectl
    containers = kubectl("explain", "pod.spec.containers")
    assert "FIELD: containers <[]Container>" in containers
    assert "livenessProbe\t<Probe>" in containers
    assert "name\t<string> -required-" in containers
    assert "FIELD: runAsUser <integer>" in kubectl("explain", "deploy.spec.template.spec.securityContext.runAsUser")
    assert "claimName\t<string> -required-" in kubectl("explain", "pod.spec.volumes.persistentVolumeClaim")
    assert "enum: Recreate, RollingUpdate" in kubectl("explain", "deployment.spec.strategy")
    assert "distinctAttribute" in kubectl("explain", "resourceclaim.spec", "--recursive")


def test_openapi_documents_of_all_groups_are_whole(server: Standalone) -> None:
    paths = server.admin.request("GET", "/openapi/v3").json()["paths"]
    groups = {f"apis/{kind.group_version}" if kind.group_version.group else "api/v1" for kind in SERVED}
    assert groups <= paths.keys()
    documents = [server.admin.request("GET", paths[group]["serverRelativeURL"]).json() for group in sorted(groups)]
    documents.append(server.admin.request("GET", "/openapi/v2", headers={"Accept": "application/json"}).json())
    for document in documents:
        models = document.get("definitions") or document["components"]["schemas"]
        prefix = "#/definitions/" if "definitions" in document else "#/components/schemas/"
        referred = set(references(document))
        assert referred <= {f"{prefix}{name}" for name in models}
        assert referred
    assert "io.k8s.api.core.v1.PodSpec" in documents[-1]["definitions"]


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for member in value.values():
            yield from references(member)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_a_misspelt_field_is_refused_by_name(server: Standalone) -> None:
    pod = {"metadata": {"name": "misspelt"}, "spec": {"containers": [{"name": "c", "imge": "x"}]}}
    response = server.admin.request(
        "POST", f"{PODS}?fieldValidation=Strict", {"kind": "Pod", "apiVersion": "v1", **pod}
    )
    assert response.status == 400
    assert 'unknown field "spec.containers[0].imge"' in response.json()["message"]


def new_pod(server: Standalone, name: str, **spec: Any) -> str:
    """Create a pod with two containers; its path."""
    containers = [
        {"name": "web", "image": "web:1", "env": [{"name": "A", "value": "1"}], "ports": [{"containerPort": 80}]},
        {"name": "log", "image": "log:1"},
    ]
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": containers, **spec}}
    create(server, PODS, body)
    return f"{PODS}/{name}"


def test_a_strategic_patch_merges_containers_and_variables_by_name(server: Standalone) -> None:
    path = new_pod(server, "strategic")
    change = {"containers": [{"name": "web", "image": "web:2", "env": [{"name": "B", "value": "2"}]}]}
    containers = patch(server, path, {"spec": change})["spec"]["containers"]
    assert [(one["name"], one["image"]) for one in containers] == [("web", "web:2"), ("log", "log:1")]
    assert [one["name"] for one in containers[0]["env"]] == ["B", "A"]
    less = {
        "containers": [{"name": "log", "$patch": "delete"}, {"name": "web", "env": [{"name": "A", "$patch": "delete"}]}]
    }
    [web] = patch(server, path, {"spec": less})["spec"]["containers"]
    assert [one["name"] for one in web["env"]] == ["B"]


def test_a_strategic_patch_merges_ports_and_mounts_by_their_keys(server: Standalone) -> None:
    path = new_pod(server, "keyed", volumes=[{"name": "v", "emptyDir": {}}])
    change = {
        "containers": [{"name": "web", "ports": [{"containerPort": 80, "name": "http"}, {"containerPort": 81}]}],
        "volumes": [{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/tmp"}}],
    }
    spec = patch(server, path, {"spec": change})["spec"]
    ports = sorted((one["containerPort"], one.get("name")) for one in spec["containers"][0]["ports"])
    assert ports == [(80, "http"), (81, None)]
    # Volumes retain only the keys that they are told to: one source takes the place of another.
    assert spec["volumes"] == [{"name": "v", "hostPath": {"path": "/tmp"}}]


def test_a_strategic_patch_replaces_tolerations_and_merges_conditions_by_type(server: Standalone) -> None:
    path = new_pod(server, "replaced", tolerations=[{"key": "a", "operator": "Exists"}])
    spec = patch(server, path, {"spec": {"tolerations": [{"key": "b"}]}})["spec"]
    assert spec["tolerations"] == [{"key": "b"}]
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "patched"}}
    node["status"] = {"conditions": [{"type": "Ready", "status": "False"}, {"type": "DiskPressure", "status": "False"}]}
    create(server, "/api/v1/nodes", node)
    change = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    conditions = patch(server, "/api/v1/nodes/patched", change)["status"]["conditions"]
    assert {one["type"]: one["status"] for one in conditions} == {"Ready": "True", "DiskPressure": "False"}


def apply(server: Standalone, path: str, manager: str, value: Any, status: int = 200, force: bool = False) -> Any:
    return patch(server, f"{path}?fieldManager={manager}&force={str(force).lower()}", value, APPLY, status)


def applied_pod(name: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def test_two_managers_apply_containers_of_one_pod(server: Standalone) -> None:
    path = f"{PODS}/shared"
    apply(server, path, "one", applied_pod("shared", containers=[{"name": "web", "image": "web:1"}]), 201)
    both = apply(server, path, "two", applied_pod("shared", containers=[{"name": "log", "image": "log:1"}]))
    assert [one["name"] for one in both["spec"]["containers"]] == ["web", "log"]
    owned = {one["manager"]: one["fieldsV1"]["f:spec"]["f:containers"] for one in both["metadata"]["managedFields"]}
    assert [list(owned[manager]) for manager in ("one", "two")] == [['k:{"name":"web"}'], ['k:{"name":"log"}']]
    taken = applied_pod("shared", containers=[{"name": "web", "image": "web:2"}])
    conflict = apply(server, path, "two", taken, 409)
    assert '.spec.containers[name="web"].image' in conflict["message"]
    forced = apply(server, path, "two", taken, force=True)
    # What "two" no longer applies is gone with it.
    assert [(one["name"], one["image"]) for one in forced["spec"]["containers"]] == [("web", "web:2")]


def test_a_port_without_a_protocol_is_another_one_than_that_of_udp(server: Standalone) -> None:
    ports: list[dict[str, Any]] = [{"containerPort": 53}, {"containerPort": 53, "protocol": "UDP"}]
    applied = apply(server, f"{PODS}/dns", "one", applied_pod("dns", containers=[{"name": "dns", "ports": ports}]), 201)
    assert applied["spec"]["containers"][0]["ports"] == ports
    owned = applied["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:containers"]['k:{"name":"dns"}']["f:ports"]
    assert list(owned) == [
        'k:{"containerPort":53,"protocol":"TCP"}',
        'k:{"containerPort":53,"protocol":"UDP"}',
    ]
    twice = applied_pod("twice", containers=[{"name": "dns", "ports": [ports[0], {**ports[0], "protocol": "TCP"}]}])
    refused = server.admin.request("PATCH", f"{PODS}/twice?fieldManager=one", json.dumps(twice), APPLY)
    assert refused.status >= 400
    assert "duplicate" in refused.json()["message"]


def test_managers_share_the_conditions_and_taints_of_a_node(server: Standalone) -> None:
    def node(**parts: Any) -> dict[str, Any]:
        return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, **parts}

    path = "/api/v1/nodes/n"
    ready, disk = {"type": "Ready", "status": "True"}, {"type": "DiskPressure", "status": "False"}
    apply(server, path, "kubelet", node(status={"conditions": [ready], "capacity": {"cpu": "4"}}), 201)
    both = apply(server, path, "doctor", node(status={"conditions": [disk], "capacity": {"memory": "1Gi"}}))
    assert {one["type"] for one in both["status"]["conditions"]} == {"Ready", "DiskPressure"}
    assert both["status"]["capacity"] == {"cpu": "4", "memory": "1Gi"}
    taint = {"key": "a", "effect": "NoSchedule"}
    apply(server, path, "doctor", node(spec={"taints": [taint]}))
    conflict = apply(server, path, "other", node(spec={"taints": [{"key": "b", "effect": "NoSchedule"}]}), 409)
    assert ".spec.taints" in conflict["message"]


def test_a_selector_is_applied_as_a_whole(server: Standalone) -> None:
    def deployment(selector: dict[str, str], **more: Any) -> dict[str, Any]:
        spec = {"selector": {"matchLabels": selector}, **more}
        return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "whole"}, "spec": spec}

    path = "/apis/apps/v1/namespaces/default/deployments/whole"
    apply(server, path, "one", deployment({"a": "1"}), 201)
    conflict = apply(server, path, "two", deployment({"b": "1"}), 409)
    assert conflict["details"]["causes"] == [
        {
            "reason": "FieldManagerConflict",
            "message": conflict["details"]["causes"][0]["message"],
            "field": ".spec.selector",
        }
    ]


def test_kubectl_applies_and_scales_down_to_nothing_else_changed(server: Standalone) -> None:
    kubectl = server.kubectl
    generated = kubectl("create", "deployment", "made", "--image=nginx", "--port=80", "--dry-run=client", "-o", "yaml")
    assert "deployment.apps/made" in kubectl("apply", "--server-side", "-f", "-", stdin=generated)
    assert "serverside-applied" in kubectl("apply", "--server-side", "-f", "-", stdin=generated)
    kubectl("set", "image", "deployment/made", "nginx=nginx:2", "--field-manager=setter")
    made = json.loads(kubectl("get", "deployment", "made", "-o", "json"))
    [container] = made["spec"]["template"]["spec"]["containers"]
    assert (container["image"], container["ports"]) == ("nginx:2", [{"containerPort": 80}])


def test_typed_clients_create_them(server: Standalone) -> None:
    # These commands go through typed clients, which send protobuf to groups that they know.
    kubectl = server.kubectl
    kubectl("create", "configmap", "typed", "--from-literal=a=1")
    kubectl("create", "deployment", "typed", "--image=nginx", "--replicas=2")
    kubectl("create", "service", "clusterip", "typed", "--tcp=80:http")
    kubectl("create", "priorityclass", "typed", "--value=7")
    kubectl("create", "poddisruptionbudget", "typed", "--selector=a=b", "--max-unavailable=25%")
    kubectl("create", "job", "typed", "--image=busybox", "--", "sleep", "1")
    assert kubectl("get", "cm", "typed", "-o", "jsonpath={.data.a}") == "1"
    assert kubectl("get", "deploy", "typed", "-o", "jsonpath={.spec.template.spec.containers[0].image}") == "nginx"
    assert kubectl("get", "svc", "typed", "-o", "jsonpath={.spec.ports[0].targetPort}") == "http"
    assert kubectl("get", "pc", "typed", "-o", "jsonpath={.value}") == "7"
    assert kubectl("get", "pdb", "typed", "-o", "jsonpath={.spec.maxUnavailable}") == "25%"
    assert (
        kubectl("get", "job", "typed", "-o", "jsonpath={.spec.template.spec.containers[0].command}") == '["sleep","1"]'
    )


SELECTORS = [
    ("pods", "spec.nodeName=node-1", {"near"}),
    ("pods", "spec.nodeName!=node-1,status.phase=Running", {"far"}),
    ("pods", "metadata.name=far", {"far"}),
    ("nodes", "spec.unschedulable=true", {"cordoned"}),
    ("services", "spec.type=NodePort", {"np"}),
    ("events.events.k8s.io", "regarding.name=near,type=Warning", {"hit"}),
]


@pytest.fixture(scope="module")
def selected(server: Standalone) -> Standalone:
    def make(path: str, kind: str, api_version: str, name: str, **parts: Any) -> None:
        create(server, path, {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **parts})

    space = "/api/v1/namespaces/selected"
    make(f"{space}/pods", "Pod", "v1", "near", spec={"nodeName": "node-1", "containers": []})
    make(f"{space}/pods", "Pod", "v1", "far", spec={"nodeName": "node-2"}, status={"phase": "Running"})
    make("/api/v1/nodes", "Node", "v1", "cordoned", spec={"unschedulable": True})
    make(f"{space}/services", "Service", "v1", "np", spec={"type": "NodePort"})
    make(f"{space}/services", "Service", "v1", "ci", spec={"type": "ClusterIP"})
    events = "/apis/events.k8s.io/v1/namespaces/selected/events"
    for name, type in (("hit", "Warning"), ("miss", "Normal")):
        make(events, "Event", "events.k8s.io/v1", name, type=type, eventTime=None, regarding={"name": "near"})
    return server


@pytest.mark.parametrize(("resource", "selector", "names"), SELECTORS)
def test_kubectl_selects_by_fields(selected: Standalone, resource: str, selector: str, names: set[str]) -> None:
    found = selected.kubectl("get", resource, "-n", "selected", "--field-selector", selector, "-o", "name")
    assert {line.rpartition("/")[2] for line in found.split()} - {"node-1"} == names


def test_a_field_that_cannot_be_selected_by_is_refused_by_name(server: Standalone) -> None:
    response = server.admin.request("GET", f"{PODS}?fieldSelector=spec.image%3Dx")
    assert response.status == 400
    assert "field label not supported: spec.image" in response.json()["message"]
