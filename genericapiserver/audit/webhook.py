"""The webhook backend: batches of events, posted to somebody else's server. Source: plugin/pkg/audit/webhook.

Every failure is tried again, for a while; then the batch is lost and reported. The answer's body says nothing.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final, Protocol
from urllib.parse import urlsplit, urlunsplit

from genericapiserver.apimachinery.go import quote
from genericapiserver.audit.backend import SHUT_DOWN, Accepted, report_error
from genericapiserver.audit.event import AuditEvent
from genericapiserver.audit.metrics import AuditMetrics

TRIES: Final = 5
FACTOR: Final = 1.5
JITTER: Final = 0.2
TIMEOUT: Final = 30.0
"""Seconds that one try may take."""

_HEAD: Final = b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":['
_MAX_SHOWN: Final = 256


class WebhookClient(Protocol):
    """The part of client.RESTClient that is used here."""

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Raises OSError when no answer comes."""

    async def aclose(self) -> None: ...


def encode_event_list(events: Sequence[AuditEvent]) -> bytes:
    """An EventList, whose items are without `kind` and `apiVersion`."""
    return _HEAD + b",".join(event.json() for event in events) + b"]}\n"


def webhook_url(server: str) -> str:
    """Where to post, for the *server* of a kubeconfig file: its query gives way to the timeout."""
    parts = urlsplit(server)
    return urlunsplit((parts.scheme, parts.netloc, parts.path or "/", f"timeout={TIMEOUT:.0f}s", ""))


class WebhookBackend:
    """Posts to *url* through *client*, with up to four more tries, the first after *initial_backoff* seconds."""

    name = "webhook"

    def __init__(
        self,
        client: WebhookClient,
        url: str,
        *,
        initial_backoff: float = 10.0,
        metrics: AuditMetrics | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self._url = url
        self._initial_backoff = initial_backoff
        self._metrics = metrics
        self._sleep = sleep
        self._jitter = jitter
        self._pending: set[asyncio.Task[bool]] = set()
        self._closed = False

    async def start(self) -> None:
        """The server need not be there yet."""

    def process_events(self, events: Sequence[AuditEvent]) -> Accepted:
        if self._closed:
            report_error(self._metrics, self.name, SHUT_DOWN, events)
            return False
        task = asyncio.create_task(self._deliver([event.snapshot() for event in events]))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)
        return asyncio.shield(task)

    async def aclose(self) -> None:
        self._closed = True
        while self._pending:
            await asyncio.wait(self._pending)
        await self._client.aclose()

    async def _deliver(self, events: Sequence[AuditEvent]) -> bool:
        body = encode_event_list(events)
        for delay in (*self._delays(), None):
            problem = await self._post(body)
            if problem is None:
                return True
            if delay is not None:
                await self._sleep(delay)
        report_error(self._metrics, self.name, problem, events)
        return False

    def _delays(self) -> Iterator[float]:
        delay = self._initial_backoff
        for _ in range(TRIES - 1):
            yield delay * (1 + self._jitter() * JITTER)
            delay *= FACTOR

    async def _post(self, body: bytes) -> str | None:
        """What went wrong, if anything did."""
        try:
            status, answer = await self._client.post(self._url, body)
        except Exception as error:  # noqa: BLE001  whatever it is, the events are not where they belong
            return str(error) or type(error).__name__
        return None if 200 <= status < 300 else _refusal(status, answer)


def _refusal(status: int, answer: bytes) -> str:
    """An answer's own message, or the words of client-go for its status."""
    try:
        message = json.loads(answer)["message"]
    except (ValueError, TypeError, KeyError):
        message = ""
    if isinstance(message, str) and message:
        return quote(message[:_MAX_SHOWN])
    text = quote(answer[:_MAX_SHOWN].decode("utf-8", "replace").strip())
    if status >= 500:
        return f"an error on the server ({text}) has prevented the request from succeeding"
    return f"the server responded with the status code {status} and the message {text}"
