"""What every task and every thread is doing now: what Go's page `goroutine` is there.

A task's stack is the chain of awaits from its coroutine down to what it waits for; a thread's is its calls. Frames are
listed innermost first, as Go does.
"""

import asyncio
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from types import FrameType
from typing import Any

import attrs

from genericapiserver.debugging.profile import Frame, Profile, Sample, ValueType, frame_of
from genericapiserver.debugging.requests import request_of_frame

MAX_DEPTH = 500


@attrs.frozen
class Running:
    """A task or a thread. *state* is `running` or what it waits for, *request* the one it serves."""

    name: str
    state: str
    request: str
    stack: tuple[Frame, ...]


def everything_running() -> list[Running]:
    """Threads by name, then the tasks of the running loop in the order in which they were made, as far as names tell."""
    frames = sys._current_frames()
    threads = [
        Running(f'thread "{thread.name}"', "running", "", tuple(_calls(frames.get(thread.ident or 0))))
        for thread in sorted(threading.enumerate(), key=lambda thread: thread.name)
    ]
    tasks = sorted(asyncio.all_tasks(), key=lambda task: (len(task.get_name()), task.get_name()))
    return threads + [_task(task) for task in tasks]


def listing(running: list[Running]) -> str:
    """One paragraph each (`debug=2`)."""
    return "\n".join(
        f"{each.name} [{each.state}]{f', {each.request}' if each.request else ''}:\n{_lines(each.stack)}"
        for each in running
    )


def summary(running: list[Running]) -> str:
    """One paragraph for all that are at the same place, most first (`debug=1`)."""
    counts = Counter((each.state, each.stack) for each in running)
    return f"goroutine profile: total {len(running)}\n" + "\n".join(
        f"{count} @ [{state}]\n{_lines(stack)}" for (state, stack), count in counts.most_common()
    )


def as_profile(running: list[Running]) -> Profile:
    """How many there are at each place."""
    counts = Counter((each.request, each.stack) for each in running)
    return Profile(
        title=f"{len(running)} tasks and threads",
        value_types=(ValueType("goroutine", "count"),),
        default_type="goroutine",
        samples=[
            Sample(stack, (count,), {"request": request} if request else {})
            for (request, stack), count in counts.items()
        ],
        started=time.time_ns(),
        period_type=ValueType("goroutine", "count"),
        period=1,
    )


def _task(task: asyncio.Task[Any]) -> Running:
    name = f'task "{task.get_name()}"'
    if task is asyncio.current_task():
        return Running(name, "running", "", tuple(_calls(sys._getframe(1))))
    stack: list[Frame] = []
    request = ""
    coroutine: Any = task.get_coro()
    state = "waiting"
    for _ in range(MAX_DEPTH):
        frame = _frame(coroutine)
        if frame is None:
            state = f"waiting for {type(coroutine).__name__}" if coroutine is not None else "ready to run"
            break
        request = request or request_of_frame(frame)
        stack.append(frame_of(frame.f_code, frame.f_lineno))
        coroutine = _awaited(coroutine)
    stack.reverse()
    return Running(name, state, request, tuple(stack))


def _frame(coroutine: Any) -> FrameType | None:
    for attribute in ("cr_frame", "ag_frame", "gi_frame"):
        frame = getattr(coroutine, attribute, None)
        if isinstance(frame, FrameType):
            return frame
    return None


def _awaited(coroutine: Any) -> Any:
    """What *coroutine* waits for: another one, or at the end of the chain an iterator of a future."""
    for attribute in ("cr_await", "ag_await", "gi_yieldfrom"):
        if hasattr(coroutine, attribute):
            return getattr(coroutine, attribute)
    return None


def _calls(frame: FrameType | None) -> Iterator[Frame]:
    while frame is not None:
        yield frame_of(frame.f_code, frame.f_lineno)
        frame = frame.f_back


def _lines(stack: tuple[Frame, ...]) -> str:
    return "".join(f"{frame.function}\n\t{frame.file}:{frame.line}\n" for frame in stack)
