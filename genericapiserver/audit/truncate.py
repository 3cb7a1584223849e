"""Events and batches of a bounded size. Source: plugin/pkg/audit/truncate of k8s.io/apiserver."""

from collections.abc import Sequence

from genericapiserver.audit.backend import Accepted, AuditBackend, joined, report_error
from genericapiserver.audit.event import AuditEvent
from genericapiserver.audit.metrics import AuditMetrics
from genericapiserver.request import AuditLevel


class Truncate:
    """Hands events on to *delegate* without their bodies when they have more than *max_event_size* bytes.

    What is still larger is dropped and reported. No call to the delegate has more than *max_batch_size* bytes.
    """

    def __init__(
        self,
        delegate: AuditBackend,
        *,
        max_event_size: int,
        max_batch_size: int,
        metrics: AuditMetrics | None = None,
    ) -> None:
        self.delegate = delegate
        self.name = f"truncate<{delegate.name}>"
        self._max_event_size = max_event_size
        self._max_batch_size = max_batch_size
        self._metrics = metrics

    def process_events(self, events: Sequence[AuditEvent]) -> Accepted:
        results: list[Accepted] = []
        dropped: list[AuditEvent] = []
        batch: list[AuditEvent] = []
        batch_size = 0
        for event in events:
            size = len(event.line())
            if size > self._max_event_size and event.level >= AuditLevel.REQUEST:
                event = event.truncated()
                size = len(event.line())
            if size > self._max_event_size:
                dropped.append(event)
                continue
            if batch and batch_size + size > self._max_batch_size:
                results.append(self.delegate.process_events(batch))
                batch, batch_size = [], 0
            batch.append(event)
            batch_size += size
        if batch:
            results.append(self.delegate.process_events(batch))
        if dropped:
            report_error(self._metrics, "truncate", "event is too large even after truncating", dropped)
        return joined(results)

    async def start(self) -> None:
        await self.delegate.start()

    async def aclose(self) -> None:
        await self.delegate.aclose()
