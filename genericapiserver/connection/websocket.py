"""Websockets: hypercorn's `WSStream` (wsproto within) between an upgraded HTTP/1.1 connection and the handler, which is
an ASGI application like any. `websocket_stream` has the stream and what is mended in it; here is what lies around it.

The filters of a server refuse a request with `http.response.*` messages and need not know that it asked for an upgrade.
Compression is never agreed on: a small frame that inflates to gigabytes is the classic attack on it. What a client sends
ahead of its handler is bounded, and so is one message, in however many frames.

The stream's methods are coroutines, but all that they wait for is here and never waits, so that they are run as plain
calls: what comes in is worked on as it comes, and the only task is the handler's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

import h11
from hypercorn.protocol.events import Body, Data, EndBody, Event, Response, StreamClosed
from hypercorn.protocol.ws_stream import ASGIWebsocketState
from wsproto.frame_protocol import CloseReason

from genericapiserver.asgi import Message, RawHeaders, Scope
from genericapiserver.connection.budget import Budget
from genericapiserver.connection.websocket_stream import STREAM_ID, Stream

if TYPE_CHECKING:
    from genericapiserver.connection.http1 import HTTP1Driver
    from genericapiserver.connection.link import Link

LOGGER = logging.getLogger(__name__)

_MESSAGE_COST: Final = 256
"""What a queued message counts beside its own length: a million empty ones take memory too."""

_SPELLED: Final = {
    b"upgrade": b"Upgrade",
    b"connection": b"Connection",
    b"sec-websocket-accept": b"Sec-WebSocket-Accept",
    b"sec-websocket-protocol": b"Sec-WebSocket-Protocol",
}
"""The headers of an acceptance as RFC 6455 section 1.3 spells and orders them: some clients compare letter by letter."""
_ORDER: Final = {name: place for place, name in enumerate(_SPELLED)}


class WebSocket:
    """One websocket and the task of its handler: the stream's task group, and the other end of all that it sends."""

    def __init__(self, driver: HTTP1Driver, link: Link, connection: h11.Connection, scope: Scope) -> None:
        self._driver = driver
        self._link = link
        self._h11 = connection
        self._limits = link.service.limits
        self._scope = scope
        self._head = b""
        """Of an answer in plain HTTP, until its first piece goes with it."""
        self._early = b""
        """What came before the handler accepted."""
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self._queued = 0
        self._reading_paused = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._task: asyncio.Task[None] | None = None
        self._ended = False
        """The handler has returned."""
        clock = link.loop.time
        budget = Budget(self._limits.abuse_budget, self._limits.abuse_refill, clock())
        self._stream = Stream(
            scope,
            max_message=self._limits.websocket_max_message_bytes,
            task_group=self,  # type: ignore[arg-type] # nobody enters it as a context
            send=self._stream_sent,
            enough=self._full,
            afford=lambda: budget.spend(clock()) >= 0,
        )
        _call(self._stream.open(scope))
        if self._stream.app_put is None:  # it refused the handshake
            link.close()
        elif connection.trailing_data[0]:
            self.data_received(connection.trailing_data[0])

    # From the driver

    def data_received(self, data: bytes) -> None:
        state = self._stream.state
        if self._stream.closed:
            return
        if state is ASGIWebsocketState.HANDSHAKE:
            self._early += data
        elif state is ASGIWebsocketState.CONNECTED:
            _call(self._stream.handle(Data(stream_id=STREAM_ID, data=data)))
        self._pause_or_resume()

    def resume_writing(self) -> None:
        self._writable.set()
        self._pause_or_resume()

    def begin_shutdown(self) -> None:
        """Nobody waits for a websocket to end by itself (Go does not either): it is told "going away" and closed."""
        stream = self._stream
        if stream.closed:
            return
        if stream.state is ASGIWebsocketState.CONNECTED:
            _call(stream.end(CloseReason.GOING_AWAY))
        elif stream.state is ASGIWebsocketState.HANDSHAKE:
            stream.close_code = CloseReason.GOING_AWAY
            _call(stream.refuse(503))
            _call(self._disconnected())

    def connection_lost(self) -> None:
        self._writable.set()
        if self._stream.close_code is None:
            self._stream.close_code = CloseReason.ABNORMAL_CLOSURE
        _call(self._disconnected())

    # For the stream, as its task group

    async def spawn_app(
        self, app: object, config: object, scope: Any, send: object
    ) -> Callable[[Message], Awaitable[None]]:
        shown: Scope = {
            **self._scope,
            **{name: scope[name] for name in ("type", "scheme", "headers", "subprotocols")},
            "extensions": {**self._scope["extensions"], **scope["extensions"]},
        }
        self._task = self._link.service.start_task(self._run(shown))
        return self._put

    def spawn(self, function: object, *arguments: object) -> None:
        raise RuntimeError("pings of the server's own are not configured")

    async def _put(self, message: Message) -> None:
        if message["type"] == "websocket.receive":
            self._queued += _cost(message)
        elif message["type"] == "websocket.disconnect" and self._stream.close_code is not None:
            message = {**message, "code": int(self._stream.close_code)}
        self._messages.put_nowait(message)

    async def _stream_sent(self, event: Event) -> None:
        if isinstance(event, Data):
            self._link.write(event.data)
        elif isinstance(event, Response) and event.status_code == 101:
            self._switch(event.headers)
        elif isinstance(event, Response):
            self._driver.close_after_response()  # an answer in plain HTTP is the connection's last
            self._head = self._driver.head(event.status_code, event.headers, body_ended=True)
        elif isinstance(event, Body | EndBody):
            head, self._head = self._head, b""
            body = event.data if isinstance(event, Body) else b""
            self._driver.write(head + self._driver.body(body, isinstance(event, EndBody)))
        elif isinstance(event, StreamClosed):
            await self._disconnected()

    def _switch(self, named: RawHeaders) -> None:
        headers: RawHeaders = [
            (_SPELLED.get(name) or name.title(), b"websocket" if name == b"upgrade" else value)
            for name, value in sorted(named, key=lambda pair: _ORDER.get(pair[0], len(_ORDER)))
        ]
        switching = h11.InformationalResponse(status_code=101, headers=headers, reason=b"Switching Protocols")
        self._link.write(self._h11.send(switching) or b"")

    async def _disconnected(self) -> None:
        """The handler hears that it is over, and then has a moment to end."""
        if self._stream.closed:
            return
        await self._stream.handle(StreamClosed(stream_id=STREAM_ID))
        self._early = b""
        self._stream.buffer.clear()
        if self._task is not None and not self._ended:
            self._link.loop.call_later(self._limits.reset_grace, self._task.cancel)

    # Reading

    def _full(self) -> bool:
        return self._queued + len(self._early) > self._limits.stream_window

    def _pause_or_resume(self) -> None:
        """Read while the handler keeps up, and the client takes the answers to its pings."""
        pause = not self._stream.over and (self._full() or self._link.write_paused)
        if pause != self._reading_paused:
            self._reading_paused = pause
            if pause:
                self._link.pause_reading()
            else:
                self._link.resume_reading()

    # The handler

    async def _run(self, scope: Scope) -> None:
        failed = False
        try:
            await self._link.service.handler(scope, self._receive, self._send)
        except Exception as error:
            failed = True
            LOGGER.error("websocket handler failed: %s", scope["path"], exc_info=error)
        finally:
            self._ended = True
            try:
                await self._finish(failed)
            finally:
                if self._task is not None:
                    self._link.service.tasks.discard(self._task)
                self._driver.websocket_closed()

    async def _finish(self, failed: bool) -> None:
        """Say what the handler has left unsaid: the stream has a word for a failure, and takes every end for one."""
        stream = self._stream
        if stream.state is ASGIWebsocketState.CONNECTED and not failed:
            await stream.app_send({"type": "websocket.close", "code": CloseReason.NORMAL_CLOSURE, "reason": None})
        elif stream.state is ASGIWebsocketState.RESPONSE and not stream.closed:
            self._link.abort()  # the answer is not whole, and must not look so
        await stream.app_send(None)

    async def _receive(self) -> Message:
        message = await self._messages.get()
        if message["type"] == "websocket.receive":
            self._queued -= _cost(message)
            await self._stream.work()
            self._pause_or_resume()
        return message

    async def _send(self, message: Message) -> None:
        stream = self._stream
        if stream.over:
            await asyncio.sleep(0)  # a handler may go on sending for a while after its client has gone
            return
        kind = message["type"].removeprefix("websocket.")
        if kind.startswith("http.response."):
            message = {"headers": [], **message, "type": f"websocket.{kind}"}
        await stream.app_send(message)  # type: ignore[arg-type] # the stream looks at what it is given
        if self._early:
            early, self._early = self._early, b""
            self.data_received(early)
        while self._link.write_paused and not self._link.closing:
            self._writable.clear()
            await self._writable.wait()


def _cost(message: Message) -> int:
    text, data = message["text"], message["bytes"]
    return len(text if data is None else data) + _MESSAGE_COST


def _call(work: Coroutine[Any, Any, None]) -> None:
    """Run *work*, which does not wait, as a plain call."""
    try:
        work.send(None)
    except StopIteration:
        return
    work.close()
    raise RuntimeError("a websocket's stream waited for something")
