"""Writing the kubeconfig that kubectl is pointed at."""

import base64
import os
from pathlib import Path

import yaml

from genericapiserver.builder.pki import KeyPair


def write_kubeconfig(path: Path, *, server: str, authority: Path, client: KeyPair, name: str) -> None:
    """Write a kubeconfig for the user of *client* at *server*, readable by its owner only, in one step."""

    def data(file: Path) -> str:
        return base64.b64encode(file.read_bytes()).decode()

    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": data(authority)}}],
        "users": [
            {
                "name": "admin",
                "user": {"client-certificate-data": data(client.certificate), "client-key-data": data(client.key)},
            }
        ],
        "contexts": [{"name": name, "context": {"cluster": name, "user": "admin", "namespace": "default"}}],
        "current-context": name,
    }
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    os.replace(draft, path)
