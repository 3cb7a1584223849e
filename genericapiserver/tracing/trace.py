"""Operations with their steps and the operations within them: what k8s.io/utils/trace and component-base/tracing are.

    with Trace("Create", fields=lambda: {...}, threshold=0.5):
        step("About to store object in database")

The outermost operation that took its threshold is told of in the log at V(2), with the steps that took more than their
share, or all of them at V(4). Where requests are traced, each operation is a span and each step an event. A nested
operation finds the one it is part of through a context variable, so parallel tasks each have their own.
"""

import logging
import random
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, Self

from genericapiserver.logs import V2, V4, Stack, kv

if TYPE_CHECKING:
    from types import TracebackType

    from genericapiserver.tracing.span import RequestTracer, Span

logger = logging.getLogger(__name__)

SLOW: Final = 0.5
"""Seconds: the reference's threshold for requests and what they consist of."""

Fields = Mapping[str, Any]
_NONE: Final[Fields] = {}


class Trace:
    """One operation, for the length of a `with` block. *fields* are asked for only where somebody is told."""

    # Defaults on the class: most operations of most requests are quick, untraced and without steps.
    threshold: float = SLOW
    parent: "Trace | None" = None
    span: "Span | None" = None
    tracer: "RequestTracer | None" = None
    ended: float = 0.0
    _least: float = SLOW
    """The threshold of the least patient operation in here."""
    _items: "list[tuple[float, str, Fields] | Trace] | None" = None

    def __init__(self, name: str, fields: Fields | Callable[[], Fields] = _NONE, *, threshold: float = SLOW) -> None:
        self.name = name
        self.fields = fields
        if threshold != SLOW:
            self.threshold = self._least = threshold

    def __enter__(self) -> Self:
        parent = CURRENT.get()
        if parent is not None and not parent.ended:  # what outlives an operation is no part of it
            if parent.span is not None:
                self.span = parent.span.child(self.name, self._fields()) if parent.span.recording else parent.span
            self.tracer = parent.tracer
            if not isinstance(parent, Request):
                self.parent = parent
                if self.threshold < parent._least:
                    parent._least = self.threshold
                if parent._items is None:
                    parent._items = [self]
                else:
                    parent._items.append(self)
        self._token = CURRENT.set(self)
        self.started = perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: "TracebackType | None"
    ) -> None:
        ended = self.ended = perf_counter()
        CURRENT.reset(self._token)
        outermost = self.parent is None
        # Both would tie the operation, and the request that its fields are made of, into a cycle.
        del self._token
        self.parent = None
        if self.span is not None and self.span.recording:
            self._end_span(error)
        if outermost and ended - self.started >= self._least:
            self._log()

    def step(self, text: str, fields: Fields = _NONE) -> None:
        """*text* has just been done."""
        if self._items is None:
            self._items = [(perf_counter(), text, fields)]
        else:
            self._items.append((perf_counter(), text, fields))

    def _fields(self) -> Fields:
        fields = self.fields
        if callable(fields):
            fields = self.fields = fields()
        return fields

    def _end_span(self, error: BaseException | None) -> None:
        span = self.span
        assert span is not None
        offset = clock_offset()
        for item in self._items or ():
            if not isinstance(item, Trace):
                at, text, fields = item
                span.event(text, fields, at_ns=offset + int(at * 1e9))
        span.end(error)

    # ---- the log

    def _log(self) -> None:
        """Tell of this operation, or else of those within it, that took their threshold."""
        if self.ended - self.started < self.threshold:
            for item in self._items or ():
                if isinstance(item, Trace) and item.ended:
                    item._log()
            return
        if not logger.isEnabledFor(V2):
            return
        lines: list[str] = []
        self._write(lines, "", clock_offset() / 1e9)
        total = _milliseconds(self.ended - self.started)
        text = f"Trace[{random.getrandbits(31)}]: {self.name} (total time: {total})"
        pairs = dict(self._fields())
        if lines:
            pairs["steps"] = Stack("\n".join(lines))
        logger.log(V2, kv(text, pairs))

    def _write(self, lines: list[str], indent: str, offset: float) -> None:
        share = self._share()
        last = self.started
        everything = logger.isEnabledFor(V4)
        for item in self._items or ():
            if isinstance(item, Trace):
                at = item.ended or item.started
                if everything or at - item.started >= item.threshold:
                    lines.append(
                        f"{indent}[{_summary(item.name, at - item.started, item.started + offset, item._fields())}"
                    )
                    item._write(lines, indent + " ", offset)
                    lines[-1] += "]"
            else:
                at, text, fields = item
                if everything or at - last >= share:
                    lines.append(f"{indent}---{_summary(text, at - last, at + offset, fields)}")
            last = at

    def _share(self) -> float:
        """Seconds that one step may take without being worth a line."""
        items = self._items or ()
        nested = [item for item in items if isinstance(item, Trace)]
        rest, count = self.threshold - sum(item.threshold for item in nested), len(items) + 1 - len(nested)
        if rest < self.threshold / 4:
            rest, count = self.threshold / 4, len(items) + 1
        return rest / count


class Request(Trace):
    """What the operations of a request are within: its span and its tracer. It is no operation for the log."""

    def __init__(self, *, span: "Span | None" = None, tracer: "RequestTracer | None" = None) -> None:
        super().__init__("")
        self.span = span
        self.tracer = tracer

    def step(self, text: str, fields: Fields = _NONE) -> None:
        if self.span is not None and self.span.recording:
            self.span.event(text, fields, at_ns=time.time_ns())


CURRENT: Final[ContextVar[Trace | None]] = ContextVar("genericapiserver_trace", default=None)
"""The operation that is going on."""


def step(text: str, fields: Fields = _NONE) -> None:
    """*text* has just been done in the operation that is going on, if there is one."""
    trace = CURRENT.get()
    if trace is not None and not trace.ended:
        trace.step(text, fields)


def record(name: str, begun: float, fields: Fields = _NONE) -> None:
    """An operation that began at *begun* (performance counter) has just ended: a span where the request is traced."""
    trace = CURRENT.get()
    if trace is not None and trace.span is not None and trace.span.recording and not trace.ended:
        trace.span.child(name, fields, start_ns=clock_offset() + int(begun * 1e9)).end()


def clock_offset() -> int:
    """Nanoseconds from the performance counter to the time of day."""
    return time.time_ns() - int(perf_counter() * 1e9)


def _summary(name: str, seconds: float, at: float, fields: Fields) -> str:
    shown = ",".join(f"{key}:{value}" for key, value in fields.items())
    time_of_day = time.strftime("%H:%M:%S", time.localtime(at)) + f".{int(at % 1 * 1000):03d}"
    return f'"{name}" {shown}{" " if shown else ""}{_milliseconds(seconds)} ({time_of_day})'


def _milliseconds(seconds: float) -> str:
    return f"{int(seconds * 1000)}ms"
