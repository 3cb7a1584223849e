"""Random histories: clients that work against each other, a store that is killed under them, and whether all of it agrees.

    python -m tests.histories --engine sqlite --histories 1000 [--http] [--seed N] [--keep FOLDER]
    python -m tests.histories --judge FILE

Each history has a seed: the first one is --seed, each other one is one higher. The same seed gives the same clients, the
same work and the same faults on the same kind of store; how they interleave is the machine's affair. A bad history is
printed as far as it matters and written to the folder --keep as JSON, which --judge judges again. The exit status is 1 if
there was one.
"""

import argparse
import asyncio
import logging
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.histories.recording import History
from tests.histories.runs import ENGINES, SERVED, Judged, Summary, judged
from tests.histories.watches import check

PROGRESS = 100
AT_MOST = 5
"""Violations that are printed of one history."""


def _report(found: Judged, folder: Path, engine: str) -> None:
    history = found.history
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{engine}-{history.seed}.json"
    path.write_text(history.to_json())
    print(f"seed {history.seed} ({history.label}): {len(found.violations)} violations, kept in {path}")
    for violation in found.violations[:AT_MOST]:
        print(violation, flush=True)


async def _run(engine: str, seed: int, number: int, folder: Path, *, http: bool) -> int:
    print(f"{engine}{' over HTTP' if http else ''}: seeds {seed} to {seed + number - 1}", flush=True)
    summary, began = Summary(), time.monotonic()
    async for found in judged(engine, seed, number, http=http):
        summary.add(found)
        if found.violations:
            _report(found, folder, engine)
        if summary.histories % PROGRESS == 0:
            print(f"{summary.histories} histories, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print(*summary.lines(), f"took        {time.monotonic() - began:.0f} s", sep="\n", flush=True)
    return int(summary.violations > 0)


def _judge(path: Path) -> int:
    found = check(History.load(path))
    print(*found, f"violations  {len(found)}", sep="\n")
    return int(bool(found))


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="tests.histories", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", choices=ENGINES, default="sqlite")
    parser.add_argument("--histories", type=int, default=100)
    parser.add_argument("--seed", type=int, help="of the first history; by default a random number")
    parser.add_argument("--http", action="store_true", help=f"through the sample server: {', '.join(SERVED)}")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "histories")
    parser.add_argument("--judge", type=Path, metavar="FILE", help="judge a history that was kept")
    parser.add_argument("--verbose", action="store_true", help="show what the store logs")
    arguments = parser.parse_args()
    if arguments.judge:
        return _judge(arguments.judge)
    if arguments.http and arguments.engine not in SERVED:
        parser.error(f"--http is for {', '.join(SERVED)}: {arguments.engine} does not outlive its server")
    if not arguments.verbose:
        logging.disable(logging.CRITICAL)
    seed = arguments.seed if arguments.seed is not None else random.randrange(10**9)
    return asyncio.run(_run(arguments.engine, seed, arguments.histories, arguments.keep, http=arguments.http))


if __name__ == "__main__":
    sys.exit(main())
