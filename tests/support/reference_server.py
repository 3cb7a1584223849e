"""The sample server as the reference's recordings were taken: its flags, its certificates, its delegation."""

from __future__ import annotations

import contextlib
import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import attrs

from tests.support.delegation import delegation
from tests.support.https_client import HTTPSClient
from tests.support.pki import CLIENT, SERVER, Issued, issue
from tests.support.server_process import ServerProcess, free_port, server_process

IDENTITIES = ("admin", "alice", "rh", "rh-bad")
"""Who has a certificate: an administrator, a developer, the front proxy, and one that only pretends to be it."""


@attrs.frozen
class ReferenceServer:
    """A running server and the folder with everybody's certificates."""

    process: ServerProcess
    port: int
    folder: Path
    clients: dict[str, HTTPSClient]
    """By identity; `none` has no certificate."""

    @property
    def admin(self) -> HTTPSClient:
        return self.clients["admin"]

    @property
    def kubectl_flags(self) -> list[str]:
        """What makes kubectl the administrator of this server."""
        return [
            f"--server=https://127.0.0.1:{self.port}",
            f"--certificate-authority={self.folder}/ca.crt",
            f"--client-certificate={self.folder}/admin.crt",
            f"--client-key={self.folder}/admin.key",
        ]


@contextlib.contextmanager
def reference_server(folder: Path, *flags: str, program: str = "examples.wardle") -> Iterator[ReferenceServer]:
    """Start `python -m` *program* with the recordings' flags and *flags*; ready when the block begins."""
    write_certificates(folder)
    port = free_port()
    with delegation(folder / "server.crt", folder / "server.key") as address:
        write_kubeconfig(folder, address)
        with server_process(program, [*recorded_flags(folder, port), *flags], folder / "logs") as process:
            server = ReferenceServer(process, port, folder, _clients(folder, port))
            process.until(lambda: is_ready(server.admin), "/readyz says ok")
            yield server
            process.stop()


def recorded_flags(folder: Path, port: int) -> list[str]:
    """The flags that the reference was started with, for certificates in *folder*."""
    return [
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--tls-cert-file={folder}/server.crt",
        f"--tls-private-key-file={folder}/server.key",
        f"--client-ca-file={folder}/ca.crt",
        f"--kubeconfig={folder}/kubeconfig",
        f"--authentication-kubeconfig={folder}/kubeconfig",
        f"--authorization-kubeconfig={folder}/kubeconfig",
        "--authentication-skip-lookup",
        f"--requestheader-client-ca-file={folder}/rh-ca.crt",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--disable-admission-plugins=NamespaceLifecycle,MutatingAdmissionPolicy,MutatingAdmissionWebhook,"
        "ValidatingAdmissionPolicy,ValidatingAdmissionWebhook",
        "--enable-priority-and-fairness=false",
    ]


def write_certificates(folder: Path) -> None:
    """Two authorities and everybody whom they know."""
    authority = issue("test-ca", ca=True)
    front_proxy_authority = issue("rh-ca", ca=True)
    files = {
        "ca": authority,
        "rh-ca": front_proxy_authority,
        "server": issue("localhost", authority, usages=[SERVER], dns=["localhost"], ips=["127.0.0.1"]),
        "admin": issue("admin", authority, organizations=["system:masters"], usages=[CLIENT]),
        "alice": issue("alice", authority, organizations=["dev"], usages=[CLIENT]),
        "rh": issue("front-proxy-client", front_proxy_authority, usages=[CLIENT]),
        "rh-bad": issue("someone-else", front_proxy_authority, usages=[CLIENT]),
    }
    for name, issued in files.items():
        _write(folder, name, issued)


def write_kubeconfig(folder: Path, address: str) -> None:
    """How the server reaches whom it delegates to."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": address, "certificate-authority": f"{folder}/ca.crt"}}],
        "users": [{"name": "u", "user": {"token": "unused"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    (folder / "kubeconfig").write_text(json.dumps(config), "utf-8")


def is_ready(client: HTTPSClient) -> bool:
    """Whether /readyz says ok; a port that nobody listens on is not ready."""
    try:
        return client.get("/readyz").status == 200
    except ssl.SSLCertVerificationError:
        raise
    except OSError:
        return False


def _clients(folder: Path, port: int) -> dict[str, HTTPSClient]:
    authority = folder / "ca.crt"
    clients = {
        name: HTTPSClient(port, authority=authority, certificate=folder / f"{name}.crt", key=folder / f"{name}.key")
        for name in IDENTITIES
    }
    return {**clients, "none": HTTPSClient(port, authority=authority)}


def _write(folder: Path, name: str, issued: Issued) -> None:
    folder.joinpath(f"{name}.crt").write_bytes(issued.pem)
    folder.joinpath(f"{name}.key").write_bytes(issued.key_pem)
