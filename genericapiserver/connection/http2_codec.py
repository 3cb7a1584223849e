"""The `h2` connection of a server, with the five things changed that h2 decides otherwise than a server wants.

1. A stream over the limit is a matter of that stream. h2 ends the connection (and walks all streams for each new one to
   count them, which makes a request on a connection with 1000 watches expensive); here the driver counts.
2. A peer's GOAWAY says that it will open no more streams. h2 takes it as the end of everything; here what is running
   goes on (RFC 9113 section 6.8). Our own GOAWAY is likewise written by the driver, past h2.
3. Response headers are encoded by `header_blocks`.
4. Responses are framed here (`send_response`, `send_body`): h2's own way makes a dozen objects and two copies for a
   frame head of nine bytes, a fifth of what a small request costs in all. h2's stream state machine is still asked
   first, so a frame that the state of the stream forbids cannot be sent, and its windows are kept up to date.

5. What is received goes through `http2_frames` before h2's state machines see it: there what is wrong with one stream is
   kept from ending the connection, and what is too much is counted.

Only attributes and methods without underscore are used and replaced.
"""

from __future__ import annotations

from struct import Struct
from typing import Any

from h2.config import H2Configuration
from h2.connection import ConnectionInputs, H2Connection, H2ConnectionStateMachine
from h2.errors import ErrorCodes
from h2.events import Event
from h2.settings import SettingCodes, Settings
from h2.stream import StreamInputs, StreamState
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from genericapiserver.asgi import RawHeaders
from genericapiserver.connection.header_blocks import CachedEncoder, HeaderBlocks
from genericapiserver.connection.http2_frames import FrameReader
from genericapiserver.connection.http2_headers import HeaderDecoder
from genericapiserver.connection.limits import ConnectionLimits

DEFAULT_WINDOW = 65535
HEADER_LIST_SLACK = 320
"""Go adds 10 fields of 32 bytes to its limit when it announces MAX_HEADER_LIST_SIZE."""

_FRAME_HEAD = Struct(">HBBBL").pack
"""RFC 9113 section 4.1: length (its upper 16 and lower 8 bits), type, flags, stream."""
_END_STREAM = 0x1
_END_HEADERS = 0x4
_ACK = 0x1
_NUMBER = Struct(">L").pack
_RECEIVING = frozenset([StreamState.OPEN, StreamState.HALF_CLOSED_LOCAL])
_ANSWER = 9
"""Bytes of the smallest frame that h2 answers with by itself, which acknowledges settings."""

# Outbound headers are checked when they are first encoded (header_blocks), not per response; what comes in is judged
# once, where one request can be refused without ending the connection (http2_headers).
_CONFIGURATION = H2Configuration(
    client_side=False,
    header_encoding=None,
    validate_inbound_headers=False,
    normalize_inbound_headers=False,
    validate_outbound_headers=False,
    normalize_outbound_headers=False,
)


class ServerCodec(H2Connection):
    """Frames in, events out, and back. Our first frames are `preface`'s, not among what is to be sent."""

    MAX_CLOSED_STREAMS = 1024
    """How many closed streams h2 remembers the end of: 65,536 are 10 MB on each connection that is used a lot. Of older
    ones it knows that they are closed, which is all it needs for what may still come on them."""

    def __init__(self, limits: ConnectionLimits, blocks: HeaderBlocks) -> None:
        super().__init__(_CONFIGURATION)
        self.state_machine = _StateMachine()
        self.encoder = CachedEncoder(blocks)
        header_list = limits.max_header_bytes + HEADER_LIST_SLACK
        self.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.MAX_FRAME_SIZE: limits.max_frame_size,
                SettingCodes.MAX_CONCURRENT_STREAMS: limits.max_concurrent_streams,
                SettingCodes.MAX_HEADER_LIST_SIZE: header_list,
                SettingCodes.HEADER_TABLE_SIZE: 4096,
                SettingCodes.INITIAL_WINDOW_SIZE: limits.stream_window,
            },
        )
        self.max_inbound_frame_size = limits.max_frame_size
        decoder = HeaderDecoder(header_list, limits.max_header_fields)
        self.decoder = decoder  # type: ignore[assignment]  # h2 asks it for the one block that it has been handed
        self.frames = FrameReader(self, decoder, limits)
        self.incoming_buffer = self.frames  # type: ignore[assignment]  # of h2's own only these methods are used
        self._credit = 0
        self._noise = 0
        self._swept = 0
        self._out: list[bytes | memoryview] = []
        self.initiate_connection()
        # One window per stream: a connection full of unread bodies leaves room for the next request.
        window = limits.stream_window * limits.max_concurrent_streams - DEFAULT_WINDOW
        self.increment_flow_control_window(max(window, 1))
        super().clear_outbound_data_buffer()
        self._out.clear()

    def forget(self) -> None:
        """Free everything at once, which h2 ties into a cycle. Nothing may be asked of it any more."""
        self.frames.forget()
        vars(self).clear()

    def send_response(self, stream_id: int, headers: RawHeaders) -> None:
        """Frame a response head. Raises ProtocolError when the stream's state forbids one."""
        self.streams[stream_id].state_machine.process_input(StreamInputs.SEND_HEADERS)
        self._credit += 2
        block = self.encoder.encode(headers)
        size, limit = len(block), self.max_outbound_frame_size
        if size <= limit:
            self._out.append(_FRAME_HEAD(size >> 8, size & 0xFF, HeadersFrame.type, _END_HEADERS, stream_id) + block)
            return
        frame = HeadersFrame.type
        for start in range(0, size, limit):
            piece = block[start : start + limit]
            flags = _END_HEADERS if start + limit >= size else 0
            self._out.append(_FRAME_HEAD(len(piece) >> 8, len(piece) & 0xFF, frame, flags, stream_id) + piece)
            frame = ContinuationFrame.type

    def send_body(self, stream_id: int, data: bytes | memoryview, end: bool) -> None:
        """Frame a piece of a response body that is no larger than `body_room`. Raises ProtocolError like send_response."""
        stream = self.streams[stream_id]
        process = stream.state_machine.process_input
        process(StreamInputs.SEND_DATA)
        if end:
            process(StreamInputs.SEND_END_STREAM)
        size = len(data)
        self._credit += 2 + (size >> 10)
        self._out.append(_FRAME_HEAD(size >> 8, size & 0xFF, DataFrame.type, _END_STREAM if end else 0, stream_id))
        if size:
            self._out.append(data)
            stream.outbound_flow_control_window -= size
            self.outbound_flow_control_window -= size

    def body_room(self, stream_id: int) -> int:
        """How many bytes of body may be sent in one frame now; 0 or less: none."""
        return min(
            self.max_outbound_frame_size,
            self.outbound_flow_control_window,
            self.streams[stream_id].outbound_flow_control_window,
        )

    def stream_window(self, stream_id: int) -> int:
        """How many bytes of body the stream's own window is open for; none of a stream that is gone."""
        stream = self.streams.get(stream_id)
        return 0 if stream is None else stream.outbound_flow_control_window

    def send_continue(self, stream_id: int) -> None:
        """Frame `100 Continue`."""
        self.send_headers(stream_id, [(b":status", b"100")])
        self._collect()

    # What h2 frames goes into the same queue as what is framed here, in order.

    def receive_data(self, data: Any) -> list[Event]:
        try:
            return super().receive_data(data)
        finally:
            self._noise += self._collect() // _ANSWER

    def take_noise(self) -> int:
        """How many frames have come, since the last call, that asked for nothing but work."""
        noise = self.frames.noise + self._noise
        self.frames.noise = self._noise = 0
        return noise

    def reset_stream(self, stream_id: int, error_code: ErrorCodes | int = 0) -> None:
        super().reset_stream(stream_id, error_code)
        self.frames.drop(stream_id)
        self._collect()

    # For the reader of frames

    def receives(self, stream_id: int) -> bool:
        """Whether the client has still to end its side of the stream."""
        stream = self.streams.get(stream_id)
        return stream is not None and stream.state_machine.state in _RECEIVING

    def lives(self, stream_id: int) -> bool:
        stream = self.streams.get(stream_id)
        return stream is not None and not stream.closed

    def answer_ping(self, payload: bytes) -> None:
        self._out.append(_FRAME_HEAD(0, 8, PingFrame.type, _ACK, 0) + payload)

    def say_reset(self, stream_id: int, code: ErrorCodes) -> None:
        """Reset a stream towards the peer; h2 has to be told by other means."""
        self._out.append(_FRAME_HEAD(0, 4, RstStreamFrame.type, 0, stream_id) + _NUMBER(code))

    def give_back(self, size: int) -> None:
        """Open the connection's window by what h2 will never hear of."""
        if size:
            self._out.append(_FRAME_HEAD(0, 4, WindowUpdateFrame.type, 0, 0) + _NUMBER(size))

    def spend_credit(self) -> bool:
        """Whether a WINDOW_UPDATE is due for what was sent: two for a frame, and one more for each KiB of body."""
        if self._credit <= 0:
            return False
        self._credit -= 1
        return True

    def increment_flow_control_window(self, increment: int, stream_id: int | None = None) -> None:
        super().increment_flow_control_window(increment, stream_id)
        self._collect()

    def data_to_send(self, amount: int | None = None) -> bytes:
        """Everything that waits to be sent; *amount* is not supported."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    def _collect(self) -> int:
        data = super().data_to_send()
        if data:
            self._out.append(data)
        return len(data)

    @property
    def open_inbound_streams(self) -> int:
        """Always 0: the driver counts. Closed streams are swept out now and then, at constant cost a stream."""
        self._swept += 1
        if self._swept > 64 + len(self.streams) // 2:
            self._swept = 0
            _ = super().open_inbound_streams
        return 0

    def clear_outbound_data_buffer(self) -> None:
        """Nothing: h2 would drop what waits to be sent when the peer says GOAWAY."""


class _StateMachine(H2ConnectionStateMachine):
    def process_input(self, input_: ConnectionInputs) -> list[Event]:
        if input_ is ConnectionInputs.RECV_GOAWAY:
            return []
        return super().process_input(input_)


def preface(limits: ConnectionLimits) -> bytes:
    """What a server sends first. Byte for byte the reference's."""
    settings = SettingsFrame(0)
    settings.settings = {
        SettingCodes.MAX_FRAME_SIZE: limits.max_frame_size,
        SettingCodes.MAX_CONCURRENT_STREAMS: limits.max_concurrent_streams,
        SettingCodes.MAX_HEADER_LIST_SIZE: limits.max_header_bytes + HEADER_LIST_SLACK,
        SettingCodes.HEADER_TABLE_SIZE: 4096,
        SettingCodes.INITIAL_WINDOW_SIZE: limits.stream_window,
    }
    window = WindowUpdateFrame(0)
    window.window_increment = max(limits.stream_window * limits.max_concurrent_streams - DEFAULT_WINDOW, 1)
    return settings.serialize() + window.serialize()


def goaway(last_stream_id: int, error_code: int, reason: bytes = b"") -> bytes:
    frame = GoAwayFrame(0)
    frame.last_stream_id = last_stream_id
    frame.error_code = error_code
    frame.additional_data = reason
    return frame.serialize()
