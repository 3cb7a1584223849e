"""Encryption at rest through a server and kubectl: taking plain objects in, rotating a key, and a file that is followed."""

import base64
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.kubectl import needs_kubectl
from tests.support.server_process import eventually, free_port
from tests.support.standalone import FLUNDERS, Standalone, standalone

pytestmark = [pytest.mark.e2e, needs_kubectl]

RESOURCE = "flunders.wardle.example.com"
KEYS = {name: base64.b64encode(bytes([ord(name)]) * 32).decode() for name in "abc"}
FLUNDER = {
    "apiVersion": "wardle.example.com/v1beta1",
    "kind": "Flunder",
    "metadata": {"name": "secretive", "namespace": "default"},
    "spec": {"referenceType": "Flunder", "flunderReference": "plaintext"},
}


def configure(file: Path, kind: str, names: str, *, identity: bool = False) -> None:
    """Let the keys *names* be used, the first for writing."""
    keys = [{"name": name, "secret": KEYS[name]} for name in names]
    providers = [{kind: {"keys": keys}}, *([{"identity": {}}] if identity else [])]
    config = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        "resources": [{"resources": [RESOURCE], "providers": providers}],
    }
    new = file.with_suffix(".new")
    new.write_text(json.dumps(config))
    new.chmod(0o600)
    new.rename(file)


def in_sqlite(server: Standalone) -> bytes:
    """What is stored of the newest flunder."""
    with sqlite3.connect(f"file:{server.data / 'objects.db'}?mode=ro", uri=True) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            if {"key", "value"} <= set(columns):
                rows = database.execute(
                    f"SELECT value FROM {table} WHERE CAST(key AS TEXT) LIKE '%secretive' ORDER BY rowid"
                ).fetchall()
                if rows:
                    return bytes(rows[-1][0])
    return b""


def in_files(server: Standalone) -> bytes:
    file = server.data / "objects/wardle.example.com/flunders/default/secretive.json"
    if not file.exists():
        return b""
    found = json.loads(file.read_bytes())
    return base64.b64decode("".join(found["data"])) if found.get("encoding") == "base64" else file.read_bytes()


def rewrite_all(server: Standalone) -> None:
    """The step of the documentation that writes everything again."""
    everything = json.loads(server.kubectl("get", RESOURCE, "-A", "-o", "json"))
    server.kubectl("replace", "-f", "-", stdin="\n".join(map(json.dumps, everything["items"])))


def revision(server: Standalone) -> str:
    return server.kubectl("get", RESOURCE, "secretive", "-o", "jsonpath={.metadata.resourceVersion}")


@pytest.mark.parametrize(
    ("backend", "kind", "stored"),
    [("sqlite", "aesgcm", in_sqlite), ("file", "aescbc", in_files), ("sqlite", "secretbox", in_sqlite)],
)
def test_a_plain_object_is_encrypted_and_its_key_rotated(
    backend: str, kind: str, stored: Callable[[Standalone], bytes], tmp_path: Path
) -> None:
    data, file, port = tmp_path / "data", tmp_path / "encryption.json", free_port()
    flags = [f"--storage-backend={backend}"]

    def stored_by(server: Standalone, name: str) -> None:
        prefix = f"k8s:enc:{kind}:v1:{name}:".encode()
        eventually(lambda: stored(server).startswith(prefix), f"the key {name} has written: {stored(server)!r}")

    with standalone(data, port, *flags) as server:
        server.kubectl("create", "-f", "-", stdin=json.dumps(FLUNDER))
        eventually(lambda: b"plaintext" in stored(server), "it is stored as it is")

    configure(file, kind, "a", identity=True)
    flags += [f"--encryption-provider-config={file}", "--encryption-provider-config-automatic-reload"]
    with standalone(data, port, *flags) as server:
        assert b"plaintext" in stored(server), "reading does not write"
        first = before = revision(server)
        rewrite_all(server)
        stored_by(server, "a")
        assert revision(server) != before, "what is stale is written although nothing in it is new"
        before = revision(server)
        rewrite_all(server)
        assert revision(server) == before, "what is not stale is not written"

        def reloaded(times: int) -> None:
            name = "apiserver_encryption_config_controller_automatic_reloads_total"

            def counted() -> bool:
                page = server.admin.get("/metrics").body.decode()
                lines = [line for line in page.splitlines() if line.startswith(name) and 'status="success"' in line]
                return bool(lines) and float(lines[0].split()[-1]) == times

            eventually(counted, f"the file is read again {times} times")

        configure(file, kind, "ba")
        reloaded(1)
        rewrite_all(server)
        stored_by(server, "b")
        configure(file, kind, "b")
        reloaded(2)
        assert "plaintext" in server.kubectl("get", RESOURCE, "secretive", "-o", "yaml")

    with standalone(data, port, *flags) as server:
        assert "plaintext" in server.kubectl("get", RESOURCE, "secretive", "-o", "yaml"), "after a start"
        watch = server.admin.get(f"{FLUNDERS}?watch=1&resourceVersion={first}&timeoutSeconds=2").body.decode()
        assert [json.loads(line)["type"] for line in watch.splitlines()] == ["ERROR"], (
            "what happened then has no key now"
        )
        log = "".join(path.read_text() for path in (tmp_path / "logs").glob("*"))
        assert not any(key in log for key in KEYS.values())


def test_without_the_key_nothing_is_shown_or_lost(tmp_path: Path) -> None:
    data, file, port = tmp_path / "data", tmp_path / "encryption.json", free_port()
    flags = ["--watch-cache=true", f"--encryption-provider-config={file}"]
    configure(file, "aesgcm", "a")
    with standalone(data, port, *flags) as server:
        server.kubectl("create", "-f", "-", stdin=json.dumps(FLUNDER))
    configure(file, "aesgcm", "c")
    with standalone(data, port, *flags) as server:
        for command in (("get", RESOURCE, "secretive"), ("get", RESOURCE), ("delete", RESOURCE, "secretive")):
            outcome = server.kubectl.run(*command)
            assert outcome.status == 1
            assert "no matching key was found for the provided AES transformer" in outcome.stderr
    with standalone(data, port) as server:
        outcome = server.kubectl.run("get", RESOURCE, "secretive")
        assert "identity transformer tried to read encrypted data" in outcome.stderr
    configure(file, "aesgcm", "ca")
    with standalone(data, port, *flags) as server:
        assert "plaintext" in server.kubectl("get", RESOURCE, "secretive", "-o", "yaml")
