"""What the durable engines take, without a server around them.

    python -m benchmarks.storage_engines [--writes N]

Writes objects one after another and by 64 writers at once, waits until the files of objects are up to date, and opens the
store again. Compare engines within one run only.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from genericapiserver.storage.engine import StorageEngine
from genericapiserver.storage.files import FileEngine
from genericapiserver.storage.sqlite import SQLiteEngine

VALUE = (
    b'{"apiVersion":"wardle.example.com/v1beta1","kind":"Flunder","metadata":{"creationTimestamp":"2026-01-01T00:00:00Z",'
    b'"name":"%d","namespace":"default","uid":"4b0a1c2e-0000-4000-8000-000000000000"},"spec":{"text":"'
    + b"x" * 500
    + b'"}}'
)
WRITERS = 64
ALONE = 300


async def write(engine: StorageEngine, name: str, number: int) -> None:
    """Create *number* objects one after another."""
    for each in range(number):
        await engine.put(f"/registry/things/default/{name}-{each}".encode(), VALUE % each, expect_rev=0)


async def measure(name: str, reopen: Callable[[], Awaitable[StorageEngine]], writes: int) -> None:
    engine = await reopen()
    begun = time.perf_counter()
    await write(engine, "alone", ALONE)
    alone = (time.perf_counter() - begun) / ALONE
    begun = time.perf_counter()
    await asyncio.gather(*(write(engine, str(writer), writes // WRITERS) for writer in range(WRITERS)))
    together = writes / (time.perf_counter() - begun)
    figures = [f"one after another {alone * 1e3:.2f} ms", f"{WRITERS} writers {together:.0f} /s"]
    if isinstance(engine, FileEngine):
        pending, begun = engine.files_pending, time.perf_counter()
        await engine.files_written()
        figures.append(f"files brought up to date {pending / (time.perf_counter() - begun):.0f} /s")
    await engine.aclose()
    begun = time.perf_counter()
    engine = await reopen()
    figures.append(f"opened again in {time.perf_counter() - begun:.2f} s")
    await engine.aclose()
    sys.stdout.write(f"{name}: {', '.join(figures)}\n")


async def main(writes: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        await measure("sqlite", lambda: SQLiteEngine.open(Path(folder, "objects.db")), writes)
        await measure("file", lambda: FileEngine.open(Path(folder, "objects")), writes)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writes", type=int, default=20_000, help="objects that the writers make together")
    asyncio.run(main(parser.parse_args().writes))
