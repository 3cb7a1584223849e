"""One HTTP/1.1 request and its response; the counterpart of `http2_stream.Stream`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from genericapiserver.asgi import Handler, Message, RawHeaders, Scope
from genericapiserver.connection.served_request import ServedRequest

if TYPE_CHECKING:
    from genericapiserver.connection.http1 import HTTP1Driver

_INTERNAL_ERROR_BODY = b"Internal Server Error"
_FRAMING = frozenset([b"content-length", b"transfer-encoding"])


class Exchange(ServedRequest):
    """`receive` and `send` are the handler's two callables; every body message goes out at once.

    The head waits for the first body message, or the end of this turn of the loop, so that a small response is one
    write, and one whose first message is its last has a Content-Length.
    """

    __slots__ = ("_driver", "_handler", "_head")

    def __init__(self, driver: HTTP1Driver, scope: Scope, handler: Handler) -> None:
        super().__init__(driver.loop, scope, body_ended=False)
        self._driver = driver
        self._handler = handler
        self._head: tuple[int, RawHeaders] | None = None

    # From the driver

    def body_received(self, data: bytes) -> None:
        if self.complete:
            return
        self._keep(data)
        self.unread += len(data)
        self.wake()

    async def run(self) -> None:
        """The task of this request."""
        driver = self._driver
        try:
            await self._handler(self.scope, self.receive, self.send)
        except Exception as error:  # noqa: BLE001 the last place that can log it
            driver.handler_failed(self, error)
        finally:
            if not self.disconnected and not self.complete:
                self._break_off()
            driver.finished()

    # For the handler

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if self.disconnected:
            await asyncio.sleep(0)  # a handler that only sends meets its cancellation here
        elif kind == "http.response.body":
            if not self.started or self.complete:
                raise RuntimeError("a response body was sent before the response start, or after its end")
            end = not message.get("more_body", False)
            self._write(message.get("body", b""), end)
            while self._driver.write_paused and not self.disconnected:
                await self._wait()
        elif kind == "http.response.start":
            if self.started:
                raise RuntimeError("the response was started already")
            self.started = True
            self._head = (message["status"], list(message.get("headers", ())))
            self._driver.loop.call_soon(self._write_head)
        else:
            raise ValueError(f"an HTTP response has no message of type {kind!r}")

    def _write(self, body: bytes, end: bool) -> None:
        head = b""
        if self._head is not None:
            status, headers = self._head
            has_body = status >= 200 and status not in (204, 304) and self.scope["method"] != "HEAD"
            if end and has_body and not any(name in _FRAMING for name, _ in headers):
                headers.append((b"content-length", b"%d" % len(body)))
            head = self._take_head()
        self._driver.write(head + self._driver.body(body, end))
        if end:
            self.complete = True
            self._body.clear()

    def _write_head(self) -> None:
        if self._head is not None and not self.disconnected:
            self._driver.write(self._take_head())

    def _take_head(self) -> bytes:
        assert self._head is not None
        status, headers = self._head
        self._head = None
        return self._driver.head(status, headers, body_ended=self.body_ended)

    def _break_off(self) -> None:
        if self.started and self._head is None:
            self._driver.abort()
            return
        self.started = True
        self._head = (500, [(b"content-type", b"text/plain; charset=utf-8")])
        self._write(_INTERNAL_ERROR_BODY, True)

    def _body_taken(self) -> None:
        self.unread = 0
        self._driver.body_read()

    def _ask_for_body(self) -> None:
        self._driver.write_continue()
