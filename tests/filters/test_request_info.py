import uuid
from typing import Any

import pytest

from genericapiserver.asgi import Handler, Message, Receive, Scope, Send, send_response
from genericapiserver.request import RequestContext, WarningRecorder, request_context
from tests.support.asgi_client import ASGIClient
from tests.support.clock import START, HandClock
from tests.support.filters import in_context, ok


async def seen(method: str, target: str, **headers: str) -> RequestContext:
    contexts: list[RequestContext] = []
    clock = HandClock()
    clock.seconds = 7.0
    await ASGIClient(in_context(ok, prepare=contexts.append, clock=clock)).request(method, target, headers=headers)
    return contexts[0]


async def test_the_context_holds_the_facts_of_the_request() -> None:
    context = await seen("GET", "/api/v1/namespaces/dev/p%20ods?watch=1&x=%2F")
    assert context.request_info.resource == "p ods"
    assert context.request_info.verb == "watch"
    assert context.namespace == "dev"
    assert (context.method, context.path) == ("GET", "/api/v1/namespaces/dev/p ods")
    assert context.request_uri == "/api/v1/namespaces/dev/p%20ods?watch=1&x=%2F"
    assert context.received_monotonic == 7.0
    assert (context.received_at - START).total_seconds() == 7.0
    assert context.long_running


async def test_a_given_audit_id_is_echoed_however_long() -> None:
    for audit_id in ("some-id", "x" * 10_000, "<script>"):
        response = await ASGIClient(in_context(ok)).get("/", audit_id=audit_id)
        assert response.headers["audit-id"] == audit_id
        assert (await seen("GET", "/", **{"audit-id": audit_id})).audit_id == audit_id


async def test_without_one_the_audit_id_is_a_new_uuid() -> None:
    ids = [(await ASGIClient(in_context(ok)).get("/", audit_id="")).headers["audit-id"] for _ in range(100)]
    assert len(set(ids)) == 100
    assert {uuid.UUID(value).version for value in ids} == {4}
    assert {uuid.UUID(value).variant for value in ids} == {uuid.RFC_4122}


async def test_a_handler_may_set_its_own_audit_id() -> None:
    async def aggregated(scope: Scope, receive: Receive, send: Send) -> None:
        await send_response(send, 200, b"", None, [(b"audit-id", b"theirs")])

    response = await ASGIClient(in_context(aggregated)).get("/", audit_id="ours")
    assert [value for name, value in response.raw_headers if name == b"audit-id"] == [b"theirs"]


async def test_a_path_without_an_object_is_a_plain_500() -> None:
    response = await ASGIClient(in_context(ok)).get("/api/v1/watch?a=<script>")
    assert response.status == 500
    assert response.text == (
        'Internal Server Error: "/api/v1/watch?a=&lt;script&gt;": failed to create RequestInfo: unable to determine kind '
        "and namespace from url, /api/v1/watch?a=&lt;script&gt;\n"
    )
    assert "audit-id" in response.headers
    assert "cache-control" not in response.headers


async def test_headers_of_the_context_are_added_only_where_absent() -> None:
    async def handler(scope: Scope, receive: Receive, send: Send) -> None:
        await send_response(send, 201, b"", None, [(b"a", b"own")])
        assert request_context(scope).response_status == 201

    def prepare(context: RequestContext) -> None:
        context.response_headers += [(b"a", b"1"), (b"b", b"2")]
        context.warnings = WarningRecorder()
        context.add_warning("one")
        context.add_warning("two")

    response = await ASGIClient(in_context(handler, prepare=prepare)).get("/")
    assert (response.headers["a"], response.headers["b"]) == ("own", "2")
    assert response.headers["warning"] == '299 - "one", 299 - "two"'


async def test_a_handlers_own_list_of_headers_is_not_changed() -> None:
    headers = [(b"content-length", b"0")]
    start = {"type": "http.response.start", "status": 200, "headers": headers}

    async def handler(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start)
        await send({"type": "http.response.body"})

    for _ in range(2):
        assert (await ASGIClient(in_context(handler)).get("/")).status == 200
    assert headers == [(b"content-length", b"0")]
    assert start["headers"] is headers


async def run_websocket(handler: Handler) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "websocket",
        "http_version": "1.1",
        "path": "/api/v1/namespaces/a/pods/b/exec",
        "query_string": b"",
        "headers": [(b"audit-id", b"x")],
    }
    await in_context(handler)(scope, receive, send)
    return sent


async def test_a_plain_answer_to_a_websocket_denies_it() -> None:
    start, body = await run_websocket(ok)
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 200)
    assert (b"audit-id", b"x") in start["headers"]
    assert (body["type"], body["body"]) == ("websocket.http.response.body", b"ok")


async def test_the_acceptance_of_a_websocket_carries_the_headers() -> None:
    async def accept(scope: Scope, receive: Receive, send: Send) -> None:
        assert request_context(scope).request_info.verb == "get"
        await send({"type": "websocket.accept", "subprotocol": "s"})

    (accepted,) = await run_websocket(accept)
    assert accepted == {"type": "websocket.accept", "subprotocol": "s", "headers": [(b"audit-id", b"x")]}


async def test_other_scopes_are_refused() -> None:
    with pytest.raises(ValueError, match="lifespan"):
        await in_context(ok)({"type": "lifespan"}, None, None)  # type: ignore[arg-type]
