"""What `kubectl get` shows of each kind, cell by cell."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from genericapiserver.apimachinery.go import format_time
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.minkapi.kinds import FURTHER_KINDS, KINDS, new_scheme

CODECS = CodecFactory(new_scheme([*KINDS, *FURTHER_KINDS]))
BY_PLURAL = {kind.plural: kind for kind in (*KINDS, *FURTHER_KINDS)}
MANIFESTS = Path(__file__).parents[1] / "apis" / "manifests"


def ago(days: int) -> str:
    """So long ago that it does not matter when exactly the test runs."""
    return format_time(dt.datetime.now(dt.UTC) - dt.timedelta(days=days, hours=1))


def shown(plural: str, fields: dict[str, Any]) -> dict[str, Any]:
    """The cells of an object by the names of their columns; the name is `a` and no time of creation is set."""
    kind = BY_PLURAL[plural]
    metadata = {"name": "a", **fields.get("metadata", {})}
    head = {"kind": kind.kind, "apiVersion": kind.group_version_kind.api_version}
    decoded = CODECS.decode(json.dumps({**head, **fields, "metadata": metadata}).encode(), strict=True)
    assert decoded.strict_errors == []
    return {column.name: column.reader()(decoded.object) for column in kind.columns}


# The names of the columns, those of `-o wide` in brackets.
COLUMNS = {
    "namespaces": "Name Status Age",
    "serviceaccounts": "Name Secrets Age",
    "configmaps": "Name Data Age",
    "nodes": "Name Status Roles Age Version [Internal-IP] [External-IP] [OS-Image] [Kernel-Version] "
    "[Container-Runtime]",
    "pods": "Name Ready Status Restarts Age [IP] [Node] [Nominated_Node] [Readiness_Gates]",
    "services": "Name Type Cluster-IP External-IP Port(s) Age [Selector]",
    "persistentvolumes": "Name Capacity Access_Modes Reclaim_Policy Status Claim StorageClass VolumeAttributesClass "
    "Reason Age [VolumeMode]",
    "persistentvolumeclaims": "Name Status Volume Capacity Access_Modes StorageClass VolumeAttributesClass Age "
    "[VolumeMode]",
    "replicationcontrollers": "Name Desired Current Ready Age [Containers] [Images] [Selector]",
    "deployments": "Name Ready Up-to-date Available Age [Containers] [Images] [Selector]",
    "replicasets": "Name Desired Current Ready Age [Containers] [Images] [Selector]",
    "statefulsets": "Name Ready Age [Containers] [Images]",
    "priorityclasses": "Name Value Global-Default Age PreemptionPolicy",
    "leases": "Name Holder Age",
    "events": "Last_Seen Type Reason Object [Subobject] [Source] Message [First_Seen] [Count] [Name]",
    "roles": "Name Created_At",
    "poddisruptionbudgets": "Name Min_Available Max_Unavailable Allowed_Disruptions Age",
    "storageclasses": "Name Provisioner ReclaimPolicy VolumeBindingMode AllowVolumeExpansion Age",
    "csidrivers": "Name AttachRequired PodInfoOnMount StorageCapacity TokenRequests RequiresRepublish Modes Age",
    "csistoragecapacities": "Name StorageClassName Capacity",
    "csinodes": "Name Drivers Age",
    "volumeattachments": "Name Attacher PV Node Attached Age",
    "volumeattributesclasses": "Name DriverName Age",
    "runtimeclasses": "Name Handler Age",
    "resourceslices": "Name Node Driver Pool Age",
    "resourceclaims": "Name State Age",
    "deviceclasses": "Name Age",
    "secrets": "Name Type Data Age",
    "endpoints": "Name Endpoints Age",
    "podtemplates": "Name Containers Images Pod_Labels",
    "daemonsets": "Name Desired Current Ready Up-to-date Available Node_Selector Age [Containers] [Images] [Selector]",
    "controllerrevisions": "Name Controller Revision Age",
    "jobs": "Name Status Completions Duration Age [Containers] [Images] [Selector]",
    "cronjobs": "Name Schedule Timezone Suspend Active Last_Schedule Age [Containers] [Images] [Selector]",
    "endpointslices": "Name AddressType Ports Endpoints Age",
    "resourceclaimtemplates": "Name Age",
    "rolebindings": "Name Role Age [Users] [Groups] [ServiceAccounts]",
    "clusterroles": "Name Created_At",
    "clusterrolebindings": "Name Role Age [Users] [Groups] [ServiceAccounts]",
}


@pytest.mark.parametrize("plural", BY_PLURAL)
def test_the_columns_are_those_of_a_cluster(plural: str) -> None:
    columns = BY_PLURAL[plural].columns
    names = [f"[{column.name}]" if column.priority else column.name for column in columns]
    assert " ".join(name.replace(" ", "_") for name in names) == COLUMNS[plural]


def waiting(reason: str) -> dict[str, Any]:
    return {"waiting": {"reason": reason}}


def ended(code: int = 0, reason: str = "", signal: int = 0) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason, "signal": signal}}


RUNNING = {"running": {"startedAt": None}}


def status(name: str, state: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "state": state, "ready": False, "restartCount": 0, "image": "", "imageID": "", **more}


def pod(
    phase: str,
    *statuses: dict[str, Any],
    init: tuple[dict[str, Any], ...] = (),
    sidecars: tuple[str, ...] = (),
    metadata: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A pod with two containers, and an init container for each of *init*."""
    init_containers = [
        {"name": one["name"], **({"restartPolicy": "Always"} if one["name"] in sidecars else {})} for one in init
    ]
    return {
        "metadata": metadata or {},
        "spec": {"containers": [{"name": "a"}, {"name": "b"}], "initContainers": init_containers},
        "status": {"phase": phase, "containerStatuses": statuses, "initContainerStatuses": init, **more},
    }


DELETED = {"deletionTimestamp": "2026-03-01T10:00:00Z"}
READY_CONDITION = {"type": "Ready", "status": "True"}
PODS = {
    "nobody looked at it yet": (pod(""), "0/2", ""),
    "waits for a node": (pod("Pending"), "0/2", "Pending"),
    "held back by a gate": (
        pod("Pending", conditions=[{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]),
        "0/2",
        "SchedulingGated",
    ),
    "evicted": (pod("Failed", reason="Evicted"), "0/2", "Evicted"),
    "pulls an image": (
        pod("Pending", status("a", waiting("ContainerCreating")), status("b", waiting("ErrImagePull"))),
        "0/2",
        "ContainerCreating",
    ),
    "runs": (pod("Running", status("a", RUNNING, ready=True), status("b", RUNNING, ready=True)), "2/2", "Running"),
    "not ready": (pod("Running", status("a", RUNNING, ready=True), status("b", RUNNING)), "1/2", "Running"),
    "crashes": (
        pod("Running", status("a", RUNNING, ready=True), status("b", waiting("CrashLoopBackOff"), restartCount=4)),
        "1/2",
        "CrashLoopBackOff",
    ),
    "done": (
        pod("Succeeded", status("a", ended(reason="Completed")), status("b", ended(reason="Completed"))),
        "0/2",
        "Completed",
    ),
    "one done, one runs, ready": (
        pod(
            "Running",
            status("a", ended(reason="Completed")),
            status("b", RUNNING, ready=True),
            conditions=[READY_CONDITION],
        ),
        "1/2",
        "Running",
    ),
    "one done, one runs": (
        pod("Running", status("a", ended(reason="Completed")), status("b", RUNNING, ready=True)),
        "1/2",
        "NotReady",
    ),
    "killed": (pod("Failed", status("a", ended(signal=9)), status("b", ended(1))), "0/2", "Signal:9"),
    "failed": (pod("Failed", status("a", ended(3))), "0/2", "ExitCode:3"),
    "initializes": (
        pod("Pending", init=(status("i", ended()), status("j", RUNNING)), metadata={}),
        "0/2",
        "Init:1/2",
    ),
    "initialization waits": (pod("Pending", init=(status("i", waiting("PodInitializing")),)), "0/2", "Init:0/1"),
    "initialization cannot start": (
        pod("Pending", init=(status("i", waiting("ErrImagePull")),)),
        "0/2",
        "Init:ErrImagePull",
    ),
    "initialization failed": (pod("Failed", init=(status("i", ended(2)),)), "0/2", "Init:ExitCode:2"),
    "initialization died": (pod("Failed", init=(status("i", ended(1, "OOMKilled")),)), "0/2", "Init:OOMKilled"),
    "with a sidecar": (
        pod(
            "Running",
            status("a", RUNNING, ready=True),
            status("b", RUNNING, ready=True),
            init=(status("s", RUNNING, ready=True, started=True),),
            sidecars=("s",),
        ),
        "3/3",
        "Running",
    ),
    "initialized, an init container runs again": (
        pod(
            "Running",
            status("a", RUNNING, ready=True),
            init=(status("i", RUNNING),),
            conditions=[{"type": "Initialized", "status": "True"}],
        ),
        "1/2",
        "Init:0/1",
    ),
    "being deleted": (pod("Running", status("a", RUNNING, ready=True), metadata=DELETED), "1/2", "Terminating"),
    "deleted after its end": (pod("Succeeded", metadata=DELETED), "0/2", "Succeeded"),
    "deleted on a lost node": (pod("Running", reason="NodeLost", metadata=DELETED), "0/2", "Unknown"),
}


@pytest.mark.parametrize(("fields", "ready", "reason"), PODS.values(), ids=PODS)
def test_the_status_of_a_pod(fields: dict[str, Any], ready: str, reason: str) -> None:
    cells = shown("pods", fields)
    assert (cells["Ready"], cells["Status"]) == (ready, reason)


def test_the_restarts_of_a_pod() -> None:
    last = {"terminated": {"exitCode": 1, "finishedAt": ago(30)}}
    older = {"terminated": {"exitCode": 1, "finishedAt": ago(60)}}
    twice = pod(
        "Running",
        status("a", RUNNING, restartCount=2, lastState=older),
        status("b", RUNNING, restartCount=1, lastState=last),
    )
    assert shown("pods", twice)["Restarts"] == "3 (30d ago)"
    assert shown("pods", pod("Running", status("a", RUNNING, restartCount=2)))["Restarts"] == "2"
    initialized = pod("Running", status("a", RUNNING), init=(status("i", ended(), restartCount=7),))
    assert shown("pods", initialized)["Restarts"] == "0"
    failing = pod("Pending", init=(status("i", waiting("CrashLoopBackOff"), restartCount=7, lastState=last),))
    assert shown("pods", failing)["Restarts"] == "7 (30d ago)"


def test_where_a_pod_is() -> None:
    here = {
        "spec": {
            "nodeName": "n",
            "containers": [],
            "readinessGates": [{"conditionType": "x"}, {"conditionType": "y"}],
        },
        "status": {
            "podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}],
            "nominatedNodeName": "m",
            "conditions": [{"type": "y", "status": "True"}, {"type": "x", "status": "False"}],
        },
    }
    cells = shown("pods", here)
    assert [cells[name] for name in ("IP", "Node", "Nominated Node", "Readiness Gates")] == [
        "10.0.0.1",
        "n",
        "m",
        "1/2",
    ]
    nowhere = shown("pods", {})
    assert {nowhere[name] for name in ("IP", "Node", "Nominated Node", "Readiness Gates")} == {"<none>"}
    assert shown("pods", {"status": {"podIP": "10.0.0.9"}})["IP"] == "10.0.0.9"


CELLS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("nodes", {}, {"Status": "Unknown", "Roles": "<none>", "OS-Image": "<unknown>", "Version": ""}),
    (
        "nodes",
        {
            "metadata": {
                "labels": {"node-role.kubernetes.io/b": "", "node-role.kubernetes.io/": "", "kubernetes.io/role": "a"}
            },
            "spec": {"unschedulable": True},
            "status": {
                "conditions": [{"type": "Ready", "status": "Unknown"}],
                "addresses": [{"type": "ExternalIP", "address": "203.0.113.1"}],
            },
        },
        {
            "Status": "NotReady,SchedulingDisabled",
            "Roles": "a,b",
            "Internal-IP": "<none>",
            "External-IP": "203.0.113.1",
        },
    ),
    ("nodes", {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}, {"Status": "Ready"}),
    ("services", {}, {"Type": "ClusterIP", "Cluster-IP": "<none>", "External-IP": "<none>", "Port(s)": "<none>"}),
    (
        "services",
        {
            "spec": {
                "type": "NodePort",
                "clusterIP": "10.0.0.1",
                "externalIPs": ["203.0.113.1"],
                "ports": [{"port": 80, "nodePort": 30080}, {"port": 53, "protocol": "UDP"}],
                "selector": {"b": "2", "a": "1"},
            }
        },
        {
            "Cluster-IP": "10.0.0.1",
            "External-IP": "203.0.113.1",
            "Port(s)": "80:30080/TCP,53/UDP",
            "Selector": "a=1,b=2",
        },
    ),
    ("services", {"spec": {"type": "LoadBalancer"}}, {"External-IP": "<pending>"}),
    (
        "services",
        {
            "spec": {"type": "LoadBalancer", "externalIPs": ["198.51.100.1"]},
            "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.2"}, {"hostname": "lb"}, {"ip": "203.0.113.1"}]}},
        },
        {"External-IP": "203.0.113.1,203.0.113.2,lb,198.51.100.1"},
    ),
    ("services", {"spec": {"type": "ExternalName", "externalName": "e"}}, {"Type": "ExternalName", "External-IP": "e"}),
    ("configmaps", {"data": {"a": "1"}, "binaryData": {"b": "MQ=="}}, {"Data": 2}),
    ("secrets", {"type": "Opaque", "data": {"a": "MQ=="}}, {"Type": "Opaque", "Data": 1}),
    ("serviceaccounts", {"secrets": [{"name": "a"}]}, {"Secrets": 1}),
    ("endpoints", {}, {"Endpoints": "<none>"}),
    (
        "endpoints",
        {
            "subsets": [
                {"addresses": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}], "ports": [{"port": 80}, {"port": 81}]},
                {"addresses": [{"ip": "10.0.0.2"}]},
            ]
        },
        {"Endpoints": "10.0.0.1:80,[fd00::1]:80,10.0.0.1:81 + 2 more..."},
    ),
    (
        "endpointslices",
        {
            "addressType": "IPv4",
            "ports": [{"port": 80}, {"name": "named"}, {}],
            "endpoints": [{"addresses": ["a", "b"]}, {"addresses": ["c", "d", "e"]}],
        },
        {"Ports": "80,named,*", "Endpoints": "a,b,c + 2 more..."},
    ),
    ("endpointslices", {"addressType": "IPv6", "endpoints": []}, {"Ports": "<unset>", "Endpoints": "<unset>"}),
    (
        "deployments",
        {"spec": {"template": {}}},
        {"Ready": "0/1", "Up-to-date": 0, "Available": 0, "Selector": "<none>"},
    ),
    (
        "deployments",
        {
            "spec": {
                "replicas": 0,
                "selector": {
                    "matchLabels": {"a": "1"},
                    "matchExpressions": [{"key": "b", "operator": "In", "values": ["y", "x"]}],
                },
                "template": {"spec": {"containers": [{"name": "c", "image": "i"}, {"name": "d", "image": "j"}]}},
            },
            "status": {"readyReplicas": 2, "updatedReplicas": 1, "availableReplicas": 1},
        },
        {
            "Ready": "2/0",
            "Up-to-date": 1,
            "Available": 1,
            "Containers": "c,d",
            "Images": "i,j",
            "Selector": "a=1,b in (x,y)",
        },
    ),
    (
        "replicasets",
        {"spec": {"selector": {"matchExpressions": [{"key": "a", "operator": "Near"}]}}},
        {"Desired": 1, "Current": 0, "Ready": 0, "Selector": "<error>"},
    ),
    ("replicationcontrollers", {"spec": {"selector": {"a": "1"}}}, {"Desired": 1, "Containers": "", "Selector": "a=1"}),
    ("statefulsets", {"spec": {"replicas": 3}, "status": {"readyReplicas": 2}}, {"Ready": "2/3"}),
    (
        "daemonsets",
        {"spec": {"template": {"spec": {"nodeSelector": {"a": "1"}}}}, "status": {"desiredNumberScheduled": 3}},
        {"Desired": 3, "Available": 0, "Node Selector": "a=1"},
    ),
    (
        "controllerrevisions",
        {
            "metadata": {
                "ownerReferences": [
                    {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "1"},
                    {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": "2", "controller": True},
                ]
            },
            "revision": 4,
        },
        {"Controller": "statefulset.apps/db", "Revision": 4},
    ),
    ("controllerrevisions", {}, {"Controller": "<none>"}),
    ("jobs", {"spec": {"completions": 3}, "status": {"succeeded": 1}}, {"Status": "Running", "Completions": "1/3"}),
    ("jobs", {"spec": {"parallelism": 4}}, {"Completions": "0/1 of 4", "Duration": ""}),
    (
        "jobs",
        {
            "status": {
                "conditions": [{"type": "Complete", "status": "True"}, {"type": "Suspended", "status": "True"}],
                "startTime": "2026-03-01T10:00:00Z",
                "completionTime": "2026-03-01T10:03:20Z",
            }
        },
        {"Status": "Complete", "Completions": "0/1", "Duration": "3m20s"},
    ),
    (
        "jobs",
        {"metadata": DELETED, "status": {"conditions": [{"type": "Suspended", "status": "True"}]}},
        {"Status": "Terminating"},
    ),
    ("jobs", {"status": {"conditions": [{"type": "FailureTarget", "status": "True"}]}}, {"Status": "FailureTarget"}),
    (
        "cronjobs",
        {"spec": {"schedule": "@daily", "suspend": False}, "status": {"active": [{"name": "a"}]}},
        {"Timezone": "<none>", "Suspend": "False", "Active": 1, "Last Schedule": "<none>"},
    ),
    ("cronjobs", {"spec": {"timeZone": "UTC"}}, {"Timezone": "UTC", "Suspend": "<unset>"}),
    (
        "poddisruptionbudgets",
        {"spec": {"minAvailable": "50%"}, "status": {"disruptionsAllowed": 1}},
        {"Min Available": "50%", "Max Unavailable": "N/A", "Allowed Disruptions": 1},
    ),
    (
        "persistentvolumes",
        {
            "spec": {
                "capacity": {"storage": "5Gi"},
                "accessModes": ["ReadWriteMany", "ReadWriteOnce", "ReadWriteOnce"],
                "claimRef": {"namespace": "n", "name": "c"},
                "storageClassName": "fast",
            },
            "status": {"phase": "Bound"},
        },
        {
            "Capacity": "5Gi",
            "Access Modes": "RWO,RWX",
            "Status": "Bound",
            "Claim": "n/c",
            "StorageClass": "fast",
            "VolumeAttributesClass": "<unset>",
            "VolumeMode": "<unset>",
        },
    ),
    (
        "persistentvolumes",
        {"metadata": {**DELETED, "annotations": {"volume.beta.kubernetes.io/storage-class": "old"}}},
        {"Capacity": "0", "Status": "Terminating", "Claim": "", "StorageClass": "old"},
    ),
    (
        "persistentvolumeclaims",
        {"spec": {"resources": {"requests": {"storage": "1Gi"}}, "volumeAttributesClassName": "gold"}},
        {"Capacity": "", "Access Modes": "", "VolumeAttributesClass": "gold"},
    ),
    (
        "persistentvolumeclaims",
        {
            "spec": {"volumeName": "v", "volumeMode": "Block"},
            "status": {"capacity": {"storage": "2Gi"}, "accessModes": ["ReadWriteOncePod"]},
        },
        {"Volume": "v", "Capacity": "2Gi", "Access Modes": "RWOP", "VolumeMode": "Block"},
    ),
    (
        "storageclasses",
        {"metadata": {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}, "provisioner": "p"},
        {
            "Name": "a (default)",
            "Provisioner": "p",
            "ReclaimPolicy": "Delete",
            "VolumeBindingMode": "Immediate",
            "AllowVolumeExpansion": False,
        },
    ),
    ("csidrivers", {"spec": {}}, {"AttachRequired": True, "PodInfoOnMount": False, "TokenRequests": "<unset>"}),
    (
        "csidrivers",
        {
            "spec": {
                "attachRequired": False,
                "tokenRequests": [{"audience": "a"}, {"audience": "b"}],
                "volumeLifecycleModes": ["Persistent", "Ephemeral"],
            }
        },
        {"AttachRequired": False, "TokenRequests": "a,b", "Modes": "Persistent,Ephemeral"},
    ),
    ("csinodes", {"spec": {"drivers": [{"name": "d", "nodeID": "n"}]}}, {"Drivers": 1}),
    ("csistoragecapacities", {"storageClassName": "fast"}, {"StorageClassName": "fast", "Capacity": "<unset>"}),
    ("csistoragecapacities", {"storageClassName": "fast", "capacity": "1Gi"}, {"Capacity": "1Gi"}),
    (
        "volumeattachments",
        {"spec": {"attacher": "d", "source": {"persistentVolumeName": "pv"}, "nodeName": "n"}},
        {"Attacher": "d", "PV": "pv", "Node": "n", "Attached": False},
    ),
    ("volumeattributesclasses", {"driverName": "d"}, {"Name": "a", "DriverName": "d"}),
    ("priorityclasses", {"value": 5}, {"Value": 5, "Global-Default": False, "PreemptionPolicy": ""}),
    ("leases", {"spec": {"holderIdentity": "h"}}, {"Holder": "h", "Age": "<unknown>"}),
    ("runtimeclasses", {"handler": "runsc"}, {"Handler": "runsc"}),
    ("roles", {"metadata": {"creationTimestamp": "2026-03-01T10:00:00Z"}}, {"Created At": "2026-03-01T10:00:00Z"}),
    (
        "rolebindings",
        {
            "roleRef": {"kind": "Role", "name": "r"},
            "subjects": [
                {"kind": "User", "name": "u"},
                {"kind": "User", "name": "v"},
                {"kind": "Group", "name": "g"},
                {"kind": "ServiceAccount", "name": "s", "namespace": "n"},
            ],
        },
        {"Role": "Role/r", "Users": "u, v", "Groups": "g", "ServiceAccounts": "n/s"},
    ),
    (
        "resourceslices",
        {"spec": {"driver": "d", "pool": {"name": "p", "generation": 1, "resourceSliceCount": 1}}},
        {"Node": "", "Driver": "d", "Pool": "p"},
    ),
    ("resourceclaims", {"spec": {}}, {"State": "pending"}),
    ("resourceclaims", {"spec": {}, "status": {"allocation": {}}}, {"State": "allocated"}),
    (
        "resourceclaims",
        {
            "metadata": DELETED,
            "spec": {},
            "status": {"allocation": {}, "reservedFor": [{"resource": "pods", "name": "p", "uid": "u"}]},
        },
        {"State": "deleted,allocated,reserved"},
    ),
    ("resourceclaims", {"metadata": DELETED, "spec": {}}, {"State": "deleted"}),
    (
        "podtemplates",
        {"template": {"metadata": {"labels": {"a": "1"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}},
        {"Containers": "c", "Images": "i", "Pod Labels": "a=1"},
    ),
    (
        "events",
        {"eventTime": ago(30), "regarding": {"kind": "Node"}, "note": " n \n", "reportingController": "c"},
        {"Last Seen": "30d", "First Seen": "30d", "Count": 1, "Object": "node", "Message": "n", "Source": "c"},
    ),
    (
        "events",
        {
            "eventTime": None,
            "deprecatedFirstTimestamp": ago(60),
            "deprecatedLastTimestamp": ago(30),
            "deprecatedCount": 7,
            "deprecatedSource": {"component": "kubelet", "host": "n"},
            "regarding": {"kind": "Pod", "name": "p", "fieldPath": "spec"},
        },
        {
            "Last Seen": "30d",
            "First Seen": "60d",
            "Count": 7,
            "Object": "pod/p",
            "Subobject": "spec",
            "Source": "kubelet, n",
        },
    ),
    (
        "events",
        {"eventTime": ago(60), "series": {"count": 3, "lastObservedTime": ago(30)}},
        {"Last Seen": "30d", "First Seen": "60d", "Count": 3},
    ),
]


@pytest.mark.parametrize(("plural", "fields", "cells"), CELLS, ids=[row[0] for row in CELLS])
def test_cells(plural: str, fields: dict[str, Any], cells: dict[str, Any]) -> None:
    found = shown(plural, fields)
    assert {name: found[name] for name in cells} == cells


def test_the_cells_of_every_manifest_can_be_made() -> None:
    by_kind = {kind.group_version_kind: kind for kind in BY_PLURAL.values()}
    seen = set()
    for path in MANIFESTS.glob("*.yaml"):
        for manifest in yaml.safe_load_all(path.read_text()):
            plural = next((kind.plural for gvk, kind in by_kind.items() if gvk.kind == manifest["kind"]), None)
            if plural is not None and (manifest["apiVersion"], manifest["kind"]) != ("v1", "Event"):
                assert shown(plural, manifest)
                seen.add(plural)
    assert seen == set(BY_PLURAL)
