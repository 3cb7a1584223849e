"""What a server writes to its log, as whoever reads it or ships it finds it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from tests.support.reference_server import ReferenceServer, reference_server
from tests.support.server_process import CHECKOUT, ServerProcess, eventually, free_port
from tests.support.standalone import FLUNDERS as FLUNDERS_PATH
from tests.support.standalone import WARDLE, Standalone

pytestmark = pytest.mark.e2e

FLUNDERS = "/apis/wardle.example.com/v1beta1/namespaces/dev/flunders"
LINE = re.compile(r'[IWE]\d{4} \d\d:\d\d:\d\d\.\d{6} [ \d]{7} \w+\.py:\d+\] "[^\n]*')
PAIR = re.compile(r' ([\w-]+)=("(?:[^"\\]|\\.)*"|\S+)')


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReferenceServer]:
    with reference_server(tmp_path_factory.mktemp("text"), "--storage-backend=memory") as server:
        yield server


@pytest.fixture(scope="module")
def in_json(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReferenceServer]:
    flags = ("--storage-backend=memory", "--logging-format=json", "-v3", "--log-json-split-stream")
    with reference_server(tmp_path_factory.mktemp("json"), *flags) as server:
        yield server


def set_verbosity(server: ReferenceServer, verbosity: int) -> None:
    response = server.admin.request("PUT", "/debug/flags/v", str(verbosity))
    assert response.body == b"successfully set klog.logging.verbosity to %d\n" % verbosity


def pairs_of(line: str) -> dict[str, str]:
    return {key: value.strip('"') for key, value in PAIR.findall(line)}


def test_a_healthy_server_says_little(text: ReferenceServer) -> None:
    before = len(text.process.stderr.splitlines())
    for _ in range(5):
        assert text.admin.get(FLUNDERS).status == 200
        assert text.admin.get("/readyz").status == 200
    lines = text.process.stderr.splitlines()
    assert len(lines) == before
    assert before < 15
    assert all(LINE.fullmatch(line) for line in lines), lines
    assert any("Serving securely on" in line for line in lines)


def test_the_verbosity_changes_while_it_serves(text: ReferenceServer) -> None:
    set_verbosity(text, 3)
    response = text.admin.request("GET", f"{FLUNDERS}?limit=1", headers={"Audit-ID": "my-id", "User-Agent": "me"})
    assert response.status == 200
    text.process.until(lambda: "limit=1" in text.process.stderr, "the line of the request")
    set_verbosity(text, 0)
    text.admin.get(f"{FLUNDERS}?limit=2")
    lines = [line for line in text.process.stderr.splitlines() if '"HTTP"' in line]
    (line,) = [line for line in lines if "limit=1" in line]
    pairs = pairs_of(line)
    assert list(pairs) == ["verb", "URI", "latency", "userAgent", "audit-ID", "srcIP", "resp"]
    assert re.fullmatch(r"[\d.]+[mµ]?s", pairs.pop("latency"))
    assert re.fullmatch(r"127\.0\.0\.1:\d+", pairs.pop("srcIP"))
    assert pairs == {
        "verb": "LIST",
        "URI": f"{FLUNDERS}?limit=1",
        "userAgent": "me",
        "audit-ID": "my-id",
        "resp": "200",
    }
    assert not any("limit=2" in line for line in lines)


@pytest.mark.parametrize("evil", ["a\tb\x9b2J", 'x" resp=200 audit-ID="forged', "\u0130\u00a0", "E1121 15:04:05"])
def test_clients_cannot_write_lines(text: ReferenceServer, evil: str) -> None:
    before = text.process.stderr.count("/nowhere/")
    set_verbosity(text, 5)
    headers = [
        ("User-Agent", evil.encode().decode("latin-1")),
        ("Audit-ID", "injected"),
        ("Authorization", "Bearer s3cr3t"),
    ]
    text.admin.request("GET", "/nowhere/%0d%0aE1121%2015:04:05?access_token=s3cr3t&x=%1b%0a", headers=headers)
    set_verbosity(text, 0)
    text.process.until(lambda: text.process.stderr.count("/nowhere/") > before, "the line of the request")
    log = text.process.stderr
    assert "s3cr3t" not in log
    lines = log.rstrip("\n").split("\n")
    assert all(line.isprintable() and (LINE.fullmatch(line) or line == "") for line in lines)
    assert [pairs_of(line)["audit-ID"] for line in lines if "/nowhere/" in line][-1] == "injected"


def test_lines_in_json(in_json: ReferenceServer) -> None:
    response = in_json.admin.request("GET", FLUNDERS, headers={"Audit-ID": "a" * 100})
    assert response.status == 200
    in_json.clients["none"].request("GET", "/version", headers={"Authorization": "Bearer s3cr3t", "Audit-ID": "bad"})
    in_json.process.until(lambda: in_json.process.stdout.count('"audit-ID":"bad"') == 2, "both lines")
    lines: list[dict[str, Any]] = [json.loads(line) for line in in_json.process.stdout.splitlines()]
    assert all(list(line)[:3] == ["ts", "caller", "msg"] for line in lines)
    (line,) = [line for line in lines if line["msg"] == "HTTP" and line["audit-ID"] == "a" * 64]
    assert (line["v"], line["verb"], line["resp"]) == (3, "LIST", 200)
    assert line["caller"].startswith("filters/http_logging.py:")
    refused = [line for line in lines if line.get("audit-ID") == "bad"]
    assert [line["msg"] for line in refused] == ["Unable to authenticate the request", "HTTP"]
    assert "s3cr3t" not in in_json.process.output()


def test_errors_go_to_stderr_where_streams_are_split(in_json: ReferenceServer) -> None:
    assert all("err" in json.loads(line) for line in in_json.process.stderr.splitlines())


def test_a_log_that_nobody_reads_holds_up_neither_requests_nor_the_end(tmp_path: Path) -> None:
    data, port = tmp_path / "data", free_port()
    command = [sys.executable, "-m", WARDLE, f"--data={data}", f"--port={port}", "-v=5"]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            while b"try:" not in process.stdout.readline():
                assert process.poll() is None, "it ended"
            admin = Standalone(cast("ServerProcess", None), data, port).admin
            for _ in range(80):  # a pipe holds 64 KiB
                assert admin.request("GET", FLUNDERS_PATH, headers={"User-Agent": "x" * 2000}).status == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()


@pytest.mark.parametrize("closed", [(0, 1, 2), (2,)], ids=str)
def test_a_parent_that_has_closed_standard_streams(closed: tuple[int, ...], tmp_path: Path) -> None:
    """What the server opens next must not get their numbers, and with them what is meant for standard error."""
    port = free_port()
    command = [sys.executable, "-m", WARDLE, f"--data={tmp_path / 'data'}", f"--port={port}"]
    program = f"import os\nfor each in {closed}: os.close(each)\nos.execv({sys.executable!r}, {command!r})"
    launcher = [sys.executable, "-c", program]
    with subprocess.Popen(launcher, cwd=CHECKOUT, stdout=subprocess.DEVNULL) as process:
        try:
            eventually(lambda: process.poll() is not None or listens(port), "the server listens")
            assert process.poll() is None, "it ended"
            opened = [os.readlink(f"/proc/{process.pid}/fd/{descriptor}") for descriptor in closed]
            assert opened == [os.devnull] * len(closed)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()


def listens(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0
