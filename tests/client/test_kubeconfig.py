import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from genericapiserver.client.kubeconfig import KubeconfigError, in_cluster_config, load_kubeconfig


def document(*, user: dict[str, Any] | None = None, cluster: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "https://example.com:6443/", **(cluster or {})}}],
        "users": [{"name": "u", "user": user or {"token": "secret"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }


def write(path: Path, content: dict[str, Any]) -> Path:
    file = path / "kubeconfig"
    file.write_text(yaml.safe_dump(content))
    return file


def test_the_current_context_names_server_and_user(tmp_path: Path) -> None:
    config = load_kubeconfig(write(tmp_path, document()))
    assert (config.host, config.token()) == ("https://example.com:6443", "secret")
    assert "secret" not in repr(config)


def test_certificates_come_inline_or_from_files_beside_the_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "client.crt").write_bytes(b"CERT")
    user = {"client-certificate": "client.crt", "client-key-data": base64.b64encode(b"KEY").decode()}
    config = load_kubeconfig(write(tmp_path, document(user=user)))
    assert (config.client_certificate_data, config.client_key_data) == (b"CERT", b"KEY")


def test_a_token_file_is_read_each_time(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("one\n")
    config = load_kubeconfig(write(tmp_path, document(user={"tokenFile": "token"})))
    assert config.token() == "one"
    (tmp_path / "token").write_text("two\n")
    assert config.token() == "two"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"current-context": "nope"}, 'context "nope" does not exist'),
        ({"clusters": []}, 'cluster "c" does not exist'),
        ({"users": []}, 'user "u" does not exist'),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(KubeconfigError, match=message):
        load_kubeconfig(write(tmp_path, {**document(), **change}))


def test_a_plugin_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="plugins are not supported"):
        load_kubeconfig(write(tmp_path, document(user={"exec": {"command": "x"}})))


def test_bad_base64_names_its_key(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="client-key-data is not valid base64"):
        load_kubeconfig(write(tmp_path, document(user={"client-key-data": "!"})))


@pytest.mark.parametrize("text", ["", "- a\n", "a: [\n"])
def test_what_is_no_kubeconfig_names_the_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(text)
    with pytest.raises(KubeconfigError, match="kubeconfig"):
        load_kubeconfig(file)


def test_a_missing_file_is_said_to_be_missing() -> None:
    with pytest.raises(KubeconfigError, match="stat /nope: no such file or directory"):
        load_kubeconfig("/nope")


def test_outside_a_cluster_the_two_variables_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(KubeconfigError, match="KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined"):
        in_cluster_config()
