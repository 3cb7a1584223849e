"""Subresources that answer in their own words (endpoints reference, sections 4 and 8)."""

import asyncio

import pytest

from genericapiserver.admission import Attributes, Operation, mutating_plugin, validating_plugin
from genericapiserver.apimachinery.errors import ForbiddenError
from genericapiserver.asgi import Message, Scope
from tests.support.asgi_client import ASGIClient
from tests.support.demo_api import DemoServer, gadgets


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        ("GET", "a/shell", "GET a  False"),
        ("POST", "a/shell?tty=1", "POST a  True"),
        ("GET", "a/shell/x", "GET a /x False"),
        ("GET", "a/shell/x/y?tty=", "GET a /x/y True"),
        ("GET", "a/shell/x/", "GET a /x/ False"),
        ("GET", "a/shell/", "GET a / False"),
        ("GET", "a/shell/x?path=other", "GET a /x False"),
    ],
)
async def test_the_rest_of_the_path_is_an_option(client: ASGIClient, method: str, path: str, answer: str) -> None:
    response = await client.request(method, gadgets(name=path), headers={"accept": "image/png"})
    assert (response.status, response.text) == (200, answer)


@pytest.mark.parametrize("query", ["?dryRun=All", "?dryRun="])
async def test_nothing_is_connected_in_a_dry_run(client: ASGIClient, query: str) -> None:
    response = await client.get(gadgets(name=f"a/shell{query}"))
    assert (response.status, response.json()["message"]) == (400, "dryRun is not supported")


async def test_other_methods_are_not_connected(client: ASGIClient) -> None:
    assert (await client.request("PUT", gadgets(name="a/shell"), body={})).status == 405


async def test_a_connected_handler_may_answer_with_an_object_or_an_error(client: ASGIClient) -> None:
    shown = await client.get(gadgets(name="a/shell/object"))
    assert (shown.status, shown.json()["kind"], shown.json()["spec"]["color"]) == (200, "Gadget", "shell")
    failed = await client.get(gadgets(name="a/shell/error"))
    assert (failed.status, failed.json()["message"]) == (502, "the shell is broken")


async def test_admission_sees_the_options() -> None:
    async def mutate(attributes: Attributes) -> None:
        attributes.object.tty = True

    async def refuse(attributes: Attributes) -> None:
        if attributes.object.path == "/forbidden":
            raise ForbiddenError(attributes.resource.group_resource, attributes.name, f"{attributes.object.tty}")

    server = DemoServer(
        plugins=[mutating_plugin(Operation.CONNECT)(mutate), validating_plugin(Operation.CONNECT)(refuse)]
    )
    assert (await server.client.get(gadgets(name="a/shell/x"))).text == "GET a /x True"
    assert (await server.client.get(gadgets(name="a/shell/forbidden"))).status == 403


@pytest.mark.parametrize(
    ("path", "status", "media_type", "text"),
    [
        ("a/log?lines=2", 200, "text/plain", "a 0\na 1\n"),
        ("a/log", 200, "application/octet-stream", "a 0\n"),
        ("a/log?lines=-1", 204, None, ""),
    ],
)
async def test_a_stream_has_a_type_of_its_own(
    client: ASGIClient, path: str, status: int, media_type: str | None, text: str
) -> None:
    response = await client.get(gadgets(name=path))
    assert (response.status, response.headers.get("content-type"), response.text) == (status, media_type, text)


async def test_every_piece_is_flushed_on_demand(client: ASGIClient) -> None:
    async with client.open("GET", gadgets(name="a/log?lines=2")) as response:
        assert await response.piece() == b"a 0\n"
        assert await response.piece() == b"a 1\n"
        assert await response.piece() == b""


async def test_the_type_of_a_stream_alone_satisfies_the_router_only(client: ASGIClient) -> None:
    response = await client.get(gadgets(name="a/log"), accept="text/plain")
    assert response.status == 406
    assert response.json()["message"].startswith("only the following media types are accepted: ")
    assert (await client.get(gadgets(name="a/log"), accept="text/plain, application/json")).status == 200


async def test_a_bad_option_is_refused(client: ASGIClient) -> None:
    assert (await client.get(gadgets(name="a/log?lines=x"))).status == 400


@pytest.mark.parametrize(
    ("offered", "accepted", "messages"),
    [
        ((), None, [b"", b"a 0\n"]),
        (("", "x"), "", [b"", b"a 0\n"]),
        (("x", "binary.k8s.io"), "binary.k8s.io", [b"", b"a 0\n"]),
        (("base64.binary.k8s.io",), "base64.binary.k8s.io", ["", "YSAwCg=="]),
    ],
)
async def test_a_stream_over_a_websocket(
    server: DemoServer, offered: tuple[str, ...], accepted: str | None, messages: list[bytes | str]
) -> None:
    sent = await _stream(server, offered)
    assert sent[0]["subprotocol"] == accepted
    assert [message.get("bytes", message.get("text")) for message in sent[1:-1]] == messages
    assert sent[-1] == {"type": "websocket.close", "code": 1000}


async def test_unknown_subprotocols_are_refused(server: DemoServer) -> None:
    sent = await _stream(server, ("x", "y"))
    assert (sent[0]["type"], sent[0]["status"]) == ("websocket.http.response.start", 403)


async def _stream(server: DemoServer, offered: tuple[str, ...]) -> list[Message]:
    path = gadgets(name="a/log")
    scope: Scope = {
        "type": "websocket",
        "http_version": "1.1",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"lines=1",
        "headers": [],
        "subprotocols": list(offered),
        "client": ("192.0.2.1", 1),
        "extensions": {},
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    async with asyncio.timeout(5):
        await server.app(scope, receive, send)
    return sent
