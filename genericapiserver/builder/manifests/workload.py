"""The server itself: a Deployment of one Pod, and what it stands on.

One Pod: each would have objects, and a count of resource versions, of its own. So the Deployment replaces its Pod and never
runs two, and the disruption budget lets a node be drained. The Pod may nothing that it does not need: no root, no
capabilities, a root file system that is only read.
"""

from typing import Any, Final

from genericapiserver.apimachinery.go import format_duration
from genericapiserver.builder.manifests.plan import FILE, SQLITE, Plan

Document = dict[str, Any]

PORT: Final = 8443
APP: Final = "/app"
DATA: Final = "/var/lib/apiserver"
TLS: Final = "/etc/apiserver/tls"
USER: Final = 65532
"""The user of the Containerfile: not root, and not one of the node's."""

_OBJECTS: Final = {SQLITE: "objects.db", FILE: "objects"}
"""Where on the volume the engine keeps objects: a file, a folder."""


def metadata(plan: Plan, name: str, **further: Any) -> Document:
    return {"name": name, "namespace": plan.namespace, "labels": dict(plan.labels), **further}


def serving_secret(plan: Plan) -> str:
    return f"{plan.name}-serving"


def arguments(plan: Plan) -> list[str]:
    """The command line of the server, after the command."""
    run = ["run", f"{APP}/{plan.file}"] if plan.file else []
    storage = [f"--storage-backend={plan.storage}"]
    if plan.on_disk:
        storage.append(f"--storage-path={DATA}/{_OBJECTS[plan.storage]}")
    return [
        *run,
        f"--secure-port={PORT}",
        f"--tls-cert-file={TLS}/tls.crt",
        f"--tls-private-key-file={TLS}/tls.key",
        *storage,
        f"--shutdown-delay-duration={format_duration(plan.shutdown_delay)}",
        f"--shutdown-watch-termination-grace-period={format_duration(plan.watch_termination)}",
    ]


def deployment(plan: Plan) -> Document:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(plan, plan.name),
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": dict(plan.labels)},
            "template": {"metadata": {"labels": dict(plan.labels)}, "spec": _pod(plan)},
        },
    }


def _pod(plan: Plan) -> Document:
    return {
        "serviceAccountName": plan.name,
        "terminationGracePeriodSeconds": plan.termination_grace_period,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(plan)],
        "volumes": _volumes(plan),
    }


def _container(plan: Plan) -> Document:
    mounts = [
        {"name": "serving", "mountPath": TLS, "readOnly": True},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  a volume of its own
    ]
    if plan.on_disk:
        mounts.append({"name": "data", "mountPath": DATA})
    return {
        "name": "apiserver",
        "image": plan.image,
        **({"command": ["genericapiserver"]} if plan.file else {}),
        "args": arguments(plan),
        "ports": [{"name": "https", "containerPort": PORT, "protocol": "TCP"}],
        "startupProbe": _probe("/livez", period=2, failures=60),
        "livenessProbe": _probe("/livez", period=10, failures=8),
        "readinessProbe": _probe("/readyz", period=2, failures=3),
        "resources": {
            "requests": {"cpu": plan.cpu, "memory": plan.memory},
            "limits": {"memory": plan.memory_limit},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
    }


def _probe(path: str, *, period: int, failures: int) -> Document:
    return {
        "httpGet": {"path": path, "port": "https", "scheme": "HTTPS"},
        "periodSeconds": period,
        "failureThreshold": failures,
        "timeoutSeconds": 15,
    }


def _volumes(plan: Plan) -> list[Document]:
    volumes: list[Document] = [
        {"name": "serving", "secret": {"secretName": serving_secret(plan)}},
        {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
    ]
    if plan.on_disk:
        volumes.append({"name": "data", "persistentVolumeClaim": {"claimName": plan.name}})
    return volumes


def service(plan: Plan) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(plan, plan.name),
        "spec": {
            "selector": dict(plan.labels),
            "ports": [{"name": "https", "port": 443, "targetPort": "https", "protocol": "TCP"}],
        },
    }


def disruption_budget(plan: Plan) -> Document:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(plan, plan.name),
        "spec": {
            # With one Pod, a budget that keeps one running would keep every node from being drained.
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": dict(plan.labels)},
        },
    }


def volume_claims(plan: Plan) -> list[Document]:
    """The volume of the objects, where they are on a disk."""
    if not plan.on_disk:
        return []
    spec: Document = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": plan.storage_size}}}
    if plan.storage_class:
        spec["storageClassName"] = plan.storage_class
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata(plan, plan.name), "spec": spec}
    return [claim]


def network_policies(plan: Plan) -> list[Document]:
    """Nothing but the port of the API comes in. From where cannot be said: a kube-apiserver is no Pod."""
    if not plan.network_policy:
        return []
    spec = {
        "podSelector": {"matchLabels": dict(plan.labels)},
        "policyTypes": ["Ingress"],
        "ingress": [{"ports": [{"port": "https", "protocol": "TCP"}]}],
    }
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(plan, plan.name),
        "spec": spec,
    }
    return [policy]
