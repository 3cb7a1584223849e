"""Writing the kubeconfig that kubectl is pointed at."""

import base64
import os
from pathlib import Path

import yaml

from genericapiserver.builder.pki import KeyPair


def write_kubeconfig(
    path: Path, *, server: str, authority: Path | bytes, client: KeyPair, name: str, tls_server_name: str = ""
) -> None:
    """Write a kubeconfig for the user of *client* at *server*, readable by its owner only, in one step.

    *authority* is a file, or the content of one, with what the server's certificate is verified by; *tls_server_name* is
    for a certificate that is not for the address of *server*.
    """

    def data(file: Path) -> str:
        return base64.b64encode(file.read_bytes()).decode()

    pem = authority.read_bytes() if isinstance(authority, Path) else authority
    cluster = {"server": server, "certificate-authority-data": base64.b64encode(pem).decode()}
    if tls_server_name:
        cluster["tls-server-name"] = tls_server_name
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [
            {
                "name": "admin",
                "user": {"client-certificate-data": data(client.certificate), "client-key-data": data(client.key)},
            }
        ],
        "contexts": [{"name": name, "context": {"cluster": name, "user": "admin", "namespace": "default"}}],
        "current-context": name,
    }
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")  # several workers may start at once
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    os.replace(draft, path)
