"""What several workers bring: GET, CREATE, and both at once, with one worker and with two.

    python -m benchmarks.workers [--seconds S] [--clients N]

Clients are processes of their own, and take processors from the workers: on a machine with two, look at the CPU per
operation, and at what two workers cost more than one. The last lines are about two engines on one file, without a
server: how soon the other one hears of a write, and what it costs to ask whether there was one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import attrs

from benchmarks.client import Target
from benchmarks.figures import Figures
from benchmarks.http import measure_requests
from benchmarks.sample import BODY, PATH, create_all, sample
from genericapiserver.storage.engine import EngineEvent
from genericapiserver.storage.sqlite import SQLiteEngine

WORKERS = (1, 2)
WRITES = 300
ASKED = 100_000


@contextmanager
def served(workers: int) -> Iterator[Target]:
    """The sample with so many workers; the target's processes are those that serve."""
    with tempfile.TemporaryDirectory() as folder, sample("sqlite", Path(folder), f"--workers={workers}") as target:
        (pid,) = target.pids
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        yield target if workers == 1 else attrs.evolve(target, pids=[int(child) for child in children])


def load(target: Target, method: str, namespace: str, seconds: float) -> Figures:
    """In a process of its own."""
    path = PATH.format(namespace=namespace)
    if method == "GET":
        return asyncio.run(measure_requests(target, path=f"{path}/one", seconds=seconds))
    create = measure_requests(target, path=path, method=method, body=json.dumps(BODY), streams=8, seconds=seconds)
    return asyncio.run(create)


def together(found: list[Figures]) -> str:
    """The figures of several clients that ran at once; each has seen the CPU of all."""
    operations = sum(each.operations for each in found)
    cpu = statistics.mean(each.cpu_us * each.operations for each in found) / operations
    errors = sum(each.errors for each in found)
    return (
        f"{sum(each.per_second for each in found):9.0f} /s   p50 {statistics.mean(each.p50_ms for each in found):7.2f} ms   "
        f"p99 {max(each.p99_ms for each in found):7.2f} ms   CPU {cpu:8.1f} us"
        + (f"   {errors} ERRORS" if errors else "")
    )


def measure(workers: int, clients: int, seconds: float) -> None:
    context = get_context("spawn")
    with served(workers) as target, ProcessPoolExecutor(clients, mp_context=context) as pool:
        asyncio.run(create_all(target, "get", "one"))
        for name, methods in (("GET", ["GET"]), ("CREATE", ["POST"]), ("GET and CREATE", ["GET", "POST"])):
            jobs = [
                (method, pool.submit(load, target, method, method.lower(), seconds))
                for method in [methods[number % len(methods)] for number in range(max(clients, len(methods)))]
            ]
            for method in methods:
                figures = [job.result() for kind, job in jobs if kind == method]
                print(f"{workers} workers  {name:15}{method:5}{together(figures)}", flush=True)


async def measure_engines(folder: Path) -> None:
    path = folder / "objects.db"
    one, other = await SQLiteEngine.open(path, shared=True), await SQLiteEngine.open(path, shared=True)
    heard: asyncio.Future[float]

    def hear(events: list[EngineEvent]) -> None:
        heard.set_result(time.perf_counter())

    other.subscribe(b"/", hear)  # type: ignore[arg-type]
    took = []
    for number in range(WRITES):
        heard = asyncio.get_running_loop().create_future()
        await one.put(b"/r/%d" % number, b"x" * 500, expect_rev=0)
        acknowledged = time.perf_counter()
        took.append(await heard - acknowledged)
    took.sort()
    print(
        f"heard by the other engine after the writer: p50 {took[WRITES // 2] * 1e6:.0f} us, p99 {took[-3] * 1e6:.0f} us"
    )
    begun = time.perf_counter()
    for _ in range(ASKED):
        other.is_current()
    print(f"asking whether another process has written: {(time.perf_counter() - begun) / ASKED * 1e9:.0f} ns")
    await one.aclose()
    await other.aclose()


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.workers", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--clients", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure_engines(Path(folder)))
    for workers in WORKERS:
        measure(workers, arguments.clients, arguments.seconds)


if __name__ == "__main__":
    main()
