"""TestProxyUpgrade, and a websocket through the front: both ends over real TLS."""

import asyncio
import base64
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    Pong,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)

from genericapiserver.aggregator.proxy import websocket
from genericapiserver.aggregator.proxy.dial import dial
from genericapiserver.aggregator.resolvers import Endpoint
from genericapiserver.apis.apiregistration_v1 import APIService
from genericapiserver.asgi import Handler, Receive, Scope, Send, send_text
from genericapiserver.authentication.user import UserInfo
from genericapiserver.request import CONTEXT_KEY, RequestContext, RequestInfo
from genericapiserver.tracing import CURRENT
from genericapiserver.tracing.trace import Request as TracedRequest
from tests.aggregator.running import front
from tests.aggregator.support import (
    CA,
    GOOD,
    NAMESPACE,
    OTHER_CA,
    PROXY,
    USER,
    WRONG_NAME,
    api_service,
    proxy,
    proxy_pair,
    serving,
    until,
)
from tests.support.pki import SERVER, Issued, issue

PATH = "/apis/foo/v1/namespaces/default/things/one/exec?command=ls"
FRONT = issue("front", CA, dns=["localhost"], usages=[SERVER])


class Echo:
    """Accepts every websocket, and sends back what comes; remembers with what it was opened and how it was closed."""

    def __init__(self, subprotocol: str | None = None) -> None:
        self.subprotocol = subprotocol
        self.headers: list[tuple[str, str]] = []
        self.target = ""
        self.client: bytes | None = None
        self.offered: list[str] = []
        self.closed: list[int] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await send_text(send, 200, "plain")
            return
        self.headers = [(name.decode(), value.decode()) for name, value in scope["headers"]]
        self.target = f"{scope['raw_path'].decode()}?{scope['query_string'].decode()}"
        self.client = scope["extensions"]["tls"]["peer_certificate_chain_der"][0]
        self.offered = list(scope["subprotocols"])
        await receive()
        await send({"type": "websocket.accept", "subprotocol": self.subprotocol, "headers": [(b"x-behind", b"yes")]})
        while (message := await receive())["type"] == "websocket.receive":
            if message.get("text") == "close":
                await send({"type": "websocket.close", "code": 4001, "reason": "as told"})
                return
            await send({**message, "type": "websocket.send"})
        self.closed.append(message["code"])


class Client:
    """A websocket to the front."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.connection = WSConnection(ConnectionType.CLIENT)
        self.events: list[Event] = []

    def send(self, event: Event) -> None:
        self.writer.write(self.connection.send(event))

    async def event(self) -> Event:
        async with asyncio.timeout(10):
            while not self.events:
                data = await self.reader.read(65536)
                self.connection.receive_data(data or None)
                self.events += self.connection.events()
        return self.events.pop(0)

    async def open(self, *subprotocols: str) -> Event:
        headers = [(b"x-remote-user", b"admin"), (b"authorization", b"Bearer secret")]
        self.send(Request(host="front.example", target=PATH, subprotocols=list(subprotocols), extra_headers=headers))
        return await self.event()


def as_user(handler: Handler, user: UserInfo = USER) -> Handler:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        scope[CONTEXT_KEY] = RequestContext(
            request_info=RequestInfo(path=scope["path"]), audit_id="the-audit-id", user=user, path=scope["path"]
        )

        async def denying(message: dict[str, object]) -> None:
            # As the outermost filter does: a plain response to a handshake is its denial.
            if scope["type"] == "websocket" and str(message["type"]).startswith("http.response"):
                message = {**message, "type": f"websocket.{message['type']}"}
            await send(message)

        await handler(scope, receive, denying)  # type: ignore[arg-type]

    return serve


@contextlib.asynccontextmanager
async def through_the_front(
    behind: Handler, pair: Issued = GOOD, service: APIService | None = None, **settings: object
) -> AsyncIterator[Client]:
    async with (
        serving(behind, pair) as endpoint,
        proxy(endpoint, service or api_service(), client_certificate=proxy_pair(), **settings) as (handler, _),
        serving(as_user(handler), FRONT) as at,
    ):
        context = ssl.create_default_context(cadata=CA.pem.decode())
        reader, writer = await asyncio.open_connection(at.host, at.port, ssl=context, server_hostname="localhost")
        try:
            yield Client(reader, writer)
        finally:
            writer.transport.abort()


async def test_websocket_echo_through_the_front() -> None:
    echo = Echo("v5.channel.k8s.io")
    async with through_the_front(echo) as client:
        opened = await client.open("v5.channel.k8s.io", "v4.channel.k8s.io")
        assert isinstance(opened, AcceptConnection)
        assert opened.subprotocol == "v5.channel.k8s.io"
        assert (b"x-behind", b"yes") in opened.extra_headers
        assert echo.offered == ["v5.channel.k8s.io", "v4.channel.k8s.io"]
        assert echo.target == PATH
        assert echo.client == PROXY.der
        named = dict(echo.headers)
        assert named["x-remote-user"] == "username"
        assert [value for name, value in echo.headers if name == "x-remote-group"] == ["one", "two"]
        assert named["audit-id"] == "the-audit-id"
        assert "authorization" not in named
        client.send(TextMessage(data="text"))
        answer = await client.event()
        assert isinstance(answer, TextMessage)
        assert answer.data == "text"
        payload = bytes(range(256)) * 2000
        client.send(BytesMessage(data=payload))
        received = b""
        while len(received) < len(payload):
            piece = await client.event()
            assert isinstance(piece, BytesMessage)
            received += bytes(piece.data)
        assert received == payload
        client.send(Ping(payload=b"there?"))
        assert isinstance(await client.event(), Pong)


async def test_the_code_of_the_server_behind_reaches_the_client() -> None:
    async with through_the_front(Echo()) as client:
        assert isinstance(await client.open(), AcceptConnection)
        client.send(TextMessage(data="close"))
        closed = await client.event()
        assert isinstance(closed, CloseConnection)
        assert (closed.code, closed.reason) == (4001, "as told")


async def test_the_code_of_the_client_reaches_the_server_behind() -> None:
    echo = Echo()
    async with through_the_front(echo) as client:
        assert isinstance(await client.open(), AcceptConnection)
        client.send(CloseConnection(code=4002))
        assert isinstance(await client.event(), CloseConnection)
        await until(lambda: echo.closed)
        assert echo.closed == [4002]


async def test_a_client_that_vanishes_ends_the_websocket_behind() -> None:
    echo = Echo()
    async with through_the_front(echo) as client:
        assert isinstance(await client.open(), AcceptConnection)
        client.writer.transport.abort()
        await until(lambda: echo.closed)


async def test_a_message_of_the_server_behind_without_an_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "MAX_MESSAGE_BYTES", 1000)
    reader, connection = asyncio.StreamReader(), WSConnection(ConnectionType.SERVER)
    client = WSConnection(ConnectionType.CLIENT)
    connection.receive_data(client.send(Request(host="a", target="/")))
    assert isinstance(next(connection.events()), Request)
    client.receive_data(connection.send(AcceptConnection()))
    reader.feed_data(b"".join(connection.send(BytesMessage(data=b"x" * 400, message_finished=False)) for _ in range(3)))
    written: list[Event] = []
    sent: list[dict[str, object]] = []

    class Upstream(websocket._Upstream):
        async def send(self, event: Event) -> None:
            written.append(event)

    writer: Any = None
    upstream = Upstream(reader, writer)
    upstream._connection = client
    assert isinstance(next(client.events()), AcceptConnection)

    async def send(message: Any) -> None:
        sent.append(message)

    await websocket._to_client(send, upstream)
    assert [message["code"] for message in sent] == [1009]
    assert [event.code for event in written if isinstance(event, CloseConnection)] == [1009]


async def rejected(client: Client) -> tuple[int, str]:
    """The status and the body of a refusal."""
    answer = await client.open()
    assert isinstance(answer, RejectConnection)
    body = b""
    while answer.has_body:
        event = await client.event()
        assert isinstance(event, RejectData)
        body += bytes(event.data)
        if event.body_finished:
            break
    return answer.status_code, body.decode()


async def test_a_refusal_is_passed_on() -> None:
    async def refuses(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.http.response.start", "status": 403, "headers": [(b"x-why", b"no")]})
        await send({"type": "websocket.http.response.body", "body": b"not you"})

    async with through_the_front(refuses) as client:
        assert await rejected(client) == (403, "not you")


async def test_what_is_neither_an_upgrade_nor_a_refusal_is_an_error() -> None:
    """CVE-2018-1002105: a connection on which no upgrade was agreed on carries nothing further."""

    async def answers(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.http.response.start", "status": 200, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b"surprise"})

    async with through_the_front(answers) as client:
        status, body = await rejected(client)
    assert (status, body) == (503, "error trying to reach service: invalid upgrade response: status code 200\n")


UPGRADES = [
    ("a valid host and CA", GOOD, api_service(), True),
    ("a wrong host, insecure", WRONG_NAME, api_service(insecure=True), True),
    ("a wrong host with a CA", WRONG_NAME, api_service(), False),
    ("a CA of somebody else", GOOD, api_service(ca=OTHER_CA), False),
]


@pytest.mark.parametrize(("pair", "service", "works"), [row[1:] for row in UPGRADES], ids=[row[0] for row in UPGRADES])
async def test_proxy_upgrade(pair: Issued, service: APIService, works: bool) -> None:
    async with through_the_front(Echo(), pair, service) as client:
        if works:
            assert isinstance(await client.open(), AcceptConnection)
        else:
            status, body = await rejected(client)
            assert status == 503
            assert "tls: failed to verify certificate" in body


async def test_a_dialer_of_ones_own_is_used_exactly_once() -> None:
    dialled: list[Endpoint] = []

    async def own(endpoint: Endpoint) -> socket.socket:
        dialled.append(endpoint)
        return await dial(endpoint)

    async with through_the_front(Echo(), dial=own) as client:
        assert isinstance(await client.open(), AcceptConnection)
    assert len(dialled) == 1


async def test_a_dialer_that_is_broken_fails() -> None:
    async def broken(endpoint: Endpoint) -> socket.socket:
        raise OSError("broken dialer")

    async with through_the_front(Echo(), dial=broken) as client:
        status, body = await rejected(client)
    assert status == 503
    assert "broken dialer" in body


async def test_other_upgrades_are_refused_before_the_server_behind_is_asked() -> None:
    echo = Echo()
    async with serving(echo) as endpoint, proxy(endpoint, api_service()) as (_, client):
        headers = {"connection": "Upgrade", "upgrade": "SPDY/3.1"}
        response = await client.request("POST", PATH, headers=headers)
        assert (response.status, response.text) == (
            400,
            "unable to upgrade: requests to other API servers are upgraded to websocket, not to SPDY/3.1; kubectl 1.31 and "
            "later ask for that by themselves, 1.29 and 1.30 with KUBECTL_REMOTE_COMMAND_WEBSOCKETS=true\n",
        )
        assert (await client.request("GET", PATH, headers={"connection": "upgrade", "upgrade": "h2c"})).status == 200


async def test_websocket_echo_through_a_whole_aggregator() -> None:
    """With every filter between: the user is whom the token names, whatever the client says of itself."""
    echo = Echo("v5.channel.k8s.io")
    bundle = base64.b64encode(CA.pem).decode()
    async with serving(echo) as endpoint, front({"test-service": endpoint}) as running:
        await running.register("v1.foo", service={"namespace": NAMESPACE, "name": "test-service"}, caBundle=bundle)
        await running.until_condition("v1.foo", "True Passed")
        context = ssl.create_default_context(cadata=CA.pem.decode())
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", running.port, ssl=context, server_hostname="localhost"
        )
        try:
            client = Client(reader, writer)
            opened = await client.open("v5.channel.k8s.io")
            assert isinstance(opened, AcceptConnection)
            assert opened.subprotocol == "v5.channel.k8s.io"
            assert [value for name, value in echo.headers if name == "x-remote-user"] == ["secret"]
            audit_ids = [value for name, value in opened.extra_headers if name == b"audit-id"]
            assert audit_ids == [dict(echo.headers)["audit-id"].encode()]
            client.send(TextMessage(data="hello"))
            answer = await client.event()
            assert isinstance(answer, TextMessage)
            assert answer.data == "hello"
            client.send(CloseConnection(code=1000))
            await until(lambda: echo.closed)
            assert echo.closed == [1000]
        finally:
            writer.transport.abort()


async def test_an_upgrade_is_not_traced() -> None:
    """TestTracerProvider: what the client says of its trace goes on as it is."""
    echo = Echo()
    async with (
        serving(echo) as endpoint,
        proxy(endpoint, api_service(), client_certificate=proxy_pair()) as (handler, _),
    ):

        async def traced(scope: Scope, receive: Receive, send: Send) -> None:
            token = CURRENT.set(TracedRequest(span=NoSpan()))  # type: ignore[arg-type]
            try:
                await as_user(handler)(scope, receive, send)
            finally:
                CURRENT.reset(token)

        async with serving(traced, FRONT) as at:
            context = ssl.create_default_context(cadata=CA.pem.decode())
            reader, writer = await asyncio.open_connection(at.host, at.port, ssl=context, server_hostname="localhost")
            try:
                assert isinstance(await Client(reader, writer).open(), AcceptConnection)
                assert "traceparent" not in dict(echo.headers)
            finally:
                writer.transport.abort()


class NoSpan:
    """Fails whoever makes a span of it."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"an upgrade is traced: {name}")
