"""`python -m benchmarks.soak`: a steady load for a long time, and whether the server keeps its size.

Requests go out at a fixed rate (reads, writes and lists of a bounded set of objects), watches stay open and must see every
write exactly once, and connections come and go. Shown every minute and at the end: resident memory, file descriptors,
threads and CPU of the server. A watch that the server ends (it does after half an hour to an hour, as it should) is opened
again from the last version it saw, and must go on without a gap.

The exit status is 1 when a request failed, a watch lost or repeated an event, or memory or descriptors grew by more than
--growth (in percent, between the two halves of what followed --settle).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import attrs

from benchmarks.client import JSON, Client, Target, connect, exchange, resource_version
from benchmarks.figures import percentile
from benchmarks.sample import BODY, PATH, resident, sample

COLLECTION = PATH.format(namespace="soak")
OBJECTS = 200
WRITE_EVERY = 10
"""One request of so many is a write: half of them create an object, the other half delete the oldest."""
LIST_EVERY = 50
SAMPLE_SECONDS = 10.0
CONNECTION_SECONDS = 2.0
"""How often a connection is made, used for one request and closed."""
LAST_SECONDS = 60
"""How long the last answers and events are waited for."""
WAITING_AT_MOST = 2000
"""Requests without an answer, of all connections: then the machine stands still, and no more are sent until it goes on."""


@attrs.frozen
class Sample:
    """What the server's process held at a moment."""

    at: float
    resident_mb: float
    descriptors: int
    threads: int


@attrs.define
class Totals:
    """What the clients counted."""

    statuses: Counter[int] = attrs.field(factory=Counter)
    latencies: list[float] = attrs.field(factory=list)
    events: int = 0
    waiting: int = 0
    """Requests without an answer, at this moment."""
    most_waiting: int = 0
    renewed: int = 0
    faults: list[str] = attrs.field(factory=list)


class Watch:
    """One watch: every event of the collection in order, over as many requests as it takes."""

    def __init__(self, client: Client, target: Target, version: int, totals: Totals) -> None:
        self.client, self.target, self.version, self.totals = client, target, version, totals
        self.seen = 0
        self.stopped = False
        self._rest = b""

    def open(self) -> None:
        path = f"{COLLECTION}?watch=true&allowWatchBookmarks=true&resourceVersion={self.version}"
        self._rest = b""
        self.client.request(self.target.headers("GET", path, JSON), b"", self._ended, self._data)

    def _data(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._event(json.loads(line))

    def _event(self, event: dict[str, object]) -> None:
        kind, found = event["type"], event["object"]
        assert isinstance(found, dict)
        if kind == "ERROR":
            self.totals.faults.append(f"a watch from {self.version} was answered {found.get('message')}")
            self.stopped = True
            return
        version = int(found["metadata"]["resourceVersion"])
        if kind == "BOOKMARK":
            self.version = max(self.version, version)
            return
        if version <= self.version:
            self.totals.faults.append(f"an event of version {version} came after {self.version}")
        self.version = version
        self.seen += 1
        self.totals.events += 1

    def _ended(self, status: int, size: int) -> None:
        if self.stopped:
            return
        if status != 200:
            self.totals.faults.append(f"a watch ended with {status}")
            return
        self.totals.renewed += 1
        self.open()


class Load:
    """Requests at a fixed rate over a few connections; a late one is sent at once, so that the rate holds."""

    def __init__(self, clients: Sequence[Client], target: Target, totals: Totals, prefix: str) -> None:
        self.clients, self.target, self.totals, self.prefix = clients, target, totals, prefix
        self.names: list[str] = []
        self.created = 0
        self.writes = 0
        self._random = random.Random(7)

    async def run(self, rate: float, seconds: float) -> None:
        begun = time.monotonic()
        sent = 0
        while (elapsed := time.monotonic() - begun) < seconds:
            while sent < elapsed * rate and self.totals.waiting < WAITING_AT_MOST:
                self._send(sent)
                sent += 1
            await asyncio.sleep(max(0.001, sent / rate - (time.monotonic() - begun)))

    def _send(self, number: int) -> None:
        if number % WRITE_EVERY == 0:
            self._write(number)
        elif number % LIST_EVERY == 1:
            self._request("GET", f"{COLLECTION}?limit=100", b"", number, 200)
        elif self.names:
            self._request("GET", f"{COLLECTION}/{self._random.choice(self.names)}", b"", number, 200)

    def _write(self, number: int) -> None:
        if len(self.names) >= OBJECTS and number % (2 * WRITE_EVERY):
            self._request("DELETE", f"{COLLECTION}/{self.names.pop(0)}", b"", number, 200)
            return
        name = f"{self.prefix}-{self.created}"
        self.created += 1
        body = json.dumps({**BODY, "metadata": {"name": name, "labels": {"app": "soak"}}}).encode()
        self._request("POST", COLLECTION, body, number, 201, name)

    def _request(self, method: str, path: str, body: bytes, number: int, expected: int, name: str = "") -> None:
        headers = self.target.headers(method, path, JSON)
        if body:
            headers.append(("content-type", JSON))
        begun = time.perf_counter()
        self.totals.waiting += 1
        self.totals.most_waiting = max(self.totals.most_waiting, self.totals.waiting)

        def done(status: int, size: int) -> None:
            self.totals.waiting -= 1
            self.totals.latencies.append(time.perf_counter() - begun)
            self.totals.statuses[status] += 1
            # A read may have been on its way while its object was deleted.
            if status != expected and not (method == "GET" and status == 404):
                self.totals.faults.append(f"{method} {path} was answered {status}")
            if status in (200, 201) and method in ("POST", "DELETE"):
                self.writes += 1
            if name and status == 201:
                self.names.append(name)

        self.clients[number % len(self.clients)].request(headers, body, done)


async def _come_and_go(target: Target, totals: Totals) -> None:
    """Make a connection, ask once, close it; for ever."""
    while True:
        client = await connect(target)
        status = await exchange(client, target.headers("GET", "/readyz", JSON))
        if status != 200:
            totals.faults.append(f"/readyz was answered {status}")
        client.close()
        await asyncio.sleep(CONNECTION_SECONDS)


async def _watch_size(pid: int, samples: list[Sample], totals: Totals, target: Target) -> None:
    begun, minute, cpu = time.monotonic(), 0, target.cpu_seconds()
    while True:
        await asyncio.sleep(SAMPLE_SECONDS)
        at = time.monotonic() - begun
        process = Path(f"/proc/{pid}")
        samples.append(
            Sample(at, resident(pid), len(list((process / "fd").iterdir())), len(list((process / "task").iterdir())))
        )
        if at // 60 > minute:
            minute = int(at // 60)
            used, cpu = target.cpu_seconds() - cpu, target.cpu_seconds()
            print(
                f"{minute:4} min   {samples[-1].resident_mb:7.1f} MB   {samples[-1].descriptors:4} descriptors   "
                f"{samples[-1].threads:3} threads   CPU {used / 60:5.1%}   {sum(totals.statuses.values()):8} requests   "
                f"{totals.events:10} events   {len(totals.faults)} faults",
                flush=True,
            )


async def soak(target: Target, options: argparse.Namespace) -> tuple[list[Sample], Totals]:
    """Load the server for the time that *options* say; hands back what it held and what its clients saw."""
    totals, samples = Totals(), list[Sample]()
    clients = [await connect(target) for _ in range(options.connections)]
    version = int(await resource_version(clients[0], target, COLLECTION))
    watchers = [await connect(target) for _ in range(options.connections)]
    watches = [Watch(watchers[at % len(watchers)], target, version, totals) for at in range(options.watches)]
    for watch in watches:
        watch.open()
    load = Load(clients, target, totals, f"soak-{time.time_ns():x}")
    beside = [
        asyncio.create_task(_come_and_go(target, totals)),
        asyncio.create_task(_watch_size(target.pids[0], samples, totals, target)),
    ]
    await load.run(options.rate, options.seconds)
    for _ in range(LAST_SECONDS):
        await asyncio.sleep(1)
        if not totals.waiting and all(watch.seen == load.writes for watch in watches):
            break
    for task in beside:
        task.cancel()
    for watch in watches:
        watch.stopped = True
        if watch.seen != load.writes:
            totals.faults.append(f"a watch saw {watch.seen} of {load.writes} writes")
    for client in [*clients, *watchers]:
        client.close()
    return samples, totals


def judge(samples: Sequence[Sample], totals: Totals, *, settle: float, growth: float) -> bool:
    """Print the end figures; True when nothing failed and nothing grew."""
    totals.latencies.sort()
    p50, p99 = (percentile(totals.latencies, part) * 1000 for part in (0.5, 0.99))
    print(
        f"answers {dict(totals.statuses)}   p50 {p50:.1f} ms   p99 {p99:.1f} ms   at most {totals.most_waiting} waited"
    )
    print(f"events {totals.events}   watches opened again {totals.renewed}   faults {len(totals.faults)}")
    for fault in totals.faults[:10]:
        print(f"  {fault}")
    settled = [sample for sample in samples if sample.at >= settle]
    if len(settled) < 4:
        print("too short to say whether anything grows")
        return not totals.faults
    grew = False
    for name, values in (
        ("resident MB", [held.resident_mb for held in settled]),
        ("descriptors", [float(held.descriptors) for held in settled]),
    ):
        first, second = values[: len(values) // 2], values[len(values) // 2 :]
        change = statistics.median(second) / statistics.median(first) - 1
        grew = grew or change * 100 > growth
        print(
            f"{name:12} first half {statistics.median(first):8.1f}   second half {statistics.median(second):8.1f}   "
            f"least {min(values):8.1f}   most {max(values):8.1f}   change {change:+.2%}"
        )
    return not grew and not totals.faults


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second")
    parser.add_argument("--watches", type=int, default=200)
    parser.add_argument("--connections", type=int, default=10, help="for requests, and as many for watches")
    parser.add_argument("--settle", type=float, default=600.0, help="seconds after which nothing may grow any more")
    parser.add_argument("--growth", type=float, default=3.0, help="percent")
    parser.add_argument("--storage-backend", choices=["sqlite", "memory"], default="sqlite")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, sample(options.storage_backend, Path(folder)) as target:
        samples, totals = asyncio.run(soak(target, options))
    return 0 if judge(samples, totals, settle=options.settle, growth=options.growth) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
