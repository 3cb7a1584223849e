"""Frames as they come in, before h2 sees them: every rule of RFC 9113 for which h2 ends the connection, or does nothing.

h2 takes most of what is wrong with one stream for an error of the connection, gathers frames that are too large before
it says so, and lets a peer send without end what costs it nothing. `FrameReader` stands where h2 keeps its own buffer
(`H2Connection.incoming_buffer`), answers such frames itself, and counts what is only noise. What remains goes through
h2's state machines unchanged. A stream that is at fault is reset towards the peer, and h2 is told that the peer reset
it: from there on both know it as closed.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import TYPE_CHECKING, Any, Final

from h2.errors import ErrorCodes
from h2.exceptions import FrameDataMissingError, FrameTooLargeError, ProtocolError
from h2.settings import SettingCodes
from hyperframe.exceptions import HyperframeError
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    PushPromiseFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from genericapiserver.connection.http2_headers import (
    MALFORMED,
    TOO_LARGE,
    HeaderDecoder,
    request_head,
    sound_trailers,
)

if TYPE_CHECKING:
    from genericapiserver.connection.http2_codec import ServerCodec
    from genericapiserver.connection.limits import ConnectionLimits

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

_HEAD = Struct(">HBBBL").unpack_from
_NUMBER = Struct(">L")
_SETTING = Struct(">HL").iter_unpack
_LENGTH = Struct(">HB").unpack_from
_LENGTH_AND_TYPE = Struct(">HBB").unpack_from
_HEAD_SIZE: Final = 9
_ID: Final = 0x7FFFFFFF
_ACK = _END_STREAM = 0x1
_END_HEADERS: Final = 0x4
_PADDED: Final = 0x8
_PRIORITY: Final = 0x20
_FIELDS_A_FRAME: Final = 32
"""How many fields of a head that is too large cost as much as a frame that makes nothing happen."""
_OF_HEADS: Final = frozenset([HeadersFrame.type, ContinuationFrame.type])
_MAX_RESET: Final = 1024
_MAX_SETTINGS: Final = 64
"""Settings in one frame; there are seven."""

_SETTINGS: Final[dict[int, tuple[int, int, ErrorCodes]]] = {
    SettingCodes.HEADER_TABLE_SIZE: (0, 2**32 - 1, ErrorCodes.PROTOCOL_ERROR),
    SettingCodes.ENABLE_PUSH: (0, 1, ErrorCodes.PROTOCOL_ERROR),
    SettingCodes.INITIAL_WINDOW_SIZE: (0, 2**31 - 1, ErrorCodes.FLOW_CONTROL_ERROR),
    SettingCodes.MAX_FRAME_SIZE: (2**14, 2**24 - 1, ErrorCodes.PROTOCOL_ERROR),
}
"""What a client's settings mean to us, and what they may be (RFC 9113 section 6.5.2)."""


class InvalidSettingError(ProtocolError):
    """A value that a setting cannot have; *code* is the connection's error."""

    def __init__(self, text: str, code: ErrorCodes) -> None:
        super().__init__(text)
        self.error_code = code


class CalmError(ProtocolError):
    """Too much of what no client needs."""

    error_code = ErrorCodes.ENHANCE_YOUR_CALM


class FrameReader:
    """`H2Connection.incoming_buffer`: given bytes, iterated over for frames. Raises h2's exceptions.

    `noise` counts frames that made nothing happen, until it is taken.
    """

    def __init__(self, codec: ServerCodec, decoder: HeaderDecoder, limits: ConnectionLimits) -> None:
        self.max_frame_size = limits.max_frame_size
        self.noise = 0
        self.blocks = 0
        """Header blocks that came to their end."""
        self._codec = codec
        self._decoder = decoder
        self._max_block = limits.max_header_bytes + limits.max_frame_size
        self._max_continuations = limits.max_continuations
        self._data = bytearray()
        self._at = 0
        self._preface = PREFACE
        self._settled = False
        """The peer's first SETTINGS frame has come."""
        self._block: list[bytes] = []
        """The pieces of a header block that is not complete."""
        self._within_frame = False
        """A frame of a header block has begun that is not complete."""
        self._block_size = 0
        self._block_flags = 0
        self._block_stream = 0
        self._block_depends: int | None = None
        self._lengths: dict[int, int] = {}
        """What is left of a body whose length was announced, by stream."""
        self._reset: dict[int, None] = {}
        """Streams that we have reset, the latest of them: what was on its way on them is dropped without a word."""
        self._take: dict[int, Callable[[int, int, bytes], Frame | None]] = {
            DataFrame.type: self._data_frame,
            HeadersFrame.type: self._headers_frame,
            PriorityFrame.type: self._priority_frame,
            RstStreamFrame.type: self._rst_stream_frame,
            SettingsFrame.type: self._settings_frame,
            PushPromiseFrame.type: self._push_promise_frame,
            PingFrame.type: self._ping_frame,
            GoAwayFrame.type: self._goaway_frame,
            WindowUpdateFrame.type: self._window_update_frame,
            ContinuationFrame.type: self._continuation_frame,
        }

    @property
    def within_block(self) -> bool:
        """Whether a header block has begun that is not complete."""
        return self._within_frame or bool(self._block)

    def drop(self, stream_id: int) -> None:
        """We have reset this stream: ignore what the peer sent before it knew (RFC 9113 section 5.1)."""
        self._lengths.pop(stream_id, None)
        self._reset[stream_id] = None
        if len(self._reset) > _MAX_RESET:
            del self._reset[next(iter(self._reset))]

    def release(self) -> None:
        """Let go of what has come in part: the connection is over, though answers may still be sent."""
        self._block = []
        self._data = bytearray()
        self._at = 0

    def forget(self) -> None:
        """Free everything at once, which is tied into cycles. Nothing may be asked of it any more."""
        vars(self).clear()

    def cut(self, data: bytes, start: int, end: int, most: int) -> int:
        """The end of the last of *most* heads that begin in *data* between *start* and *end*; *end* if there are fewer.

        *data* from *start* on is what comes next.
        """
        have = len(self._data)
        if self._preface or 0 < have < _HEAD_SIZE:
            return min(end, start + len(self._preface) + _HEAD_SIZE - have)
        at: int = start
        if have:
            high, low = _LENGTH(self._data)
            at += _HEAD_SIZE + (high << 8 | low) - have
        heads = 0
        while at + _HEAD_SIZE <= end:
            high, low, kind = _LENGTH_AND_TYPE(data, at)
            at += _HEAD_SIZE + (high << 8 | low)
            if kind == HeadersFrame.type:
                heads += 1
                if heads == most:
                    return min(at, end)
        return end

    # For h2

    def add_data(self, data: bytes) -> None:
        self._data += data

    def __iter__(self) -> FrameReader:
        return self

    def __next__(self) -> Any:
        if self._preface:
            self._read_preface()
        data = self._data
        while True:
            at = self._at
            if len(data) - at < _HEAD_SIZE:
                self._within_frame = False
                break
            high, low, kind, flags, stream_id = _HEAD(data, at)
            size = high << 8 | low
            if size > self.max_frame_size:
                raise FrameTooLargeError(f"a frame of {size} bytes; the limit is {self.max_frame_size}")
            start = at + _HEAD_SIZE
            end = start + size
            if len(data) < end:
                self._within_frame = kind in _OF_HEADS
                break
            self._at = end
            frame = self._taken(kind, flags, stream_id & _ID, bytes(data[start:end]))
            if frame is not None:
                return frame
        if self._at:
            del data[: self._at]
            self._at = 0
        raise StopIteration

    def _read_preface(self) -> None:
        size = min(len(self._preface), len(self._data))
        if self._data[:size] != self._preface[:size]:
            raise ProtocolError("the connection preface is not HTTP/2's")
        self._preface = self._preface[size:]
        del self._data[:size]

    def _taken(self, kind: int, flags: int, stream_id: int, payload: bytes) -> Frame | None:
        if self._block:
            if kind != ContinuationFrame.type or stream_id != self._block_stream:
                raise ProtocolError("a header block was interrupted by another frame")
        elif not self._settled:
            if kind != SettingsFrame.type or flags & _ACK:
                raise ProtocolError("the first frame of a connection has to be SETTINGS")
            self._settled = True
        take = self._take.get(kind)
        if take is None:  # RFC 9113 section 5.5
            self.noise += 1
            return None
        return take(flags, stream_id, payload)

    # Header blocks

    def _headers_frame(self, flags: int, stream_id: int, payload: bytes) -> Frame | None:
        payload = _unpadded(flags, stream_id, payload)
        self._block_depends = None
        if flags & _PRIORITY:
            if len(payload) < 5:
                raise FrameDataMissingError("a HEADERS frame that ends within its priority")
            self._block_depends = _NUMBER.unpack_from(payload)[0] & _ID
            payload = payload[5:]
        if flags & _END_HEADERS:
            return self._block_complete(flags, stream_id, payload)
        self._block = [payload]
        self._block_size = len(payload)
        self._block_flags, self._block_stream = flags, stream_id
        return None

    def _continuation_frame(self, flags: int, stream_id: int, payload: bytes) -> Frame | None:
        if not self._block:
            raise ProtocolError("a CONTINUATION frame that continues nothing")
        self._block.append(payload)
        self._block_size += len(payload)
        if self._block_size > self._max_block or len(self._block) > self._max_continuations:
            raise ProtocolError("a header block without an end")
        if not flags & _END_HEADERS:
            return None
        block, self._block = b"".join(self._block), []
        return self._block_complete(self._block_flags, stream_id, block)

    def _block_complete(self, flags: int, stream_id: int, block: bytes) -> Frame | None:
        """Decode in any case: the compression state is the connection's, whatever becomes of the stream."""
        self.blocks += 1
        fields, too_large = self._decoder.decode_block(block)
        ended = bool(flags & _END_STREAM)
        if stream_id in self._reset:
            return None
        if stream_id <= self._codec.highest_inbound_stream_id:
            # On a stream that takes nothing more it is for h2 to answer, whatever the fields are.
            if self._codec.receives(stream_id) and not self._sound_trailers(fields, stream_id, ended, too_large):
                return self._fail(stream_id, ErrorCodes.PROTOCOL_ERROR)
            self._decoder.next = ()
        elif too_large:
            self.noise += len(fields) // _FIELDS_A_FRAME
            self._decoder.next = ((b":method", TOO_LARGE),)
        elif self._block_depends == stream_id:
            self._decoder.next = ((b":method", MALFORMED),)
        else:
            head = request_head(fields, ended=ended)
            if head.content_length and not ended:
                self._lengths[stream_id] = head.content_length
            # h2 needs no more of a head than its frame: what was judged passes through it as one field.
            self._decoder.next = ((b":method", head),)
        frame = HeadersFrame(stream_id)
        if ended:
            frame.flags.add("END_STREAM")
        return frame

    def _sound_trailers(self, fields: Any, stream_id: int, ended: bool, too_large: bool) -> bool:
        return ended and not too_large and not self._lengths.pop(stream_id, 0) and sound_trailers(fields)

    # Other frames

    def _data_frame(self, flags: int, stream_id: int, payload: bytes) -> Frame | None:
        data = _unpadded(flags, stream_id, payload)
        ended = flags & _END_STREAM
        if not data and not ended:
            self.noise += 1
        if stream_id in self._reset:
            self._codec.give_back(len(payload))
            return None
        left = self._lengths.get(stream_id)
        if left is not None:
            left -= len(data)
            if left < 0 or (ended and left):
                self._codec.give_back(len(payload))
                return self._fail(stream_id, ErrorCodes.PROTOCOL_ERROR)
            if ended:
                del self._lengths[stream_id]
            else:
                self._lengths[stream_id] = left
        frame = DataFrame(stream_id, data)
        if len(payload) != len(data):
            frame.flags.add("PADDED")
            frame.pad_length = len(payload) - len(data) - 1
        if ended:
            frame.flags.add("END_STREAM")
        return frame

    def _priority_frame(self, flags: int, stream_id: int, payload: bytes) -> Frame | None:
        """Priorities are taken note of and mean nothing (RFC 9113 section 5.3.2)."""
        if not stream_id:
            raise ProtocolError("a PRIORITY frame for the connection")
        if len(payload) != 5:
            return self._fail(stream_id, ErrorCodes.FRAME_SIZE_ERROR)
        if _NUMBER.unpack_from(payload)[0] & _ID == stream_id:
            return self._fail(stream_id, ErrorCodes.PROTOCOL_ERROR)
        self.noise += 1
        return None

    def _rst_stream_frame(self, flags: int, stream_id: int, payload: bytes) -> Frame | None:
        self.noise += 1
        if len(payload) != 4:
            raise FrameDataMissingError("an RST_STREAM frame has four bytes")
        self._not_idle(stream_id, "RST_STREAM")
        self._lengths.pop(stream_id, None)
        return RstStreamFrame(stream_id, _NUMBER.unpack(payload)[0])

    def _settings_frame(self, flags: int, stream_id: int, payload: bytes) -> Frame | None:
        if stream_id:
            raise ProtocolError("a SETTINGS frame for a stream")
        if flags & _ACK:
            if payload:
                raise FrameDataMissingError("a SETTINGS acknowledgement has no payload")
            self.noise += 1
            frame = SettingsFrame(0)
            frame.flags.add("ACK")
            return frame
        if len(payload) % 6:
            raise FrameDataMissingError("a SETTINGS frame is of six bytes a setting")
        if len(payload) > 6 * _MAX_SETTINGS:
            raise CalmError("too many settings in a frame")
        known: dict[int, int] = {}
        for number, value in _SETTING(payload):
            limits = _SETTINGS.get(number)
            if limits is None:
                continue  # h2 would keep each for as long as the connection lives
            if not limits[0] <= value <= limits[1]:
                raise InvalidSettingError(f"setting {number} cannot be {value}", limits[2])
            known[number] = value
        return SettingsFrame(0, known)

    def _push_promise_frame(self, flags: int, stream_id: int, payload: bytes) -> Frame | None:
        raise ProtocolError("a client cannot push")

    def _ping_frame(self, flags: int, stream_id: int, payload: bytes) -> Frame | None:
        self.noise += 1
        if stream_id:
            raise ProtocolError("a PING frame for a stream")
        if len(payload) != 8:
            raise FrameDataMissingError("a PING frame has eight bytes")
        if not flags & _ACK:
            self._codec.answer_ping(payload)
        return None

    def _goaway_frame(self, flags: int, stream_id: int, payload: bytes) -> Frame | None:
        self.noise += 1
        if stream_id:
            raise ProtocolError("a GOAWAY frame for a stream")
        frame = GoAwayFrame(0)
        try:
            frame.parse_body(memoryview(payload))
        except HyperframeError as error:
            raise FrameDataMissingError("a GOAWAY frame has eight bytes at least") from error
        return frame

    def _window_update_frame(self, flags: int, stream_id: int, payload: bytes) -> Frame | None:
        if len(payload) != 4:
            raise FrameDataMissingError("a WINDOW_UPDATE frame has four bytes")
        increment = _NUMBER.unpack(payload)[0] & _ID
        if stream_id:
            self._not_idle(stream_id, "WINDOW_UPDATE")
            lives = self._codec.lives(stream_id)
            if lives and not increment:
                return self._fail(stream_id, ErrorCodes.PROTOCOL_ERROR)
        elif not increment:
            raise ProtocolError("a WINDOW_UPDATE frame that opens the window by nothing")
        else:
            lives = True
        if not self._codec.spend_credit():
            self.noise += 1
        if not lives:
            return None  # it was on its way when the stream ended
        return WindowUpdateFrame(stream_id, increment)

    # Streams

    def _not_idle(self, stream_id: int, what: str) -> None:
        if not stream_id or not stream_id % 2 or stream_id > self._codec.highest_inbound_stream_id:
            raise ProtocolError(f"{what} for a stream that is idle")

    def _fail(self, stream_id: int, code: ErrorCodes) -> Frame | None:
        """End the stream at both ends, and nothing else."""
        self.noise += 1
        self.drop(stream_id)
        self._codec.say_reset(stream_id, code)
        return RstStreamFrame(stream_id, code) if self._codec.lives(stream_id) else None


def _unpadded(flags: int, stream_id: int, payload: bytes) -> bytes:
    if not stream_id:
        raise ProtocolError("a frame of a stream for the connection")
    if not flags & _PADDED:
        return payload
    if not payload:
        raise FrameDataMissingError("a padded frame that does not say how much it is padded")
    if payload[0] >= len(payload):
        raise ProtocolError("a frame of more padding than it is long")
    return payload[1 : len(payload) - payload[0]]
