"""Reading kubeconfig files, and the configuration that a pod finds in its file system.

Source: k8s.io/client-go tools/clientcmd and rest/config.go. Of the ways to prove who one is, certificates, tokens and
basic authentication are read; a file that relies on an exec or auth-provider plugin is refused, not half understood.
"""

import base64
import binascii
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import yaml

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class KubeconfigError(ValueError):
    """The file cannot be read, or does not say how to reach a server; the message names the file and the part."""


@attrs.frozen(kw_only=True)
class ClientConfig:
    """How to reach an API server and as whom. Secrets stay out of repr()."""

    host: str
    """The URL of the server, such as `https://10.0.0.1:6443`."""
    ca_data: bytes = b""
    """PEM; empty means the system's roots."""
    insecure: bool = False
    tls_server_name: str = ""
    client_certificate_data: bytes = b""
    client_key_data: bytes = attrs.field(default=b"", repr=False)
    bearer_token: str = attrs.field(default="", repr=False)
    bearer_token_file: str = ""
    """Read anew for each connection made: a projected token is replaced on disk before it expires."""
    username: str = ""
    password: str = attrs.field(default="", repr=False)

    def token(self) -> str:
        """The bearer token to send now, "" for none. Raises OSError when its file cannot be read."""
        if self.bearer_token_file:
            return Path(self.bearer_token_file).read_text(encoding="utf-8").strip()
        return self.bearer_token


def load_kubeconfig(path: str | Path) -> ClientConfig:
    """The configuration of the current context of the file at *path*. Raises KubeconfigError."""
    path = Path(path)
    return _from_document(_read(path), path)


def load_kubeconfig_users(path: Path) -> dict[str, ClientConfig]:
    """The users of the file at *path* by their names, with no server to reach. Raises KubeconfigError."""
    users: dict[str, ClientConfig] = {}
    for entry in _read(path).get("users") or []:
        if isinstance(entry, dict) and isinstance(entry.get("name"), str) and isinstance(entry.get("user"), dict):
            users[entry["name"]] = _with_user(entry["name"], entry["user"], path, host="")
    return users


def _read(path: Path) -> dict[str, Any]:
    """Raises KubeconfigError for what is no mapping in YAML."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise KubeconfigError(f"stat {path}: {(error.strerror or str(error)).lower()}") from error
    except UnicodeDecodeError as error:
        raise KubeconfigError(f"{path}: not a UTF-8 text: {error.reason}") from error
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise KubeconfigError(f"{path}: not valid YAML: {error}") from error
    if not isinstance(document, dict):
        raise KubeconfigError(f"{path}: invalid configuration: no configuration has been provided")
    return document


def in_cluster_config() -> ClientConfig:
    """The configuration of a pod's service account. Raises KubeconfigError outside a cluster."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST", ""), os.environ.get("KUBERNETES_SERVICE_PORT", "")
    if not host or not port:
        raise KubeconfigError(
            "unable to load in-cluster configuration, "
            "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined"
        )
    address = f"[{host}]" if ":" in host else host
    try:
        ca_data = (SERVICE_ACCOUNT / "ca.crt").read_bytes()
    except OSError as error:
        raise KubeconfigError(f"open {SERVICE_ACCOUNT / 'ca.crt'}: {error.strerror}") from error
    return ClientConfig(
        host=f"https://{address}:{port}", ca_data=ca_data, bearer_token_file=str(SERVICE_ACCOUNT / "token")
    )


def _from_document(document: Mapping[str, Any], path: Path) -> ClientConfig:
    current = document.get("current-context") or ""
    context = _named(document, "contexts", "context", current, path)
    cluster = _named(document, "clusters", "cluster", str(context.get("cluster", "")), path)
    user_name = str(context.get("user") or "")
    user = _named(document, "users", "user", user_name, path) if user_name else {}
    if not cluster.get("server"):
        raise KubeconfigError(f"{path}: clusters[{context.get('cluster')}].cluster.server is empty")
    return _with_user(
        user_name,
        user,
        path,
        host=str(cluster["server"]).rstrip("/"),
        ca_data=_content(cluster, "certificate-authority", path),
        insecure=bool(cluster.get("insecure-skip-tls-verify", False)),
        tls_server_name=str(cluster.get("tls-server-name") or ""),
    )


def _with_user(name: str, user: Mapping[str, Any], path: Path, **server: Any) -> ClientConfig:
    """The configuration for *server* as *user*, who is called *name*. Raises KubeconfigError."""
    for plugin in ("exec", "auth-provider"):
        if user.get(plugin):
            raise KubeconfigError(
                f"{path}: users[{name}].user.{plugin}: plugins are not supported, use a token or a certificate"
            )
    return ClientConfig(
        client_certificate_data=_content(user, "client-certificate", path),
        client_key_data=_content(user, "client-key", path),
        bearer_token=str(user.get("token") or ""),
        bearer_token_file="" if user.get("token") else _beside(path, str(user.get("tokenFile") or "")),
        username=str(user.get("username") or ""),
        password=str(user.get("password") or ""),
        **server,
    )


def _named(document: Mapping[str, Any], plural: str, singular: str, name: str, path: Path) -> Mapping[str, Any]:
    for entry in document.get(plural) or []:
        if isinstance(entry, dict) and entry.get("name") == name and isinstance(entry.get(singular), dict):
            found: Mapping[str, Any] = entry[singular]
            return found
    raise KubeconfigError(f'{path}: {singular} "{name}" does not exist')


def _content(entry: Mapping[str, Any], key: str, path: Path) -> bytes:
    """`<key>-data` in base64, else what the file named by `<key>` holds (relative to the kubeconfig's folder)."""
    if data := entry.get(f"{key}-data"):
        try:
            return base64.b64decode(str(data), validate=True)
        except binascii.Error as error:
            raise KubeconfigError(f"{path}: {key}-data is not valid base64: {error}") from error
    if not (name := entry.get(key)):
        return b""
    try:
        return Path(_beside(path, str(name))).read_bytes()
    except OSError as error:
        raise KubeconfigError(f"{path}: unable to read {key} {name}: {error.strerror}") from error


def _beside(path: Path, name: str) -> str:
    return str(path.parent / name) if name else ""
