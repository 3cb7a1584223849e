"""Which streams of an HTTP/2 connection wait for room to write, and who of them is told when there is some.

A stream may be held back by its own window, by the connection's, or by the socket. Whoever opens one of the last two by a
little must not make a thousand streams look whether it is for them: so those wait in line, and only as many are told as
the room is for. One that leaves room over, because it is gone or its own window is smaller than what it has, passes it on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genericapiserver.connection.http2_codec import ServerCodec
    from genericapiserver.connection.http2_stream import Stream


class WaitingStreams:
    """All streams of a connection that wait to write. *most* is how many bytes the socket takes at once."""

    def __init__(self, codec: ServerCodec, most: int) -> None:
        self._codec = codec
        self._most = most
        self._shut: dict[int, Stream] = {}
        """Those whose own window is shut."""
        self._line: dict[int, tuple[Stream, int]] = {}
        """Those that wait for the connection's window or the socket, the first of them first, and the bytes each has."""
        self._ends: dict[int, Stream] = {}
        """Those that have nothing but the end to write, which needs the socket and no window."""
        self._left = False
        """Somebody in line was not told the last time, for want of room."""

    def add(self, stream: Stream, size: int) -> None:
        """*stream* begins to wait with *size* bytes."""
        if not size:
            self._ends[stream.id] = stream
        elif self._codec.stream_window(stream.id) > 0:
            self._line[stream.id] = stream, size
        else:
            self._shut[stream.id] = stream

    def discard(self, stream_id: int) -> None:
        """A stream waits no longer."""
        self._shut.pop(stream_id, None)
        self._line.pop(stream_id, None)
        self._ends.pop(stream_id, None)

    def stream_opened(self, stream_id: int) -> None:
        """The window of a stream has grown."""
        stream = self._shut.get(stream_id)
        if stream is not None:
            stream.wake()

    def streams_opened(self) -> None:
        """The windows of all streams have changed."""
        for stream in self._shut.values():
            if self._codec.stream_window(stream.id) > 0:
                stream.wake()

    def connection_opened(self) -> None:
        """The connection's window has grown."""
        room = min(self._codec.outbound_flow_control_window, self._most)
        self._left = False
        for stream, size in self._line.values():
            if room <= 0:
                self._left = True
                return
            stream.wake()
            room -= min(size, max(0, self._codec.stream_window(stream.id)))

    def socket_opened(self) -> None:
        """The socket takes more."""
        for stream in self._ends.values():
            stream.wake()
        self.connection_opened()

    def pass_on(self) -> None:
        """A stream that was told has done what it could: there may be room for the next."""
        if self._left:
            self.connection_opened()
