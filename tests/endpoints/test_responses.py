"""How errors and objects are written (endpoints reference, sections 4 and 5)."""

import asyncio
import gzip
from typing import Any

import pytest

from genericapiserver.apimachinery.errors import (
    BadRequestError,
    NotFoundError,
    StatusError,
    TooLargeResourceVersionError,
)
from genericapiserver.apimachinery.go import NumError
from genericapiserver.apimachinery.meta import APIVersions, Status
from genericapiserver.apimachinery.schema import GroupResource, GroupVersionKind
from genericapiserver.apimachinery.scheme import ConversionError
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.asgi import Receive, Scope, Send
from genericapiserver.endpoints.api_request import APIRequest, APIResponse
from genericapiserver.endpoints.responses import (
    GZIP_THRESHOLD,
    ResponseWriter,
    accepts_gzip,
    send_error,
    send_object,
    status_of,
)
from genericapiserver.request import CONTEXT_KEY, RequestContext, RequestInfo
from genericapiserver.storage.errors import KeyNotFoundError, ResourceVersionConflictsError
from tests.support.asgi_client import ASGIClient, ClientResponse
from tests.support.demo_api import DemoServer, gadget, gadgets, new_scheme

CODEC = CodecFactory(new_scheme())
NOT_FOUND = NotFoundError(GroupResource("demo.example.com", "gadgets"), "a")


def put_context(scope: Scope) -> None:
    scope[CONTEXT_KEY] = RequestContext(request_info=RequestInfo())


async def respond(error: Exception, target: str = "/", **headers: str) -> ClientResponse:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send_error(scope, send, error, CODEC)

    client = ASGIClient(app, prepare=put_context)
    return await client.get(target, **headers)


async def test_an_error_is_a_status_in_compact_json() -> None:
    response = await respond(NOT_FOUND)
    assert response.status == 404
    assert response.body == (
        b'{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",'
        b'"message":"gadgets.demo.example.com \\"a\\" not found","reason":"NotFound",'
        b'"details":{"name":"a","group":"demo.example.com","kind":"gadgets"},"code":404}\n'
    )
    assert response.headers == {"content-type": "application/json", "content-length": str(len(response.body))}


@pytest.mark.parametrize(
    ("accept", "indented"),
    [
        ("application/json;as=Table;g=meta.k8s.io;v=v1", True),
        ("application/json;as=Table;g=meta.k8s.io;v=v1,application/json", False),
        ("text/html", True),
        ("application/json;pretty=1", True),
    ],
)
async def test_an_error_never_becomes_a_406(accept: str, indented: bool) -> None:
    response = await respond(NOT_FOUND, accept=accept)
    assert response.status == 404
    assert response.headers["content-type"] == "application/json"
    assert response.body.startswith(b'{\n  "kind": "Status"' if indented else b'{"kind":"Status"')
    assert response.body.endswith(b"\n") is not indented


async def test_an_error_says_when_to_come_again() -> None:
    response = await respond(TooLargeResourceVersionError(9, 3))
    assert response.status == 504
    assert response.headers["retry-after"] == "1"


async def test_an_error_without_content_has_no_body() -> None:
    response = await respond(StatusError("gone fishing", code=204))
    assert (response.status, response.body, response.headers) == (204, b"", {})


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (KeyNotFoundError("/a"), 500, str(KeyNotFoundError("/a"))),
        (ResourceVersionConflictsError("/a"), 409, str(ResourceVersionConflictsError("/a"))),
        (NumError.syntax("ParseUint", "abc"), 500, 'strconv.ParseUint: parsing "abc": invalid syntax'),
        (
            ConversionError("converting (a) to (b): unknown conversion"),
            500,
            "converting (a) to (b): unknown conversion",
        ),
    ],
)
def test_errors_without_a_reason(error: Exception, code: int, message: str) -> None:
    status = status_of(error)
    assert (status.code, status.message, status.reason, status.details) == (code, message, "", None)


def test_what_is_no_error_for_clients_is_not_shown() -> None:
    with pytest.raises(TypeError):
        status_of(KeyError("secret"))


async def test_an_unexpected_exception_passes_on(server: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*args: Any, **kwargs: Any) -> Any:
        raise LookupError("a bug")

    monkeypatch.setattr(server.gadgets, "get", broken)
    with pytest.raises(LookupError, match="a bug"):
        await server.client.get(gadgets(name="a"))


async def test_an_object_is_negotiated() -> None:
    kind = GroupVersionKind("", "v1", "APIVersions")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send_object(scope, send, 200, APIVersions(versions=["v1"]), kind, CODEC)

    client = ASGIClient(app, prepare=put_context)
    assert (await client.get("/")).json()["versions"] == ["v1"]
    assert "versions:\n- v1" in (await client.get("/", accept="application/yaml")).text
    assert (await client.get("/", accept="text/html")).status == 406


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (b"gzip", True),
        (b"deflate, gzip", True),
        (b"deflate,gzip , br", True),
        (b"gzip;q=0.5", False),
        (b"GZIP", False),
        (b"*", False),
        (b"x-gzip", False),
        (b"", False),
    ],
)
def test_gzip_must_be_named_literally(header: bytes, wanted: bool) -> None:
    assert accepts_gzip(header) is wanted


@pytest.mark.parametrize("size", [GZIP_THRESHOLD, GZIP_THRESHOLD + 1])
async def test_only_larger_bodies_are_compressed(size: int) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        writer = ResponseWriter(CODEC)
        body = [b"x" * 1000, b"y" * (size - 1000)]
        await writer.send(APIRequest(scope, receive, send), APIResponse.of(200, body, b"application/json"))

    response = await ASGIClient(app, prepare=put_context).get("/", accept_encoding="br, gzip")
    compressed = size > GZIP_THRESHOLD
    assert response.headers.get("content-encoding") == ("gzip" if compressed else None)
    assert response.headers.get("vary") == ("Accept-Encoding" if compressed else None)
    assert int(response.headers["content-length"]) == len(response.body)
    assert len(gzip.decompress(response.body) if compressed else response.body) == size


async def test_compression_can_be_turned_off() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        writer = ResponseWriter(CODEC, compress=False)
        response = APIResponse.of(200, b"x" * (GZIP_THRESHOLD + 1), b"application/json")
        await writer.send(APIRequest(scope, receive, send), response)

    response = await ASGIClient(app, prepare=put_context).get("/", accept_encoding="gzip")
    assert len(response.body) == GZIP_THRESHOLD + 1


async def test_a_write_that_takes_too_long_is_a_504(monkeypatch: pytest.MonkeyPatch) -> None:
    server = DemoServer()
    for scope in server.installed[0].scopes.values():
        scope.write_timeout = 0.01

    async def slow(*args: Any, **kwargs: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(server.gadgets, "create", slow)
    response = await server.client.request("POST", gadgets(), body=gadget("a"))
    assert response.status == 504
    assert response.json()["details"] == {}
    assert response.json()["message"] == (
        "Timeout: request did not complete within requested timeout - context deadline exceeded"
    )


async def test_a_status_that_failed_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    server = DemoServer()

    async def failed(*args: Any, **kwargs: Any) -> Any:
        return BadRequestError("no").status()

    monkeypatch.setattr(server.gadgets, "create", failed)
    response = await server.client.request("POST", gadgets(), body=gadget("a"))
    assert (response.status, response.json()["message"]) == (400, "no")


async def test_a_status_that_succeeded_gets_the_code_of_the_verb(monkeypatch: pytest.MonkeyPatch) -> None:
    server = DemoServer()

    async def succeeded(*args: Any, **kwargs: Any) -> Any:
        return Status(status="Success")

    monkeypatch.setattr(server.gadgets, "create", succeeded)
    response = await server.client.request("POST", gadgets(), body=gadget("a"))
    assert (response.status, response.json()["code"]) == (201, 201)
