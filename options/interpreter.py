"""Settings of the interpreter for a process that serves; a program that embeds a server decides for itself."""

import gc
import sys
from typing import Final

GC_THRESHOLD: Final = 1_000
"""By how many more objects there are at the next collection of the youngest generation. Nobody is served meanwhile: with ten
times as many the pauses are ten milliseconds long when hundreds of requests are under way."""
GC_OLDER_THRESHOLDS: Final = (20, 250)
"""Collections of a generation until the next one is collected, too. What a list of a hundred thousand objects makes for the
first time reaches the middle one: collected five times as seldom it was a pause of 70 milliseconds. All objects are looked
at as seldom as they may be, since reference counts free nearly everything."""
START_GC_THRESHOLD: Final = 50_000
"""The same on the way to being ready: what is made there lives to the end, and collections of it find nothing."""
SWITCH_INTERVAL: Final = 0.001
"""Seconds."""


def prepare_interpreter() -> None:
    """Settings for the way to being ready."""
    gc.set_threshold(START_GC_THRESHOLD)


def tune_interpreter() -> None:
    """Settings for a process that serves and does nothing else.

    What exists when it is ready lives to the end, so the garbage collector need not look at it again and again. Threads
    that read and write storage wait up to a switch interval for the loop's thread: a fifth of the default cuts the
    99th percentile of writes to less than half.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, *GC_OLDER_THRESHOLDS)
    sys.setswitchinterval(SWITCH_INTERVAL)
