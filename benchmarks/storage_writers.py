"""Concurrent writers on a storage engine: how many writes a second, how long one takes, what it costs.

    python -m benchmarks.storage_writers [--engine sqlite] [--writers 64] [--seconds 5] [--synchronous FULL] [--size 600]

Every writer creates, updates and reads back its own keys as fast as it is answered. A write that fails ends the run.
"""

import argparse
import asyncio
import resource
import tempfile
import time
from pathlib import Path

from genericapiserver.storage.engine import StorageEngine
from genericapiserver.storage.memory import MemoryEngine
from genericapiserver.storage.sqlite import SQLiteEngine

UPDATES_PER_KEY = 3


async def open_engine(name: str, path: Path, synchronous: str) -> StorageEngine:
    if name == "memory":
        return MemoryEngine()
    return await SQLiteEngine.open(path, synchronous="NORMAL" if synchronous == "NORMAL" else "FULL")


async def write(engine: StorageEngine, writer: int, value: bytes, until: float, took: list[float]) -> None:
    number = 0
    while time.perf_counter() < until:
        key, revision = b"/registry/bench/%d/%d" % (writer, number), 0
        number += 1
        for _ in range(1 + UPDATES_PER_KEY):
            started = time.perf_counter()
            result = await engine.put(key, value, expect_rev=revision)
            took.append(time.perf_counter() - started)
            if not result.ok:
                raise RuntimeError(f"writer {writer} lost a race for its own key")
            revision = result.rev


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def run(arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
        engine = await open_engine(arguments.engine, Path(directory) / "bench.db", arguments.synchronous)
        took: list[float] = []
        value = b"x" * arguments.size
        first, cpu, started = engine.current_rev(), cpu_seconds(), time.perf_counter()
        until = started + arguments.seconds
        await asyncio.gather(*(write(engine, writer, value, until, took) for writer in range(arguments.writers)))
        elapsed, cpu = time.perf_counter() - started, cpu_seconds() - cpu
        written = engine.current_rev() - first
        await engine.aclose()
    took.sort()
    p50, p99, worst = (took[index] * 1e3 for index in (len(took) // 2, len(took) * 99 // 100, -1))
    how = f" {arguments.synchronous}" if arguments.engine == "sqlite" else ""
    print(f"{arguments.engine}{how}, {arguments.writers} writers, values of {arguments.size} bytes")
    print(f"  {written} writes, none failed: {written / elapsed:.0f} writes/s")
    print(f"  latency p50 {p50:.2f} ms, p99 {p99:.2f} ms, max {worst:.2f} ms")
    print(f"  CPU {cpu / written * 1e6:.0f} us per write")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=("sqlite", "memory"), default="sqlite")
    parser.add_argument("--writers", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--synchronous", choices=("FULL", "NORMAL"), default="FULL")
    parser.add_argument("--size", type=int, default=600, help="bytes of a value")
    parser.add_argument("--directory", default=None, help="where the file goes; the disk matters")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
