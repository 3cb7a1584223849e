"""The roles and bindings that every server has: those of the reference that are about what such a server serves.

Left out are the roles of nodes, controllers and other components of a cluster. A program opens its own resources to
`admin`, `edit` and `view` by cluster roles with the labels below.

Source: plugin/pkg/auth/authorizer/rbac/bootstrappolicy of k8s.io/kubernetes.
"""

from collections.abc import Sequence
from typing import Any, Final

from genericapiserver.apimachinery.meta import LabelSelector, ObjectMeta
from genericapiserver.apis.rbac_v1 import (
    AUTO_UPDATE_ANNOTATION,
    CLUSTER_ROLE,
    GROUP,
    GROUP_KIND,
    AggregationRule,
    ClusterRole,
    ClusterRoleBinding,
    PolicyRule,
    Role,
    RoleRef,
    Subject,
)
from genericapiserver.authentication.user import (
    ALL_AUTHENTICATED,
    ALL_UNAUTHENTICATED,
    MONITORING_GROUP,
    SYSTEM_PRIVILEGED_GROUP,
)

READ: Final = ("get", "list", "watch")
WRITE: Final = ("create", "delete", "deletecollection", "patch", "update")
READ_WRITE: Final = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
BOOTSTRAPPING_LABEL: Final = {"kubernetes.io/bootstrapping": "rbac-defaults"}
AGGREGATE_TO: Final = "rbac.authorization.k8s.io/aggregate-to-"
PUBLIC_URLS: Final = ("/healthz", "/livez", "/readyz", "/version", "/version/")
DISCOVERY_URLS: Final = ("/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*")
MONITORING_URLS: Final = ("/healthz/*", "/livez/*", "/metrics", "/metrics/slis", "/readyz/*")


def _rule(verbs: Sequence[str], group: str, *resources: str, names: Sequence[str] = ()) -> PolicyRule:
    return PolicyRule(verbs=list(verbs), api_groups=[group], resources=list(resources), resource_names=list(names))


def _urls(*urls: str) -> PolicyRule:
    return PolicyRule(verbs=["get"], non_resource_urls=sorted(urls))


def _metadata(name: str, labels: dict[str, str] | None = None, namespace: str = "") -> ObjectMeta:
    return ObjectMeta(
        name=name,
        namespace=namespace,
        labels={**BOOTSTRAPPING_LABEL, **(labels or {})},
        annotations={AUTO_UPDATE_ANNOTATION: "true"},
    )


def _aggregate_to(role: str) -> dict[str, str]:
    return {f"{AGGREGATE_TO}{role}": "true"}


def _role(name: str, *rules: PolicyRule, labels: dict[str, str] | None = None) -> ClusterRole:
    return ClusterRole(metadata=_metadata(name, labels), rules=list(rules))


def _aggregated(name: str, labels: dict[str, str] | None = None) -> ClusterRole:
    selector = LabelSelector(match_labels=_aggregate_to(name))
    return ClusterRole(
        metadata=_metadata(name, labels), aggregation_rule=AggregationRule(cluster_role_selectors=[selector])
    )


def _bound(name: str, *groups: str) -> ClusterRoleBinding:
    return ClusterRoleBinding(
        metadata=_metadata(name),
        subjects=[Subject(kind=GROUP_KIND, api_group=GROUP, name=group) for group in groups],
        role_ref=RoleRef(api_group=GROUP, kind=CLUSTER_ROLE, name=name),
    )


def cluster_roles() -> list[ClusterRole]:
    return [
        _role(
            "cluster-admin",
            _rule(["*"], "*", "*"),
            PolicyRule(verbs=["*"], non_resource_urls=["*"]),
        ),
        _role("system:discovery", _urls(*PUBLIC_URLS, *DISCOVERY_URLS)),
        _role("system:monitoring", _urls("/healthz", "/livez", "/readyz", *MONITORING_URLS)),
        _role("system:public-info-viewer", _urls(*PUBLIC_URLS)),
        _role(
            "system:basic-user",
            _rule(["create"], "authorization.k8s.io", "selfsubjectaccessreviews", "selfsubjectrulesreviews"),
            _rule(["create"], "authentication.k8s.io", "selfsubjectreviews"),
        ),
        _role(
            "system:auth-delegator",
            _rule(["create"], "authentication.k8s.io", "tokenreviews"),
            _rule(["create"], "authorization.k8s.io", "subjectaccessreviews"),
        ),
        _aggregated("admin"),
        _aggregated("edit", _aggregate_to("admin")),
        _aggregated("view", _aggregate_to("edit")),
        _role(
            "system:aggregate-to-admin",
            _rule(["create"], "authorization.k8s.io", "localsubjectaccessreviews"),
            _rule(READ_WRITE, GROUP, "rolebindings", "roles"),
            labels=_aggregate_to("admin"),
        ),
        _role("system:aggregate-to-edit", _rule(WRITE, "", "events"), labels=_aggregate_to("edit")),
        _role("system:aggregate-to-view", _rule(READ, "", "events", "namespaces"), labels=_aggregate_to("view")),
    ]


def cluster_role_bindings() -> list[ClusterRoleBinding]:
    return [
        _bound("cluster-admin", SYSTEM_PRIVILEGED_GROUP),
        _bound("system:monitoring", MONITORING_GROUP),
        _bound("system:discovery", ALL_AUTHENTICATED),
        _bound("system:basic-user", ALL_AUTHENTICATED),
        _bound("system:public-info-viewer", ALL_AUTHENTICATED, ALL_UNAUTHENTICATED),
    ]


def roles() -> list[Role]:
    return [
        Role(
            metadata=_metadata("extension-apiserver-authentication-reader", namespace="kube-system"),
            rules=[_rule(READ, "", "configmaps", names=["extension-apiserver-authentication"])],
        )
    ]


def bootstrap_objects() -> dict[str, Sequence[Any]]:
    """Everything, by resource."""
    return {
        "clusterroles": cluster_roles(),
        "clusterrolebindings": cluster_role_bindings(),
        "roles": roles(),
    }
