"""What the demonstration consists of: its servers, their certificates and files, all in one folder."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import yaml

from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apis.apiregistration_v1 import GROUP_VERSION, api_service_name
from genericapiserver.builder.kubeconfig import write_kubeconfig
from genericapiserver.builder.pki import Authority, KeyPair

NAMESPACE = "demonstration"
FRONT_PROXY = "front-proxy"
"""The name in the certificate by which servers behind know the front."""
ACCESS_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


@attrs.frozen
class Behind:
    """An extension server: the module that serves it, and the versions it is registered for, the preferred one first."""

    name: str
    module: str
    versions: Sequence[GroupVersion]


BEHIND = (
    Behind(
        "wardle",
        "examples.wardle.standalone",
        (GroupVersion("wardle.example.com", "v1beta1"), GroupVersion("wardle.example.com", "v1alpha1")),
    ),
    Behind("kitchen", "examples.aggregation.kitchen", (GroupVersion("kitchen.example.com", "v1"),)),
)


@attrs.frozen
class Layout:
    """Where everything lies below *folder*."""

    folder: Path

    @property
    def front(self) -> Path:
        """The folder of the front, with the kubeconfig that kubectl is pointed at."""
        return self.folder / "front"

    @property
    def kubeconfig(self) -> Path:
        return self.front / "kubeconfig"

    @property
    def front_proxy(self) -> Authority:
        """Who signs for the front, as servers behind see it."""
        return Authority(self.folder / "front-proxy")

    def front_pair(self) -> KeyPair:
        return self.front_proxy.client(FRONT_PROXY)

    def authority_of(self, behind: Behind) -> Authority:
        """Who signs for a server behind: each has its own, and its APIServices name it."""
        return Authority(self.folder / behind.name / "serving")

    def audit_log(self, behind: Behind) -> Path:
        """Where a server behind writes down who has asked for what."""
        return self.folder / behind.name / "audit.log"

    def front_flags(self, port: int, ports: dict[str, int]) -> list[str]:
        """*ports* are those of the servers behind."""
        pair = self.front_pair()
        return [
            f"--data={self.front}",
            f"--port={port}",
            f"--proxy-client-cert-file={pair.certificate}",
            f"--proxy-client-key-file={pair.key}",
            *(f"--service-endpoint={NAMESPACE}/{name}=127.0.0.1:{port}" for name, port in ports.items()),
        ]

    def flags_behind(self, behind: Behind, port: int) -> list[str]:
        """A server behind believes the front who asks, and asks it what that one may do."""
        pair = self.authority_of(behind).server(f"{behind.name}.{NAMESPACE}.svc", "localhost", "127.0.0.1")
        return [
            f"--data={self.folder / behind.name}",
            f"--port={port}",
            f"--tls-cert-file={pair.certificate}",
            f"--tls-private-key-file={pair.key}",
            f"--requestheader-client-ca-file={self.front_proxy.files.certificate}",
            f"--requestheader-allowed-names={FRONT_PROXY}",
            "--requestheader-uid-headers=X-Remote-Uid",
            "--authorization-mode=RBAC,Webhook",
            f"--authorization-webhook-config-file={self.folder / 'access-reviews'}",
            "--authorization-webhook-version=v1",
            f"--audit-policy-file={self.folder / 'audit-policy.yaml'}",
            f"--audit-log-path={self.audit_log(behind)}",
        ]

    def write_common(self, front_url: str) -> None:
        """What the servers behind have in common: how the front is asked about access, and what is written down."""
        policy = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}]}
        (self.folder / "audit-policy.yaml").write_text(yaml.safe_dump(policy), encoding="utf-8")
        authority = Authority(self.front / "pki")
        write_kubeconfig(
            self.folder / "access-reviews",
            server=front_url + ACCESS_REVIEWS,
            authority=authority.files.certificate,
            client=authority.client("system:extension-servers", "system:masters"),
            name="front",
        )

    def api_services(self, behind: Behind) -> list[dict[str, Any]]:
        """The APIServices that send the groups of a server behind to it."""
        authority = self.authority_of(behind).files.certificate.read_bytes()
        return [
            {
                "apiVersion": str(GROUP_VERSION),
                "kind": "APIService",
                "metadata": {"name": api_service_name(version)},
                "spec": {
                    "group": version.group,
                    "version": version.version,
                    "groupPriorityMinimum": 1000,
                    "versionPriority": 20 - place,
                    "service": {"namespace": NAMESPACE, "name": behind.name},
                    "caBundle": base64.b64encode(authority).decode(),
                },
            }
            for place, version in enumerate(behind.versions)
        ]
