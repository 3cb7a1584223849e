"""Where a running server spends its time: stacks, looked at a hundred times a second.

    a timer of the wall clock (SIGALRM) -> where all threads are, working or waiting  -> samples, wall time
    a timer of used CPU time (SIGPROF)  -> where those are that have used some        -> CPU time

The loop's thread is interrupted by signals, not watched from another thread: a thread gets to look only when the loop
gives up the interpreter's lock, so it would find it in `send` and `select` and nowhere else. Two timers, because a server
with little to do is nearly always found waiting by the clock on the wall: where it works is seen only when it works.
Where signals cannot be had, because the loop is not in the main thread or the program uses the timers itself, a thread
looks, and the profile says so.

How much CPU time a look stands for is not guessed: every thread has a clock of its own, and what it shows since the last
look is put down to the stack of this one. Nothing is installed while nobody takes a profile.
"""

import asyncio
import contextlib
import signal
import sys
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Final

import attrs

from genericapiserver.debugging.profile import Frame, Profile, Sample, ValueType, frame_of
from genericapiserver.debugging.requests import FUNCTION, request_of_frame

RATE: Final = 100
"""Looks a second, as Go's profiler takes them: enough for a picture in seconds, and too few to be felt."""
MAX_RATE: Final = 500
NANOSECONDS: Final = 1_000_000_000

SAMPLES: Final = ValueType("samples", "count")
WALL: Final = ValueType("wall", "nanoseconds")
CPU: Final = ValueType("cpu", "nanoseconds")

BIASED: Final = "taken by a thread: calls that release the interpreter's lock are over-represented"

_Stack = tuple[tuple[CodeType, int], ...]
"""Code and instruction, innermost first: cheaper to take than line numbers, which are looked up at the end."""


class ProfilerBusyError(RuntimeError):
    """Somebody takes a profile already."""


@contextlib.contextmanager
def profiling(*, rate: int = RATE) -> Iterator["Recorder"]:
    """Take samples for the length of the block; ask the recorder for the profile behind it.

    Call it on the loop's thread. Raises ProfilerBusyError while another profile is being taken in this process.
    """
    if not _BUSY.acquire(blocking=False):
        raise ProfilerBusyError("cpu profiling already in use")
    try:
        recorder = Recorder(rate)
        by_signal = _timers_are_free()
        recorder.biased = not by_signal
        with (_signals if by_signal else _thread)(recorder):
            yield recorder
        recorder.duration = time.perf_counter_ns() - recorder.began
    finally:
        _BUSY.release()


_BUSY: Final = threading.Lock()
"""The timer and the signal belong to the process, so this does, too."""
_HANDLE_RUN: Final = asyncio.Handle._run.__code__
_THREADS: Final[dict[int, threading.Thread]] = getattr(threading, "_active", {})
"""What `threading.enumerate` lists. That takes a lock, which the loop's thread may hold when the signal interrupts it."""


class Recorder:
    """Counts what it is shown."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.started = time.time_ns()
        self.began = time.perf_counter_ns()
        self.duration = 0
        self.biased = False
        self._period = NANOSECONDS // rate
        self._loop_thread = threading.get_ident()
        self._wall = self.began
        self._cpu: dict[int, int] = {}
        self._counts: dict[tuple[str, str, _Stack], _Counts] = {}

    def look_around(self, frame: FrameType | None, own: int = 0) -> None:
        """Count the stacks of all threads but *own*; *frame* is where the loop's thread was interrupted."""
        now = time.perf_counter_ns()
        wall, self._wall = now - self._wall, now
        for thread, at in self._threads(frame, own):
            counts = self._at(thread, at)
            counts.samples += 1
            counts.wall += wall

    def look_at_work(self, frame: FrameType | None, own: int = 0) -> None:
        """Put the CPU time of each thread since the last look down to where it is now.

        The loop's thread is counted once it has used a whole period. The timer is the process's: when another thread
        makes it fire, the loop may be found waiting, and not where it used its time.
        """
        for thread, at in self._threads(frame, own):
            at_least = self._period * 9 // 10 if frame is not None and thread.ident == self._loop_thread else 1
            used = self._cpu_since(thread, at_least)
            if used:
                self._at(thread, at).cpu += used

    def _threads(self, frame: FrameType | None, own: int) -> Iterator[tuple[threading.Thread, FrameType]]:
        for identity, at in sys._current_frames().items():
            thread = _THREADS.get(identity)
            if thread is not None and identity != own:
                yield thread, frame if frame is not None and identity == self._loop_thread else at

    def _at(self, thread: threading.Thread, frame: FrameType) -> "_Counts":
        request = ""
        stack: list[tuple[CodeType, int]] = []
        caller: FrameType | None = frame
        while caller is not None and caller.f_code.co_filename == __file__:  # one timer interrupted the other's look
            caller = caller.f_back
        while caller is not None:
            code = caller.f_code
            if code is _HANDLE_RUN:  # what is outside of it is the same for everything that the loop does
                break
            stack.append((code, caller.f_lasti))
            if code.co_name == FUNCTION:
                request = request_of_frame(caller)
            caller = caller.f_back
        key = (thread.name, request, tuple(stack))
        counts = self._counts.get(key)
        if counts is None:
            counts = self._counts[key] = _Counts()
        return counts

    def _cpu_since(self, thread: threading.Thread, at_least: int) -> int:
        """Nanoseconds that *thread* has used since it was last counted; 0 if below *at_least*: they are counted later.

        The first time nothing is counted, and where there are no such clocks nothing ever is.
        """
        native = thread.native_id
        if native is None:
            return 0
        try:
            used = time.clock_gettime_ns(_cpu_clock(native))
        except OSError:  # it has just ended, or the system has no such clocks
            return 0
        before = self._cpu.setdefault(native, used)
        if used - before < at_least:
            return 0
        self._cpu[native] = used
        return used - before

    def profile(self) -> Profile:
        """Everything that was seen, by request, thread and stack. Takes a while for many different stacks."""
        lines = _Lines()
        samples = []
        for (thread, request, stack), counts in self._counts.items():
            frames = [frame_of(code, lines.of(code, instruction)) for code, instruction in stack]
            if request:
                frames.append(Frame(f"[{request}]"))
            frames.append(Frame(f"[thread {thread}]"))
            labels = {"thread": thread, "request": request} if request else {"thread": thread}
            samples.append(Sample(frames, (counts.samples, counts.wall, counts.cpu), labels))
        return Profile(
            title=f"CPU and wall time, {self.duration / 1e9:.1f} seconds" + (f" ({BIASED})" if self.biased else ""),
            value_types=(SAMPLES, WALL, CPU),
            default_type=CPU.type,
            samples=samples,
            started=self.started,
            duration=self.duration,
            period_type=CPU,
            period=self._period,
        )


@attrs.define(eq=False)
class _Counts:
    samples: int = 0
    wall: int = 0
    cpu: int = 0


class _Lines:
    """Line numbers of instructions; a code object's table is read once."""

    def __init__(self) -> None:
        self._tables: dict[CodeType, tuple[list[int], list[int]]] = {}

    def of(self, code: CodeType, instruction: int) -> int:
        table = self._tables.get(code)
        if table is None:
            rows = [(start, line or code.co_firstlineno) for start, _, line in code.co_lines()]
            table = self._tables[code] = ([start for start, _ in rows], [line for _, line in rows])
        starts, lines = table
        return lines[bisect_right(starts, max(0, instruction)) - 1] if starts else code.co_firstlineno


def _cpu_clock(native: int) -> int:
    """Linux's clock of the thread with that id, as glibc makes it: unlike Python's own call it may be asked too late."""
    return ~native << 3 | 6


def _timers_are_free() -> bool:
    """Whether this thread gets signals, and nobody else uses the timers."""
    return threading.current_thread() is threading.main_thread() and all(
        signal.getsignal(number) in (signal.SIG_DFL, signal.SIG_IGN) and signal.getitimer(timer) == (0.0, 0.0)
        for timer, number in _TIMERS
    )


_TIMERS: Final = ((signal.ITIMER_REAL, signal.SIGALRM), (signal.ITIMER_PROF, signal.SIGPROF))


@contextlib.contextmanager
def _signals(recorder: Recorder) -> Iterator[None]:
    def look(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGPROF:
            recorder.look_at_work(frame)
        else:
            recorder.look_around(frame)

    period = 1 / recorder.rate
    with contextlib.ExitStack() as stack:
        for timer, number in _TIMERS:
            before = signal.signal(number, look)
            stack.callback(signal.signal, number, before)
            signal.siginterrupt(number, False)  # libraries that do not repeat interrupted calls need not notice
            stack.callback(signal.setitimer, timer, 0)  # first to be undone: unhandled, the signal ends the process
            signal.setitimer(timer, period, period)
        yield


@contextlib.contextmanager
def _thread(recorder: Recorder) -> Iterator[None]:
    done = threading.Event()
    thread = threading.Thread(target=_look_regularly, args=(recorder, done.wait), name="profiler", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _look_regularly(recorder: Recorder, wait: Callable[[float], bool]) -> None:
    own = threading.get_ident()
    while not wait(1 / recorder.rate):
        recorder.look_around(None, own)
        recorder.look_at_work(None, own)
