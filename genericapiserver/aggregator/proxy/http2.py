"""HTTP/2 to a server behind, on h2: many exchanges over one connection, none of which can hold up another.

What comes for an exchange that nobody reads stays within the window of its own stream; the window of the connection is
opened again as soon as anything has come. An exchange that is given up resets its stream, so that the server stops
working on it, and the connection goes on. A connection that says nothing for a while is asked whether it is there.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Final

from h2.config import H2Configuration
from h2.connection import ConnectionInputs, H2Connection, H2ConnectionStateMachine
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import H2Error, NoAvailableStreamIDError, ProtocolError
from h2.settings import SettingCodes, Settings

from genericapiserver.aggregator.proxy.connection import (
    READ_BYTES,
    BackendError,
    RequestHead,
    ResponseHead,
    StaleConnectionError,
)
from genericapiserver.aio import Signal
from genericapiserver.client.server_certificates import failure_text

STREAMS_PER_CONNECTION: Final = 100
"""More open another connection: one that loses packets must not hold up a thousand watches."""
STREAM_WINDOW: Final = 256 * 1024
"""Bytes of an answer that wait for a client which does not read."""
CONNECTION_WINDOW: Final = 16 * 1024 * 1024
MAX_HEAD_BYTES: Final = 256 * 1024
QUIET_SECONDS: Final = 10.0
"""After which a connection is asked whether it is there."""
PONG_SECONDS: Final = 5.0
"""After which one that did not answer is given up. Go's Kubernetes clients have 30 and 15: for so long a connection that
leads nowhere takes the requests of everybody (kubernetes/kubernetes#141318)."""


class _HearsOutGoaway(H2ConnectionStateMachine):
    """h2 takes a GOAWAY for the end; the answers that were begun still come."""

    def process_input(self, input_: ConnectionInputs) -> list[Event]:
        return [] if input_ is ConnectionInputs.RECV_GOAWAY else super().process_input(input_)


class HTTP2Connection:
    """An open connection; run `run` for as long as it is. *released* is told after each exchange."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        released: Callable[["HTTP2Connection"], None],
        quiet_seconds: float = QUIET_SECONDS,
        pong_seconds: float = PONG_SECONDS,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._released = released
        self._quiet_seconds = quiet_seconds
        self._pong_seconds = pong_seconds
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self.h2.state_machine = _HearsOutGoaway()
        self._streams: dict[int, HTTP2Exchange] = {}
        self._taken = 0
        """Exchanges under way, those included that have no stream yet."""
        self._ending = False
        """No new exchange may begin."""
        self._limit = STREAMS_PER_CONNECTION
        self._ready = Signal("settings received")

    @property
    def usable(self) -> bool:
        """Whether another exchange may begin now."""
        return not self._ending and not self._writer.is_closing() and self._taken < self._limit

    @property
    def idle(self) -> bool:
        return self._taken == 0

    def take(self) -> "HTTP2Exchange":
        """Begin an exchange."""
        self._taken += 1
        return HTTP2Exchange(self)

    def abort(self) -> None:
        """Close the connection, whatever goes on there."""
        self._ending = True
        self._writer.transport.abort()

    def start(self) -> None:
        """Say hello."""
        self.h2.local_settings = Settings(
            client=True,
            initial_values={
                SettingCodes.ENABLE_PUSH: 0,
                SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
                SettingCodes.MAX_HEADER_LIST_SIZE: MAX_HEAD_BYTES,
            },
        )
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(CONNECTION_WINDOW)
        self.flush()

    async def ready(self) -> None:
        """Return when the server has said how many exchanges it takes, or when the connection has ended."""
        await self._ready.wait()

    async def run(self) -> None:
        """Read until the connection ends; every exchange on it hears of that."""
        failure = "the server closed the connection"
        try:
            while data := await self._read():
                for event in self.h2.receive_data(data):
                    self._take_event(event)
                self.flush()
                if self._ending and self.idle:
                    break
        except TimeoutError:
            failure = "http2: client connection lost"
        except OSError as error:
            failure = failure_text(error)
        except ProtocolError as error:
            failure = f"http2: {error}"
        finally:
            self._ending = True
            self._ready.set()
            for stream in list(self._streams.values()):
                stream.failed(BackendError(failure) if stream.answered else StaleConnectionError(failure))
            self.abort()

    async def _read(self) -> bytes:
        try:
            async with asyncio.timeout(self._quiet_seconds):
                return await self._reader.read(READ_BYTES)
        except TimeoutError:
            self.h2.ping(b"alive???")
            self.flush()
        async with asyncio.timeout(self._pong_seconds):
            return await self._reader.read(READ_BYTES)

    def flush(self) -> None:
        if data := self.h2.data_to_send():
            self._writer.write(data)

    async def drain(self) -> None:
        with contextlib.suppress(OSError):  # the reader tells what became of the connection
            await self._writer.drain()

    def open(self, stream: "HTTP2Exchange", headers: list[tuple[bytes, bytes]], *, end: bool) -> int:
        """Send the head of an exchange; its number. Raises BackendError."""
        if self._ending:
            raise StaleConnectionError("the server closed the connection", unseen=True)
        try:
            number = self.h2.get_next_available_stream_id()
            self.h2.send_headers(number, headers, end_stream=end)
        except NoAvailableStreamIDError as error:
            self._ending = True
            raise StaleConnectionError("http2: the connection has no numbers left", unseen=True) from error
        except H2Error as error:
            raise BackendError(f"the request cannot be passed on: {error}") from error
        self._streams[number] = stream
        self.flush()
        return number

    def release(self, number: int, *, complete: bool) -> None:
        """An exchange is over."""
        self._taken -= 1
        self._streams.pop(number, None)
        if not complete and number and not self._writer.is_closing():
            with contextlib.suppress(H2Error):
                self.h2.reset_stream(number, ErrorCodes.CANCEL)
            self.flush()
        if self._ending and self.idle:
            self.abort()
        self._released(self)

    def _take_event(self, event: Event) -> None:
        if isinstance(event, DataReceived):
            length = event.flow_controlled_length or 0
            if length:
                self.h2.increment_flow_control_window(length)
            if (stream := self._streams.get(event.stream_id or 0)) is not None:
                stream.data_received(bytes(event.data or b""), length)
        elif isinstance(event, ResponseReceived):
            if (stream := self._streams.get(event.stream_id or 0)) is not None:
                stream.head_received(event)
        elif isinstance(event, StreamEnded):
            if (stream := self._streams.get(event.stream_id or 0)) is not None:
                stream.ended()
        elif isinstance(event, StreamReset):
            if (stream := self._streams.get(event.stream_id or 0)) is not None:
                stream.failed(_reset(event))
        elif isinstance(event, WindowUpdated):
            for stream in [self._streams.get(event.stream_id)] if event.stream_id else list(self._streams.values()):
                if stream is not None:
                    stream.wake_writer()
        elif isinstance(event, RemoteSettingsChanged):
            self._limit = min(STREAMS_PER_CONNECTION, self.h2.remote_settings.max_concurrent_streams)
            self._ready.set()
            for stream in self._streams.values():
                stream.wake_writer()
        elif isinstance(event, ConnectionTerminated):
            self._ending = True
            last = event.last_stream_id or 0
            for number, stream in list(self._streams.items()):
                if number > last:  # it was never looked at
                    stream.failed(StaleConnectionError("http2: server sent GOAWAY", unseen=True))


class HTTP2Exchange:
    """One stream."""

    def __init__(self, connection: HTTP2Connection) -> None:
        self._connection = connection
        self._number = 0
        self._head: ResponseHead | None = None
        self._pieces: deque[bytes] = deque()
        self._unacknowledged = 0
        self._request_ended = False
        self._response_ended = False
        self._closed = False
        self._failure: BackendError | None = None
        self._came = asyncio.Event()
        self._window = asyncio.Event()

    @property
    def answered(self) -> bool:
        """Whether the server has said anything."""
        return self._head is not None

    # From the connection

    def head_received(self, event: ResponseReceived) -> None:
        pairs = [(bytes(name), bytes(value)) for name, value in event.headers or ()]
        status = next((int(value) for name, value in pairs if name == b":status"), 0)
        self._head = ResponseHead(status, [pair for pair in pairs if not pair[0].startswith(b":")])
        self._came.set()

    def data_received(self, data: bytes, length: int) -> None:
        self._unacknowledged += length
        if data:
            self._pieces.append(data)
            self._came.set()

    def ended(self) -> None:
        self._response_ended = True
        self._came.set()
        self._window.set()

    def failed(self, failure: BackendError) -> None:
        if not self._response_ended:
            self._failure = self._failure or failure
        self._came.set()
        self._window.set()

    def wake_writer(self) -> None:
        self._window.set()

    # For the proxy

    async def send_head(self, head: RequestHead) -> None:
        headers = [
            (b":method", head.method.encode("ascii")),
            (b":scheme", b"https"),
            (b":authority", head.authority.encode("ascii")),
            (b":path", head.target),
            *head.headers,
        ]
        if head.content_length:
            headers.append((b"content-length", b"%d" % head.content_length))
        self._request_ended = head.content_length == 0
        self._number = self._connection.open(self, headers, end=self._request_ended)
        await self._connection.drain()

    async def send_body(self, data: bytes) -> None:
        h2, view = self._connection.h2, memoryview(data)
        while view and not self._over():
            try:
                room = min(h2.local_flow_control_window(self._number), h2.max_outbound_frame_size, len(view))
                if room > 0:
                    h2.send_data(self._number, bytes(view[:room]))
            except H2Error as error:
                raise self._failure or BackendError(f"the request cannot be passed on: {error}") from error
            if room <= 0:
                self._window.clear()
                await self._window.wait()
                continue
            view = view[room:]
            self._connection.flush()
            await self._connection.drain()

    async def end_body(self) -> None:
        if self._request_ended or self._over():
            return
        self._request_ended = True
        with contextlib.suppress(H2Error):  # the stream has ended meanwhile, which the reader knows
            self._connection.h2.end_stream(self._number)
        self._connection.flush()

    async def response(self) -> ResponseHead:
        while self._head is None:
            if self._failure is not None:
                raise self._failure
            if self._response_ended:
                raise BackendError("unexpected EOF")
            await self._wait()
        return self._head

    async def read(self) -> bytes:
        while not self._pieces:
            if self._failure is not None:
                raise self._failure
            if self._response_ended:
                return b""
            await self._wait()
        piece = self._pieces.popleft() if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._acknowledge()
        return piece

    def abort(self) -> None:
        self.failed(BackendError("request canceled"))

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._connection.release(self._number, complete=self._request_ended and self._response_ended)

    def _over(self) -> bool:
        """Whether the server wants no more of the body."""
        return self._response_ended or self._failure is not None

    async def _wait(self) -> None:
        self._came.clear()
        await self._came.wait()

    def _acknowledge(self) -> None:
        """Let the server send as much again as was taken."""
        if self._response_ended or self._unacknowledged < STREAM_WINDOW // 8:
            return
        taken, self._unacknowledged = self._unacknowledged, 0
        with contextlib.suppress(H2Error):
            self._connection.h2.increment_flow_control_window(taken, self._number)
        self._connection.flush()


def _reset(event: StreamReset) -> BackendError:
    code = event.error_code
    if code == ErrorCodes.REFUSED_STREAM:
        return StaleConnectionError("http2: the server refused the stream", unseen=True)
    name = ErrorCodes(code).name if code in list(ErrorCodes) else str(code)
    return BackendError(f"stream error: stream ID {event.stream_id}; {name}; received from peer")
