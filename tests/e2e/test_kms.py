"""Encryption by a plugin of a key management service, through a server: rotation, outages, restarts, several workers."""

import base64
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.support.etcd import FreshEtcds, needs_etcd
from tests.support.https_client import send
from tests.support.kms import FakeKMS, fake_kms
from tests.support.server_process import eventually, free_port, server_process
from tests.support.standalone import FLUNDERS, WARDLE, Standalone, standalone
from tests.support.workers import connections, ready_workers

pytestmark = pytest.mark.e2e

PREFIX = "/registry/wardle.example.com"
RESOURCE = "flunders.wardle.example.com"
SECRET = base64.b64encode(b"a" * 32).decode()
AESGCM = {"aesgcm": {"keys": [{"name": "key1", "secret": SECRET}]}}
IDENTITY: dict[str, Any] = {"identity": {}}


def flunder(name: str, reference: str = "plaintext") -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"referenceType": "Flunder", "flunderReference": reference}}


def by(kms: FakeKMS, timeout: str = "10s") -> dict[str, Any]:
    return {"kms": {"apiVersion": "v2", "name": "vault", "endpoint": kms.endpoint, "timeout": timeout}}


def configure(file: Path, *providers: dict[str, Any]) -> Path:
    config = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        "resources": [{"resources": [RESOURCE], "providers": list(providers)}],
    }
    new = file.with_suffix(".new")
    new.write_text(json.dumps(config))
    new.chmod(0o600)
    return new.rename(file)


@attrs.define
class Watcher:
    """A client's watch: what it was told."""

    server: Standalone
    since: str
    events: list[tuple[str, str]] = attrs.Factory(list)

    def __attrs_post_init__(self) -> None:
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with self.server.admin.stream("GET", f"{FLUNDERS}?watch=1&resourceVersion={self.since}") as stream:
            while line := stream.readline():
                event = json.loads(line)
                name = event["object"].get("message") or event["object"]["metadata"]["name"]
                self.events.append((event["type"], name))


def listed(server: Standalone) -> Any:
    return server.admin.get(FLUNDERS).json()


def versions(found: Any) -> dict[str, str]:
    return {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in found["items"]}


def health(server: Standalone, page: str) -> str:
    return server.admin.get(f"/{page}?verbose").body.decode()


def reloaded(server: Standalone, times: int) -> None:
    name = "apiserver_encryption_config_controller_automatic_reloads_total"

    def counted() -> bool:
        page = server.admin.get("/metrics").body.decode()
        lines = [line for line in page.splitlines() if line.startswith(name) and 'status="success"' in line]
        return sum(float(line.split()[-1]) for line in lines) >= times

    eventually(counted, f"the file was taken over {times} times")


@pytest.fixture(scope="module")
def etcds() -> Iterator[FreshEtcds]:
    made = FreshEtcds()
    yield made
    made.close()


@pytest.fixture(params=["sqlite", pytest.param("etcd3", marks=needs_etcd)])
def backend(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """The flags of a storage."""
    if request.param == "sqlite":
        yield ["--storage-backend=sqlite"]
        return
    with request.getfixturevalue("etcds").take() as member:
        yield ["--storage-backend=etcd3", f"--etcd-servers={member.url}"]


@pytest.fixture
def kms(tmp_path: Path) -> Iterator[FakeKMS]:
    with fake_kms(tmp_path / "kms.sock") as made:
        yield made


def test_a_plugin_takes_over_while_clients_list_and_watch(backend: list[str], kms: FakeKMS, tmp_path: Path) -> None:
    file = configure(tmp_path / "encryption.json", AESGCM, IDENTITY)
    data, port = tmp_path / "data", free_port()
    flags = [*backend, f"--encryption-provider-config={file}", "--encryption-provider-config-automatic-reload"]
    with standalone(data, port, *flags) as server:
        for number in range(5):
            assert server.admin.request("POST", FLUNDERS, flunder(f"old-{number}")).status == 201
        watcher = Watcher(server, listed(server)["metadata"]["resourceVersion"])
        assert "[+]kms-providers ok" in health(server, "readyz")
        configure(file, by(kms), AESGCM, IDENTITY)
        reloaded(server, 1)
        for number in range(5):
            assert server.admin.request("POST", FLUNDERS, flunder(f"new-{number}")).status == 201
        before = listed(server)
        assert len(before["items"]) == 10
        for item in before["items"]:
            assert server.admin.request("PUT", f"{FLUNDERS}/{item['metadata']['name']}", item).status == 200
        after = versions(listed(server))
        changed = [name for name, version in versions(before).items() if after[name] != version]
        assert changed == [f"old-{number}" for number in range(5)], "only what was stale was written again"
        expected = [("ADDED", f"new-{number}") for number in range(5)]
        expected += [("MODIFIED", f"old-{number}") for number in range(5)]
        eventually(lambda: watcher.events == expected, f"all events in order: {watcher.events}")
        assert "kms-providers" in health(server, "healthz")
        assert "kms-providers" not in health(server, "livez")
        server.process.stop()

    calls = kms.calls["Decrypt"]
    with standalone(data, port, *flags) as server:
        assert len(listed(server)["items"]) == 10
        assert server.admin.get(f"{FLUNDERS}/new-0").json()["spec"]["flunderReference"] == "plaintext"
        assert kms.calls["Decrypt"] == calls + 1, "one seed, one question"


def test_a_plugin_goes_and_comes_back(kms: FakeKMS, tmp_path: Path) -> None:
    file = configure(tmp_path / "encryption.json", by(kms, "500ms"))
    data, port = tmp_path / "data", free_port()
    flags = [f"--encryption-provider-config={file}"]
    with standalone(data, port, *flags) as server:
        eventually(lambda: server.admin.get("/readyz").status == 200, "the plugin was asked")
        assert server.admin.request("POST", FLUNDERS, flunder("a")).status == 201
        kms.stop()
        assert server.admin.request("POST", FLUNDERS, flunder("b")).status == 201, "the seed is there"
        assert len(listed(server)["items"]) == 2
        since = listed(server)["metadata"]["resourceVersion"]

    arguments = [f"--data={data}", f"--port={port}", *flags]
    with server_process(WARDLE, arguments, tmp_path / "logs") as process:
        process.until(lambda: "Serving securely" in process.stderr, "a start, though the plugin is down")
        server = Standalone(process, data, port)
        assert "[-]kms-providers failed" in health(server, "readyz")
        assert "[-]kms-providers failed" in health(server, "healthz")
        assert server.admin.get("/livez").status == 200
        for path in (f"{FLUNDERS}/a", FLUNDERS):
            answer = server.admin.get(path)
            assert answer.status == 500
            assert answer.json()["reason"] == "InternalError"
            assert "failed to decrypt DEK, error: rpc error: code = DeadlineExceeded" in answer.json()["message"]
        answer = server.admin.request("POST", FLUNDERS, flunder("c"))
        assert answer.status == 500
        assert "the KMS provider vault has not been healthy yet" in answer.json()["message"]
        assert server.admin.get(f"{FLUNDERS}?watch=1&resourceVersion=0").status == 500
        kms.start()
        eventually(lambda: server.admin.get("/readyz").status == 200, "ready again without a restart")
        eventually(lambda: len(listed(server).get("items", [])) == 2, "all can be read again")
        watcher = Watcher(server, since)
        assert server.admin.request("POST", FLUNDERS, flunder("c")).status == 201
        eventually(lambda: watcher.events == [("ADDED", "c")], "a watch from before the outage goes on")
        process.stop()


@needs_etcd
def test_another_server_writes_with_a_seed_that_this_one_has_to_ask_for(
    etcds: FreshEtcds, kms: FakeKMS, tmp_path: Path
) -> None:
    file = configure(tmp_path / "encryption.json", by(kms, "60s"))
    with etcds.take() as member:
        flags = ["--storage-backend=etcd3", f"--etcd-servers={member.url}", f"--encryption-provider-config={file}"]
        with (
            standalone(tmp_path / "one" / "data", free_port(), *flags) as one,
            standalone(tmp_path / "two" / "data", free_port(), *flags) as two,
        ):
            watcher = Watcher(one, listed(one)["metadata"]["resourceVersion"])
            gate = kms.open["Decrypt"] = threading.Event()
            asked = kms.calls["Decrypt"]
            for number in range(5):
                assert two.admin.request("POST", FLUNDERS, flunder(f"two-{number}")).status == 201
            eventually(lambda: kms.calls["Decrypt"] > asked, "the first asks for the second's seed")
            assert watcher.events == []
            gate.set()
            for number in range(5):
                assert one.admin.request("POST", FLUNDERS, flunder(f"one-{number}")).status == 201
            expected = [("ADDED", f"{who}-{number}") for who in ("two", "one") for number in range(5)]
            eventually(lambda: watcher.events == expected, f"everything, in order: {watcher.events}")
            assert len(listed(one)["items"]) == len(listed(two)["items"]) == 10
            assert kms.calls["Decrypt"] <= asked + 2, "each asks once for the other's"


def test_each_of_several_workers_follows_the_file(kms: FakeKMS, tmp_path: Path) -> None:
    file = configure(tmp_path / "encryption.json", AESGCM, IDENTITY)
    flags = ["--workers=2", f"--encryption-provider-config={file}", "--encryption-provider-config-automatic-reload"]
    with standalone(tmp_path / "data", free_port(), *flags) as server:
        workers = eventually(lambda: ready_workers(server.process, 2), "both workers serve")
        configure(file, by(kms), AESGCM, IDENTITY)
        reloaded(server, 2)
        with connections(server, workers) as by_worker:
            names = []
            for pid, connection in by_worker.items():
                names.append(f"by-{pid}")
                send(connection, "POST", FLUNDERS, flunder(names[-1]), ())
                with connection.getresponse() as response:
                    assert response.status == 201, response.read()
                    response.read()
            for connection in by_worker.values():
                send(connection, "GET", FLUNDERS, None, ())
                with connection.getresponse() as response:
                    found = json.loads(response.read())
                assert {item["metadata"]["name"] for item in found["items"]} == set(names), found
        assert kms.calls["Encrypt"] == 2, "each has a seed"
        server.process.stop()


def rewrite(flags: list[str], file: Path, *more: str) -> str:
    """What `genericapiserver storage rewrite` prints."""
    command = [sys.executable, "-m", "genericapiserver", "storage", "rewrite", *flags, f"--etcd-prefix={PREFIX}"]
    done = subprocess.run(
        [*command, f"--encryption-provider-config={file}", *more],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_everything_is_rewritten_while_a_server_is_written_to(backend: list[str], kms: FakeKMS, tmp_path: Path) -> None:
    file = configure(tmp_path / "encryption.json", AESGCM, IDENTITY)
    data = tmp_path / "data"
    flags = [f"--encryption-provider-config={file}", "--encryption-provider-config-automatic-reload"]
    if "--storage-backend=sqlite" in backend:
        flags.append("--workers=2")
        place = [f"--storage-path={data / 'objects.db'}"]
    else:
        place = backend
    with standalone(data, free_port(), *backend, *flags) as server:
        for number in range(40):
            assert server.admin.request("POST", FLUNDERS, flunder(f"o-{number}", "0")).status == 201
        watcher = Watcher(server, listed(server)["metadata"]["resourceVersion"])
        configure(file, by(kms), AESGCM, IDENTITY)
        reloaded(server, 2 if "--workers=2" in flags else 1)
        stopping, last = threading.Event(), dict[str, str]()
        writer = threading.Thread(target=write, args=(server, stopping, last), daemon=True)
        writer.start()
        try:
            eventually(lambda: len(last) == 20, "writes are under way")
            said = rewrite(place, file)
        finally:
            stopping.set()
            writer.join()
        assert f"{RESOURCE}: 20 of 40 written again" in said, "the others were written with the new key meanwhile"
        assert f"{RESOURCE}: 0 of 40 to be written again" in rewrite(place, file, "--dry-run")
        found = {item["metadata"]["name"]: item["spec"]["flunderReference"] for item in listed(server)["items"]}
        assert found == {f"o-{number}": last.get(f"o-{number}", "0") for number in range(40)}
        newest = versions(listed(server))
        eventually(lambda: len(watcher.events) >= 40, "the rewriting was watched")
        assert {kind for kind, _ in watcher.events} == {"MODIFIED"}
        configure(file, by(kms))
        reloaded(server, 4 if "--workers=2" in flags else 2)
        assert versions(listed(server)) == newest
        server.process.stop()
    with standalone(data, free_port(), *backend, *flags) as server:
        assert versions(listed(server)) == newest, "all can be read by the plugin alone"


def write(server: Standalone, stopping: threading.Event, last: dict[str, str]) -> None:
    """Change half of the objects, one after the other; *last* has what was acknowledged."""
    number = 0
    while not stopping.is_set():
        number += 1
        name = f"o-{number % 20}"
        body = {"spec": {"flunderReference": str(number)}}
        patch = {"Content-Type": "application/merge-patch+json"}
        assert server.admin.request("PATCH", f"{FLUNDERS}/{name}", body, patch).status == 200
        last[name] = str(number)
