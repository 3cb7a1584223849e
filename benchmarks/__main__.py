"""`python -m benchmarks` (`make bench`): the sample server's GET, LIST, CREATE and WATCH, in units of a bare hypercorn.

The unit is measured in the same run, because machines differ and drift; figures are CPU of the server's process per
operation, storage included. The sample serves its whole filter chain, with a client certificate, over TLS and HTTP/2.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.client import Target
from benchmarks.figures import Figures
from benchmarks.http import measure_requests, measure_unit, measure_watch
from benchmarks.sample import BODY, PATH, create_all, resident, sample

LIST_SIZE = 1000


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
