"""The table of the kinds that minkapi serves (acceptance: discovery, the names and hashes of its resources)."""

import json
from typing import Any

import pytest

from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.scheme import FieldLabelError
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.endpoints.discovery.version import storage_version_hash
from genericapiserver.minkapi.kinds import FURTHER_KINDS, KINDS, REQUESTS, ServedKind, new_scheme
from genericapiserver.registry.field_paths import check_path
from genericapiserver.registry.selectable_fields import selectable_attributes

NAMESPACED = {
    "": "serviceaccounts/sa configmaps/cm pods/po services/svc persistentvolumeclaims/pvc replicationcontrollers/rc",
    "apps": "deployments/deploy replicasets/rs statefulsets/sts",
    "coordination.k8s.io": "leases",
    "events.k8s.io": "events/ev",
    "rbac.authorization.k8s.io": "roles",
    "policy": "poddisruptionbudgets/pdb",
    "storage.k8s.io": "csistoragecapacities",
    "resource.k8s.io": "resourceclaims",
}
CLUSTER_SCOPED = {
    "": "namespaces/ns nodes/no persistentvolumes/pv",
    "scheduling.k8s.io": "priorityclasses/pc",
    "storage.k8s.io": "storageclasses/sc csidrivers csinodes volumeattachments volumeattributesclasses",
    "node.k8s.io": "runtimeclasses",
    "resource.k8s.io": "resourceslices deviceclasses",
}
BY_PLURAL = {kind.plural: kind for kind in (*KINDS, *FURTHER_KINDS)}
SCHEME = new_scheme([*KINDS, *FURTHER_KINDS])


def listed(namespaced: bool) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for kind in KINDS:
        if kind.namespaced == namespaced:
            found.setdefault(kind.group_version.group, set()).add("/".join([kind.plural, *kind.short_names]))
    return found


def test_discovery_nine_core_and_eighteen_group_resources() -> None:
    assert listed(namespaced=True) == {group: set(names.split()) for group, names in NAMESPACED.items()}
    assert listed(namespaced=False) == {group: set(names.split()) for group, names in CLUSTER_SCOPED.items()}
    assert [sum(kind.group_version.group == "" for kind in KINDS), len(KINDS)] == [9, 27]
    assert {kind.group_version.version for kind in KINDS} == {"v1"}


# What clusters publish: Kubernetes has the same formula.
HASHES = {
    "pods": "xPOwRZ+Yhw8=",
    "deployments": "8aSe+NMegvE=",
    "nodes": "XwShjMxG9Fs=",
    "services": "0/CO1lhkEBI=",
    "configmaps": "qFsyl6wFWjQ=",
    "namespaces": "Q3oi5N2YM8M=",
    "replicasets": "P1RzHs8/mWQ=",
    "persistentvolumeclaims": "QWTyNDq0dC4=",
    "serviceaccounts": "pbx9ZvyFpBE=",
}


@pytest.mark.parametrize(("plural", "hashed"), HASHES.items())
def test_discovery_the_hash_of_the_storage_version(plural: str, hashed: str) -> None:
    assert storage_version_hash(BY_PLURAL[plural].group_version_kind) == hashed


def test_every_kind_is_in_the_category_all() -> None:
    assert {kind.categories for kind in KINDS} == {("all",)}


@pytest.mark.parametrize("kind", BY_PLURAL.values(), ids=BY_PLURAL)
def test_a_scheme_knows_each_kind_and_its_list(kind: ServedKind) -> None:
    assert SCHEME.type_for(kind.group_version_kind) is kind.object_type
    assert SCHEME.type_for(kind.list_kind) is kind.list_type
    hub = GroupVersion(kind.group_version.group, "__internal").with_kind(kind.kind)
    assert SCHEME.type_for(hub) is kind.object_type
    assert kind.singular == kind.kind.lower()
    assert kind.resource.group_version.with_kind(kind.kind) == kind.group_version_kind


def test_a_scheme_knows_what_is_posted_to_pods() -> None:
    for group_version, object_type in REQUESTS:
        assert new_scheme().type_for(group_version.with_kind(object_type.__name__)) is object_type


def test_a_scheme_of_fewer_kinds_knows_no_others() -> None:
    scheme = new_scheme([BY_PLURAL["nodes"]])
    assert not scheme.recognizes(BY_PLURAL["services"].group_version_kind)
    assert not scheme.is_group_registered("apps")


@pytest.mark.parametrize("kind", BY_PLURAL.values(), ids=BY_PLURAL)
def test_every_column_with_a_path_leads_to_a_field(kind: ServedKind) -> None:
    for column in kind.columns:
        if isinstance(column.cell, str):
            check_path(kind.object_type, column.cell)


@pytest.mark.parametrize("kind", BY_PLURAL.values(), ids=BY_PLURAL)
def test_the_cells_of_an_empty_object_are_made_all_the_same(kind: ServedKind) -> None:
    # The row of a bookmark shows an object without anything.
    empty = SCHEME.new(kind.group_version_kind)
    cells = [column.reader()(empty) for column in kind.columns]
    assert json.loads(json.dumps(cells)) == cells
    types = {"integer": int, "boolean": bool}
    for column, cell in zip(kind.columns, cells, strict=True):
        if column.type in types and column.name != "Suspend":
            assert type(cell) is types[column.type], column.name


def test_nothing_is_filled_in() -> None:
    pod = {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "c"}]}}
    read = CodecFactory(SCHEME).decode(json.dumps(pod).encode()).object
    assert (read.spec.restart_policy, read.spec.dns_policy, read.spec.termination_grace_period_seconds) == (
        "",
        "",
        None,
    )
    namespace = {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "n"}}
    assert CodecFactory(SCHEME).decode(json.dumps(namespace).encode()).object.metadata.labels == {}


SELECTED = [
    ("pods", {"spec": {"nodeName": "n"}}, "spec.nodeName", "n"),
    ("pods", {"spec": {"schedulerName": "s"}}, "spec.schedulerName", "s"),
    ("pods", {"spec": {"hostNetwork": True}}, "spec.hostNetwork", "true"),
    ("pods", {"spec": {"restartPolicy": "Never"}}, "spec.restartPolicy", "Never"),
    ("pods", {"spec": {"serviceAccountName": "a"}}, "spec.serviceAccountName", "a"),
    ("pods", {"status": {"phase": "Running"}}, "status.phase", "Running"),
    ("pods", {"status": {"podIP": "10.0.0.1"}}, "status.podIP", "10.0.0.1"),
    ("pods", {"status": {"nominatedNodeName": "n"}}, "status.nominatedNodeName", "n"),
    ("nodes", {"spec": {"unschedulable": True}}, "spec.unschedulable", "true"),
    ("nodes", {}, "spec.unschedulable", "false"),
    ("namespaces", {"status": {"phase": "Active"}}, "status.phase", "Active"),
    ("services", {"spec": {"clusterIP": "None"}}, "spec.clusterIP", "None"),
    ("services", {"spec": {"type": "NodePort"}}, "spec.type", "NodePort"),
    ("secrets", {"type": "Opaque"}, "type", "Opaque"),
    ("replicasets", {"status": {"replicas": 3}}, "status.replicas", "3"),
    ("events", {"regarding": {"kind": "Pod"}}, "regarding.kind", "Pod"),
    ("events", {"regarding": {"fieldPath": "spec"}}, "regarding.fieldPath", "spec"),
    ("events", {"reportingController": "c"}, "reportingController", "c"),
    ("resourceslices", {"spec": {"driver": "d", "pool": {}}}, "spec.driver", "d"),
]


@pytest.mark.parametrize(("plural", "fields", "label", "value"), SELECTED)
def test_what_field_selectors_look_at(plural: str, fields: dict[str, Any], label: str, value: str) -> None:
    kind = BY_PLURAL[plural]
    obj = {"kind": kind.kind, "apiVersion": kind.group_version_kind.api_version, "metadata": {"name": "a"}, **fields}
    read = CodecFactory(SCHEME).decode(json.dumps(obj).encode()).object
    assert SCHEME.convert_field_label(kind.group_version_kind, label, value) == (label, value)
    found = selectable_attributes(kind.selectable, namespaced=kind.namespaced)(read).fields
    assert (found[label], found["metadata.name"]) == (value, "a")


@pytest.mark.parametrize(("plural", "label"), [("pods", "spec.image"), ("nodes", "status.phase"), ("leases", "spec")])
def test_what_field_selectors_cannot_look_at(plural: str, label: str) -> None:
    with pytest.raises(FieldLabelError):
        SCHEME.convert_field_label(BY_PLURAL[plural].group_version_kind, label, "x")
