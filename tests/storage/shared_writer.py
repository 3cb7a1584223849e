"""A process beside the tests: shares a file and writes to it until it is killed.

`python shared_writer.py FILE NAME`: adds one to each of a few counters, again and again, and prints for each write that
was acknowledged its revision, the counter, and the value.
"""

import asyncio
import sys
from pathlib import Path

from genericapiserver.storage.sqlite import SQLiteEngine

COUNTERS = [b"/r/1", b"/r/2", b"/r/3"]


async def add_one(engine: SQLiteEngine, key: bytes) -> tuple[int, int]:
    """The revision and the new value."""
    kv = (await engine.get(key)).kv
    while True:
        value = int(kv.value) + 1 if kv is not None else 1
        result = await engine.put(key, b"%d" % value, expect_rev=kv.mod_rev if kv is not None else 0)
        if result.ok:
            return result.rev, value
        kv = result.current


async def main(path: Path, name: str) -> None:
    engine = await SQLiteEngine.open(path, shared=True)
    print("open", flush=True)  # noqa: T201  to the test
    if name == "idle":
        await asyncio.Event().wait()

    async def write(key: bytes) -> None:
        while True:
            revision, value = await add_one(engine, key)
            print(revision, key.decode(), value, flush=True)  # noqa: T201  to the test

    await asyncio.gather(*map(write, COUNTERS))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
