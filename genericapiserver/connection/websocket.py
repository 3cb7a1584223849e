"""Websockets: hypercorn's `WSStream` (wsproto within) between an upgraded HTTP/1.1 connection and the handler.

Added to it: the TLS facts in the scope, reading that waits for the handler, and answers in plain HTTP terms: the
filters of a server refuse a request with `http.response.*` messages and need not know that it asked for an upgrade.
Compression is never negotiated: a small frame that inflates to gigabytes is the classic attack on it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import h11
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.protocol.events import Body, Data, EndBody, Request, Response, StreamClosed
from hypercorn.protocol.ws_stream import WSStream

from genericapiserver.asgi import Message, RawHeaders, Scope

if TYPE_CHECKING:
    from genericapiserver.connection.http1 import HTTP1Driver
    from genericapiserver.connection.link import Link

LOGGER = logging.getLogger("genericapiserver.connection")

_STREAM_ID = 1
_QUEUED_MESSAGES = 16


class WebSocket:
    """One websocket. Its task reads frames; the handler's task is a second one, as in `WSStream`'s design."""

    def __init__(self, driver: HTTP1Driver, link: Link, connection: h11.Connection, scope: Scope) -> None:
        self._driver = driver
        self._link = link
        self._h11 = connection
        self._scope = scope
        self._incoming: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._queued = 0
        self._reading_paused = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._headers_only: int | None = None
        config = Config()
        config.websocket_max_message_size = link.service.limits.websocket_max_message_bytes
        self._stream = WSStream(
            self._run_handler,  # type: ignore[arg-type]
            config,
            WorkerContext(None),
            self,  # type: ignore[arg-type]
            scope["scheme"] == "https",
            scope["client"],
            scope["server"],
            self._stream_send,
            _STREAM_ID,
        )
        self._handler_task: asyncio.Task[None] | None = None
        if connection.trailing_data[0]:
            self.data_received(connection.trailing_data[0])
        self._going_away = False
        self._task = link.service.start_task(self._run())

    # From the driver

    def data_received(self, data: bytes) -> None:
        self._incoming.put_nowait(data)
        self._queued += len(data)
        if self._queued > self._link.service.limits.stream_window and not self._reading_paused:
            self._reading_paused = True
            self._link.pause_reading()

    def resume_writing(self) -> None:
        self._writable.set()

    def begin_shutdown(self) -> None:
        """Nobody waits for a websocket to end by itself (Go does not either): it is told "going away" and closed."""
        self._going_away = True
        self._incoming.put_nowait(None)

    def connection_lost(self) -> None:
        self._writable.set()
        self._incoming.put_nowait(None)

    # For WSStream: this object is its task group

    async def spawn_app(
        self,
        app: Callable[..., Awaitable[None]],
        config: Config,
        scope: Any,
        send: Callable[[Any], Awaitable[None]],
    ) -> Callable[[Any], Awaitable[None]]:
        queue: asyncio.Queue[Any] = asyncio.Queue(_QUEUED_MESSAGES)
        extensions = {**scope["extensions"], **self._scope["extensions"]}
        shown = {**scope, "path": self._scope["path"], "raw_path": self._scope["raw_path"], "extensions": extensions}
        self._handler_task = self._link.loop.create_task(self._handle(shown, queue.get, send))
        return queue.put

    def spawn(self, function: Callable[..., Any], *arguments: Any) -> None:
        raise RuntimeError("websocket pings are not configured")

    async def _run_handler(self, *arguments: Any) -> None:
        raise RuntimeError("the handler is started by spawn_app")

    async def _handle(self, scope: Scope, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        async def send_as_websocket(message: Message) -> None:
            if message["type"].startswith("http.response."):
                message = {**message, "type": "websocket." + message["type"]}
            await send(message)

        try:
            await self._link.service.handler(scope, receive, send_as_websocket)
        except Exception as error:
            LOGGER.error("websocket handler failed: %s", scope["path"], exc_info=error)
        finally:
            await send(None)

    # Inside

    async def _run(self) -> None:
        stream = self._stream
        try:
            # Names without permessage-deflate: an extension that is not named cannot be agreed on.
            headers: RawHeaders = [pair for pair in self._scope["headers"] if pair[0] != b"sec-websocket-extensions"]
            query = self._scope["query_string"]
            raw_path = self._scope["raw_path"] + (b"?" + query if query else b"")
            await stream.handle(
                Request(
                    stream_id=_STREAM_ID,
                    headers=headers,
                    http_version=self._scope["http_version"],
                    method="GET",
                    raw_path=raw_path,
                    state={},  # type: ignore[arg-type]
                )
            )
            while (data := await self._incoming.get()) is not None and not self._link.closing:
                self._queued -= len(data)
                if self._reading_paused and self._queued == 0:
                    self._reading_paused = False
                    self._link.resume_reading()
                await stream.handle(Data(stream_id=_STREAM_ID, data=data))
        except Exception as error:  # noqa: BLE001 wsproto raises for frames that are none
            LOGGER.debug("websocket of %s broke: %s", self._link.client, error)
            self._link.abort()
        finally:
            if self._going_away and not self._link.closing:
                await stream.app_send({"type": "websocket.close", "code": 1001, "reason": None})
            await stream.handle(StreamClosed(stream_id=_STREAM_ID))
            if self._handler_task is not None and not self._handler_task.done():
                await asyncio.wait([self._handler_task], timeout=self._link.service.limits.reset_grace)
                self._handler_task.cancel()
            self._link.service.tasks.discard(self._task)
            self._driver.websocket_closed()

    async def _stream_send(self, event: Any) -> None:
        if isinstance(event, Response):
            self._respond(event)
        elif isinstance(event, Data):
            self._link.write(event.data)
        elif isinstance(event, Body):
            self._driver.write(self._driver.body(event.data, False))
        elif isinstance(event, EndBody):
            self._driver.write(self._driver.body(b"", True))
            self._incoming.put_nowait(None)  # an answer in plain HTTP is the connection's last
        elif isinstance(event, StreamClosed):
            self._incoming.put_nowait(None)
        while self._link.write_paused:
            self._writable.clear()
            await self._writable.wait()

    def _respond(self, response: Response) -> None:
        if response.status_code >= 200:
            self._driver.write(self._driver.head(response.status_code, response.headers, body_ended=True))
            return
        headers = [(name.title(), value) for name, value in response.headers]
        switching = h11.InformationalResponse(
            status_code=response.status_code, headers=headers, reason=b"Switching Protocols"
        )
        self._link.write(self._h11.send(switching) or b"")
