"""The `h2` connection of a server, with the three things changed that h2 decides otherwise than a server wants.

1. A stream over the limit is a matter of that stream. h2 ends the connection (and walks all streams for each new one to
   count them, which makes a request on a connection with 1000 watches expensive); here the driver counts.
2. A peer's GOAWAY says that it will open no more streams. h2 takes it as the end of everything; here what is running
   goes on (RFC 9113 section 6.8). Our own GOAWAY is likewise written by the driver, past h2.
3. Response headers are encoded by `header_blocks`.

Only public attributes and methods of h2 are replaced.
"""

from __future__ import annotations

from h2.config import H2Configuration
from h2.connection import ConnectionInputs, H2Connection, H2ConnectionStateMachine
from h2.events import Event
from h2.settings import SettingCodes, Settings
from hyperframe.frame import GoAwayFrame, SettingsFrame, WindowUpdateFrame

from genericapiserver.connection.header_blocks import CachedEncoder, HeaderBlocks
from genericapiserver.connection.limits import ConnectionLimits

DEFAULT_WINDOW = 65535
HEADER_LIST_SLACK = 320
"""Go adds 10 fields of 32 bytes to its limit when it announces MAX_HEADER_LIST_SIZE."""

# Outbound headers are checked when they are first encoded (header_blocks), not per response.
_CONFIGURATION = H2Configuration(
    client_side=False,
    header_encoding=None,
    validate_outbound_headers=False,
    normalize_outbound_headers=False,
)


class ServerCodec(H2Connection):
    """Frames in, events out, and back. `data_to_send` starts with our SETTINGS and WINDOW_UPDATE, in Go's order."""

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
        self.decoder.max_header_list_size = header_list
        self._swept = 0
        self.initiate_connection()
        # One window per stream: a connection full of unread bodies leaves room for the next request.
        window = limits.stream_window * limits.max_concurrent_streams - DEFAULT_WINDOW
        self.increment_flow_control_window(max(window, 1))
        super().clear_outbound_data_buffer()

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
