"""Telling who is cancelled: the task that runs, or something that it waited for."""

import asyncio


def is_being_cancelled() -> bool:
    """Whether somebody cancels the current task.

    A CancelledError without that comes from what the task waited for, which was given up by its owner: that is a failure to
    report. Let through, it would end the task as if its own owner had wanted that, without a word.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
