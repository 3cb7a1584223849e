"""What tests of options share: files that options read, and a configuration to fill."""

import base64
from pathlib import Path

import yaml

from genericapiserver.certificates import generate_self_signed
from genericapiserver.component import EffectiveVersion
from genericapiserver.config import RecommendedConfig
from genericapiserver.options.secure_serving import SecureServingOptions

PAIR = generate_self_signed("localhost", ["127.0.0.1"])
OTHER = generate_self_signed("other.example.com")


def new_config() -> RecommendedConfig:
    return RecommendedConfig(effective_version=EffectiveVersion.parse("1.2"))


def serving_pair(folder: Path) -> tuple[Path, Path]:
    """A certificate and its key in files."""
    certificate, key = folder / "server.crt", folder / "server.key"
    certificate.write_bytes(PAIR.certificate_pem)
    key.write_bytes(PAIR.private_key_pem)
    return certificate, key


def serving_options(folder: Path, port: int) -> SecureServingOptions:
    certificate, key = serving_pair(folder)
    return SecureServingOptions(bind_address="127.0.0.1", bind_port=port, cert_file=str(certificate), key_file=str(key))


def kubeconfig(path: Path, *, server: str = "https://127.0.0.1:1", ca: bytes = PAIR.certificate_pem) -> Path:
    """A kubeconfig of a server that nobody runs."""
    cluster = {"server": server, "certificate-authority-data": base64.b64encode(ca).decode()}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    path.write_text(yaml.safe_dump(document))
    return path
