"""Watches over HTTP and over websockets (endpoints reference, section 10)."""

import asyncio
import json
from typing import Any

import pytest

from genericapiserver.aio import Signal
from genericapiserver.asgi import Message, Scope
from genericapiserver.endpoints.handlers import watch as watch_module
from tests.endpoints.test_get_and_list import create
from tests.support.asgi_client import ASGIClient
from tests.support.demo_api import GROUP, DemoServer, context_of, gadgets

TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"
PARTIAL = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


async def version_of(client: ASGIClient) -> str:
    return str((await client.get(gadgets())).json()["metadata"]["resourceVersion"])


def described(events: list[Any]) -> list[tuple[str, str]]:
    return [(event["type"], event["object"]["metadata"].get("name", "")) for event in events]


async def test_headers_come_before_any_event(client: ASGIClient) -> None:
    async with client.open("GET", gadgets() + "?watch=1") as response:
        assert response.status == 200
        assert response.headers["content-type"] == "application/json"
        assert "content-length" not in response.headers
        await create(client, "a")
        assert described(await response.events(1)) == [("ADDED", "a")]


async def test_frames_are_lines_of_json_with_kind(client: ASGIClient) -> None:
    async with client.open("GET", gadgets() + "?watch=1") as response:
        await create(client, "a")
        line = await response.line()
    assert line.startswith(
        b'{"type":"ADDED","object":{"kind":"Gadget","apiVersion":"demo.example.com/v1","metadata":{"name":"a"'
    )
    assert line.endswith(b'"status":{}}}')


async def test_a_watch_follows_changes_from_a_version(client: ASGIClient) -> None:
    await create(client, "old")
    version = await version_of(client)
    async with client.open("GET", f"{gadgets()}?watch=1&resourceVersion={version}") as response:
        await create(client, "a")
        await client.request(
            "PATCH",
            gadgets(name="a"),
            body={"spec": {"size": 5}},
            headers={"content-type": "application/merge-patch+json"},
        )
        await client.request("DELETE", gadgets(name="a"))
        assert described(await response.events(3)) == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]


async def test_initial_events_end_with_an_annotated_bookmark(client: ASGIClient) -> None:
    await create(client, "a", "b")
    query = "?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    async with client.open("GET", gadgets() + query) as response:
        events = await response.events(3)
    assert described(events) == [("ADDED", "a"), ("ADDED", "b"), ("BOOKMARK", "")]
    bookmark = events[2]["object"]
    assert (bookmark["kind"], bookmark["apiVersion"]) == ("Gadget", f"{GROUP}/v1")
    assert bookmark["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_a_plain_watch_with_bookmarks_gets_the_annotated_one_by_default(client: ASGIClient) -> None:
    await create(client, "a")
    async with client.open("GET", gadgets() + "?watch=1&allowWatchBookmarks=1") as response:
        assert described(await response.events(2)) == [("ADDED", "a"), ("BOOKMARK", "")]


@pytest.mark.parametrize(
    ("target", "code", "message"),
    [
        (
            gadgets() + "?watch=1&sendInitialEvents=true",
            422,
            'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting',
        ),
        (gadgets() + "?watch=1&resourceVersion=abc", 500, 'resourceVersion: Invalid value: "abc": strconv.ParseUint'),
        (gadgets() + "?watch=1&labelSelector=a%20b", 400, "unable to parse requirement: "),
        (
            f"/apis/{GROUP}/v1/watch/namespaces/ns/gadgets/a?fieldSelector=metadata.name%3Db",
            400,
            "fieldSelector metadata.name doesn't match requested name",
        ),
    ],
)
async def test_what_is_wrong_before_the_stream_is_an_http_error(
    client: ASGIClient, target: str, code: int, message: str
) -> None:
    response = await client.get(target)
    assert response.status == code
    assert response.json()["message"].startswith(message)


async def test_a_version_too_old_is_an_event_and_the_end(server: DemoServer) -> None:
    await create(server.client, "a", "b", "c")
    await server.engine.compact(int(await version_of(server.client)))
    store = DemoServer(watch_cache=False)
    await create(store.client, "a", "b", "c")
    await store.engine.compact(int(await version_of(store.client)))
    async with store.client.open("GET", gadgets() + "?watch=1&resourceVersion=1") as response:
        assert response.status == 200
        (event,) = await response.events(2)
    assert event["type"] == "ERROR"
    assert (event["object"]["kind"], event["object"]["code"], event["object"]["reason"]) == ("Status", 410, "Expired")


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("watch/namespaces/ns/gadgets", ["a", "b"]),
        ("watch/namespaces/ns/gadgets?watch=0", ["a", "b"]),
        ("watch/gadgets", ["a", "b"]),
        ("watch/namespaces/ns/gadgets/b", ["b"]),
    ],
)
async def test_the_old_paths_still_watch(client: ASGIClient, path: str, names: list[str]) -> None:
    await create(client, "a", "b")
    separator = "&" if "?" in path else "?"
    target = f"/apis/{GROUP}/v1/{path}{separator}resourceVersion=0"
    async with client.open("GET", target) as response:
        assert described(await response.events(len(names))) == [("ADDED", name) for name in names]


async def test_a_watch_ends_when_its_time_is_over(client: ASGIClient) -> None:
    async with client.open("GET", gadgets() + "?watch=1&timeoutSeconds=1") as response:
        assert await response.events(1) == []


async def test_a_negative_timeout_ends_at_once(client: ASGIClient) -> None:
    async with client.open("GET", gadgets() + "?watch=1&timeoutSeconds=-5") as response:
        assert response.status == 200
        assert await response.events(1, timeout=0.5) == []


def test_watches_without_a_timeout_live_for_different_times(server: DemoServer) -> None:
    from genericapiserver.endpoints.handlers.list import default_watch_timeout

    scope = server.installed[0].scopes["gadgets"]
    times = {default_watch_timeout(scope) for _ in range(50)}
    assert all(1800 <= seconds < 3600 for seconds in times)
    assert len(times) > 40


async def test_a_watch_ends_when_the_server_drains(server: DemoServer) -> None:
    shutdown = Signal("draining")
    app = server.container

    async def with_shutdown(scope: Any, receive: Any, send: Any) -> None:
        context_of(scope).shutdown = shutdown
        await app(scope, receive, send)

    from genericapiserver.filters.request_info import with_request_info
    from genericapiserver.request import RequestInfoFactory, long_running_check

    client = ASGIClient(
        with_request_info(with_shutdown, resolver=RequestInfoFactory(), long_running=long_running_check())
    )
    async with (
        client.open("GET", gadgets() + "?watch=1") as first,
        client.open("GET", gadgets() + "?watch=1") as second,
    ):
        shutdown.set()
        assert await first.events(1) == []
        assert await second.events(1) == []
    async with client.open("GET", gadgets() + "?watch=1") as late:
        assert await late.events(1) == []


async def test_a_client_that_goes_ends_its_watch(server: DemoServer) -> None:
    async with server.client.open("GET", gadgets() + "?watch=1") as response:
        assert response.status == 200
    # Leaving the block waits for the handler: it would time out if the watch went on.


async def test_pending_events_go_out_in_one_message(client: ASGIClient) -> None:
    await create(client, *(f"g{number}" for number in range(5)))
    async with client.open("GET", gadgets() + "?watch=1&resourceVersion=0") as response:
        piece = await response.piece()
    assert piece.count(b'{"type":"ADDED"') == 5


async def test_many_events_are_sent_in_parts(client: ASGIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "CHUNK_BYTES", 700)
    await create(client, *(f"g{number}" for number in range(5)))
    async with client.open("GET", gadgets() + "?watch=1&resourceVersion=0") as response:
        assert described(await response.events(5)) == [("ADDED", f"g{number}") for number in range(5)]


async def test_a_type_that_cannot_stream_is_refused_in_that_type(client: ASGIClient) -> None:
    response = await client.get(gadgets() + "?watch=1", accept="application/yaml, application/json")
    assert response.status == 406
    assert response.headers["content-type"] == "application/yaml"
    assert "only the following media types are accepted: application/json;stream=watch" in response.text


@pytest.mark.parametrize("accept", ["application/json;stream=watch", "*/*", "application/json;pretty=1"])
async def test_types_that_can_stream_are_never_indented(client: ASGIClient, accept: str) -> None:
    await create(client, "a")
    async with client.open(
        "GET", gadgets() + "?watch=1&pretty=1", headers={"accept": accept, "user-agent": "curl/8"}
    ) as response:
        assert response.headers["content-type"] == "application/json"
        assert described(await response.events(1)) == [("ADDED", "a")]


@pytest.mark.parametrize("include", ["Metadata", "None"])
async def test_a_watch_of_tables_sends_the_columns_once(client: ASGIClient, include: str) -> None:
    await create(client, "a", "b")
    target = f"{gadgets()}?watch=1&allowWatchBookmarks=1&includeObject={include}"
    async with client.open("GET", target, headers={"accept": TABLE}) as response:
        first, second, bookmark = await response.events(3)
    assert [column["name"] for column in first["object"]["columnDefinitions"]] == ["Name", "Created At"]
    assert second["object"]["columnDefinitions"] is None
    assert (first["object"]["rows"][0]["object"] is None) is (include == "None")
    assert bookmark["object"]["rows"][0]["cells"] == ["", "0001-01-01T00:00:00Z"]
    annotations = bookmark["object"]["rows"][0]["object"]["metadata"]["annotations"]
    assert annotations == {"k8s.io/initial-events-end": "true"}


async def test_a_watch_of_metadata(client: ASGIClient) -> None:
    await create(client, "a")
    async with client.open("GET", gadgets() + "?watch=1", headers={"accept": PARTIAL}) as response:
        (event,) = await response.events(1)
    assert event["object"]["kind"] == "PartialObjectMetadata"
    assert event["object"]["metadata"]["name"] == "a"


async def test_a_watch_of_lists_of_metadata_ends_at_the_first_event(client: ASGIClient) -> None:
    await create(client, "a")
    accept = PARTIAL.replace("Metadata;", "MetadataList;")
    async with client.open("GET", gadgets() + "?watch=1", headers={"accept": accept}) as response:
        assert response.status == 200
        assert await response.events(1) == []


async def websocket(
    server: DemoServer, target: str, headers: dict[str, str], subprotocols: tuple[str, ...] = (), messages: int = 1
) -> list[Message]:
    """What the server says to a websocket that goes after *messages* messages."""
    path, _, query = target.partition("?")
    scope: Scope = {
        "type": "websocket",
        "http_version": "1.1",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "subprotocols": list(subprotocols),
        "client": ("192.0.2.1", 1),
        "extensions": {},
    }
    sent: list[Message] = []
    enough = asyncio.Event()
    connected = False

    async def receive() -> Message:
        nonlocal connected
        if not connected:
            connected = True
            return {"type": "websocket.connect"}
        await enough.wait()
        return {"type": "websocket.disconnect", "code": 1005}

    async def send(message: Message) -> None:
        sent.append(message)
        if sum(each["type"] == "websocket.send" for each in sent) >= messages:
            enough.set()

    async with asyncio.timeout(5):
        await server.app(scope, receive, send)
    return sent


async def test_a_watch_over_a_websocket(server: DemoServer) -> None:
    await create(server.client, "a", "b")
    sent = await websocket(server, gadgets() + "?watch=1", {"origin": "http://x"}, ("v1",), messages=2)
    assert [message["type"] for message in sent] == [
        "websocket.accept",
        "websocket.send",
        "websocket.send",
        "websocket.close",
    ]
    assert sent[0]["subprotocol"] == "v1"
    assert sent[1]["text"].endswith("}\n")
    assert json.loads(sent[1]["text"])["object"]["metadata"]["name"] == "a"
    assert sent[-1]["code"] == 1000


@pytest.mark.parametrize(
    ("headers", "subprotocols", "status"), [({}, (), 403), ({"origin": "http://x"}, ("a", "b"), 400)]
)
async def test_handshakes_that_are_refused(
    server: DemoServer, headers: dict[str, str], subprotocols: tuple[str, ...], status: int
) -> None:
    sent = await websocket(server, gadgets() + "?watch=1", headers, subprotocols)
    assert sent[0]["type"] == "websocket.http.response.start"
    assert sent[0]["status"] == status
    assert sent[0]["headers"] == []


async def test_a_websocket_ends_with_the_watch(server: DemoServer) -> None:
    sent = await websocket(server, gadgets() + "?watch=1&timeoutSeconds=-1", {"origin": "http://x"})
    assert sent[-1] == {"type": "websocket.close", "code": 1000}
