"""APIServices, and the certificates by which the kube-apiserver knows the server it sends their requests to.

With `own` certificates an authority is kept in a folder beside the manifests; its certificate stands in the APIServices, and
the serving pair in a Secret. With cert-manager an authority is made in the cluster, and its injector fills the APIServices
in.
"""

import base64
from typing import Final

import attrs

from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.builder.manifests.plan import CERT_MANAGER, Plan
from genericapiserver.builder.manifests.workload import Document, metadata, serving_secret
from genericapiserver.builder.pki import Authority

GROUP_PRIORITY_MINIMUM: Final = 1000
"""Below the cluster's own groups, so that short names are theirs first."""
VERSION_PRIORITY: Final = 100
"""Of a group's preferred version; each later one has one less."""


@attrs.frozen
class ServingPair:
    """Certificates in PEM: of the authority, of the server, and its key."""

    authority: bytes
    certificate: bytes
    key: bytes

    @classmethod
    def of(cls, plan: Plan, authority: Authority) -> "ServingPair":
        """Raises OSError when the folder of *authority* cannot be written."""
        files = authority.server(plan.host, f"{plan.host}.cluster.local", f"{plan.name}.{plan.namespace}")
        return cls(authority.files.certificate.read_bytes(), files.certificate.read_bytes(), files.key.read_bytes())


NO_PAIR: Final = ServingPair(b"", b"", b"")
"""Stands for the pair while it is only asked which files there will be."""


def certificates(plan: Plan, pair: ServingPair) -> list[Document]:
    if plan.certificates == CERT_MANAGER:
        return _cert_manager(plan)
    data = {"ca.crt": pair.authority, "tls.crt": pair.certificate, "tls.key": pair.key}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata(plan, serving_secret(plan)),
        "type": "kubernetes.io/tls",
        "data": {name: base64.b64encode(pem).decode() for name, pem in data.items()},
    }
    return [secret]


def _cert_manager(plan: Plan) -> list[Document]:
    """An authority of the deployment's own, signed by itself, and the serving certificate signed by it."""
    first, authority = f"{plan.name}-self-signed", f"{plan.name}-ca"
    return [
        _issuer(plan, first, {"selfSigned": {}}),
        _certificate(
            plan,
            authority,
            issuer=first,
            isCA=True,
            commonName=authority,
            duration="87600h",
            usages=["cert sign", "crl sign", "digital signature"],
        ),
        _issuer(plan, authority, {"ca": {"secretName": authority}}),
        _certificate(
            plan,
            serving_secret(plan),
            issuer=authority,
            dnsNames=[plan.host, f"{plan.host}.cluster.local"],
            duration="2160h",
            renewBefore="720h",
            usages=["server auth", "digital signature"],
        ),
    ]


def _issuer(plan: Plan, name: str, spec: Document) -> Document:
    return {"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": metadata(plan, name), "spec": spec}


def _certificate(plan: Plan, name: str, *, issuer: str, **spec: object) -> Document:
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": metadata(plan, name),
        "spec": {
            "secretName": name,
            "issuerRef": {"kind": "Issuer", "name": issuer},
            "privateKey": {"algorithm": "ECDSA", "size": 256},
            **spec,
        },
    }


def api_services(plan: Plan, pair: ServingPair) -> list[Document]:
    groups: dict[str, list[GroupVersion]] = {}
    for version in plan.group_versions:
        groups.setdefault(version.group, []).append(version)
    return [
        _api_service(plan, pair, version, VERSION_PRIORITY - index)
        for versions in groups.values()
        for index, version in enumerate(versions)
    ]


def _api_service(plan: Plan, pair: ServingPair, version: GroupVersion, priority: int) -> Document:
    about: Document = {"name": f"{version.version}.{version.group}", "labels": dict(plan.labels)}
    spec: Document = {
        "group": version.group,
        "version": version.version,
        "groupPriorityMinimum": GROUP_PRIORITY_MINIMUM,
        "versionPriority": priority,
        "service": {"name": plan.name, "namespace": plan.namespace, "port": 443},
    }
    if plan.certificates == CERT_MANAGER:
        about["annotations"] = {"cert-manager.io/inject-ca-from": f"{plan.namespace}/{serving_secret(plan)}"}
    else:
        spec["caBundle"] = base64.b64encode(pair.authority).decode()
    return {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": about, "spec": spec}
