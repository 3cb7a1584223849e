"""Where events go: what a backend promises, and the small ones that stand around others.

    truncate< buffered< webhook > >      union[ ignoreErrors<log>, truncate<buffered<webhook>> ]

A backend answers at once where it can, with a bool, and otherwise with something to wait for: writing a line to a file must
not cost a request a task. Source: pkg/audit/{types,union}.go and pkg/server/options/audit.go of k8s.io/apiserver.
"""

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from typing import Final, Protocol, TypeAlias

from genericapiserver.audit.event import AuditEvent
from genericapiserver.audit.metrics import AuditMetrics

logger = logging.getLogger(__name__)

Accepted: TypeAlias = "bool | Awaitable[bool]"
"""Whether the events are stored, or handed to whoever answers for them."""


SHUT_DOWN: Final = "audit backend shut down"
"""What there is to say of events that come after the end."""


class AuditBackend(Protocol):
    """Takes events. Errors are the backend's to report (`report_error`); nothing is raised but by `start`."""

    @property
    def name(self) -> str: ...

    def process_events(self, events: Sequence[AuditEvent]) -> Accepted:
        """Take *events*, in order. They change after this call: keep snapshots.

        Nobody may wait for what is returned, when a request ends early: the work goes on. A coroutine is run to its end in
        any case.
        """

    async def start(self) -> None:
        """Called once, before the first event. Raises OSError or the like for what cannot work."""

    async def aclose(self) -> None:
        """Called once, after the last event or a start that failed; returns when everything taken has been dealt with."""


def report_error(metrics: AuditMetrics | None, plugin: str, error: object, events: Sequence[AuditEvent]) -> None:
    """Count and log that *events* may not be where they belong."""
    if metrics is not None:
        metrics.errors.labels(plugin).inc(len(events))
    logger.error(
        "Error in audit plugin '%s' affecting %d audit events: %s\nImpacted events:\n%s",
        plugin,
        len(events),
        error,
        "\n".join(event.legacy_line() for event in events),
    )


class IgnoreErrors:
    """Waits for *delegate* and then says that all is well: for a mode that blocks but does not refuse."""

    def __init__(self, delegate: AuditBackend) -> None:
        self.delegate = delegate
        self.name = f"ignoreErrors<{delegate.name}>"

    def process_events(self, events: Sequence[AuditEvent]) -> Accepted:
        accepted = self.delegate.process_events(events)
        return True if isinstance(accepted, bool) else _always(accepted)

    async def start(self) -> None:
        await self.delegate.start()

    async def aclose(self) -> None:
        await self.delegate.aclose()


async def _always(accepted: Awaitable[bool]) -> bool:
    await accepted
    return True


class Union:
    """All of *backends*, each of which gets every event, whatever becomes of it in the others."""

    def __init__(self, backends: Sequence[AuditBackend]) -> None:
        self.backends = tuple(backends)
        self.name = f"union[{','.join(backend.name for backend in self.backends)}]"

    def process_events(self, events: Sequence[AuditEvent]) -> Accepted:
        return joined([backend.process_events(events) for backend in self.backends])

    async def start(self) -> None:
        for backend in self.backends:
            await backend.start()

    async def aclose(self) -> None:
        # Each of them, even when one raises.
        results = await asyncio.gather(*(backend.aclose() for backend in self.backends), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result


def joined(results: Sequence[Accepted]) -> Accepted:
    """Whether all *results* say so."""
    pending = [result for result in results if not isinstance(result, bool)]
    at_once = False not in results
    return _all(pending, at_once) if pending else at_once


async def _all(pending: Sequence[Awaitable[bool]], at_once: bool) -> bool:
    return all([at_once, *await asyncio.gather(*pending)])


def union(*backends: AuditBackend) -> AuditBackend | None:
    """One backend for all of *backends*: itself when it is the only one, None when there is none."""
    if not backends:
        return None
    return backends[0] if len(backends) == 1 else Union(backends)
