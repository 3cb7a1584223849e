"""`python -m benchmarks.scale`: a server with 100,000 objects and 1,000 watches.

Fills a store, starts a server on it and measures what grows with the number of objects and what must not: the start,
memory, lists in one piece and in pages, by label and by field, GETs alone and beside lists, and how soon a thousand watches
hear of a write. Smaller stores are measured before, so that growth shows. Prints a table in Markdown.

    python -m benchmarks.scale [--storage-backend sqlite|memory|file|etcd3] [--objects 100000] [--watches 1000]

Times are what a client on the same machine sees and need a quiet machine; CPU seconds of the server do less. Objects are
of 0.8 KB; a memory store is filled by requests, and has nothing to read when it starts.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence

from benchmarks import scale_load as load
from benchmarks.client import Target, connect
from benchmarks.sample import free_port, resident, started
from benchmarks.scale_store import MODULE, Place, body_of, create, fill, path_of, place, target_of

SIZES = (1_000, 10_000)
"""Smaller stores that are measured beside the large one."""

Row = dict[str, float]


def ms(seconds: float) -> float:
    return seconds * 1000


async def measure(target: Target, objects: int, watches: int, seconds: float) -> Row:
    """Everything that is asked of a running server, in the order in which it is measured."""
    row: Row = {}
    pid = target.pids[0]
    client = await connect(target)
    cpu = load.cpu_seconds(target)
    row["first GET (waits for the cache), ms"] = ms((await load.ask(client, target, path_of(0))).seconds)
    row["until the cache is filled, CPU ms"] = ms(load.cpu_seconds(target) - cpu)
    row["resident, cache filled, MB"] = resident(pid)
    client.close()

    got = await load.gets(target, objects, seconds)
    row["GET p50, ms"], row["GET p99, ms"] = ms(got.part(0.5)), ms(got.part(0.99))
    row["GET, CPU us"] = got.cpu / len(got.each) * 1e6

    for name, selector in (("label", load.few_by_label(objects)), ("field", load.few_by_field(objects))):
        first = await load.pages(target, selector=selector)
        await asyncio.sleep(0.5)
        again = [await load.pages(target, selector=selector) for _ in range(10)]
        row[f"LIST of 100 by {name}, the first, CPU ms"] = ms(first.cpu)
        row[f"LIST of 100 by {name}, p50, ms"] = ms(load.Took([one.seconds for one in again], 0, 0).part(0.5))
        row[f"LIST of 100 by {name}, CPU ms"] = ms(sum(one.cpu for one in again) / len(again))
    row["resident after selectors, MB"] = resident(pid)

    whole = await load.pages(target, limit=0)
    row["LIST of all, the first, CPU ms"] = ms(whole.cpu)
    whole = await load.pages(target, limit=0)
    row["LIST of all, ms"], row["LIST of all, CPU ms"] = ms(whole.seconds), ms(whole.cpu)
    row["LIST of all, MB"] = whole.size / 1e6
    paged = await load.pages(target)
    row["pages of 500: p50, ms"], row["pages of 500: p99, ms"] = ms(paged.part(0.5)), ms(paged.part(0.99))
    row["pages of 500: all, ms"], row["pages of 500: all, CPU ms"] = ms(paged.seconds), ms(paged.cpu)
    row["resident after lists, MB"] = resident(pid)

    beside = await load.gets_beside_lists(target, objects, seconds)
    row["GET beside lists of all, p50, ms"] = ms(beside.part(0.5))
    row["GET beside lists of all, p99, ms"] = ms(beside.part(0.99))
    row |= await _watches(target, objects, watches, seconds)
    row["resident at the end, MB"] = resident(pid)
    return row


async def _watches(target: Target, objects: int, watches: int, seconds: float) -> Row:
    row: Row = {}
    for name, where, written, concerned in (
        ("of all", load.ON_WHOLE, lambda number: number, watches),
        ("of one object each", load.ON_OBJECT, lambda number: number % min(watches, objects), 1),
        ("of one label each", load.ON_TEAM, lambda number: number * 37 % objects, 1),
    ):
        fan = await load.fan_out(target, watches, seconds, where, written, concerned)
        took = load.Took(fan.to_last, 0, 0)
        row[f"{watches} watches {name}: last hears p50, ms"] = ms(took.part(0.5))
        row[f"{watches} watches {name}: last hears p99, ms"] = ms(took.part(0.99))
        if concerned > 1:
            row[f"{watches} watches {name}: CPU us an event"] = fan.cpu / fan.events * 1e6
            row[f"resident with {watches} watches, MB"] = fan.resident_mb
        else:
            row[f"{watches} watches {name}: CPU us a write"] = fan.cpu / fan.writes * 1e6
    # The same objects as with a watch of each, so that the difference is what watches cost.
    alone = await load.fan_out(target, 0, seconds, load.ON_OBJECT, lambda number: number % min(watches, objects), 0)
    row["no watches: CPU us a write"] = alone.cpu / alone.writes * 1e6
    return row


def measure_size(where: Place, have: int, objects: int, watches: int, seconds: float) -> Row:
    """Bring the store from *have* to so many *objects*, start a server on it and measure."""
    in_memory = where.backend == "memory"
    if not in_memory:
        fill(where, have, objects)
    port, begun = free_port(), time.perf_counter()
    with started(MODULE, [f"--port={port}", *where.flags()], quiet=True) as process:
        target = target_of(where, port, process.pid)
        row: Row = {"start to ready, s": time.perf_counter() - begun, "start, CPU s": load.cpu_seconds(target)}
        row["resident, ready, MB"] = resident(process.pid)
        if in_memory:
            asyncio.run(create(target, 0, objects))
        return row | asyncio.run(measure(target, objects, watches, seconds))


def table(rows: dict[int, Row]) -> str:
    """*rows* by number of objects as Markdown: a column for each, and how the last compares with the one before."""
    sizes = sorted(rows)
    growth = f"{sizes[-1]:,} / {sizes[-2]:,}" if len(sizes) > 1 else ""
    heads = ["", *(f"{size:,}" for size in sizes), *([growth] if growth else [])]
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    for name in rows[sizes[-1]]:
        values = [rows[size].get(name) for size in sizes]
        cells = ["-" if value is None else _text(value) for value in values]
        if growth:
            last, before = values[-1], values[-2]
            cells.append(f"{last / before:.1f}" if last and before else "-")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _text(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--storage-backend", choices=["sqlite", "memory", "file", "etcd3"], default="sqlite")
    parser.add_argument("--etcd-servers", action="append", default=[], help="a cluster; without it one is started")
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--watches", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each load")
    parser.add_argument("--only-largest", action="store_true", help="do not measure smaller stores for comparison")
    options = parser.parse_args(arguments)
    sizes = [*(size for size in SIZES if size < options.objects and not options.only_largest), options.objects]
    rows: dict[int, Row] = {}
    have = 0
    with place(options.storage_backend, options.etcd_servers) as where:
        for size in sizes:
            begun = time.perf_counter()
            rows[size] = measure_size(where, have, size, options.watches, options.seconds)
            have = size
            print(f"{size:,} objects: {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)
    print(f"{len(body_of(0))} bytes as created; storage backend {options.storage_backend}\n")
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
