"""The command line in the test's own process, which it leaves as it was."""

import gc
import signal
from collections.abc import Sequence

from genericapiserver.__main__ import main


def run_main(arguments: Sequence[str]) -> int:
    """The exit status of `genericapiserver ARGUMENTS`."""
    interrupt, thresholds = signal.getsignal(signal.SIGINT), gc.get_threshold()
    try:
        return main(arguments)
    finally:
        signal.signal(signal.SIGINT, interrupt)
        gc.set_threshold(*thresholds)
