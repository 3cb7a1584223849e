"""Writing the kubeconfig that kubectl is pointed at."""

import base64
import ipaddress
import os
from pathlib import Path

import yaml
from cryptography import x509

from genericapiserver.builder.pki import KeyPair


def write_kubeconfig(
    path: Path,
    *,
    server: str,
    authority: Path | bytes,
    client: KeyPair | None = None,
    token: str = "",
    name: str,
    tls_server_name: str = "",
) -> None:
    """Write a kubeconfig for the user of *client* or of *token* at *server*, readable by its owner only, in one step.

    *authority* is a file, or the content of one, with what the server's certificate is verified by; *tls_server_name* is
    for a certificate that is not for the address of *server*.
    """

    def data(file: Path) -> str:
        return base64.b64encode(file.read_bytes()).decode()

    pem = authority.read_bytes() if isinstance(authority, Path) else authority
    cluster = {"server": server, "certificate-authority-data": base64.b64encode(pem).decode()}
    if tls_server_name:
        cluster["tls-server-name"] = tls_server_name
    user = (
        {}
        if client is None
        else {
            "client-certificate-data": data(client.certificate),
            "client-key-data": data(client.key),
        }
    )
    if token:
        user["token"] = token
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": "admin", "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": "admin", "namespace": "default"}}],
        "current-context": name,
    }
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")  # several workers may start at once
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    os.replace(draft, path)


def name_to_ask_for(certificate_pem: bytes, host: str) -> str:
    """The name that clients of *host* have to ask the first certificate for; empty when it is for *host* itself."""
    leaf = x509.load_pem_x509_certificates(certificate_pem)[0]
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ""
    dns = names.get_values_for_type(x509.DNSName)
    try:
        found = ipaddress.ip_address(host) in names.get_values_for_type(x509.IPAddress)
    except ValueError:
        found = host in dns
    concrete = [name for name in dns if "*" not in name]
    return "" if found or not concrete else concrete[0]
