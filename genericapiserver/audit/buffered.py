"""Mode batch: requests leave their events in a buffer, a task takes them on. Source: plugin/pkg/audit/buffered.

    process_events ─ snapshot ─> buffer ─> a batch, when it is full, or has waited long, or at the end ─> delegate

Nobody waits for the delegate and nobody hears of its failures; when it cannot keep up, events are dropped and reported.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic

import attrs

from genericapiserver.audit.backend import SHUT_DOWN, Accepted, AuditBackend, report_error
from genericapiserver.audit.event import AuditEvent
from genericapiserver.audit.metrics import AuditMetrics


@attrs.frozen(kw_only=True)
class BatchConfig:
    """Sizes are numbers of events, *max_wait* is in seconds, *throttle_qps* counts batches a second; 0 is no limit."""

    buffer_size: int = 10_000
    max_size: int = 400
    max_wait: float = 30.0
    throttle_qps: float = 0.0
    throttle_burst: int = 0
    concurrent: bool = False
    """Whether a batch goes to the delegate while it still has the one before."""


class TokenBucket:
    """Lets *burst* go at once and *rate* a second on average."""

    def __init__(
        self,
        rate: float,
        burst: int,
        *,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._sleep = sleep
        self._tokens = float(burst)
        self._at = clock()

    async def take(self) -> None:
        """Return when there is a token."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate) - 1
        self._at = now
        if self._tokens < 0:
            await self._sleep(-self._tokens / self._rate)


class Buffered:
    """Collects events for *delegate* as *config* says."""

    def __init__(self, delegate: AuditBackend, config: BatchConfig, *, metrics: AuditMetrics | None = None) -> None:
        self.delegate = delegate
        self.name = f"buffered<{delegate.name}>"
        self._config = config
        self._metrics = metrics
        self._throttle = TokenBucket(config.throttle_qps, config.throttle_burst) if config.throttle_qps > 0 else None
        self._buffer: deque[AuditEvent] = deque()
        self._collecting = False
        self._closed = False
        self._wake = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._deliveries: set[asyncio.Task[None]] = set()
        # Without a time to wait there is no reason to.
        self._wake_at = config.max_size if config.max_wait > 0 else 1

    async def start(self) -> None:
        await self.delegate.start()
        self._worker = asyncio.create_task(self._work())

    def process_events(self, events: Sequence[AuditEvent]) -> Accepted:
        """Always accepted; what does not fit is reported."""
        buffer, problem = self._buffer, SHUT_DOWN
        for index, event in enumerate(events):
            # A batch that is being collected is not part of the buffer.
            if self._closed or len(buffer) >= self._config.buffer_size + self._collecting * self._config.max_size:
                if not self._closed:
                    problem = "audit buffer queue blocked"
                report_error(self._metrics, "buffered", problem, events[index:])
                break
            buffer.append(event.snapshot())
        if len(buffer) >= self._wake_at:
            self._wake.set()
        return True

    async def aclose(self) -> None:
        self._closed = True
        self._wake.set()
        if self._worker is not None:
            await self._worker
        while self._deliveries:
            await asyncio.wait(self._deliveries)
        await self.delegate.aclose()

    async def _work(self) -> None:
        while self._buffer or not self._closed:
            batch = await self._collect()
            if not batch:
                continue
            if self._throttle is not None:
                await self._throttle.take()
            if self._config.concurrent:
                task = asyncio.create_task(self._deliver(batch))
                self._deliveries.add(task)
                task.add_done_callback(self._deliveries.discard)
            else:
                await self._deliver(batch)

    async def _collect(self) -> list[AuditEvent]:
        """A batch, empty when there was nothing in the time given."""
        if len(self._buffer) < self._wake_at and not self._closed:
            self._collecting = True
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._config.max_wait if self._config.max_size > 1 else None):
                    await self._wake.wait()
            self._collecting = False
        buffer = self._buffer
        return [buffer.popleft() for _ in range(min(len(buffer), self._config.max_size))]

    async def _deliver(self, batch: Sequence[AuditEvent]) -> None:
        try:
            accepted = self.delegate.process_events(batch)
            if not isinstance(accepted, bool):
                await accepted
        except Exception as error:  # noqa: BLE001  one batch must not end the worker
            report_error(self._metrics, "buffered", f"{type(error).__name__}: {error}", batch)
