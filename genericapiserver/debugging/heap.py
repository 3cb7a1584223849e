"""Where memory was allocated: Python's own tracing, which is on only while somebody asks.

tracemalloc notes the place of every allocation; that doubles the time that allocating takes, so a server does not have
it on. It sees what Python allocates, not what SQLite or OpenSSL do, and nothing that was there before it was on.
"""

import gc
import os
import resource
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from genericapiserver.debugging.profile import Frame, Profile, Sample, ValueType, module_name

DEPTH: Final = 32
"""Calls that are remembered for each allocation."""
OBJECTS: Final = ValueType("inuse_objects", "count")
SPACE: Final = ValueType("inuse_space", "bytes")

OFF: Final = (
    "Memory is not being traced, because that slows a server down. Either ask for what is allocated from now on and is "
    "still there after so many seconds: heap?seconds=30, or start the server with PYTHONTRACEMALLOC=32 in its environment "
    "to have everything. heap?debug=1 shows totals at any time."
)

_MOST_TYPES: Final = 40


def is_traced() -> bool:
    """Whether somebody has had everything traced from the start."""
    return tracemalloc.is_tracing()


def begin() -> None:
    tracemalloc.start(DEPTH)


def end() -> None:
    tracemalloc.stop()


def snapshot() -> tracemalloc.Snapshot:
    return tracemalloc.take_snapshot()


def as_profile(taken: tracemalloc.Snapshot, before: tracemalloc.Snapshot | None, started: int) -> Profile:
    """What *taken* has; with *before* what has come since then and is still there. Takes seconds for a large heap."""
    samples: list[Sample] = []
    if before is None:
        samples += [
            Sample(_stack(found.traceback), (found.count, found.size)) for found in taken.statistics("traceback")
        ]
    else:
        for difference in taken.compare_to(before, "traceback"):
            if difference.size_diff > 0:
                values = (max(0, difference.count_diff), difference.size_diff)
                samples.append(Sample(_stack(difference.traceback), values))
    return Profile(
        title="Memory allocated by Python" + ("" if before is None else " since the request began, and still in use"),
        value_types=(OBJECTS, SPACE),
        default_type=SPACE.type,
        samples=samples,
        started=started,
        duration=max(0, time.time_ns() - started),
    )


def totals(*, types: bool) -> str:
    """Memory of the process and of the interpreter in numbers; with *types* the objects that there are most of.

    Counting types looks at every object: up to a second in which nothing else is done.
    """
    lines = [f"{name}: {value}" for name, value in _process()]
    for generation, figures in enumerate(gc.get_stats()):
        lines.append(f"garbage collections of generation {generation}: {figures['collections']}")
    if types:
        counted = Counter(type(found) for found in gc.get_objects())
        lines += ["", "objects that the garbage collector follows, by type:"]
        lines += [
            f"{count:>10} {kind.__module__}.{kind.__qualname__}" for kind, count in counted.most_common(_MOST_TYPES)
        ]
    return "\n".join(lines) + "\n"


def _process() -> Sequence[tuple[str, int]]:
    figures = [
        ("blocks allocated by Python", sys.getallocatedblocks()),
        ("largest resident memory in kilobytes", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss),
        ("objects frozen out of garbage collection", gc.get_freeze_count()),
    ]
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return figures
    return [("resident memory in bytes", pages * os.sysconf("SC_PAGE_SIZE")), *figures]


def _stack(traceback: tracemalloc.Traceback) -> list[Frame]:
    """tracemalloc keeps lines and no functions: the line is the name."""
    return [Frame(f"{module_name(at.filename)}:{at.lineno}", at.filename, at.lineno) for at in reversed(traceback)]
