"""Websockets over HTTP/1.1."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import sys
from collections.abc import AsyncIterator, Callable

import pytest
from hypercorn.protocol.ws_stream import WSStream
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from wsproto.extensions import PerMessageDeflate

from genericapiserver.asgi import Receive, Scope, Send, send_response
from tests.connection.conftest import Running, Serve

Contexts = Callable[..., ssl.SSLContext]


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.ws = WSConnection(ConnectionType.CLIENT)
        self._events: list[Event] = []

    def send(self, event: Event) -> None:
        self.writer.write(self.ws.send(event))

    async def next(self) -> Event:
        while not self._events:
            data = await asyncio.wait_for(self.reader.read(65536), 5)
            self.ws.receive_data(data or None)
            self._events.extend(self.ws.events())
        return self._events.pop(0)


@contextlib.asynccontextmanager
async def websocket(running: Running, context: ssl.SSLContext, path: str = "/") -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port, ssl=context, server_hostname="localhost")
    client = Client(reader, writer)
    client.send(
        Request(
            host="localhost",
            target=path,
            subprotocols=["v4.channel.k8s.io", "other"],
            extensions=[PerMessageDeflate()],
        )
    )
    try:
        yield client
    finally:
        writer.transport.abort()


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept", "subprotocol": scope["subprotocols"][0]})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message.get("text"), "bytes": message.get("bytes")})


async def test_messages_are_echoed(serve: Serve, client_context: Contexts) -> None:
    async with serve(echo) as running, websocket(running, client_context()) as client:
        accepted = await client.next()
        assert isinstance(accepted, AcceptConnection)
        assert accepted.subprotocol == "v4.channel.k8s.io"
        assert accepted.extensions == [], "compression is never agreed on"
        for number in range(200):
            client.send(BytesMessage(data=b"%d" % number * 100))
        received = b""
        while len(received) < sum(len(b"%d" % number) * 100 for number in range(200)):
            message = await client.next()
            assert isinstance(message, BytesMessage)
            received += message.data
        assert received.startswith(b"0" * 100 + b"1" * 100)
        client.send(TextMessage(data="text"))
        message = await client.next()
        assert isinstance(message, TextMessage)
        assert message.data == "text"
        client.send(CloseConnection(code=1000))
        assert isinstance(await client.next(), CloseConnection)


async def test_scope_tells_path_and_tls(serve: Serve, client_context: Contexts) -> None:
    scopes: asyncio.Queue[Scope] = asyncio.Queue()

    async def keep(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.put_nowait(scope)
        await echo(scope, receive, send)

    async with serve(keep) as running, websocket(running, client_context(), "/a%20b?watch=1"):
        scope = await asyncio.wait_for(scopes.get(), 5)
        assert scope["type"] == "websocket"
        assert scope["scheme"] == "wss"
        assert scope["path"] == "/a b"
        assert scope["query_string"] == b"watch=1"
        assert scope["extensions"]["tls"]["version"] == "TLSv1.3"


async def test_a_refusal_in_http_terms_is_an_http_response(serve: Serve, client_context: Contexts) -> None:
    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await send_response(send, 403, b"no", b"text/plain", [(b"audit-id", b"7")])

    async with serve(refuse) as running, websocket(running, client_context()) as client:
        rejected = await client.next()
        assert isinstance(rejected, RejectConnection)
        assert rejected.status_code == 403
        assert (b"audit-id", b"7") in list(rejected.headers)
        data = await client.next()
        assert isinstance(data, RejectData)
        assert data.data == b"no"


async def test_a_client_that_leaves_is_a_disconnect(serve: Serve, client_context: Contexts) -> None:
    last: asyncio.Queue[str] = asyncio.Queue()

    async def listen(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        last.put_nowait((await receive())["type"])

    async with serve(listen) as running:
        async with websocket(running, client_context()) as client:
            await client.next()
        assert await asyncio.wait_for(last.get(), 5) == "websocket.disconnect"


async def test_a_failed_handler_closes_with_an_error(serve: Serve, client_context: Contexts) -> None:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        raise RuntimeError("boom")

    async with serve(fail) as running, websocket(running, client_context()) as client:
        assert isinstance(await client.next(), AcceptConnection)
        closed = await client.next()
        assert isinstance(closed, CloseConnection)
        assert closed.code == 1011


async def test_stop_tells_a_websocket_that_the_server_goes_away(serve: Serve, client_context: Contexts) -> None:
    async with serve(echo) as running, websocket(running, client_context()) as client:
        assert isinstance(await client.next(), AcceptConnection)
        stopping = asyncio.create_task(running.server.stop(5))
        closed = await client.next()
        assert isinstance(closed, CloseConnection)
        assert closed.code == 1001
        assert await stopping


async def test_the_status_line_of_a_handshake_has_its_reason(serve: Serve, client_context: Contexts) -> None:
    async with serve(echo) as running:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", running.port, ssl=client_context(), server_hostname="localhost"
        )
        writer.write(
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: a\r\n\r\n"
        )
        assert await asyncio.wait_for(reader.readline(), 5) == b"HTTP/1.1 101 Switching Protocols\r\n"
        writer.transport.abort()


KEY, VERSION = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b"Sec-WebSocket-Version: 13\r\n"
UPGRADE = b"Connection: close, Upgrade\r\nUpgrade: websocket\r\n"


@pytest.mark.parametrize(
    "lines",
    [
        b"Connection: close\r\nUpgrade: websocket\r\n" + KEY + VERSION,  # Connection does not name it
        UPGRADE,
        UPGRADE + KEY,
        UPGRADE + VERSION,
        UPGRADE + KEY + b"Sec-WebSocket-Version: 8\r\n",
        UPGRADE + b"Sec-WebSocket-Key: c2hvcnQ=\r\n" + VERSION,
        UPGRADE + b"Sec-WebSocket-Key: ?\r\n" + VERSION,
        UPGRADE + KEY + VERSION + b"Sec-WebSocket-Protocol: \xff\r\n",
        b"Connection: close, Upgrade, \xff\r\nUpgrade: websocket\r\n" + KEY + VERSION,
    ],
)
async def test_what_is_no_whole_handshake_is_a_plain_request(
    lines: bytes, serve: Serve, client_context: Contexts
) -> None:
    async def say_what_it_is(scope: Scope, receive: Receive, send: Send) -> None:
        await send_response(send, 200, scope["type"].encode(), b"text/plain")

    async with serve(say_what_it_is) as running:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", running.port, ssl=client_context(), server_hostname="localhost"
        )
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n" + lines + b"\r\n")
        assert (await asyncio.wait_for(reader.read(), 5)).endswith(b"\r\n\r\nhttp")
        writer.transport.abort()


async def test_http_1_0_has_no_websockets(serve: Serve) -> None:
    async def say_what_it_is(scope: Scope, receive: Receive, send: Send) -> None:
        await send_response(send, 200, scope["type"].encode(), b"text/plain")

    async with serve(say_what_it_is, plain=True) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"GET / HTTP/1.0\r\nHost: a\r\n" + UPGRADE + KEY + VERSION + b"\r\n")
        assert (await asyncio.wait_for(reader.read(), 5)).endswith(b"\r\n\r\nhttp")
        writer.transport.abort()


async def test_a_subprotocol_that_nobody_offered_is_the_handlers_failure(
    serve: Serve, client_context: Contexts
) -> None:
    async def choose(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept", "subprotocol": "mine"})

    async with serve(choose) as running, websocket(running, client_context()) as client:
        rejected = await client.next()
        assert isinstance(rejected, RejectConnection)
        assert rejected.status_code == 500


async def test_a_close_instead_of_an_acceptance_is_a_403(serve: Serve, client_context: Contexts) -> None:
    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.close", "code": 1000})

    async with serve(refuse) as running, websocket(running, client_context()) as client:
        rejected = await client.next()
        assert isinstance(rejected, RejectConnection)
        assert rejected.status_code == 403


@pytest.mark.parametrize("closes", [True, False])
async def test_an_answer_that_is_not_whole_does_not_look_so(closes: bool, serve: Serve) -> None:
    async def begin(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 403})
        await send({"type": "http.response.body", "body": b"n", "more_body": True})
        if closes:
            await send({"type": "websocket.close"})

    async with serve(begin, plain=True) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n" + UPGRADE + KEY + VERSION + b"\r\n")
        assert (await asyncio.wait_for(reader.read(), 5)).endswith(b"\r\n\r\n1\r\nn\r\n")
        writer.transport.abort()


async def test_hypercorn_is_loaded_with_the_first_websocket_and_leaves_logging_alone(serve: Serve) -> None:
    code = "import sys, genericapiserver.connection.link; sys.exit('hypercorn' in sys.modules)"
    loading = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
    assert await loading.wait() == 0
    loggers = [logging.getLogger(name) for name in ("hypercorn.access", "hypercorn.error")]
    before = [list(logger.handlers) for logger in loggers]
    async with serve(echo, plain=True) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        line = b"Sec-WebSocket-Protocol: a\r\n"
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n" + UPGRADE + KEY + VERSION + line + b"\r\n")
        assert (await asyncio.wait_for(reader.readline(), 5)).startswith(b"HTTP/1.1 101 ")
        (link,) = running.server._service.links
        assert isinstance(link.driver._websocket._stream, WSStream)  # type: ignore[union-attr]
        writer.transport.abort()
    assert [logger.handlers for logger in loggers] == before
