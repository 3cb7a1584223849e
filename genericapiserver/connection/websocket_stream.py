"""hypercorn's `WSStream`, the state of one websocket, with its faults mended.

It checks the handshake, holds the states, turns a handler's messages into frames or into an answer in plain HTTP, and
frames into messages. What is mended (of hypercorn 0.18):

- it goes on collecting a message that is too long, for as long as the client sends: here that ends it, with code 1009;
- it ends a websocket that breaks the protocol without a word: here its client is told the code, and so is the handler,
  which otherwise hears 1006 (or 1000) whatever the client's own code was;
- it takes pings, pongs and small fragments as fast as they come: here they have a budget, and more of them end it with 1008;
- it works on everything that has come, however far behind the handler is: here frames wait when the handler has enough;
- a failed acceptance (a subprotocol that nobody offered) leaves it "connected" without a connection: here the handler's
  failure is still answered in HTTP;
- "close" in the middle of an answer in HTTP looks for a connection that there is not: here it is refused as any message
  that does not belong there.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, cast

from hypercorn.config import Config
from hypercorn.protocol.events import Event, Request, StreamClosed
from hypercorn.protocol.ws_stream import ASGIWebsocketState, FrameTooLargeError, WSStream
from hypercorn.typing import ConnectionState as LifespanState
from hypercorn.utils import UnexpectedMessageError
from wsproto.connection import ConnectionState
from wsproto.events import CloseConnection, Ping, Pong
from wsproto.events import Event as FrameEvent
from wsproto.events import Message as MessagePiece
from wsproto.frame_protocol import CloseReason

from genericapiserver.asgi import RawHeaders, Scope

if TYPE_CHECKING:
    from hypercorn.typing import ASGISendEvent, TaskGroup, WebsocketAcceptEvent, WorkerContext

LOGGER = logging.getLogger("genericapiserver.connection")

STREAM_ID: Final = 1
"""The connection's only one."""

_SMALL: Final = 128
"""Bytes of a fragment, not the last of its message, under which it is more frame than message."""

_REASON: Final = 40
"""Characters of a reason: with its code it has to fit into 125 bytes."""


class Stream(WSStream):
    """One websocket. Nothing here waits for anything but the callbacks: *send*, and what *task_group* gives for `put`.

    *enough* says whether the handler has so much unread that no more should be taken from the frames; *afford* counts a
    frame that says nothing and says whether it may come.
    """

    def __init__(
        self,
        scope: Scope,
        *,
        max_message: int,
        task_group: TaskGroup,
        send: Callable[[Event], Awaitable[None]],
        enough: Callable[[], bool],
        afford: Callable[[], bool],
    ) -> None:
        config = Config()
        config.websocket_max_message_size = max_message
        config.errorlog = None  # its logger would be given a handler of its own, for the whole process
        super().__init__(
            _no_app,
            config,
            cast("WorkerContext", None),  # its clock is for pings of the server's own, which are not configured
            task_group,
            scope["scheme"] == "https",
            scope["client"],
            scope["server"],
            send,
            STREAM_ID,
        )
        self._enough = enough
        self._afford = afford
        self.close_code: int | None = None
        """Why it is over, where a frame said so; None for what `WSStream` makes of it."""

    @property
    def over(self) -> bool:
        """Whether nothing more will be said: what the handler goes on sending is dropped."""
        return self.closed or self.idle

    async def open(self, scope: Scope) -> None:
        """Have the handler started for the request of *scope*, or refuse it.

        Without permessage-deflate: an extension that is not named cannot be agreed on.
        """
        headers: RawHeaders = [pair for pair in scope["headers"] if pair[0] != b"sec-websocket-extensions"]
        await self.handle(
            Request(
                stream_id=STREAM_ID,
                headers=headers,
                http_version=scope["http_version"],
                method="GET",
                raw_path=scope["raw_path"],
                state=LifespanState({}),
            )
        )

    async def work(self) -> None:
        """Take frames that wait until there are no more, the handler has enough of them, or it is over."""
        if self.state is ASGIWebsocketState.CONNECTED and not self.closed:
            await self._handle_events()

    async def refuse(self, status: int) -> None:
        """Answer the handshake in HTTP, without a body."""
        self.state = ASGIWebsocketState.HTTPCLOSED
        await self._send_error_response(status)

    async def end(self, code: int, reason: str | None = None) -> None:
        """Close it for a reason that is not the handler's, which hears *code*."""
        self.close_code = int(code)
        self.state = ASGIWebsocketState.CLOSED
        await self._send_wsproto_event(CloseConnection(code=int(code), reason=reason))
        await self.send(StreamClosed(stream_id=STREAM_ID))

    # WSStream's, mended

    async def app_send(self, message: ASGISendEvent | None) -> None:
        if (
            message is not None
            and message["type"] == "websocket.close"
            and self.state is ASGIWebsocketState.RESPONSE
            and not self.closed
        ):
            raise UnexpectedMessageError(self.state, message["type"])
        await super().app_send(message)

    async def _accept(self, message: WebsocketAcceptEvent) -> None:
        try:
            await super()._accept(message)
        except Exception:
            self.state = ASGIWebsocketState.HANDSHAKE
            raise

    async def _handle_events(self) -> None:
        # Not with super(): its loop can neither be left for good nor stopped to go on later.
        if self._enough():
            return
        for event in self.connection.events():
            await self._take(event)
            if self.over or self._enough():
                break

    async def _take(self, event: FrameEvent) -> None:
        if isinstance(event, MessagePiece):
            await self._piece(event)
            if event.frame_finished and not event.message_finished and len(event.data) < _SMALL:
                await self._spend()
        elif isinstance(event, Ping):
            await self._send_wsproto_event(event.response())
            await self._spend()
        elif isinstance(event, Pong):
            await self._spend()
        elif isinstance(event, CloseConnection):
            if self.connection.state is ConnectionState.REMOTE_CLOSING:
                self.close_code = int(event.code)
                await self._send_wsproto_event(event.response())
                await self.send(StreamClosed(stream_id=STREAM_ID))
            else:  # not the client's word, but wsproto's for what is no websocket
                await self._break(event.code, event.reason or "")

    async def _piece(self, event: MessagePiece[Any]) -> None:
        try:
            self.buffer.extend(event)
        except FrameTooLargeError:
            await self._break(CloseReason.MESSAGE_TOO_BIG, f"a message may have {self.buffer.max_length} bytes")
            return
        if event.message_finished:
            assert self.app_put is not None
            await self.app_put(self.buffer.to_message())
            self.buffer.clear()

    async def _spend(self) -> None:
        if not self._afford() and not self.over:
            await self._break(CloseReason.POLICY_VIOLATION, "too many pings, pongs or small fragments")

    async def _break(self, code: int, reason: str) -> None:
        LOGGER.debug("websocket of %s broke: %s", self.client, reason)
        self.buffer.clear()
        await self.end(code, reason[:_REASON])


async def _no_app(scope: Any, receive: Any, send: Any, sync_spawn: Any, call_soon: Any) -> None:
    raise RuntimeError("the handler of a websocket is started by its task group")
