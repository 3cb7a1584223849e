"""Websockets: `wsproto` between an upgraded HTTP/1.1 connection and the handler, which is an ASGI application like any.

The filters of a server refuse a request with `http.response.*` messages and need not know that it asked for an upgrade.
Compression is never agreed on: a small frame that inflates to gigabytes is the classic attack on it. What a client sends
ahead of its handler is bounded, and so is one message, in however many frames.
"""

from __future__ import annotations

import asyncio
import enum
import logging
from io import StringIO
from typing import TYPE_CHECKING, Final

import h11
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, TextMessage
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import generate_accept_token, split_comma_header

from genericapiserver.asgi import Message, RawHeaders, Scope

if TYPE_CHECKING:
    from genericapiserver.connection.http1 import HTTP1Driver
    from genericapiserver.connection.link import Link

LOGGER = logging.getLogger("genericapiserver.connection")

_MESSAGE_COST: Final = 256
"""What a queued message counts beside its own length: a million empty ones take memory too."""

_REASON: Final = 40
"""Characters of a reason: with its code it has to fit into 125 bytes."""


class _State(enum.Enum):
    CONNECTING = enum.auto()
    OPEN = enum.auto()
    ANSWERING = enum.auto()
    """The handler answers in plain HTTP."""
    CLOSED = enum.auto()


class WebSocket:
    """One websocket and the task of its handler. What comes in is worked on as it comes, without a task of its own."""

    def __init__(self, driver: HTTP1Driver, link: Link, connection: h11.Connection, scope: Scope) -> None:
        self._driver = driver
        self._link = link
        self._h11 = connection
        self._limits = link.service.limits
        fields = dict(scope["headers"])
        self._key: bytes = fields[b"sec-websocket-key"].strip()
        protocols = fields.get(b"sec-websocket-protocol")
        self._subprotocols = split_comma_header(protocols) if protocols is not None else []
        self._scope = self._websocket_scope(scope)
        self._state = _State.CONNECTING
        self._response: Message | None = None
        self._frames = Connection(ConnectionType.SERVER, [])
        self._early = b""
        """What came before the handler accepted."""
        self._text = StringIO()
        self._data = bytearray()
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self._queued = 0
        self._reading_paused = False
        self._over = False
        """The handler was told."""
        self._writable = asyncio.Event()
        self._writable.set()
        self._messages.put_nowait({"type": "websocket.connect"})
        self._task = link.service.start_task(self._run())
        if connection.trailing_data[0]:
            self.data_received(connection.trailing_data[0])

    def _websocket_scope(self, scope: Scope) -> Scope:
        # Without permessage-deflate: an extension that is not named cannot be agreed on.
        headers: RawHeaders = [pair for pair in scope["headers"] if pair[0] != b"sec-websocket-extensions"]
        return {
            **scope,
            "type": "websocket",
            "scheme": "wss" if scope["scheme"] == "https" else "ws",
            "headers": headers,
            "subprotocols": self._subprotocols,
            "extensions": {**scope["extensions"], "websocket.http.response": {}},
        }

    # From the driver

    def data_received(self, data: bytes) -> None:
        if self._state is _State.CONNECTING:
            self._early += data
        elif self._state is _State.OPEN:
            self._frames.receive_data(data)
            self._work()
        self._pause_or_resume()

    def _work(self) -> None:
        """Take frames until there are no more, the handler has enough of them, or it is over."""
        if self._state is _State.OPEN and not self._full:
            for event in self._frames.events():
                if not self._received(event) or self._full:
                    break

    def resume_writing(self) -> None:
        self._writable.set()
        self._pause_or_resume()

    def begin_shutdown(self) -> None:
        """Nobody waits for a websocket to end by itself (Go does not either): it is told "going away" and closed."""
        if self._state is _State.OPEN:
            self._close(CloseReason.GOING_AWAY)
        elif self._state is _State.CONNECTING:
            self._answer(503)
        else:
            return
        self._disconnected(CloseReason.GOING_AWAY)

    def connection_lost(self) -> None:
        self._writable.set()
        self._disconnected(CloseReason.ABNORMAL_CLOSURE)

    # What comes in

    def _received(self, event: Event) -> bool:
        """Whether more may follow."""
        if isinstance(event, BytesMessage | TextMessage):
            self._piece(event)
        elif isinstance(event, Ping):
            self._link.write(self._frames.send(event.response()))
        elif isinstance(event, CloseConnection):
            if self._frames.state is ConnectionState.REMOTE_CLOSING:
                self._link.write(self._frames.send(event.response()))
                self._disconnected(event.code)
            else:  # not the client's word, but wsproto's for what is no websocket
                self._break(event.code, event.reason or "")
        return not self._over

    def _piece(self, event: BytesMessage | TextMessage) -> None:
        limit = self._limits.websocket_max_message_bytes
        if isinstance(event, TextMessage):
            size = self._text.tell() + len(event.data)
        else:
            size = len(self._data) + len(event.data)
        if size > limit:
            self._break(CloseReason.MESSAGE_TOO_BIG, f"a message may have {limit} bytes")
        elif isinstance(event, TextMessage):
            self._text.write(event.data)
            if event.message_finished:
                self._message(size, {"type": "websocket.receive", "text": self._text.getvalue(), "bytes": None})
                self._text = StringIO()
        else:
            self._data += event.data
            if event.message_finished:
                self._message(size, {"type": "websocket.receive", "text": None, "bytes": bytes(self._data)})
                self._data.clear()

    def _message(self, size: int, message: Message) -> None:
        self._queued += size + _MESSAGE_COST
        self._messages.put_nowait(message)

    def _break(self, code: int, reason: str) -> None:
        LOGGER.debug("websocket of %s broke: %s", self._link.client, reason)
        self._close(code, reason[:_REASON])
        self._disconnected(code)

    def _disconnected(self, code: int) -> None:
        """The handler hears that it is over, and then has a moment to end."""
        if self._over:
            return
        self._over = True
        self._state = _State.CLOSED
        self._early = b""
        self._data.clear()
        self._text = StringIO()
        self._messages.put_nowait({"type": "websocket.disconnect", "code": int(code)})
        self._link.loop.call_later(self._limits.reset_grace, self._task.cancel)

    @property
    def _full(self) -> bool:
        return self._queued + len(self._early) > self._limits.stream_window

    def _pause_or_resume(self) -> None:
        """Read while the handler keeps up, and the client takes the answers to its pings."""
        pause = self._state is not _State.CLOSED and (self._full or self._link.write_paused)
        if pause != self._reading_paused:
            self._reading_paused = pause
            if pause:
                self._link.pause_reading()
            else:
                self._link.resume_reading()

    # The handler

    async def _run(self) -> None:
        failed = False
        try:
            await self._link.service.handler(self._scope, self._receive, self._send)
        except Exception as error:
            failed = True
            LOGGER.error("websocket handler failed: %s", self._scope["path"], exc_info=error)
        finally:
            if self._state is _State.OPEN:
                self._close(CloseReason.INTERNAL_ERROR if failed else CloseReason.NORMAL_CLOSURE)
            elif self._state is _State.CONNECTING:
                self._answer(500)
            elif self._state is _State.ANSWERING:
                self._link.abort()  # only a reset says that the answer is not whole
            self._link.service.tasks.discard(self._task)
            self._driver.websocket_closed()

    async def _receive(self) -> Message:
        message = await self._messages.get()
        if message["type"] == "websocket.receive":
            text, data = message["text"], message["bytes"]
            self._queued -= len(text if data is None else data) + _MESSAGE_COST
            self._work()
            self._pause_or_resume()
        return message

    async def _send(self, message: Message) -> None:
        if self._state is _State.CLOSED:
            await asyncio.sleep(0)  # a handler may go on sending for a while after its client has gone
            return
        kind = message["type"].removeprefix("websocket.")
        if kind == "accept" and self._state is _State.CONNECTING:
            self._accept(message)
        elif kind == "send" and self._state is _State.OPEN:
            data = message.get("bytes")
            frame = TextMessage(data=message["text"]) if data is None else BytesMessage(data=bytes(data))
            self._link.write(self._frames.send(frame))
        elif kind == "close" and self._state is _State.OPEN:
            self._close(message.get("code", CloseReason.NORMAL_CLOSURE), message.get("reason") or None)
        elif kind == "close" and self._state is _State.CONNECTING:
            self._answer(403)
        elif kind == "http.response.start" and self._state is _State.CONNECTING and self._response is None:
            self._response = message
        elif kind == "http.response.body" and self._response is not None:
            self._answer_piece(self._response, message)
        else:
            raise RuntimeError(f"a websocket that is {self._state.name.lower()} takes no message {message['type']!r}")
        while self._link.write_paused and not self._link.closing:
            self._writable.clear()
            await self._writable.wait()

    # What goes out

    def _accept(self, message: Message) -> None:
        headers: RawHeaders = [
            (b"Upgrade", b"websocket"),
            (b"Connection", b"Upgrade"),
            (b"Sec-WebSocket-Accept", generate_accept_token(self._key)),
        ]
        subprotocol = message.get("subprotocol")
        if subprotocol is not None:
            if subprotocol not in self._subprotocols:
                raise RuntimeError(f"the client did not offer the subprotocol {subprotocol!r}")
            headers.append((b"Sec-WebSocket-Protocol", subprotocol.encode("ascii")))
        headers += [(name.title(), value) for name, value in message.get("headers", ())]
        switching = h11.InformationalResponse(status_code=101, headers=headers, reason=b"Switching Protocols")
        self._link.write(self._h11.send(switching) or b"")
        self._state = _State.OPEN
        early, self._early = self._early, b""
        if early:
            self.data_received(early)

    def _answer(self, status: int) -> None:
        """Answer in HTTP, without a body."""
        start: Message = {"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]}
        self._answer_piece(start, {"type": "http.response.body"})

    def _answer_piece(self, start: Message, body: Message) -> None:
        head = b""
        if self._state is _State.CONNECTING:
            self._state = _State.ANSWERING
            self._driver.close_after_response()  # an answer in plain HTTP is the connection's last
            head = self._driver.head(start["status"], start.get("headers", ()), body_ended=True)
        end = not body.get("more_body", False)
        self._driver.write(head + self._driver.body(body.get("body", b""), end))
        if end:
            self._state = _State.CLOSED

    def _close(self, code: int, reason: str | None = None) -> None:
        self._link.write(self._frames.send(CloseConnection(code=int(code), reason=reason)))
        self._state = _State.CLOSED
