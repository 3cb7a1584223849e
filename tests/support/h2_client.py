"""An HTTP/2 client for tests that says exactly what they want said, frame by frame."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import attrs
from h2.config import H2Configuration
from h2.connection import ConnectionInputs, H2Connection, H2ConnectionStateMachine
from h2.events import ConnectionTerminated, DataReceived, Event, ResponseReceived, StreamEnded, StreamReset


@attrs.define(eq=False)
class Response:
    """What came on one stream so far."""

    status: int = 0
    headers: dict[str, str] = attrs.Factory(dict)
    body: bytearray = attrs.Factory(bytearray)
    ended: bool = False
    reset: int | None = None

    @property
    def done(self) -> bool:
        return self.ended or self.reset is not None


class _HearsOutGoaway(H2ConnectionStateMachine):
    """h2 takes a GOAWAY for the end; a client wants the responses that are still to come."""

    def process_input(self, input_: ConnectionInputs) -> list[Event]:
        return [] if input_ is ConnectionInputs.RECV_GOAWAY else super().process_input(input_)


class H2Client:
    """One connection. Received data opens the window again unless *auto_window* is off."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, auto_window: bool = True) -> None:
        self.reader = reader
        self.writer = writer
        self.auto_window = auto_window
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.h2.state_machine = _HearsOutGoaway()
        self.responses: dict[int, Response] = {}
        self.events: list[Event] = []
        self.goaway: ConnectionTerminated | None = None
        self.closed = False
        self._changed = asyncio.Condition()

    async def start(self) -> None:
        self.h2.initiate_connection()
        await self.flush()

    async def flush(self) -> None:
        data = self.h2.data_to_send()
        if data:
            self.writer.write(data)
            await self.writer.drain()

    def send_request(
        self,
        path: str = "/",
        *,
        method: str = "GET",
        headers: Iterable[tuple[str, str]] = (),
        end: bool = True,
    ) -> int:
        """Queue a request head and name its stream; `flush` sends it."""
        stream_id = self.h2.get_next_available_stream_id()
        self.responses[stream_id] = Response()
        head = [(":method", method), (":scheme", "https"), (":authority", "localhost"), (":path", path), *headers]
        self.h2.send_headers(stream_id, head, end_stream=end)
        return stream_id

    async def request(self, path: str = "/", **options: Any) -> Response:
        stream_id = self.send_request(path, **options)
        await self.flush()
        return await self.finished(stream_id)

    async def finished(self, stream_id: int) -> Response:
        response = self.responses[stream_id]
        await self.until(lambda: response.done)
        return response

    async def until(self, condition: Callable[[], bool], seconds: float = 10.0) -> None:
        """Wait until *condition* holds; raises TimeoutError, or ConnectionError when the connection ends before."""
        async with asyncio.timeout(seconds), self._changed:
            while not condition():
                if self.closed:
                    raise ConnectionError("the server closed the connection")
                await self._changed.wait()

    async def until_closed(self, seconds: float = 10.0) -> None:
        async with asyncio.timeout(seconds), self._changed:
            while not self.closed:
                await self._changed.wait()

    async def read_forever(self) -> None:
        try:
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                while data := await self.reader.read(65536):
                    for event in self.h2.receive_data(data):
                        self._take(event)
                    await self.flush()
                    async with self._changed:
                        self._changed.notify_all()
        finally:
            async with self._changed:
                self.closed = True
                self._changed.notify_all()

    def _take(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, ConnectionTerminated):
            self.goaway = event
            return
        stream_id = getattr(event, "stream_id", None)
        response = self.responses.get(stream_id or 0)
        if response is None:
            return
        if isinstance(event, ResponseReceived):
            headers = {str(name): str(value) for name, value in event.headers or ()}
            response.status = int(headers[":status"])
            response.headers = headers
        elif isinstance(event, DataReceived):
            response.body += event.data or b""
            if self.auto_window and event.flow_controlled_length:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id or 0)
        elif isinstance(event, StreamEnded):
            response.ended = True
        elif isinstance(event, StreamReset):
            response.reset = int(event.error_code or 0)


@contextlib.asynccontextmanager
async def h2_client(port: int, context: ssl.SSLContext, *, auto_window: bool = True) -> AsyncIterator[H2Client]:
    """Connect to 127.0.0.1:*port* with ALPN h2; *context* is copied nowhere, so give each test its own."""
    context.set_alpn_protocols(["h2"])
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname="localhost", limit=2**20
    )
    client = H2Client(reader, writer, auto_window=auto_window)
    await client.start()
    task = asyncio.create_task(client.read_forever())
    try:
        yield client
    finally:
        writer.transport.abort()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
