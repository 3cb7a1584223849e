"""A server process and what it listens on: sockets of its parent, unix sockets, and no descriptors left."""

import os
import resource
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.server_process import CHECKOUT, eventually, free_port, server_process
from tests.support.standalone import WARDLE

pytestmark = pytest.mark.e2e

_PASS_ON = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES="https")
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Its path has room for a socket."""
    with tempfile.TemporaryDirectory(prefix="gas") as name:
        yield Path(name)


def is_ready(**transport: str) -> bool:
    with httpx.Client(transport=httpx.HTTPTransport(**transport), timeout=10) as client:  # type: ignore[arg-type]
        try:
            return client.get("http://localhost/readyz").status_code in (200, 401, 403)
        except httpx.TransportError:
            return False


def test_socket_activation(folder: Path) -> None:
    """What waits in the socket of the parent is served once the server is there, on the port of the parent's choice."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        early = socket.create_connection(("127.0.0.1", port))
        arguments = ["-m", WARDLE, f"--data={folder}/data", "--storage-backend=memory", f"--port={free_port()}"]
        process = subprocess.Popen(
            [sys.executable, "-c", _PASS_ON, str(listener.fileno()), sys.executable, *arguments],
            cwd=CHECKOUT,
            pass_fds=[listener.fileno()],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith(f"sample-apiserver is ready on https://127.0.0.1:{port},"), line
        early.sendall(b"GET / HTTP/1.1\r\n\r\n")
        early.settimeout(30)
        assert early.recv(100).startswith(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request")
    finally:
        early.close()
        process.terminate()
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors


def test_a_descriptor_that_is_no_socket(folder: Path) -> None:
    command = [sys.executable, "-m", WARDLE, f"--data={folder}/data", f"--port={free_port()}"]
    with Path(os.devnull).open() as nothing:
        ended = subprocess.run(
            [sys.executable, "-c", _PASS_ON, str(nothing.fileno()), *command],
            cwd=CHECKOUT,
            pass_fds=[nothing.fileno()],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        'Error: failed to create listener: LISTEN_FDS: file descriptor 3 ("https") is no socket; pass sockets that listen, '
        "and count them right\n"
    )
    assert os.listdir(folder) == []


def test_a_unix_socket_comes_and_goes_with_the_server(folder: Path) -> None:
    path = folder / "api.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))  # by a server that was killed
    flags = [f"--data={folder}/data", "--storage-backend=memory", "--secure-port=0", f"--listen=unix:{path},tls=false"]
    with server_process(WARDLE, flags, folder / "logs") as process:
        process.until_it_says("try:")
        assert f"curl --unix-socket {path} http://localhost/readyz" in process.stdout
        assert is_ready(uds=str(path))
        process.stop()
    assert not path.exists()


def test_a_server_takes_all_the_descriptors_that_it_may_have(folder: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    flags = [f"--data={folder}/data", "--storage-backend=memory", "--secure-port=0", f"--listen=unix:{folder}/api.sock"]
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        with server_process(WARDLE, flags, folder / "logs") as process:
            process.until_it_says("try:")
            assert resource.prlimit(process._process.pid, resource.RLIMIT_NOFILE) == (hard, hard)
            process.stop()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_server_without_descriptors_goes_on_when_there_are_some(folder: Path) -> None:
    path = folder / "api.sock"
    flags = [f"--data={folder}/data", "--storage-backend=memory", "--secure-port=0", f"--listen=unix:{path},tls=false"]
    with server_process(WARDLE, flags, folder / "logs") as process:
        process.until_it_says("try:")
        pid = process._process.pid
        soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        used = max(int(name) for name in os.listdir(f"/proc/{pid}/fd"))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 4, hard))
        clients = []
        for _ in range(20):
            client = socket.socket(socket.AF_UNIX)
            client.connect(str(path))
            clients.append(client)
        process.until(lambda: "raise the limit of open files" in process.stderr, "a word about it")
        for client in clients:
            client.close()
        assert eventually(lambda: is_ready(uds=str(path)), "an answer")
        process.until(lambda: f"accepting connections on unix:{path} again" in process.stderr, "another word")
        assert process.stderr.count("raise the limit of open files") == 1
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
        process.stop()
