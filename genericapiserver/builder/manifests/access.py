"""What the server may ask of the cluster, and what users may do with its resources.

The server asks who somebody is (token reviews) and what he may do (access reviews), reads which front proxy to believe, and
follows what admission and flow control go by. Its own resources are for those who have the cluster's roles view, edit and
admin.
"""

from collections.abc import Sequence
from typing import Any, Final

from genericapiserver.builder.manifests.plan import Plan, ServedResource
from genericapiserver.builder.manifests.workload import Document, metadata

_RBAC: Final = "rbac.authorization.k8s.io"
_FOLLOW: Final = ("list", "watch")

INFORMERS: Final = (
    # NamespaceLifecycle looks one up by itself that its watch has not brought yet.
    ("", ("namespaces",), ("get", *_FOLLOW)),
    (
        "admissionregistration.k8s.io",
        (
            "mutatingwebhookconfigurations",
            "validatingwebhookconfigurations",
            "validatingadmissionpolicies",
            "validatingadmissionpolicybindings",
            "mutatingadmissionpolicies",
            "mutatingadmissionpolicybindings",
        ),
        _FOLLOW,
    ),
    ("flowcontrol.apiserver.k8s.io", ("flowschemas", "prioritylevelconfigurations"), _FOLLOW),
)
"""What the informers of a server read: group, resources, verbs."""

_READS: Final = frozenset({"get", "list", "watch"})


def documents(plan: Plan) -> list[Document]:
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata(plan, plan.name)},
        _binding(plan, "auth-delegator", "ClusterRole", "system:auth-delegator"),
        _binding(plan, "auth-reader", "Role", "extension-apiserver-authentication-reader", namespace="kube-system"),
        _role(plan, _cluster_name(plan, "informers"), [_rule(*rule) for rule in INFORMERS]),
        _binding(plan, "informers", "ClusterRole", _cluster_name(plan, "informers")),
        *_roles_of_users(plan),
    ]


def _cluster_name(plan: Plan, purpose: str) -> str:
    """Names without a namespace are shared with everybody; this one says whose it is."""
    return f"{plan.namespace}:{plan.name}:{purpose}"


def _rule(group: str, resources: Sequence[str], verbs: Sequence[str]) -> Document:
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}


def _role(plan: Plan, name: str, rules: list[Document], **labels: str) -> Document:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name, "labels": {**plan.labels, **labels}},
        "rules": rules,
    }


def _binding(plan: Plan, purpose: str, kind: str, role: str, *, namespace: str = "") -> Document:
    about: dict[str, Any] = {"name": _cluster_name(plan, purpose), "labels": dict(plan.labels)}
    if namespace:
        about["namespace"] = namespace
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": about,
        "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": plan.name, "namespace": plan.namespace}],
    }


def _roles_of_users(plan: Plan) -> list[Document]:
    """Roles that the cluster adds to its own view, edit and admin; none for verbs that nothing is served with."""
    roles = []
    for purpose, wanted, labels in (
        ("view", True, ("view", "edit", "admin")),
        ("edit", False, ("edit", "admin")),
    ):
        rules = _rules(plan.resources, reads=wanted)
        if rules:
            aggregated = {f"{_RBAC}/aggregate-to-{role}": "true" for role in labels}
            roles.append(_role(plan, _cluster_name(plan, purpose), rules, **aggregated))
    return roles


def _rules(resources: Sequence[ServedResource], *, reads: bool) -> list[Document]:
    rules = []
    for resource in resources:
        verbs = [verb for verb in resource.verbs if (verb in _READS) is reads]
        if verbs:
            rules.append(_rule(resource.group, [resource.name], verbs))
    return rules
