"""The webhook backend: what is posted, and what happens when nobody takes it."""

import asyncio
import json
from typing import Any

import pytest

from genericapiserver.audit.metrics import AuditMetrics
from genericapiserver.audit.webhook import WebhookBackend, webhook_url
from genericapiserver.metrics import MetricsRegistry
from tests.support.audit import new_event

URL = "https://audit.example.com/?timeout=30s"


class Client:
    """Answers in turn with a status, or raises."""

    def __init__(self, *answers: tuple[int, bytes] | Exception) -> None:
        self.answers = list(answers)
        self.posted: list[tuple[str, bytes]] = []
        self.closed = False

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        self.posted.append((path, body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def aclose(self) -> None:
        self.closed = True


def webhook(client: Client, *, registry: MetricsRegistry | None = None, **settings: Any) -> tuple[Any, list[float]]:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    metrics = AuditMetrics(registry) if registry is not None else None
    made = WebhookBackend(
        client, URL, metrics=metrics, **{"sleep": sleep, "jitter": lambda: 0.0, "initial_backoff": 0.3, **settings}
    )
    return made, slept


async def test_a_batch_is_one_list_whose_items_have_no_kind() -> None:
    client = Client((200, b""))
    backend, _ = webhook(client)
    await backend.start()
    events = [new_event("1"), new_event("2")]
    assert await backend.process_events(events) is True
    ((path, body),) = client.posted
    assert path == URL
    assert body == (
        b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":['
        + events[0].json()
        + b","
        + events[1].json()
        + b"]}\n"
    )
    assert list(json.loads(body)["items"][0])[:2] == ["level", "auditID"]
    await backend.aclose()
    assert client.closed
    assert backend.name == "webhook"


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ((500, b""), 'an error on the server ("") has prevented the request from succeeding'),
        ((503, b"busy\n"), 'an error on the server ("busy") has prevented the request from succeeding'),
        ((404, b""), 'the server responded with the status code 404 and the message ""'),
        ((400, b'{"message": "no\\n"}'), '"no\\n"'),
        (ConnectionError("refused"), "refused"),
        (TimeoutError(), "TimeoutError"),
    ],
)
async def test_every_error_is_tried_five_times(answer: Any, problem: str, caplog: pytest.LogCaptureFixture) -> None:
    registry, client = MetricsRegistry(), Client(answer)
    backend, slept = webhook(client, registry=registry)
    assert await backend.process_events([new_event("1"), new_event("2")]) is False
    assert len(client.posted) == 5
    assert slept == pytest.approx([0.3, 0.45, 0.675, 1.0125])
    assert f"Error in audit plugin 'webhook' affecting 2 audit events: {problem}\nImpacted events:\n" in caplog.text
    assert registry.collectors.get_sample_value("apiserver_audit_error_total", {"plugin": "webhook"}) == 2


async def test_a_try_that_works_ends_it() -> None:
    client = Client((500, b""), ConnectionError("refused"), (201, b""))
    backend, slept = webhook(client, jitter=lambda: 1.0)
    assert await backend.process_events([new_event()]) is True
    assert len(client.posted) == 3
    assert slept == pytest.approx([0.36, 0.54])


async def test_the_end_waits_for_the_tries_that_nobody_waits_for() -> None:
    release = asyncio.Event()

    async def sleep(seconds: float) -> None:
        await release.wait()

    client = Client((500, b""), (200, b""))
    backend, _ = webhook(client, sleep=sleep)
    request = asyncio.ensure_future(backend.process_events([new_event()]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    request.cancel()
    closing = asyncio.ensure_future(backend.aclose())
    await asyncio.sleep(0)
    assert not closing.done()
    release.set()
    await closing
    assert len(client.posted) == 2


@pytest.mark.parametrize(
    ("server", "url"),
    [
        ("https://h:1", "https://h:1/?timeout=30s"),
        ("https://h/audit", "https://h/audit?timeout=30s"),
        ("http://h/audit/?a=b", "http://h/audit/?timeout=30s"),
    ],
)
def test_the_query_of_the_server_gives_way_to_the_timeout(server: str, url: str) -> None:
    assert webhook_url(server) == url
