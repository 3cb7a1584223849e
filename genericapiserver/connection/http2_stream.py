"""One HTTP/2 request: its scope, its body as it comes in, its response as it goes out, and the task that answers it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from genericapiserver.asgi import Message, RawHeaders, Scope
from genericapiserver.connection.served_request import ServedRequest

if TYPE_CHECKING:
    from genericapiserver.connection.http2 import HTTP2Driver

# RFC 9113 section 8.2.2: fields of a connection have no place on a stream.
_CONNECTION_FIELDS = frozenset([b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"])
_STATUS: dict[int, tuple[bytes, bytes]] = {code: (b":status", b"%d" % code) for code in range(100, 1000)}
_BODILESS = frozenset([204, 304])


_LEAST_PROGRESS = 1024
"""Bytes that a client has to take in `ConnectionLimits.write_stall_timeout`: one byte now and then is no reading."""


class StallTimer:
    """Runs while a stream waits for room, and gives the stream up when its client makes none."""

    __slots__ = ("_driver", "_handle", "_stream")

    def __init__(self, driver: HTTP2Driver, stream: Stream) -> None:
        self._driver = driver
        self._stream = stream
        stream.take_moved()
        self._handle = driver.loop.call_later(driver.write_stall_timeout, self._look)

    def cancel(self) -> None:
        self._handle.cancel()

    def _look(self) -> None:
        # A socket that is full is the link's to time; here it is only what holds this stream back.
        if self._stream.take_moved() < _LEAST_PROGRESS and self._driver.window_shut(self._stream):
            self._driver.stalled(self._stream)
        elif not self._stream.disconnected:
            self._handle = self._driver.loop.call_later(self._driver.write_stall_timeout, self._look)


class Stream(ServedRequest):
    """`receive` and `send` are the handler's two callables.

    `send` returns at once while the client's windows and the socket have room, and waits otherwise; after the client
    has gone it does nothing. `unread` are the bytes of flow control that hang on the body.
    """

    __slots__ = ("_driver", "_expects_continue", "_moved", "_send_body", "drained", "id", "unacknowledged")

    def __init__(
        self, driver: HTTP2Driver, stream_id: int, scope: Scope, body_ended: bool, expects_continue: bool
    ) -> None:
        super().__init__(driver.loop, scope, body_ended=body_ended)
        self._driver = driver
        self._expects_continue = expects_continue
        self._send_body = True
        self._moved = 0
        """Bytes of body that went out since somebody looked whether the client reads at all."""
        self.id = stream_id
        self.unacknowledged = 0
        """Bytes read, not yet given back to the client's window of this stream."""
        self.drained = 0
        """Bytes of body that came after the response was complete."""

    # From the driver

    def body_received(self, data: bytes, flow_controlled_length: int) -> None:
        if data:
            self._keep(data)
        self.unread += flow_controlled_length
        self.wake()

    async def run(self) -> None:
        """The task of this request."""
        driver = self._driver
        try:
            if not self.disconnected:  # one that is reset in the same read costs no handler
                await driver.handler(self.scope, self.receive, self.send)
        except Exception as error:  # noqa: BLE001 the last place that can log it; the connection carries other requests
            driver.handler_failed(self, error)
        finally:
            driver.finished(self, self.started)

    # For the handler

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if self.disconnected:
            await asyncio.sleep(0)  # a handler that only sends meets its cancellation here
        elif kind == "http.response.body":
            if not self.started or self.complete:
                raise RuntimeError("a response body was sent before the response start, or after its end")
            body = message.get("body", b"") if self._send_body else b""
            end = not message.get("more_body", False)
            driver = self._driver
            if not driver.write_now(self, body, end):
                await self._write(body, end)
        elif kind == "http.response.start":
            self._start(message)
        else:
            raise ValueError(f"an HTTP response has no message of type {kind!r}")

    def _start(self, message: Message) -> None:
        if self.started:
            raise RuntimeError("the response was started already")
        status: int = message["status"]
        driver = self._driver
        blocks = driver.header_blocks
        headers: RawHeaders = [_STATUS[status]]
        dated = False
        for header in message.get("headers", ()):
            name, value = header
            if name in _CONNECTION_FIELDS:
                if name == b"connection" and value.lower() == b"close":
                    driver.close_after_response(self.id)
                continue
            if name == b"date":
                dated = True
            blocks[name, value]  # raises for what cannot be sent, while a 500 still can
            headers.append((name, value))
        if not dated:
            headers.append((b"date", driver.date()))
        self._send_body = status not in _BODILESS and self.scope["method"] != "HEAD"
        self.started = True
        driver.write_headers(self, headers)

    async def _write(self, body: bytes, end: bool) -> None:
        """The long way: piece by piece as windows and socket allow."""
        driver = self._driver
        view = memoryview(bytes(body))  # no copy, unless it is something that could still change
        stall: StallTimer | None = None
        try:
            while not self.disconnected:
                size = driver.room(self, len(view))
                if size is None:
                    if stall is None:
                        stall = StallTimer(driver, self)
                    driver.wait_for_room(self, len(view))
                    try:
                        await self._wait()
                    finally:
                        driver.waits_no_longer(self)
                    continue
                rest = view[size:]
                driver.write_data(self, view[:size], end and not rest)
                if not rest:
                    return
                self._moved += size
                view = rest
        finally:
            if stall is not None:
                stall.cancel()
                driver.pass_on()

    def take_moved(self) -> int:
        """The bytes that have gone out since the last call, while the stream was waiting for room."""
        moved, self._moved = self._moved, 0
        return moved

    def _body_taken(self) -> None:
        self._driver.body_read(self)

    def _ask_for_body(self) -> None:
        if self._expects_continue:
            self._expects_continue = False
            self._driver.write_continue(self)
