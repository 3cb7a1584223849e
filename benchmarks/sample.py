"""The sample server in a process of its own, and the objects that load is put on."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.client import JSON, Target, connect, exchange

PATH = "/apis/wardle.example.com/v1beta1/namespaces/{namespace}/flunders"
PADDING = "x" * 150
BODY = {
    "apiVersion": "wardle.example.com/v1beta1",
    "kind": "Flunder",
    "metadata": {"name": "NAME", "labels": {"app": "bench"}, "annotations": {"note": PADDING}},
    "spec": {"flunderReference": "other", "referenceType": "Flunder"},
}


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def started(module: str, arguments: Sequence[str], *, quiet: bool = False) -> Iterator[subprocess.Popen[str]]:
    """`python -m MODULE ARGUMENTS`, a server or a client that prints its first line when it is ready; ended with the block.

    *quiet* is without its log. Raises SystemExit when it ends without a line.
    """
    command = [sys.executable, "-m", module, *arguments]
    stderr = subprocess.DEVNULL if quiet else None
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True) as process:
        try:
            assert process.stdout is not None
            if not process.stdout.readline():
                raise SystemExit(f"it did not start: {' '.join(command)}")
            yield process
        finally:
            process.terminate()


@contextmanager
def sample(backend: str, folder: Path, *flags: str) -> Iterator[Target]:
    """The sample server alone, with its objects in *folder* and further *flags*, until the block ends."""
    port, begun = free_port(), time.monotonic()
    arguments = [f"--port={port}", f"--data={folder}", f"--storage-backend={backend}", *flags]
    with started("examples.wardle.standalone", arguments, quiet=True) as process:
        print(f"{'start to ready':22} {time.monotonic() - begun:9.2f} s    {resident(process.pid):5.0f} MB resident")
        pki = folder / "pki"
        yield Target(
            port=port,
            pids=[process.pid],
            ca=pki / "ca.crt",
            cert=pki / "admin.crt",
            key=pki / "admin.key",
        )


def resident(pid: int) -> float:
    """Resident memory of a process in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


async def create_all(target: Target, namespace: str, *names: str) -> None:
    """Create flunders of these names, one request each."""
    client = await connect(target)
    headers = target.headers("POST", PATH.format(namespace=namespace), JSON)
    for name in names:
        body = json.dumps(BODY).replace("NAME", name).encode()
        status = await exchange(client, [*headers, ("content-type", JSON)], body)
        if status not in (201, 409):
            raise SystemExit(f"creating {name} answered {status}")
    client.close()
