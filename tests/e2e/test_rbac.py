"""Roles and bindings of a server that stands alone: given with kubectl, asked as another user, kept from being stretched."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from genericapiserver.builder.kubeconfig import write_kubeconfig
from genericapiserver.builder.pki import Authority
from tests.support.https_client import HTTPSClient
from tests.support.kubectl import Kubectl, needs_kubectl
from tests.support.server_process import eventually, free_port
from tests.support.standalone import FLUNDERS, Standalone, standalone

pytestmark = pytest.mark.e2e

RBAC = "/apis/rbac.authorization.k8s.io/v1"
GROUP = "rbac.authorization.k8s.io"
FLUNDER_GROUP = "wardle.example.com"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    with standalone(tmp_path_factory.mktemp("rbac") / "data", free_port(), "--storage-backend=memory") as server:
        yield server


@pytest.fixture(scope="module")
def admin(running: Standalone) -> HTTPSClient:
    return running.admin


def client_of(running: Standalone, name: str, *groups: str) -> HTTPSClient:
    authority = Authority(running.data / "pki")
    pair = authority.client(name, *groups)
    return HTTPSClient(running.port, authority=authority.files.certificate, certificate=pair.certificate, key=pair.key)


def kubectl_of(running: Standalone, name: str, *groups: str) -> Kubectl:
    authority = Authority(running.data / "pki")
    path = running.data / f"{name}.kubeconfig"
    write_kubeconfig(
        path,
        server=f"https://127.0.0.1:{running.port}",
        authority=authority.files.certificate,
        client=authority.client(name, *groups),
        name=name,
    )
    return Kubectl(running.data.parent / name, [f"--kubeconfig={path}"])


def rule(verbs: str, resources: str = "flunders", group: str = FLUNDER_GROUP, **more: Any) -> dict[str, Any]:
    return {"verbs": verbs.split(","), "apiGroups": [group], "resources": resources.split(","), **more}


def obj(kind: str, name: str, namespace: str = "", **fields: Any) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **fields.pop("metadata", {})}
    return {"kind": kind, "apiVersion": f"{GROUP}/v1", "metadata": metadata, **fields}


def binding(kind: str, name: str, role: str, user: str, namespace: str = "", of: str = "ClusterRole") -> dict[str, Any]:
    subjects = [{"kind": "User", "name": user}]
    return obj(kind, name, namespace, subjects=subjects, roleRef={"apiGroup": GROUP, "kind": of, "name": role})


def path(document: dict[str, Any]) -> str:
    namespace = document["metadata"].get("namespace")
    plural = f"{document['kind'].lower()}s"
    return f"{RBAC}/namespaces/{namespace}/{plural}" if namespace else f"{RBAC}/{plural}"


def create(client: HTTPSClient, document: dict[str, Any]) -> dict[str, Any]:
    answer = client.request("POST", path(document), document)
    assert answer.status == 201, answer.body
    created: dict[str, Any] = answer.json()
    return created


def refusal(client: HTTPSClient, document: dict[str, Any], status: int = 403) -> str:
    answer = client.request("POST", path(document), document)
    assert answer.status == status, answer.body
    message: str = answer.json()["message"]
    return message


def may(client: HTTPSClient, verb: str, resource: str, namespace: str = "default", group: str = FLUNDER_GROUP) -> bool:
    """Whether the user of *client* is told that they may."""
    spec = {"resourceAttributes": {"verb": verb, "resource": resource, "group": group, "namespace": namespace}}
    review = {"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "spec": spec}
    answer = client.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    assert answer.status == 201, answer.body
    allowed: bool = answer.json()["status"]["allowed"]
    return allowed


@needs_kubectl
def test_kubectl_gives_a_role_to_another_user(running: Standalone) -> None:
    admin, bob = running.kubectl, kubectl_of(running, "bob", "staff")
    assert "bob" in bob("auth", "whoami")
    refused = bob.run("get", "flunders")
    assert 'User "bob" cannot list resource "flunders" in API group "wardle.example.com"' in refused.stderr
    admin("create", "clusterrole", "flunder-reader", "--verb=get,list", f"--resource=flunders.{FLUNDER_GROUP}")
    admin("create", "rolebinding", "bob", "--clusterrole=flunder-reader", "--user=bob")
    eventually(lambda: bob.run("auth", "can-i", "list", "flunders").stdout == "yes\n", "the binding counts")
    assert "No resources found" in bob.run("get", "flunders").stderr
    assert bob.run("auth", "can-i", "delete", "flunders").stdout == "no\n"
    assert bob.run("auth", "can-i", "list", "flunders", "-n", "other").stdout == "no\n"
    listed = {line.split()[0] for line in bob("auth", "can-i", "--list").splitlines()}
    assert f"flunders.{FLUNDER_GROUP}" in listed
    admin("delete", "rolebinding", "bob")
    eventually(lambda: bob.run("auth", "can-i", "list", "flunders").stdout == "no\n", "the binding is gone")


@needs_kubectl
def test_kubectl_describes_and_lists_what_there_is(running: Standalone) -> None:
    kubectl = running.kubectl
    assert "system:masters" in kubectl("get", "clusterrolebinding", "cluster-admin", "-o", "wide")
    described = kubectl("describe", "clusterrole", "system:basic-user")
    assert "selfsubjectaccessreviews.authorization.k8s.io" in described


def test_the_default_roles_are_there_when_the_server_is_ready(admin: HTTPSClient) -> None:
    roles = {item["metadata"]["name"]: item for item in admin.get(f"{RBAC}/clusterroles").json()["items"]}
    assert {"cluster-admin", "admin", "edit", "view", "system:discovery", "system:basic-user"} <= roles.keys()
    metadata = roles["cluster-admin"]["metadata"]
    assert metadata["labels"] == {"kubernetes.io/bootstrapping": "rbac-defaults"}
    assert metadata["annotations"] == {"rbac.authorization.kubernetes.io/autoupdate": "true"}
    assert admin.get("/readyz/poststarthook/rbac/bootstrap-roles").status == 200


def test_strangers_see_public_information_and_nothing_else(running: Standalone) -> None:
    stranger = HTTPSClient(running.port, authority=running.data / "pki" / "ca.crt")
    assert stranger.get("/version").status == 200
    assert stranger.get("/healthz").status == 200
    for hidden in ("/apis", "/metrics", FLUNDERS, f"{RBAC}/clusterroles"):
        assert stranger.get(hidden).status == 403


def test_aggregated_roles_follow_the_labels_of_others(running: Standalone, admin: HTTPSClient) -> None:
    carol = client_of(running, "carol")
    create(admin, binding("RoleBinding", "carol", "view", "carol", "default"))
    eventually(lambda: may(carol, "list", "events", group=""), "view is bound")
    assert not may(carol, "list", "flunders")
    labels = {f"{GROUP}/aggregate-to-view": "true"}
    create(admin, obj("ClusterRole", "flunders-view", rules=[rule("get,list")], metadata={"labels": labels}))
    eventually(lambda: may(carol, "list", "flunders"), "the rule has come to view")
    assert admin.request("DELETE", f"{RBAC}/clusterroles/flunders-view").status == 200
    eventually(lambda: not may(carol, "list", "flunders"), "the rule is gone again")


def test_nobody_gives_more_than_they_hold(running: Standalone, admin: HTTPSClient) -> None:
    dave = client_of(running, "dave")
    for role in ("admin", "flunder-lister"):
        if role != "admin":
            create(admin, obj("ClusterRole", role, rules=[rule("list")]))
        create(admin, binding("RoleBinding", f"dave-{role}", role, "dave", "default"))
    eventually(lambda: may(dave, "create", "roles", group=GROUP) and may(dave, "list", "flunders"), "dave is admin")

    create(dave, obj("Role", "lister", "default", rules=[rule("list")]))
    greedy = obj("Role", "greedy", "default", rules=[rule("list,get,delete"), rule("get", "fischers")])
    assert refusal(dave, greedy) == (
        'roles.rbac.authorization.k8s.io "greedy" is forbidden: user "dave" (groups=["system:authenticated"]) is '
        "attempting to grant RBAC permissions not currently held:\n"
        '{APIGroups:["wardle.example.com"], Resources:["fischers"], Verbs:["get"]}\n'
        '{APIGroups:["wardle.example.com"], Resources:["flunders"], Verbs:["get" "delete"]}'
    )
    update = obj("Role", "lister", "default", rules=[rule("list,delete")])
    refused = dave.request("PUT", f"{RBAC}/namespaces/default/roles/lister", update)
    assert (refused.status, refused.json()["reason"]) == (403, "Forbidden")
    patch = json.dumps({"rules": [rule("*")]})
    merge = {"Content-Type": "application/merge-patch+json"}
    assert dave.request("PATCH", f"{RBAC}/namespaces/default/roles/lister", patch, merge).status == 403
    apply = {"Content-Type": "application/apply-patch+yaml"}
    applied = f"{RBAC}/namespaces/default/roles/lister?fieldManager=d&force=true"
    assert dave.request("PATCH", applied, json.dumps(update), apply).status == 403
    assert admin.get(f"{RBAC}/namespaces/default/roles/lister").json()["rules"] == [rule("list")]
    labelled = json.dumps({"metadata": {"labels": {"a": "b"}}})
    assert dave.request("PATCH", f"{RBAC}/namespaces/default/roles/lister", labelled, merge).status == 200

    create(dave, binding("RoleBinding", "fine", "view", "eve", "default"))
    text = refusal(dave, binding("RoleBinding", "too-much", "cluster-admin", "eve", "default"))
    assert text.startswith('rolebindings.rbac.authorization.k8s.io "too-much" is forbidden: user "dave"')
    assert '{NonResourceURLs:["*"], Verbs:["*"]}' in text
    assert refusal(dave, binding("RoleBinding", "none", "nowhere", "eve", "default"), 404) == (
        'clusterroles.rbac.authorization.k8s.io "nowhere" not found'
    )


def test_who_may_bind_or_escalate_gives_what_they_do_not_hold(running: Standalone, admin: HTTPSClient) -> None:
    fay = client_of(running, "fay")
    rules = [
        rule("create", "roles,rolebindings,clusterroles", GROUP),
        rule("bind", "clusterroles", GROUP, resourceNames=["cluster-admin"]),
        rule("escalate", "roles,clusterroles", GROUP),
    ]
    create(admin, obj("ClusterRole", "binder", rules=rules))
    create(admin, binding("ClusterRoleBinding", "fay", "binder", "fay"))
    eventually(lambda: may(fay, "escalate", "roles", group=GROUP), "the binding counts")
    create(fay, binding("RoleBinding", "bound", "cluster-admin", "eve", "other"))
    assert "not currently held" in refusal(fay, binding("RoleBinding", "unbound", "view", "eve", "other"))
    create(fay, obj("Role", "escalated", "other", rules=[rule("delete")]))
    aggregation = {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}
    create(fay, obj("ClusterRole", "aggregated", aggregationRule=aggregation))


def test_only_administrators_make_aggregated_roles(running: Standalone, admin: HTTPSClient) -> None:
    gus = client_of(running, "gus")
    create(admin, obj("ClusterRole", "role-maker", rules=[rule("create", "clusterroles", GROUP)]))
    create(admin, binding("ClusterRoleBinding", "gus", "role-maker", "gus"))
    eventually(lambda: may(gus, "create", "clusterroles", group=GROUP), "the binding counts")
    aggregation = {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}
    assert refusal(gus, obj("ClusterRole", "gathers", aggregationRule=aggregation)) == (
        'clusterroles.rbac.authorization.k8s.io "gathers" is forbidden: must have cluster-admin privileges to use the '
        "aggregationRule"
    )


VERBS = "Required value: verbs must contain at least one value"


@pytest.mark.parametrize(
    ("document", "field", "message"),
    [
        (obj("Role", "a", "default", rules=[{"resources": ["x"], "apiGroups": [""]}]), "rules[0].verbs", VERBS),
        (
            obj("Role", "a", "default", rules=[{"verbs": ["get"], "resources": ["x"]}]),
            "rules[0].apiGroups",
            "Required value: resource rules must supply at least one api group",
        ),
        (
            obj("ClusterRole", "a", rules=[{"verbs": ["get"], "apiGroups": [""]}]),
            "rules[0].resources",
            "Required value: resource rules must supply at least one resource",
        ),
        (
            obj("Role", "a", "default", rules=[{"verbs": ["get"], "nonResourceURLs": ["/x"]}]),
            "rules[0].nonResourceURLs",
            'Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs',
        ),
        (
            obj("ClusterRole", "a", rules=[rule("get", nonResourceURLs=["/x"])]),
            "rules[0].nonResourceURLs",
            'Invalid value: ["/x"]: rules cannot apply to both regular resources and non-resource URLs',
        ),
        (
            obj("ClusterRole", "a", aggregationRule={}),
            "aggregationRule.clusterRoleSelectors",
            "Required value: at least one clusterRoleSelector required if aggregationRule is non-nil",
        ),
        (
            binding("ClusterRoleBinding", "a", "r", "u", of="Role"),
            "roleRef.kind",
            'Unsupported value: "Role": supported values: "ClusterRole"',
        ),
        (binding("RoleBinding", "a", "", "u", "default"), "roleRef.name", "Required value"),
        (
            binding("RoleBinding", "a", "x/y", "u", "default"),
            "roleRef.name",
            "Invalid value: \"x/y\": may not contain '/'",
        ),
        (
            obj("RoleBinding", "a", "default", roleRef={"apiGroup": "x", "kind": "Role", "name": "r"}),
            "roleRef.apiGroup",
            f'Unsupported value: "x": supported values: "{GROUP}"',
        ),
        (
            binding("RoleBinding", "a", "r", "u", "default") | {"subjects": [{"kind": "Robot", "name": "x"}]},
            "subjects[0].kind",
            'Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"',
        ),
        (
            binding("ClusterRoleBinding", "a", "r", "u") | {"subjects": [{"kind": "ServiceAccount", "name": "x"}]},
            "subjects[0].namespace",
            "Required value",
        ),
        (
            binding("RoleBinding", "a", "r", "u", "default")
            | {"subjects": [{"kind": "User", "name": "x", "apiGroup": "y"}]},
            "subjects[0].apiGroup",
            f'Unsupported value: "y": supported values: "{GROUP}"',
        ),
    ],
)
def test_roles_and_bindings_that_make_no_sense_are_refused(
    admin: HTTPSClient, document: dict[str, Any], field: str, message: str
) -> None:
    refused = admin.request("POST", path(document), document)
    assert refused.status == 422, refused.body
    causes = {cause["field"]: cause["message"] for cause in refused.json()["details"]["causes"]}
    assert causes[field] == message


def test_a_binding_keeps_its_role(admin: HTTPSClient) -> None:
    document = create(admin, binding("RoleBinding", "kept", "view", "u", "default"))
    document["roleRef"]["name"] = "edit"
    refused = admin.request("PUT", f"{path(document)}/kept", document)
    assert refused.status == 422
    assert "cannot change roleRef" in refused.json()["message"]


def test_the_next_start_mends_what_is_missing_and_keeps_what_was_added(tmp_path: Path) -> None:
    cluster_role = f"{RBAC}/clusterroles/system:basic-user"
    cluster_binding = f"{RBAC}/clusterrolebindings/system:discovery"
    protected = f"{RBAC}/clusterroles/system:auth-delegator"
    port = free_port()
    with standalone(tmp_path / "data", port) as first:
        admin = first.admin
        role = admin.get(cluster_role).json()
        default_rules = role["rules"]
        role["rules"] = [*default_rules[1:], rule("get")]
        assert admin.request("PUT", cluster_role, role).status == 200
        bound = admin.get(cluster_binding).json()
        bound["subjects"] = [{"kind": "User", "apiGroup": GROUP, "name": "extra"}]
        assert admin.request("PUT", cluster_binding, bound).status == 200
        kept = admin.get(protected).json()
        kept["rules"] = [rule("get")]
        kept["metadata"]["annotations"]["rbac.authorization.kubernetes.io/autoupdate"] = "false"
        assert admin.request("PUT", protected, kept).status == 200
        assert admin.request("DELETE", f"{RBAC}/clusterrolebindings/system:basic-user").status == 200
        first.process.stop()
    with standalone(tmp_path / "data", port) as second:
        admin = second.admin
        rules = admin.get(cluster_role).json()["rules"]
        assert rules[:2] == [*default_rules[1:], rule("get")]
        assert {(one["verbs"][0], one["resources"][0]) for one in rules[2:]} == {
            ("create", "selfsubjectaccessreviews"),
            ("create", "selfsubjectrulesreviews"),
        }
        names = [subject["name"] for subject in admin.get(cluster_binding).json()["subjects"]]
        assert names == ["extra", "system:authenticated"]
        assert admin.get(protected).json()["rules"] == [rule("get")]
        assert admin.get(f"{RBAC}/clusterrolebindings/system:basic-user").status == 200
        second.process.stop()
