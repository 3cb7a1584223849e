"""Upgrades: a websocket to the front is one to the server behind, message by message.

Each side keeps its own framing, pings and masks; text stays text, binary stays binary, the subprotocol is the one that the
server behind chose and the code of a close is passed on. The reference copies raw bytes after the handshake; behind an ASGI
application there are none, and nothing that a Kubernetes client says over websockets depends on them. SPDY, which older
clients tried first, is refused before anything is asked of the server: they go on with a websocket, or say why they cannot.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Final

from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from genericapiserver.aggregator.proxy.backend import Backend
from genericapiserver.aggregator.proxy.connection import READ_BYTES, BackendError, RequestHead
from genericapiserver.aggregator.proxy.headers import requested_host, returned_headers
from genericapiserver.aggregator.resolvers import Endpoint
from genericapiserver.asgi import Message, Receive, Scope, Send, header_values, send_plain_error
from genericapiserver.filters.exception_recovery import AbortRequestError

MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024
"""Of a message of the server behind, in however many frames: it waits here for its last one."""
HANDSHAKE_TIMEOUT: Final = 30.0
"""Seconds for the server behind to agree to an upgrade or to refuse it."""

_OWN: Final = frozenset(
    {b"sec-websocket-key", b"sec-websocket-version", b"sec-websocket-extensions", b"sec-websocket-protocol"}
)
_ACCEPTED: Final = _OWN | {b"sec-websocket-accept", b"upgrade", b"connection"}
_INSTEAD_OF_SPDY: Final = (
    "; kubectl 1.31 and later ask for that by themselves, 1.29 and 1.30 with KUBECTL_REMOTE_COMMAND_WEBSOCKETS=true"
)
"""What the user of a client that shows the answer, as kubectl does, can do about it."""
_GOING_AWAY, _ABNORMAL, _NO_STATUS, _TOO_BIG = 1001, 1006, 1005, 1009


def wants_other_upgrade(scope: Scope) -> str:
    """The protocol that a plain request asks to change to, if it is one that is refused: h2c is just not taken up."""
    if not any("upgrade" in value.lower() for value in header_values(scope, b"connection")):
        return ""
    asked = ", ".join(header_values(scope, b"upgrade"))
    return "" if asked.lower() in ("", "h2c", "websocket") else asked


async def refuse_upgrade(send: Send, protocol: str) -> None:
    """Answer who asks for *protocol*."""
    text = f"unable to upgrade: requests to other API servers are upgraded to websocket, not to {protocol}"
    if protocol.upper().startswith("SPDY"):
        text += _INSTEAD_OF_SPDY
    await send_plain_error(send, 400, text)


async def proxy_websocket(
    scope: Scope, receive: Receive, send: Send, head: RequestHead, backend: Backend, endpoint: Endpoint
) -> None:
    """Open a websocket to *backend*, then pass on what comes from either side until one ends.

    Raises BackendError when there is none, with nothing sent to the client.
    """
    await receive()  # websocket.connect
    async with backend.connected(endpoint) as (reader, writer):
        upstream = _Upstream(reader, writer)
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT):
                answer = await upstream.shake_hands(head, list(scope.get("subprotocols", ())))
        except TimeoutError as error:
            raise BackendError("timeout awaiting response headers") from error
        if not isinstance(answer, AcceptConnection):
            await _refused(scope, send, upstream, answer, endpoint)
            return
        extra = [(bytes(name).lower(), bytes(value)) for name, value in answer.extra_headers]
        headers = returned_headers(extra, backend=str(endpoint), front=requested_host(scope))
        await send(
            {
                "type": "websocket.accept",
                "subprotocol": answer.subprotocol,
                "headers": [pair for pair in headers if pair[0] not in _ACCEPTED],
            }
        )
        await _both_ways(receive, send, upstream)


async def _both_ways(receive: Receive, send: Send, upstream: "_Upstream") -> None:
    up = asyncio.create_task(_to_server(receive, upstream))
    down = asyncio.create_task(_to_client(send, upstream))
    try:
        done, _ = await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        if up in done and not down.done():  # the client has closed: the server gets a moment to close, too
            await asyncio.wait({down}, timeout=1.0)
    finally:
        for task in (up, down):
            task.cancel()
        results = await asyncio.gather(up, down, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


async def _to_server(receive: Receive, upstream: "_Upstream") -> None:
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            await upstream.close(message.get("code") or _GOING_AWAY, message.get("reason") or "")
            return
        if (text := message.get("text")) is not None:
            await upstream.send(TextMessage(data=text))
        else:
            await upstream.send(BytesMessage(data=message.get("bytes") or b""))


async def _to_client(send: Send, upstream: "_Upstream") -> None:
    """Whole messages, which is what ASGI has: a server's fragments wait for their last."""
    texts: list[str] = []
    data: list[bytes] = []
    size = 0
    while True:
        event = await upstream.next_event()
        if isinstance(event, TextMessage | BytesMessage):
            size = 0 if event.message_finished else size + len(event.data)
            if size > MAX_MESSAGE_BYTES:
                await upstream.close(_TOO_BIG, "message too big")
                await send({"type": "websocket.close", "code": _TOO_BIG, "reason": "message of the server too big"})
                return
        if isinstance(event, TextMessage):
            texts.append(event.data)
            if event.message_finished:
                await send({"type": "websocket.send", "text": "".join(texts)})
                texts.clear()
        elif isinstance(event, BytesMessage):
            data.append(bytes(event.data))
            if event.message_finished:
                await send({"type": "websocket.send", "bytes": b"".join(data)})
                data.clear()
        elif isinstance(event, CloseConnection):
            code = int(event.code)
            close: Message = {"type": "websocket.close", "reason": event.reason or ""}
            close["code"] = _GOING_AWAY if code in (_ABNORMAL, _NO_STATUS) else code
            await send(close)
            return


async def _refused(
    scope: Scope, send: Send, upstream: "_Upstream", answer: RejectConnection, endpoint: Endpoint
) -> None:
    """Pass on a refusal; what is neither that nor an agreement is a mistake of the server's."""
    if answer.status_code < 400:
        raise BackendError(f"invalid upgrade response: status code {answer.status_code}")
    pairs = [(bytes(name).lower(), bytes(value)) for name, value in answer.headers]
    headers = returned_headers(pairs, backend=str(endpoint), front=requested_host(scope))
    await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
    if answer.has_body:
        while True:
            try:
                event = await upstream.next_event()
            except BackendError as error:
                raise AbortRequestError(f"the server behind broke off: {error}") from error
            if not isinstance(event, RejectData):
                break
            await send({"type": "http.response.body", "body": bytes(event.data), "more_body": True})
            if event.body_finished:
                break
    await send({"type": "http.response.body", "body": b"", "more_body": False})


class _Upstream:
    """The connection to the server behind, as messages."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._connection = WSConnection(ConnectionType.CLIENT)
        self._events: Iterator[Event] = iter(())

    async def shake_hands(self, head: RequestHead, subprotocols: list[str]) -> AcceptConnection | RejectConnection:
        """Raises BackendError."""
        request = Request(
            host=head.authority,
            target=head.target.decode("latin-1"),
            subprotocols=subprotocols,
            extra_headers=[pair for pair in head.headers if pair[0] not in _OWN],
        )
        await self.send(request)
        event = await self.next_event()
        if not isinstance(event, AcceptConnection | RejectConnection):
            raise BackendError(f"malformed HTTP response: {type(event).__name__}")
        return event

    async def send(self, event: Event) -> None:
        try:
            data = self._connection.send(event)
        except LocalProtocolError:
            return  # it is over already, which the reader tells
        with contextlib.suppress(OSError):
            self._writer.write(data)
            await self._writer.drain()

    async def close(self, code: int, reason: str) -> None:
        # 1005 and 1006 are said of a connection and never over it (RFC 6455 section 7.4.1).
        await self.send(CloseConnection(_GOING_AWAY if code in (_NO_STATUS, _ABNORMAL) else code, reason))

    async def next_event(self) -> Event:
        """The next event that is not about the connection alone. Raises BackendError."""
        while True:
            try:
                for event in self._events:
                    if isinstance(event, Ping):
                        await self.send(event.response())
                    elif isinstance(event, CloseConnection):
                        if self._connection.state is ConnectionState.REMOTE_CLOSING:
                            await self.send(event.response())
                        return event
                    else:
                        return event
                data = await self._reader.read(READ_BYTES)
                if self._connection.state is ConnectionState.CLOSED:
                    return CloseConnection(code=_GOING_AWAY)
                self._connection.receive_data(data or None)
                self._events = self._connection.events()
            except RemoteProtocolError as error:
                raise BackendError(f"malformed HTTP response: {error}") from error
            except OSError as error:
                raise BackendError(str(error)) from error
