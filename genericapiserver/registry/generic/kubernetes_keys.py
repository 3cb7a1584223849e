"""Where kube-apiserver keeps its objects, for servers that share its etcd or take it over.

    StorageOptions(prefix="/registry", resource_prefix=kubernetes_resource_prefix, ...)

Keys of its own kinds have no group: `/registry/roles/default/reader`, where servers made with the library have
`/registry/rbac.authorization.k8s.io/roles/default/reader`. Custom resources and what is served by servers of their own
inside it (APIServices) have it there, too. What was written with one layout is not found with the other.

Source: DefaultStorageFactory in pkg/server/storage/storage_factory.go of k8s.io/apiserver, SpecialDefaultResourcePrefixes in
pkg/kubeapiserver/default_storage_factory_builder.go of k8s.io/kubernetes.
"""

from typing import Final

from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.registry.generic.store import default_resource_prefix

_GROUPS: Final = frozenset(
    {
        "",
        "admissionregistration.k8s.io",
        "apps",
        "autoscaling",
        "batch",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "extensions",
        "flowcontrol.apiserver.k8s.io",
        "internal.apiserver.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "resource.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
        "storagemigration.k8s.io",
    }
)
_OLD_NAMES: Final = {
    GroupResource("", "replicationcontrollers"): "controllers",
    GroupResource("", "endpoints"): "services/endpoints",
    GroupResource("", "services"): "services/specs",
    GroupResource("", "nodes"): "minions",
    GroupResource("extensions", "ingresses"): "ingress",
    GroupResource("networking.k8s.io", "ingresses"): "ingress",
}


def kubernetes_resource_prefix(resource: GroupResource) -> str:
    """The place of *resource* in kube-apiserver's etcd."""
    if resource.group not in _GROUPS:
        return default_resource_prefix(resource)
    return f"/{_OLD_NAMES.get(resource, resource.resource)}"
