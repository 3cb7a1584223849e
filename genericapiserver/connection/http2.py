"""HTTP/2 on one connection: many requests that must not be able to harm each other.

An aggregating API server sends every user's request and watch down one connection, so here no stream can stall or end
another one:

- Reading never waits. A body that nobody reads fills its own stream's window and no more: the client gets room back
  only for what a handler took, and the connection's window is as large as all streams' together.
- A stream over the limit is refused and the connection lives. The refusal is REFUSED_STREAM, which tells clients that
  they may repeat the request (RFC 9113 section 8.7); Go answers PROTOCOL_ERROR once its settings are acknowledged,
  which does not.
- A response that is complete before the request's body is lets the rest of the body come for a moment and drops it,
  then resets the stream with NO_ERROR.
- There is no limit of requests a connection. A peer that resets, pings or reconfigures out of all proportion is told
  GOAWAY(ENHANCE_YOUR_CALM): what runs goes on, nothing new is taken.
- Whatever ends a connection ends it with GOAWAY and after its streams.

One task a request. What all streams have to say in one turn of the loop goes out in one write.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    PingReceived,
    PriorityUpdated,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    UnknownFrameReceived,
    WindowUpdated,
)
from h2.exceptions import ProtocolError

from genericapiserver.asgi import RawHeaders, Scope
from genericapiserver.connection.budget import Budget
from genericapiserver.connection.http2_codec import ServerCodec, goaway, preface
from genericapiserver.connection.http2_stream import Stream
from genericapiserver.connection.request_head import has_controls
from genericapiserver.connection.target import BadTargetError, parse_target

if TYPE_CHECKING:
    from genericapiserver.connection.link import Link

LOGGER = logging.getLogger("genericapiserver.connection")

_ASGI = {"version": "3.0", "spec_version": "2.4"}
_INTERNAL_ERROR_BODY = b"Internal Server Error"
_FLUSH_NOW = 64 * 1024
_MAX_STREAM_ID = 2**31 - 1


class HTTP2Driver:
    """The `Driver` of a link on which ALPN chose h2."""

    def __init__(self, link: Link) -> None:
        service = link.service
        self._link = link
        self._service = service
        self._limits = service.limits
        self.loop = link.loop
        self.handler = service.handler
        self.header_blocks = service.header_blocks
        self.date = service.date
        self.waiting_to_write: dict[int, Stream] = {}
        self._codec = ServerCodec(service.limits, service.header_blocks)
        self._streams: dict[int, Stream] = {}
        self._draining: dict[int, Stream] = {}
        self._written = 0
        self._flush_scheduled = False
        self._unacknowledged = 0
        self._acknowledge_from = min(64 * 1024, service.limits.stream_window // 4)
        self._greeted = False
        self._closing = False
        self._lost = False
        self._last_stream_id = _MAX_STREAM_ID
        self._budget = Budget(service.limits.abuse_budget, service.limits.abuse_refill, self.loop.time())
        self._last_answers: set[int] = set()
        """Streams whose answer is the last thing but GOAWAY."""
        self._extensions: dict[str, Any] = {}
        if link.tls is not None:
            self._extensions["tls"] = link.tls.extension()
        self._scheme = "http" if link.tls is None else "https"
        self._on_event: dict[type[Event], Callable[[Any], None]] = {
            RequestReceived: self._request_received,
            DataReceived: self._data_received,
            StreamEnded: self._stream_ended,
            StreamReset: self._stream_reset,
            WindowUpdated: self._window_updated,
            RemoteSettingsChanged: self._settings_changed,
            ConnectionTerminated: self._goaway_received,
            PingReceived: self._control_frame,
            PriorityUpdated: self._control_frame,
            UnknownFrameReceived: self._control_frame,
        }
        link.write(preface(service.limits))

    # From the link

    @property
    def busy(self) -> bool:
        return bool(self._streams)

    def data_received(self, data: bytes) -> None:
        try:
            events = self._codec.receive_data(data)
        except ProtocolError as error:
            LOGGER.debug("HTTP/2 error from %s: %s", self._link.client, error)
            self._flush()
            self._link.close()
            self._end_all_streams()
            return
        handlers = self._on_event
        for event in events:
            handle = handlers.get(event.__class__)
            if handle is not None:
                handle(event)
                if self._link.closing:
                    return
        if not self._greeted:
            self._greeted = True
            self._idle_if_nothing_runs()
        if not self._flush_scheduled:
            self._schedule_flush()

    def eof_received(self) -> None:
        self._link.abort()

    def connection_lost(self) -> None:
        self._lost = True
        self._end_all_streams()

    def resume_writing(self) -> None:
        self._wake_writers()

    def timed_out(self) -> None:
        if not self._greeted:
            self._link.abort()
        elif not self._streams:
            self.begin_shutdown()

    def begin_shutdown(self) -> None:
        self._go_away(ErrorCodes.NO_ERROR)
        self._close_if_done()

    # For streams

    def close_after_response(self, stream_id: int) -> None:
        """Take no more requests once this stream is answered; the connection closes when all that run are.

        Not before: clients take a GOAWAY for the end of what they have not seen the end of (httpcore does).
        """
        self._last_answers.add(stream_id)

    def write_headers(self, stream: Stream, headers: RawHeaders) -> None:
        self._codec.send_response(stream.id, headers)
        if not self._flush_scheduled:
            self._schedule_flush()

    def write_continue(self, stream: Stream) -> None:
        self._codec.send_continue(stream.id)
        if not self._flush_scheduled:
            self._schedule_flush()

    def write_now(self, stream: Stream, body: bytes, end: bool) -> bool:
        """Send *body* if it fits as a whole; false says that it does not and nothing was sent."""
        if body:
            if self._link.write_paused or len(body) > self._codec.body_room(stream.id):
                return False
        elif not end:
            return True
        self.write_data(stream, body, end)
        return True

    def room(self, stream: Stream, size: int) -> int:
        """How much of *size* bytes may be sent now; 0 means that the stream has to wait."""
        if self._link.write_paused:
            return 0
        return max(min(size, self._codec.body_room(stream.id)), 0)

    def write_data(self, stream: Stream, data: bytes | memoryview, end: bool) -> None:
        self._codec.send_body(stream.id, data, end)
        self._written += len(data)
        if self._written >= _FLUSH_NOW:
            self._flush()
        elif not self._flush_scheduled:
            self._schedule_flush()
        if end:
            self._response_complete(stream)

    def body_read(self, stream: Stream) -> None:
        """The handler took what had come: give the client room for as much."""
        size, stream.unread = stream.unread, 0
        self._acknowledge(size)
        if not stream.body_ended:
            self._acknowledge_on_stream(stream, size)

    def handler_failed(self, stream: Stream, error: Exception) -> None:
        if stream.disconnected:
            LOGGER.debug("handler failed after its client had gone", exc_info=error)
        else:
            LOGGER.error("handler failed: %s %s", stream.scope["method"], stream.scope["path"], exc_info=error)

    def finished(self, stream: Stream, started: bool) -> None:
        """The task of *stream* is at its end, however it came to it."""
        if not stream.disconnected and not stream.complete:
            if started:
                self._reset(stream.id, ErrorCodes.INTERNAL_ERROR)
            else:
                headers = [
                    (b":status", b"500"),
                    (b"content-type", b"text/plain; charset=utf-8"),
                    (b"content-length", b"%d" % len(_INTERNAL_ERROR_BODY)),
                    (b"date", self.date()),
                ]
                self.write_headers(stream, headers)
                if not self.write_now(stream, _INTERNAL_ERROR_BODY, True):
                    self._reset(stream.id, ErrorCodes.INTERNAL_ERROR)
        if not stream.complete:
            self._drop_body(stream)
        stream.disconnected = True
        self._service.tasks.discard(stream.task)
        del self._streams[stream.id]
        if stream.id in self._last_answers:
            self._last_answers.discard(stream.id)
            self.begin_shutdown()
            return
        if not self._streams:
            if self._closing:
                self._close_if_done()
            else:
                self._idle_if_nothing_runs()

    # Events

    def _request_received(self, event: RequestReceived) -> None:
        stream_id = event.stream_id
        assert stream_id is not None
        streams = self._streams
        if self._closing or len(streams) >= self._limits.max_concurrent_streams:
            self._reset(stream_id, ErrorCodes.REFUSED_STREAM)
            self._spend(1)
            return
        scope = self._scope(event)
        if scope is None:
            self._reset(stream_id, ErrorCodes.PROTOCOL_ERROR)
            self._spend(1)
            return
        ended = event.stream_ended is not None
        expects_continue = not ended and (b"expect", b"100-continue") in scope["headers"]
        stream = Stream(self, stream_id, scope, ended, expects_continue)
        if not streams:
            self._link.set_timeout(None)
        streams[stream_id] = stream
        stream.task = self._service.start_task(stream.run())

    def _scope(self, event: RequestReceived) -> Scope | None:
        method = target = authority = b""
        headers: RawHeaders = []
        hosted = False
        for name, value in event.headers or ():
            if name[0] == 58:  # a colon
                if name == b":method":
                    method = value
                elif name == b":path":
                    target = value
                elif name == b":authority":
                    authority = value
            else:
                if name == b"host":
                    hosted = True
                headers.append((name, value))
        if has_controls([value for _, value in headers]):
            return None
        if authority and not hosted:
            headers.insert(0, (b"host", authority))
        try:
            path, raw_path, query = parse_target(target)
        except BadTargetError:
            return None
        link = self._link
        return {
            "type": "http",
            "asgi": _ASGI,
            "http_version": "2",
            "method": method.decode("latin-1"),
            "scheme": self._scheme,
            "path": path,
            "raw_path": raw_path,
            "query_string": query,
            "root_path": "",
            "headers": headers,
            "client": link.client,
            "server": link.server,
            "extensions": {
                **self._extensions,
                "genericapiserver.close_connection": partial(self.close_after_response, event.stream_id),
            },
        }

    def _data_received(self, event: DataReceived) -> None:
        stream_id, size = event.stream_id, event.flow_controlled_length or 0
        assert stream_id is not None
        if not size and event.stream_ended is None:
            self._spend(1)
        stream = self._streams.get(stream_id)
        if stream is not None and not stream.complete and not stream.disconnected:
            stream.body_received(event.data or b"", size)
            return
        self._acknowledge(size)
        stream = self._draining.get(stream_id)
        if stream is not None:
            stream.drained += size
            if event.stream_ended is None and stream.drained <= self._limits.stream_window:
                self._acknowledge_on_stream(stream, size)

    def _stream_ended(self, event: StreamEnded) -> None:
        assert event.stream_id is not None
        stream = self._streams.get(event.stream_id)
        if stream is not None and not stream.body_ended:
            stream.body_complete()
        self._draining.pop(event.stream_id, None)

    def _stream_reset(self, event: StreamReset) -> None:
        assert event.stream_id is not None
        self._draining.pop(event.stream_id, None)
        self._spend(1)
        stream = self._streams.get(event.stream_id)
        if stream is not None and not stream.disconnected:
            complete = stream.complete
            self._drop_body(stream)
            stream.disconnect()
            if not complete:
                self._cancel_soon([stream])

    def _window_updated(self, event: WindowUpdated) -> None:
        if event.stream_id:
            stream = self.waiting_to_write.get(event.stream_id)
            if stream is not None:
                stream.wake()
        else:
            self._wake_writers()

    def _settings_changed(self, event: RemoteSettingsChanged) -> None:
        self._spend(1)
        self._wake_writers()

    def _goaway_received(self, event: ConnectionTerminated) -> None:
        self._closing = True
        self._close_if_done()

    def _control_frame(self, event: Event) -> None:
        self._spend(1)

    # Inside

    def _spend(self, amount: int) -> None:
        left = self._budget.spend(self.loop.time(), amount)
        if left >= 0:
            return
        if left < -self._limits.abuse_budget:
            LOGGER.warning("closing the connection of %s: it went on after GOAWAY", self._link.client)
            self._link.abort()
        elif not self._closing:
            LOGGER.warning("no new requests from %s: too many resets or control frames", self._link.client)
            self._go_away(ErrorCodes.ENHANCE_YOUR_CALM)
            self._close_if_done()

    def _go_away(self, code: ErrorCodes) -> None:
        if self._closing or self._lost:
            return
        self._closing = True
        self._last_stream_id = self._codec.highest_inbound_stream_id
        self._flush()
        self._link.write(goaway(self._last_stream_id, code))

    def _close_if_done(self) -> None:
        if self._closing and not self._streams and not self._lost:
            self._flush()
            self._link.close()

    def _idle_if_nothing_runs(self) -> None:
        if not self._streams and not self._lost:
            self._link.set_timeout(self._limits.idle_timeout)

    def _response_complete(self, stream: Stream) -> None:
        stream.complete = True
        if stream.body_ended:
            return
        self._drop_body(stream)
        stream.disconnect()
        self._draining[stream.id] = stream
        self.loop.call_later(self._limits.early_answer_drain, self._end_draining, stream.id)

    def _end_draining(self, stream_id: int) -> None:
        if self._draining.pop(stream_id, None) is not None and not self._lost:
            self._reset(stream_id, ErrorCodes.NO_ERROR)

    def _drop_body(self, stream: Stream) -> None:
        size, stream.unread = stream.unread, 0
        self._acknowledge(size)

    def _acknowledge(self, size: int) -> None:
        self._unacknowledged += size
        if self._unacknowledged >= self._acknowledge_from and not self._lost:
            self._codec.increment_flow_control_window(self._unacknowledged)
            self._unacknowledged = 0
            if not self._flush_scheduled:
                self._schedule_flush()

    def _acknowledge_on_stream(self, stream: Stream, size: int) -> None:
        stream.unacknowledged += size
        if stream.unacknowledged >= self._acknowledge_from:
            self._codec.increment_flow_control_window(stream.unacknowledged, stream.id)
            stream.unacknowledged = 0
            if not self._flush_scheduled:
                self._schedule_flush()

    def _reset(self, stream_id: int, code: ErrorCodes) -> None:
        if self._lost:
            return
        try:
            self._codec.reset_stream(stream_id, code)
        except ProtocolError:  # closed meanwhile, which is all we wanted
            return
        if not self._flush_scheduled:
            self._schedule_flush()

    def _end_all_streams(self) -> None:
        streams = [stream for stream in self._streams.values() if not stream.disconnected]
        self._draining.clear()
        self._lost = True
        for stream in streams:
            stream.disconnect()
        self._cancel_soon(streams)

    def _cancel_soon(self, streams: list[Stream]) -> None:
        if streams:
            self.loop.call_later(self._limits.reset_grace, _cancel, streams)

    def _wake_writers(self) -> None:
        for stream in list(self.waiting_to_write.values()):
            stream.wake()

    def _schedule_flush(self) -> None:
        self._flush_scheduled = True
        self.loop.call_soon(self._scheduled_flush)

    def _scheduled_flush(self) -> None:
        self._flush_scheduled = False
        self._flush()

    def _flush(self) -> None:
        data = self._codec.data_to_send()
        self._written = 0
        if data:
            self._link.write(data)


def _cancel(streams: list[Stream]) -> None:
    for stream in streams:
        stream.task.cancel()
