"""The kinds that minkapi serves, with the schemas, tables and field selectors they have in a cluster.

    for kind in KINDS:
        print(kind.resource, kind.object_type, kind.namespaced)
    codecs = CodecFactory(new_scheme())

KINDS are the 27 that minkapi always had; FURTHER_KINDS can be served beside them. Nothing but the first phase is filled in
on creation: what is read back is what was written. Source: minkapi's api/minkapi/typeinfo/typeinfo.go; short names, field
selectors, first phases and scales are those of k8s.io/kubernetes.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import attrs

from genericapiserver.apimachinery.meta import ObjectList
from genericapiserver.apimachinery.schema import (
    INTERNAL_VERSION,
    GroupVersion,
    GroupVersionKind,
    GroupVersionResource,
)
from genericapiserver.apimachinery.scheme import Scheme, add_meta_to_scheme, add_to_group_version
from genericapiserver.apimachinery.types import list_of
from genericapiserver.apis import (
    apps_v1,
    autoscaling_v1,
    batch_v1,
    coordination_v1,
    core_v1,
    discovery_v1,
    events_v1,
    node_v1,
    policy_v1,
    rbac_v1,
    resource_v1,
    scheduling_v1,
    storage_v1,
)
from genericapiserver.minkapi.columns import core, others, pods, storage, workloads
from genericapiserver.minkapi.columns.shared import AGE, NAME
from genericapiserver.registry.scale_store import ScaleFields
from genericapiserver.registry.selectable_fields import SelectableFields, add_field_labels, fields_at
from genericapiserver.registry.table import TableColumn

CORE = core_v1.GROUP_VERSION
ALL: Final = ("all",)
"""`kubectl get all` shows everything that minkapi serves, as it always did; a cluster has fewer kinds in it."""
NAME_AND_AGE: Final = (NAME, AGE)


@attrs.frozen(kw_only=True)
class ServedKind:
    """One kind: its type, its names, and how it is shown and selected."""

    object_type: type[Any]
    group_version: GroupVersion
    plural: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ALL
    has_status: bool = False
    """Whether a cluster serves the subresource status of it."""
    first_phase: str = ""
    """The phase that a new object is in unless it says otherwise, as a cluster's strategy has it."""
    scale: ScaleFields | None = None
    """Where it keeps its replicas, if a cluster serves the subresource scale of it."""
    columns: tuple[TableColumn, ...] = NAME_AND_AGE
    """Those of `kubectl get`."""
    selectable: SelectableFields = attrs.field(factory=dict)
    """What field selectors can be on, beside the name and the namespace."""

    @property
    def kind(self) -> str:
        return self.object_type.__name__

    @property
    def singular(self) -> str:
        return self.kind.lower()

    @property
    def list_type(self) -> type[ObjectList[Any]]:
        return list_of(self.object_type)

    @property
    def group_version_kind(self) -> GroupVersionKind:
        return self.group_version.with_kind(self.kind)

    @property
    def list_kind(self) -> GroupVersionKind:
        return self.group_version.with_kind(f"{self.kind}List")

    @property
    def resource(self) -> GroupVersionResource:
        return GroupVersionResource(self.group_version.group, self.group_version.version, self.plural)


def _core(object_type: type[Any], plural: str, *short_names: str, **more: Any) -> ServedKind:
    return _kind(object_type, CORE, plural, *short_names, **more)


def _kind(
    object_type: type[Any], group_version: GroupVersion, plural: str, *short_names: str, **more: Any
) -> ServedKind:
    return ServedKind(
        object_type=object_type, group_version=group_version, plural=plural, short_names=short_names, **more
    )


_APPS, _STORAGE, _RESOURCE = apps_v1.GROUP_VERSION, storage_v1.GROUP_VERSION, resource_v1.GROUP_VERSION
_REPLICAS = ScaleFields(selector="spec.selector")
_POD_FIELDS = fields_at(
    "spec.node_name",
    "spec.restart_policy",
    "spec.scheduler_name",
    "spec.service_account_name",
    "spec.host_network",
    "status.phase",
    "status.pod_ip",
    "status.nominated_node_name",
)
_EVENT_FIELDS = fields_at(
    "regarding.kind",
    "regarding.namespace",
    "regarding.name",
    "regarding.uid",
    "regarding.api_version",
    "regarding.resource_version",
    "regarding.field_path",
    "reason",
    "reporting_controller",
    "type",
)

KINDS: Final = (
    _core(
        core_v1.Namespace,
        "namespaces",
        "ns",
        namespaced=False,
        has_status=True,
        first_phase="Active",
        selectable=fields_at("status.phase"),
        columns=core.NAMESPACE_COLUMNS,
    ),
    _core(core_v1.ServiceAccount, "serviceaccounts", "sa", columns=core.SERVICE_ACCOUNT_COLUMNS),
    _core(core_v1.ConfigMap, "configmaps", "cm", columns=core.CONFIG_MAP_COLUMNS),
    _core(
        core_v1.Node,
        "nodes",
        "no",
        namespaced=False,
        has_status=True,
        selectable=fields_at("spec.unschedulable"),
        columns=core.NODE_COLUMNS,
    ),
    _core(
        core_v1.Pod,
        "pods",
        "po",
        has_status=True,
        first_phase="Pending",
        selectable=_POD_FIELDS,
        columns=pods.POD_COLUMNS,
    ),
    _core(
        core_v1.Service,
        "services",
        "svc",
        has_status=True,
        selectable=fields_at("spec.cluster_ip", "spec.type"),
        columns=core.SERVICE_COLUMNS,
    ),
    _core(
        core_v1.PersistentVolume,
        "persistentvolumes",
        "pv",
        namespaced=False,
        has_status=True,
        first_phase="Pending",
        columns=storage.PERSISTENT_VOLUME_COLUMNS,
    ),
    _core(
        core_v1.PersistentVolumeClaim,
        "persistentvolumeclaims",
        "pvc",
        has_status=True,
        first_phase="Pending",
        columns=storage.PERSISTENT_VOLUME_CLAIM_COLUMNS,
    ),
    _core(
        core_v1.ReplicationController,
        "replicationcontrollers",
        "rc",
        has_status=True,
        scale=_REPLICAS,
        selectable=fields_at("status.replicas"),
        columns=workloads.REPLICATION_CONTROLLER_COLUMNS,
    ),
    _kind(
        apps_v1.Deployment,
        _APPS,
        "deployments",
        "deploy",
        has_status=True,
        scale=_REPLICAS,
        columns=workloads.DEPLOYMENT_COLUMNS,
    ),
    _kind(
        apps_v1.ReplicaSet,
        _APPS,
        "replicasets",
        "rs",
        has_status=True,
        scale=_REPLICAS,
        selectable=fields_at("status.replicas"),
        columns=workloads.REPLICA_SET_COLUMNS,
    ),
    _kind(
        apps_v1.StatefulSet,
        _APPS,
        "statefulsets",
        "sts",
        has_status=True,
        scale=_REPLICAS,
        columns=workloads.STATEFUL_SET_COLUMNS,
    ),
    _kind(
        scheduling_v1.PriorityClass,
        scheduling_v1.GROUP_VERSION,
        "priorityclasses",
        "pc",
        namespaced=False,
        columns=others.PRIORITY_CLASS_COLUMNS,
    ),
    _kind(coordination_v1.Lease, coordination_v1.GROUP_VERSION, "leases", columns=others.LEASE_COLUMNS),
    _kind(
        events_v1.Event, events_v1.GROUP_VERSION, "events", "ev", selectable=_EVENT_FIELDS, columns=others.EVENT_COLUMNS
    ),
    _kind(rbac_v1.Role, rbac_v1.GROUP_VERSION, "roles", columns=others.ROLE_COLUMNS),
    _kind(
        policy_v1.PodDisruptionBudget,
        policy_v1.GROUP_VERSION,
        "poddisruptionbudgets",
        "pdb",
        has_status=True,
        columns=workloads.POD_DISRUPTION_BUDGET_COLUMNS,
    ),
    _kind(
        storage_v1.StorageClass,
        _STORAGE,
        "storageclasses",
        "sc",
        namespaced=False,
        columns=storage.STORAGE_CLASS_COLUMNS,
    ),
    _kind(storage_v1.CSIDriver, _STORAGE, "csidrivers", namespaced=False, columns=storage.CSI_DRIVER_COLUMNS),
    _kind(
        storage_v1.CSIStorageCapacity, _STORAGE, "csistoragecapacities", columns=storage.CSI_STORAGE_CAPACITY_COLUMNS
    ),
    _kind(storage_v1.CSINode, _STORAGE, "csinodes", namespaced=False, columns=storage.CSI_NODE_COLUMNS),
    _kind(
        storage_v1.VolumeAttachment,
        _STORAGE,
        "volumeattachments",
        namespaced=False,
        has_status=True,
        columns=storage.VOLUME_ATTACHMENT_COLUMNS,
    ),
    _kind(
        storage_v1.VolumeAttributesClass,
        _STORAGE,
        "volumeattributesclasses",
        namespaced=False,
        columns=storage.VOLUME_ATTRIBUTES_CLASS_COLUMNS,
    ),
    _kind(
        node_v1.RuntimeClass,
        node_v1.GROUP_VERSION,
        "runtimeclasses",
        namespaced=False,
        columns=others.RUNTIME_CLASS_COLUMNS,
    ),
    _kind(
        resource_v1.ResourceSlice,
        _RESOURCE,
        "resourceslices",
        namespaced=False,
        selectable=fields_at("spec.node_name", "spec.driver"),
        columns=others.RESOURCE_SLICE_COLUMNS,
    ),
    _kind(
        resource_v1.ResourceClaim, _RESOURCE, "resourceclaims", has_status=True, columns=others.RESOURCE_CLAIM_COLUMNS
    ),
    _kind(resource_v1.DeviceClass, _RESOURCE, "deviceclasses", namespaced=False),
)
"""In the order of the reference."""

FURTHER_KINDS: Final = (
    _core(core_v1.Secret, "secrets", categories=(), selectable=fields_at("type"), columns=core.SECRET_COLUMNS),
    _core(core_v1.Endpoints, "endpoints", "ep", categories=(), columns=core.ENDPOINTS_COLUMNS),
    _core(core_v1.PodTemplate, "podtemplates", categories=(), columns=pods.POD_TEMPLATE_COLUMNS),
    _kind(apps_v1.DaemonSet, _APPS, "daemonsets", "ds", has_status=True, columns=workloads.DAEMON_SET_COLUMNS),
    _kind(
        apps_v1.ControllerRevision,
        _APPS,
        "controllerrevisions",
        categories=(),
        columns=workloads.CONTROLLER_REVISION_COLUMNS,
    ),
    _kind(batch_v1.Job, batch_v1.GROUP_VERSION, "jobs", has_status=True, columns=workloads.JOB_COLUMNS),
    _kind(
        batch_v1.CronJob, batch_v1.GROUP_VERSION, "cronjobs", "cj", has_status=True, columns=workloads.CRON_JOB_COLUMNS
    ),
    _kind(
        discovery_v1.EndpointSlice,
        discovery_v1.GROUP_VERSION,
        "endpointslices",
        categories=(),
        columns=core.ENDPOINT_SLICE_COLUMNS,
    ),
    _kind(resource_v1.ResourceClaimTemplate, _RESOURCE, "resourceclaimtemplates", categories=()),
    _kind(
        rbac_v1.RoleBinding, rbac_v1.GROUP_VERSION, "rolebindings", categories=(), columns=others.ROLE_BINDING_COLUMNS
    ),
    _kind(
        rbac_v1.ClusterRole,
        rbac_v1.GROUP_VERSION,
        "clusterroles",
        namespaced=False,
        categories=(),
        columns=others.ROLE_COLUMNS,
    ),
    _kind(
        rbac_v1.ClusterRoleBinding,
        rbac_v1.GROUP_VERSION,
        "clusterrolebindings",
        namespaced=False,
        categories=(),
        columns=others.ROLE_BINDING_COLUMNS,
    ),
)
"""Kinds that minkapi does not serve by itself, and that operators often want."""

REQUESTS: Final = (
    (core_v1.GROUP_VERSION, core_v1.Binding),
    (policy_v1.GROUP_VERSION, policy_v1.Eviction),
)
"""Kinds that are posted to subresources of pods and never stored."""


def new_scheme(kinds: Sequence[ServedKind] = KINDS) -> Scheme:
    """A scheme with *kinds*, each its own hub and without defaults, their lists, and what is posted to pods."""
    scheme = Scheme("minkapi")
    for kind in kinds:
        _register(scheme, kind.group_version, kind.object_type)
        if kind.selectable:
            add_field_labels(scheme, kind.group_version_kind, kind.selectable)
    autoscaling_v1.add_to_scheme(scheme)
    for group_version, object_type in REQUESTS:
        _register(scheme, group_version, object_type)
    for group_version in _versions(kinds):
        add_to_group_version(scheme, group_version)
        scheme.set_version_priority(group_version)
    add_meta_to_scheme(scheme)
    return scheme


def _register(scheme: Scheme, group_version: GroupVersion, object_type: type[Any]) -> None:
    for version in (group_version, GroupVersion(group_version.group, INTERNAL_VERSION)):
        scheme.add_known_types(version, object_type)


def _versions(kinds: Iterable[ServedKind]) -> Iterable[GroupVersion]:
    """Each once, in the order of *kinds*."""
    return dict.fromkeys([*(kind.group_version for kind in kinds), *(version for version, _ in REQUESTS)])
