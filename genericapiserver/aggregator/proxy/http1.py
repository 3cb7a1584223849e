"""HTTP/1.1 to a server behind, on h11: one exchange at a time, a connection that is free again after it."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

import h11

from genericapiserver.aggregator.proxy.connection import (
    READ_BYTES,
    BackendError,
    RequestHead,
    ResponseHead,
    StaleConnectionError,
)
from genericapiserver.client.server_certificates import failure_text

MAX_HEAD_BYTES: Final = 256 * 1024
"""Of an answer's head: no API server has more to say in headers."""


class HTTP1Connection:
    """An open connection. *released* is told when the exchange on it is over, and whether another may follow."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        released: Callable[["HTTP1Connection", bool], None],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._released = released
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._used = False
        """An exchange has come to its end here before."""
        self._answered = False
        self._busy = False

    @property
    def usable(self) -> bool:
        """Whether the server still holds the connection, as far as anybody can know."""
        return not (self._busy or self._reader.at_eof() or self._writer.is_closing())

    def take(self) -> "HTTP1Connection":
        """Begin an exchange."""
        self._busy = True
        self._answered = False
        return self

    def abort(self) -> None:
        """Close the connection, whatever goes on there: who waits for an answer hears that there is none."""
        self._writer.transport.abort()

    # ---- the exchange

    async def send_head(self, head: RequestHead) -> None:
        headers = [(b"host", head.authority.encode("ascii")), *head.headers]
        if head.content_length is None:
            headers.append((b"transfer-encoding", b"chunked"))
        elif head.content_length or head.method in ("POST", "PUT", "PATCH"):
            headers.append((b"content-length", b"%d" % head.content_length))
        try:
            request = h11.Request(method=head.method, target=head.target, headers=headers)
            await self._write(request)
        except h11.LocalProtocolError as error:
            raise BackendError(f"the request cannot be passed on: {error}") from error
        if head.content_length == 0:
            await self.end_body()

    async def send_body(self, data: bytes) -> None:
        try:
            await self._write(h11.Data(data=data))
        except h11.LocalProtocolError as error:
            raise BackendError(f"the request body is not what its head says: {error}") from error

    async def end_body(self) -> None:
        if self._h11.our_state is not h11.SEND_BODY:
            return
        try:
            await self._write(h11.EndOfMessage())
        except h11.LocalProtocolError as error:
            raise BackendError(f"the request body is not what its head says: {error}") from error

    async def response(self) -> ResponseHead:
        while True:
            event = await self._next_event()
            if isinstance(event, h11.Response):
                return ResponseHead(event.status_code, list(event.headers))
            if not isinstance(event, h11.InformationalResponse):
                raise BackendError("unexpected EOF")
            if event.status_code == 101:
                raise BackendError("the server changes the protocol although nobody asked it to")

    async def read(self) -> bytes:
        event = await self._next_event()
        return bytes(event.data) if isinstance(event, h11.Data) else b""

    def close(self) -> None:
        if not self._busy:
            return
        self._busy = False
        complete = self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE
        reusable = complete and not self._reader.at_eof() and not self._writer.is_closing()
        if reusable:
            self._h11.start_next_cycle()
            self._used = True
        else:
            self.abort()
        self._released(self, reusable)

    async def _write(self, event: h11.Event) -> None:
        if data := self._h11.send(event):
            # What the server no longer takes is no failure yet: it may have answered before it had read everything.
            with contextlib.suppress(OSError):
                self._writer.write(data)
                await self._writer.drain()

    async def _next_event(self) -> h11.Event:
        try:
            while (event := self._h11.next_event()) is h11.NEED_DATA:
                data = await self._reader.read(READ_BYTES)
                if not data and not self._answered:
                    raise self._closed("EOF")
                self._answered = self._answered or bool(data)
                self._h11.receive_data(data)
        except h11.RemoteProtocolError as error:
            raise BackendError(f"malformed HTTP response: {error}") from error
        except OSError as error:
            if self._answered:
                raise BackendError(failure_text(error)) from error
            raise self._closed(failure_text(error)) from error
        if isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
            raise BackendError("unexpected EOF")
        assert not isinstance(event, type)
        return event

    def _closed(self, text: str) -> BackendError:
        return StaleConnectionError(text) if self._used else BackendError(text)
