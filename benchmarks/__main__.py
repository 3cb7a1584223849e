"""`python -m benchmarks` (`make bench`): the sample server's GET, LIST, CREATE and WATCH, in units of a bare hypercorn.

The unit is measured in the same run, because machines differ and drift; figures are CPU of the server's process per
operation, storage included. The sample serves its whole filter chain, with a client certificate, over TLS and HTTP/2.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.http import Figures, Target, connect, measure_requests, measure_unit, measure_watch

PATH = "/apis/wardle.example.com/v1beta1/namespaces/{namespace}/flunders"
PADDING = "x" * 150
BODY = {
    "apiVersion": "wardle.example.com/v1beta1",
    "kind": "Flunder",
    "metadata": {"name": "NAME", "labels": {"app": "bench"}, "annotations": {"note": PADDING}},
    "spec": {"flunderReference": "other", "referenceType": "Flunder"},
}
LIST_SIZE = 1000


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def sample(backend: str, folder: Path, *flags: str) -> Iterator[Target]:
    """The sample server alone, with its objects in *folder* and further *flags*, until the block ends."""
    port = free_port()
    command = [sys.executable, "-m", "examples.wardle.standalone", f"--port={port}", f"--data={folder}"]
    process = subprocess.Popen(
        [*command, f"--storage-backend={backend}", *flags], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        started = time.monotonic()
        if "is ready" not in process.stdout.readline():
            raise SystemExit(f"the sample server did not start: {' '.join(command)}")
        print(f"{'start to ready':22} {time.monotonic() - started:9.2f} s    {resident(process.pid):5.0f} MB resident")
        pki = folder / "pki"
        yield Target(
            port=port,
            pids=[process.pid],
            ca=pki / "ca.crt",
            cert=pki / "admin.crt",
            key=pki / "admin.key",
        )
    finally:
        process.terminate()
        process.wait(30)


def resident(pid: int) -> float:
    """Resident memory of a process in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


async def create_all(target: Target, namespace: str, *names: str) -> None:
    """Create flunders of these names, one request each."""
    client = await connect(target)
    headers = target.headers("POST", PATH.format(namespace=namespace), "application/json")
    for name in names:
        answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def done(status: int, size: int, answered: asyncio.Future[int] = answered) -> None:
            answered.set_result(status)

        body = json.dumps(BODY).replace("NAME", name).encode()
        client.request([*headers, ("content-type", "application/json")], body, done)
        if await answered not in (201, 409):
            raise SystemExit(f"creating {name} answered {answered.result()}")
    client.close()


def measure(target: Target, unit: Figures | None, *, seconds: float, only: Sequence[str]) -> dict[str, Figures]:
    """Every operation in turn; prints a line for each."""
    found: dict[str, Figures] = {}

    def show(name: str, figures: Figures) -> None:
        found[name] = figures
        print(f"{name:22}", figures.line(unit), flush=True)

    names = [f"f-{index:04}" for index in range(LIST_SIZE)]
    if not only or "get" in only:
        asyncio.run(create_all(target, "get", "one"))
        path = PATH.format(namespace="get") + "/one"
        show("GET", asyncio.run(measure_requests(target, path=path, seconds=seconds)))
    if not only or "healthz" in only:
        show("GET /healthz", asyncio.run(measure_requests(target, path="/healthz", seconds=seconds)))
    if not only or "list" in only:
        asyncio.run(create_all(target, "list", *names))
        path = PATH.format(namespace="list")
        show("LIST 500", asyncio.run(measure_requests(target, path=path + "?limit=500", streams=4, seconds=seconds)))
        show("LIST 1000", asyncio.run(measure_requests(target, path=path, streams=4, seconds=seconds)))
        cached = path + "?resourceVersion=0"
        show("LIST 1000 (rv=0)", asyncio.run(measure_requests(target, path=cached, streams=4, seconds=seconds)))
    if not only or "create" in only:
        path = PATH.format(namespace="create")
        create = measure_requests(target, path=path, method="POST", body=json.dumps(BODY), streams=8, seconds=seconds)
        show("CREATE", asyncio.run(create))
    if not only or "watch" in only:
        for watchers, creates in ((100, 400), (1000, 100)):
            path = PATH.format(namespace=f"watch-{watchers}")
            watch = measure_watch(target, path=path, body=json.dumps(BODY), watchers=watchers, creates=creates)
            show(f"WATCH {watchers} x {creates}", asyncio.run(watch))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--storage-backend", choices=["sqlite", "memory"], default="sqlite")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--only", action="append", default=[], choices=["get", "healthz", "list", "create", "watch"])
    parser.add_argument("--no-unit", action="store_true")
    arguments = parser.parse_args()
    unit = None
    if not arguments.no_unit:
        unit = measure_unit(seconds=arguments.seconds)
        print(f"{'unit (bare hypercorn)':22}", unit.line(), flush=True)
    with tempfile.TemporaryDirectory() as folder, sample(arguments.storage_backend, Path(folder)) as target:
        measure(target, unit, seconds=arguments.seconds, only=arguments.only)
        print(f"{'resident after':22} {resident(target.pids[0]):9.0f} MB")


if __name__ == "__main__":
    main()
