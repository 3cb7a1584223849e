"""Notices a worker whose loop does not turn any more: one that is stopped, or stuck in something that never ends.

Such a process is worse than none: connections wait in it for ever, and one that was stopped while it wrote holds up the
writes of all others. The supervisor asks every worker again and again; one that leaves too many questions in a row
unanswered is killed, and replaced like any other that has ended. Questions are counted and not seconds, so that a machine
that slept, or a supervisor that was stopped itself, is not held against its workers.
"""

import asyncio
import logging
import signal
from typing import Final

import attrs

from genericapiserver.workers.process import WorkerProcess

logger = logging.getLogger(__name__)

STARTING: Final = 4
"""How many times as long a worker may be silent that is not ready yet: it reads its program, and opens what it needs."""


@attrs.frozen
class Patience:
    """A worker is asked every *every* seconds, and killed when it has not said a word for *questions* of them."""

    every: float = 5.0
    questions: int = 6

    @property
    def seconds(self) -> float:
        return self.every * self.questions


async def watch_over(worker: WorkerProcess, patience: Patience) -> None:
    """Ask *worker* until it is cancelled, or the worker has been killed for its silence."""
    unanswered, heard = 0, worker.heard
    while unanswered < patience.questions * (1 if worker.ready.is_set() else STARTING):
        worker.say({"is": "ping"})
        await asyncio.sleep(patience.every)
        unanswered = unanswered + 1 if worker.heard == heard else 0
        heard = worker.heard
    logger.error(
        "worker %d, process %d, has said nothing for %.0f seconds: killing it",
        worker.number,
        worker.pid,
        unanswered * patience.every,
    )
    worker.hung = True
    worker.send_signal(signal.SIGKILL)
