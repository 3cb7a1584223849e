import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from genericapiserver.asgi import Message, Receive, Scope, Send
from genericapiserver.client.informer import Informer, InformerFactory
from genericapiserver.client.transport import InProcessTransport


def item(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "n", "resourceVersion": str(version)}}


class FakeAPI:
    """An ASGI application with one resource: lists what it holds, streams what is pushed."""

    def __init__(self) -> None:
        self.objects = {"a": item("a", 1), "b": item("b", 2)}
        self.version = 2
        self.lists = 0
        self.watched_from: list[str] = []
        self.selectors: list[str | None] = []
        self.pushed: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = dict(pair.split("=") for pair in scope["query_string"].decode().split("&"))
        self.selectors.append(query.get("fieldSelector"))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        if "watch" not in query:
            await self.list(query, send)
            return
        self.watched_from.append(query["resourceVersion"])
        while (event := await self.pushed.get()) is not None:
            await send({"type": "http.response.body", "body": json.dumps(event).encode() + b"\n", "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def list(self, query: dict[str, str], send: Send) -> None:
        self.lists += 1
        names = sorted(self.objects)
        page = names if "continue" in query else names[:1]
        metadata = {"resourceVersion": str(self.version)}
        if len(page) < len(names) and "continue" not in query:
            metadata["continue"] = "next"
        body = {"metadata": metadata, "items": [self.objects[name] for name in page]}
        message: Message = {"type": "http.response.body", "body": json.dumps(body).encode()}
        await send(message)


@pytest.fixture
async def running() -> AsyncIterator[tuple[FakeAPI, Informer[dict[str, Any]]]]:
    api = FakeAPI()
    informer: Informer[dict[str, Any]] = Informer(InProcessTransport(lambda: api), "/apis/g/v/things", lambda raw: raw)
    task = asyncio.create_task(informer.run())
    await informer.synced.wait()
    yield api, informer
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


async def test_every_page_of_the_list_is_read(running: tuple[FakeAPI, Informer[dict[str, Any]]]) -> None:
    _, informer = running
    assert [thing["metadata"]["name"] for thing in informer] == ["a", "b"]
    assert informer.get("a", namespace="n") == item("a", 1)
    assert informer.get("a", namespace="other") is None


async def test_events_change_the_copy(running: tuple[FakeAPI, Informer[dict[str, Any]]]) -> None:
    api, informer = running
    api.pushed.put_nowait({"type": "ADDED", "object": item("c", 3)})
    api.pushed.put_nowait({"type": "DELETED", "object": item("a", 4)})
    await until(lambda: informer.get("a", namespace="n") is None)
    assert informer.get("c", namespace="n") == item("c", 3)
    assert len(informer) == 2


async def test_a_watch_that_ends_goes_on_from_the_last_bookmark(
    running: tuple[FakeAPI, Informer[dict[str, Any]]],
) -> None:
    api, _ = running
    api.pushed.put_nowait({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "9"}}})
    api.pushed.put_nowait(None)
    await until(lambda: api.watched_from == ["2", "9"])
    assert api.lists == 2  # the two pages of the first list


async def test_an_error_event_makes_it_list_again(
    running: tuple[FakeAPI, Informer[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    api, informer = running
    monkeypatch.setattr("genericapiserver.client.informer.FIRST_PAUSE", 0.001)
    api.objects = {"z": item("z", 7)}
    api.version = 7
    api.pushed.put_nowait({"type": "ERROR", "object": {"code": 410, "message": "too old"}})
    await until(lambda: informer.get("z", namespace="n") is not None)
    assert len(informer) == 1


async def test_a_factory_makes_one_informer_a_path() -> None:
    factory = InformerFactory(InProcessTransport(FakeAPI))
    first = factory.informer("/p", lambda raw: raw)
    assert factory.informer("/p", lambda raw: raw) is first
    assert factory.not_synced() == ["/p"]


async def test_a_query_narrows_both_list_and_watch() -> None:
    api = FakeAPI()
    query = {"fieldSelector": "metadata.name"}
    informer = Informer(InProcessTransport(lambda: api), "/apis/g/v/things", lambda raw: raw, query=query)
    task = asyncio.create_task(informer.run())
    await informer.synced.wait()
    async with asyncio.timeout(10):
        while not api.watched_from:
            await asyncio.sleep(0)
    assert set(api.selectors) == {"metadata.name"}
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_listeners_are_told_of_lists_and_events_but_not_of_bookmarks() -> None:
    api, told = FakeAPI(), asyncio.Queue[list[str]]()
    informer: Informer[dict[str, Any]] = Informer(InProcessTransport(lambda: api), "/apis/g/v/things", lambda raw: raw)
    informer.add_listener(lambda: told.put_nowait([entry["metadata"]["name"] for entry in informer]))
    task = asyncio.create_task(informer.run())
    async with asyncio.timeout(10):
        assert await told.get() == ["a", "b"]
        api.pushed.put_nowait({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "7"}}})
        api.pushed.put_nowait({"type": "ADDED", "object": item("c", 8)})
        assert await told.get() == ["a", "b", "c"]
        api.pushed.put_nowait({"type": "DELETED", "object": item("a", 9)})
        assert await told.get() == ["b", "c"]
    assert told.empty()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_handlers_of_changes_are_told_what_was_before_and_what_is_now(
    running: tuple[FakeAPI, Informer[dict[str, Any]]],
) -> None:
    api, informer = running
    changes: list[tuple[int | None, int | None]] = []

    def version(thing: dict[str, Any] | None) -> int | None:
        return None if thing is None else int(thing["metadata"]["resourceVersion"])

    informer.add_change_handler(lambda before, now: changes.append((version(before), version(now))))
    api.pushed.put_nowait({"type": "ADDED", "object": item("c", 3)})
    api.pushed.put_nowait({"type": "BOOKMARK", "object": item("", 4)})
    api.pushed.put_nowait({"type": "MODIFIED", "object": item("c", 5)})
    api.pushed.put_nowait({"type": "DELETED", "object": item("a", 6)})
    await until(lambda: len(changes) == 3)
    assert changes == [(None, 3), (3, 5), (1, None)]
    # What was missed is found by the next list, and what is as it was is no change.
    api.objects = {"b": item("b", 2), "c": item("c", 7)}
    api.pushed.put_nowait({"type": "ERROR", "object": {"message": "too old"}})
    await until(lambda: len(changes) == 4)
    assert changes[3:] == [(5, 7)]
