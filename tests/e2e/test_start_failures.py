"""A server that cannot start says so in one line, prints nothing else, and ends with status 1."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server_process import free_port, server_process
from tests.support.standalone import WARDLE, standalone

pytestmark = pytest.mark.e2e


def complaint(logs: Path, data: Path, port: int, *flags: str) -> str:
    """What the server complains of, once it has ended with status 1."""
    with server_process(WARDLE, [f"--data={data}", f"--port={port}", *flags], logs) as process:
        assert process.wait() == 1, process.output()
    assert process.stdout == ""
    assert "Traceback" not in process.stderr
    (line,) = process.stderr.splitlines()
    assert line.startswith("Error: ")
    return line


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_port_that_is_taken(tmp_path: Path, taken_port: int) -> None:
    line = complaint(tmp_path, tmp_path / "data", taken_port)
    assert f"127.0.0.1:{taken_port}" in line
    assert "address already in use" in line


@pytest.mark.parametrize("place", ["file", "file/data", "sealed/data"])
def test_a_folder_that_cannot_be_written(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "sealed").mkdir(mode=0o500)
    if place.startswith("sealed") and os.access(tmp_path / "sealed", os.W_OK):
        pytest.skip("this user may write everywhere")
    assert f"--data {tmp_path / place}: " in complaint(tmp_path / "logs", tmp_path / place, free_port())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"not a database at all, but long enough to be looked at" * 200, "it is damaged or no database"),
        (b"SQLite format 3\0" + b"\xff" * 8176, "it is damaged or no database"),
    ],
    ids=["another kind of file", "a database of nonsense"],
)
def test_a_corrupt_database_is_named_and_left_alone(tmp_path: Path, content: bytes, reason: str) -> None:
    database = tmp_path / "data" / "objects.db"
    database.parent.mkdir()
    database.write_bytes(content)
    line = complaint(tmp_path / "logs", tmp_path / "data", free_port())
    assert f"{database}: {reason}" in line
    assert "backup" in line
    assert database.read_bytes() == content


def test_a_folder_in_use_by_another_server(tmp_path: Path) -> None:
    with standalone(tmp_path / "data", free_port()) as running:
        kubeconfig = (tmp_path / "data" / "kubeconfig").read_text()
        line = complaint(tmp_path / "second", tmp_path / "data", free_port())
        assert "another process has it open" in line
        assert running.admin.get("/readyz").status == 200
        assert (tmp_path / "data" / "kubeconfig").read_text() == kubeconfig, "it says where the first one is"


def test_an_authority_that_is_damaged(tmp_path: Path) -> None:
    pki = tmp_path / "data" / "pki"
    pki.mkdir(parents=True)
    (pki / "ca.crt").touch()
    (pki / "ca.key").touch()
    assert f"the authority in {pki} cannot be read" in complaint(tmp_path / "logs", tmp_path / "data", free_port())


@pytest.mark.parametrize(
    ("flag", "reason"),
    [
        ("--no-such-flag", "unknown flag: --no-such-flag"),
        ("--storage-backend=oracle", "--storage-backend invalid"),
        ("--port=99999", "--port 99999 must be between 1 and 65535"),
        ("--tls-min-version=VersionTLS9", "unknown tls version"),
    ],
)
def test_a_flag_that_makes_no_sense(tmp_path: Path, flag: str, reason: str) -> None:
    assert reason in complaint(tmp_path / "logs", tmp_path / "data", free_port(), flag)


@pytest.mark.parametrize(
    "flag",
    [
        "--client-ca-file={missing}",
        "--authentication-kubeconfig={missing}",
        "--authentication-config={missing}",
        "--admission-control-config-file={missing}",
        "--audit-policy-file={missing} --audit-log-path=-",
        "--audit-log-path=/proc/nowhere/audit.log --audit-policy-file={policy}",
    ],
)
def test_a_file_that_is_missing_leaves_no_folder_and_no_store(tmp_path: Path, flag: str) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n")
    flags = flag.format(missing=tmp_path / "missing", policy=policy).split()
    line = complaint(tmp_path / "logs", tmp_path / "data", free_port(), *flags)
    assert "no such file or directory" in line
    assert not (tmp_path / "data").exists()
