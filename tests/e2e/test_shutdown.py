"""A server that is told to stop ends with status 0, and does not wait for those who would stay for ever."""

import json
import os
import re
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.shutdown import Plan, stop_under_load
from genericapiserver.lifecycle import SHUTDOWN_ORDER, LifecycleSignals
from tests.support.kubectl import needs_kubectl
from tests.support.server_process import ServerProcess, eventually, free_port, server_process
from tests.support.standalone import FLUNDERS, WARDLE, Standalone, ended, standalone

PATIENCE = 15.0
"""Seconds within which a server with nothing but watches has ended; it takes about one."""

pytestmark = pytest.mark.e2e


def create(server: Standalone, name: str) -> None:
    assert server.admin.request("POST", FLUNDERS, {"metadata": {"name": name}, "spec": {}}).status == 201


def test_an_idle_server_ends_at_once(tmp_path: Path) -> None:
    with standalone(tmp_path / "data", free_port()) as server:
        began = time.monotonic()
        server.process.stop()
        assert time.monotonic() - began < PATIENCE


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_open_watches_are_ended_in_an_orderly_way(tmp_path: Path, number: signal.Signals) -> None:
    with (
        standalone(tmp_path / "data", free_port()) as server,
        server.admin.stream("GET", f"{FLUNDERS}?watch=1") as watch,
    ):
        create(server, "seen")
        assert json.loads(watch.readline())["object"]["metadata"]["name"] == "seen"
        began = time.monotonic()
        server.process.signal(number)
        assert watch.readline() == b""  # a stream that is cut off would raise
        assert server.process.wait() == 0
        assert time.monotonic() - began < PATIENCE
        assert f"asked to stop by {number.name}" in server.process.stderr
        assert "Traceback" not in server.process.stderr


def test_a_watch_without_a_grace_period_ends_well_when_the_request_timeout_is_over(tmp_path: Path) -> None:
    flags = ["--shutdown-watch-termination-grace-period=0s", "--request-timeout=2s"]
    with (
        standalone(tmp_path / "data", free_port(), *flags) as server,
        server.admin.stream("GET", f"{FLUNDERS}?watch=1") as watch,
    ):
        began = time.monotonic()
        server.process.signal(signal.SIGTERM)
        assert watch.readline() == b""  # a stream that is cut off would raise
        assert time.monotonic() - began >= 1.9
        assert server.process.wait() == 0
        assert time.monotonic() - began < PATIENCE


def test_a_connection_that_says_nothing_does_not_keep_the_server(tmp_path: Path) -> None:
    with standalone(tmp_path / "data", free_port()) as server:
        silent = server.admin.connect()
        silent.connect()
        began = time.monotonic()
        server.process.stop()
        assert time.monotonic() - began < PATIENCE
        silent.close()


@needs_kubectl
def test_a_watching_kubectl_does_not_keep_the_server(tmp_path: Path) -> None:
    output = tmp_path / "watch"
    with standalone(tmp_path / "data", free_port()) as server:
        create(server, "seen")
        watching = server.kubectl.start("get", "flunders", "--watch", "-o", "name", output=output)
        with ended(watching):
            eventually(lambda: "seen" in output.read_text("utf-8"), "the watch shows what there is")
            began = time.monotonic()
            server.process.stop()
            assert time.monotonic() - began < PATIENCE


# ---- under load


@pytest.mark.parametrize(
    ("retry_after", "audit_mode"), [(False, "blocking"), (True, "batch")], ids=["default", "retry after, batches"]
)
async def test_nothing_that_was_accepted_fails_when_the_server_is_told_to_stop(
    tmp_path: Path, retry_after: bool, audit_mode: str
) -> None:
    plan = Plan(rate=120, watches=30, seconds=1.5, delay=0.7, grace=2.0, retry_after=retry_after, audit_mode=audit_mode)
    result = await stop_under_load(tmp_path, plan)
    assert not result.problems, "\n".join(result.lines())
    assert result.answered_after_signal > 0
    assert result.acknowledged_writes > 0
    assert result.outcomes["200"] > 50
    logged = re.findall(r'shutdown event" name="(\w+)"', (tmp_path / "log").read_text())
    assert_in_order(logged[:6], names())


def names() -> dict[str, str]:
    """The names of signals in the code and in the log."""
    signals = LifecycleSignals()
    return {name: getattr(signals, name).name for pair in SHUTDOWN_ORDER for name in pair}


def assert_in_order(logged: list[str], names: dict[str, str]) -> None:
    assert sorted(logged) == sorted(names.values())
    for earlier, later in SHUTDOWN_ORDER:
        assert logged.index(names[earlier]) < logged.index(names[later]), logged


# ---- at any moment


@pytest.mark.parametrize(
    "come_so_far",
    [
        lambda data, process: (data / "pki" / "ca.crt").exists(),
        lambda data, process: (data / "objects.db").exists(),
        lambda data, process: "Serving securely" in process.stderr,
    ],
    ids=["certificates", "storage", "listening"],
)
def test_a_server_can_be_told_to_stop_while_it_starts(
    tmp_path: Path, come_so_far: Callable[[Path, ServerProcess], bool]
) -> None:
    data, port = tmp_path / "data", free_port()
    with server_process(WARDLE, [f"--data={data}", f"--port={port}"], tmp_path / "logs") as process:
        process.until(lambda: come_so_far(data, process), "the start has come so far")
        process.stop()
        assert "Error" not in process.stderr
    with socket.create_server(("127.0.0.1", port)):
        pass  # nothing has kept it
    with standalone(data, port) as server:
        create(server, "after-all")
        server.process.stop()


def test_the_second_signal_ends_a_server_that_is_stopping(tmp_path: Path) -> None:
    with (
        standalone(tmp_path / "data", free_port(), "--shutdown-delay-duration=10m") as server,
        server.admin.stream("GET", f"{FLUNDERS}?watch=1"),
    ):
        server.process.signal(signal.SIGTERM)
        server.process.until(lambda: server.admin.get("/readyz").status == 500, "/readyz fails")
        assert server.admin.get("/livez").status == 200
        create(server, "during-the-delay")
        server.process.signal(signal.SIGINT)
        assert server.process.wait() == 1
        assert "Traceback" not in server.process.stderr


# ---- with hooks that fail

PROGRAM = """
import sys

from examples.wardle.server import WardleServerOptions
from genericapiserver.builder.standalone import run_standalone


class Options(WardleServerOptions):
    async def server(self):
        server = await super().server()

        async def load_quotas(context):
            if "at-the-start" in sys.argv:
                open("/no/such/file")

        async def hand_over():
            raise ValueError("nobody to hand over to")

        server.add_post_start_hook("load-quotas", load_quotas)
        server.add_pre_shutdown_hook("hand-over", hand_over)
        return server


sys.exit(run_standalone("hooked", Options(), sys.argv[1:], hint=""))
"""


@pytest.fixture
def hooked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The module of a server whose hooks fail."""
    (tmp_path / "program").mkdir()
    (tmp_path / "program" / "hooked_server.py").write_text(PROGRAM)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "program"), prepend=os.pathsep)
    return "hooked_server"


def test_a_failed_post_start_hook_ends_the_process_with_its_name_and_cause(tmp_path: Path, hooked: str) -> None:
    port = free_port()
    arguments = [f"--data={tmp_path / 'data'}", f"--port={port}", "at-the-start"]
    with server_process(hooked, arguments, tmp_path / "logs") as process:
        assert process.wait() == 255
        *_, last = process.stderr.splitlines()
    assert last == ("Error: PostStartHook \"load-quotas\" failed: [Errno 2] No such file or directory: '/no/such/file'")
    with socket.create_server(("127.0.0.1", port)):
        pass  # nothing has kept it


def test_a_failed_pre_shutdown_hook_ends_watches_well_and_everything_else(tmp_path: Path, hooked: str) -> None:
    policy, audit_log = tmp_path / "policy.yaml", tmp_path / "audit.log"
    policy.write_text("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n")
    flags = [f"--audit-policy-file={policy}", f"--audit-log-path={audit_log}", "--shutdown-delay-duration=10m"]
    with (
        standalone(tmp_path / "data", free_port(), *flags, module=hooked) as server,
        server.admin.stream("GET", f"{FLUNDERS}?watch=1", headers={"Audit-ID": "the-watch"}) as watch,
    ):
        server.process.signal(signal.SIGTERM)
        assert watch.readline() == b""  # a stream that is cut off would raise
        assert server.process.wait() == 1
        *_, last = server.process.stderr.splitlines()
        assert last == 'Error: PreShutdownHook "hand-over" failed: nobody to hand over to'
    events = [json.loads(line) for line in audit_log.read_text().splitlines()]
    assert [event["stage"] for event in events if event["auditID"] == "the-watch"][-1] == "ResponseComplete"


# ---- with something else that is wrong

ROOM = 2**20
"""Bytes that a file may have."""


def test_a_full_disk_does_not_keep_a_server_from_its_end(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: RequestResponse}]\n")
    flags = [f"--audit-policy-file={policy}", f"--audit-log-path={tmp_path / 'audit.log'}"]
    with standalone(tmp_path / "data", free_port(), *flags, file_limit=ROOM) as server:
        body = {"metadata": {"name": "big"}, "spec": {"referenceType": "Flunder", "flunderReference": "x" * 50_000}}
        for number in range(60):
            body["metadata"]["name"] = f"big-{number}"
            if server.admin.request("POST", FLUNDERS, body).status != 201:
                break
        else:
            raise AssertionError("everything fits on the disk")
        with server.admin.stream("GET", f"{FLUNDERS}?watch=1") as watch:
            began = time.monotonic()
            server.process.signal(signal.SIGTERM)
            while watch.readline():
                pass
            assert server.process.wait() == 0
            assert time.monotonic() - began < PATIENCE


def test_an_audit_webhook_that_is_gone_does_not_keep_a_server_from_its_end(tmp_path: Path) -> None:
    policy, webhook = tmp_path / "policy.yaml", tmp_path / "webhook"
    policy.write_text("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n")
    webhook.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{free_port()}/"}}],
                "contexts": [{"name": "c", "context": {"cluster": "c"}}],
                "current-context": "c",
            }
        )
    )
    flags = [
        f"--audit-policy-file={policy}",
        f"--audit-log-path={tmp_path / 'audit.log'}",
        f"--audit-webhook-config-file={webhook}",
        "--audit-webhook-initial-backoff=50ms",
    ]
    with standalone(tmp_path / "data", free_port(), *flags) as server:
        create(server, "seen")
        began = time.monotonic()
        server.process.signal(signal.SIGTERM)
        assert server.process.wait() == 0
        assert time.monotonic() - began < PATIENCE
        assert "Error in audit plugin 'webhook'" in server.process.stderr, "what is lost is named"
        assert '"name":"seen"' in (tmp_path / "audit.log").read_text(), "the other backend has it"
