"""Open watches, as those see them who look into a server."""

import asyncio
import contextlib

import pytest

from genericapiserver.asgi import Message, Scope
from genericapiserver.endpoints.live_watches import LiveWatches
from tests.endpoints.test_get_and_list import create
from tests.support.asgi_client import ASGIClient
from tests.support.demo_api import DemoServer, gadgets


@pytest.fixture
def live() -> LiveWatches:
    return LiveWatches()


@pytest.fixture
def server(live: LiveWatches) -> DemoServer:
    return DemoServer(live_watches=live)


async def version_of(client: ASGIClient) -> str:
    return str((await client.get(gadgets())).json()["metadata"]["resourceVersion"])


async def test_a_watch_is_entered_while_it_is_open(client: ASGIClient, live: LiveWatches) -> None:
    await create(client, "old")
    version = await version_of(client)
    async with client.open("GET", f"{gadgets()}?watch=1&resourceVersion={version}") as response:
        (watch,) = live
        assert (watch.start_revision, watch.events, watch.sending) == (version, 0, 0)
        assert watch.context.request_info.resource == "gadgets"
        await create(client, "a", "b")
        await response.events(2)
        assert watch.events == 2
        assert watch.revision == int(await version_of(client))
        assert (watch.pending, watch.lag) == (0, 0.0)
    assert len(live) == 0


async def test_watches_are_listed_oldest_first(client: ASGIClient, live: LiveWatches) -> None:
    async with client.open("GET", f"{gadgets()}?watch=1"), client.open("GET", f"{gadgets('other')}?watch=1"):
        assert [watch.context.namespace for watch in live] == ["ns", "other"]


async def test_one_that_never_began_is_not_entered(client: ASGIClient, live: LiveWatches) -> None:
    assert (await client.get(f"{gadgets()}?watch=1&fieldSelector=nonsense%3D1")).status == 400
    assert len(live) == 0


async def test_what_a_client_does_not_take_shows_as_queued_and_as_a_lag(server: DemoServer, live: LiveWatches) -> None:
    taken = asyncio.Event()
    stuck = asyncio.Event()

    async def send(message: Message) -> None:
        if message.get("body"):
            stuck.set()
            await taken.wait()

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    scope: Scope = {
        "type": "http",
        "method": "GET",
        "path": gadgets(),
        "query_string": b"watch=1",
        "headers": [],
        "http_version": "2",
    }
    serving = asyncio.ensure_future(server.app(scope, receive, send))
    while not len(live):
        await asyncio.sleep(0)
    await create(server.client, "a")
    await stuck.wait()
    await create(server.client, "b", "c")
    (watch,) = live
    assert (watch.events, watch.pending) == (1, 2)
    assert watch.sending > 100
    assert watch.lag is not None
    assert watch.lag > 0
    taken.set()
    while watch.events < 3:
        await asyncio.sleep(0)
    assert (watch.sending, watch.pending, watch.lag) == (0, 0, 0.0)
    serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving
    assert len(live) == 0
