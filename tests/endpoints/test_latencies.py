"""What a request learns of where its time went (filters reference, 7.3)."""

from typing import Any

import pytest

from genericapiserver.asgi import Receive, Scope, Send
from genericapiserver.logs.served import SERVED, spent
from genericapiserver.request import RequestContext
from tests.support.asgi_client import ASGIClient
from tests.support.demo_api import DemoServer, context_of, gadget, gadgets

TABLE = {"accept": "application/json;as=Table;g=meta.k8s.io;v=v1"}


@pytest.fixture
def contexts(monkeypatch: pytest.MonkeyPatch) -> list[RequestContext]:
    """The contexts of all requests from here on, with every part noted however short it was."""
    monkeypatch.setattr("genericapiserver.request.context._NOTABLE_LATENCY", 0.0)
    seen: list[RequestContext] = []
    return seen


@pytest.fixture
def client(contexts: list[RequestContext]) -> ASGIClient:
    handler = DemoServer().client.app

    async def remembering(scope: Scope, receive: Receive, send: Send) -> None:
        await handler(scope, receive, send)
        contexts.append(context_of(scope))

    return ASGIClient(remembering)


@pytest.mark.parametrize(
    ("method", "path", "extra", "parts"),
    [
        ("POST", gadgets(), {"body": gadget("b")}, {"etcd"}),
        ("PUT", gadgets(name="a"), {"body": gadget("a", size=2)}, {"etcd", "decode-response-object"}),
        ("GET", gadgets(name="a"), {}, {"decode-response-object"}),
        ("GET", gadgets(), {}, {"decode-response-object"}),
        ("GET", gadgets(), {"headers": TABLE}, {"decode-response-object", "transform-response-object"}),
        ("DELETE", gadgets(name="a"), {}, {"etcd", "decode-response-object"}),
    ],
)
async def test_parts_of_a_request_are_told_to_it(
    client: ASGIClient, contexts: list[RequestContext], method: str, path: str, extra: dict[str, Any], parts: set[str]
) -> None:
    assert (await client.request("POST", gadgets(), body=gadget("a"))).status == 201
    contexts.clear()
    assert (await client.request(method, path, **extra)).status < 300
    latencies = contexts[0].latencies or {}
    assert parts | {"serialize-response-object", "response-write"} <= latencies.keys()
    assert all(seconds >= 0 for seconds in latencies.values())


async def test_a_request_is_the_one_served_from_its_start_to_its_end(
    client: ASGIClient, contexts: list[RequestContext]
) -> None:
    await client.get(gadgets())
    assert SERVED.get() is None
    spent("etcd", 0.0)
    assert "etcd" not in (contexts[0].latencies or {}), "what comes later belongs to nobody"
