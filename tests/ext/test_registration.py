"""Registered: what tells that the aggregation layer of a cluster has found the server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from genericapiserver.aio import Signal
from genericapiserver.asgi import Handler, send_text
from genericapiserver.authorization.builtin import AlwaysAllowAuthorizer, AlwaysDenyAuthorizer
from genericapiserver.ext import with_registration
from tests.ext.support import V1, serving_store
from tests.support.asgi_client import ASGIClient


@pytest.mark.parametrize(("authorizer", "code"), [(AlwaysAllowAuthorizer(), 200), (AlwaysDenyAuthorizer(), 403)])
@pytest.mark.parametrize(
    ("user", "path"),
    [
        ("system:aggregator", "/openapi/v2"),
        ("system:aggregator", "/openapi/v3"),
        ("system:kube-aggregator", "/apis"),
        ("system:kube-aggregator", f"/apis/{V1}"),
    ],
)
async def test_acceptance_registered(authorizer: Any, code: int, user: str, path: str) -> None:
    """Not before, and after one request, even if that is denied."""
    async with serving_store(authorizer=authorizer) as world:
        registered = world.server.registered()
        waiting = asyncio.create_task(world.server.wait_registered())
        await world.client.get(path)  # nobody
        await world.client.get(path, x_user="somebody")
        assert not registered.is_set()
        assert not waiting.done()
        assert (await world.client.get(path, x_user=user)).status == code
        assert registered.is_set()
        await asyncio.wait_for(waiting, 60)
        assert world.server.registered() is registered


def app_until(registered: Signal) -> Handler:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send_text(send, 200, "the page")

    return with_registration(app, registered)


async def test_pages_wait_for_the_registration() -> None:
    registered = Signal("Registered")
    client = ASGIClient(app_until(registered))
    before = await client.get("/")
    registered.set()
    after = await client.get("/")
    assert (before.status, before.text) == (503, "API Aggregation not ready")
    assert (after.status, after.text) == (200, "the page")


async def test_websockets_wait_as_well() -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app_until(Signal("Registered"))({"type": "websocket", "path": "/"}, receive, send)
    assert [message["type"] for message in sent] == ["websocket.close"]


async def test_what_is_no_request_does_not_wait() -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    await with_registration(app, Signal("Registered"))({"type": "lifespan"}, None, None)  # type: ignore[arg-type]
    assert seen == ["lifespan"]
