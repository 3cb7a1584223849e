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

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError

from genericapiserver.asgi import RawHeaders
from genericapiserver.connection.budget import Budget
from genericapiserver.connection.http2_codec import ServerCodec, goaway, preface
from genericapiserver.connection.http2_headers import Fault
from genericapiserver.connection.http2_room import WaitingStreams
from genericapiserver.connection.http2_scope import fixed_scope, received_head, request_scope
from genericapiserver.connection.http2_stream import Stream

if TYPE_CHECKING:
    from genericapiserver.connection.link import Link

LOGGER = logging.getLogger(__name__)

_INTERNAL_ERROR_BODY = b"Internal Server Error"
_TOO_LARGE_BODY = b"431 Request Header Fields Too Large"
_TOO_LARGE_HEAD: RawHeaders = [
    (b":status", b"431"),
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"content-length", b"%d" % len(_TOO_LARGE_BODY)),
]
_FLUSH_NOW = 64 * 1024
_STREAMS_A_FRAME = 32
"""How many streams whose windows settings change cost as much as a frame that makes nothing happen."""
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
        self.write_stall_timeout = service.limits.write_stall_timeout
        self._codec = ServerCodec(service.limits, service.header_blocks)
        self._waiting = WaitingStreams(self._codec, service.limits.write_high_water)
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
        self._metrics = service.metrics.http2
        self._ended_by = ""
        self._block_timer: asyncio.TimerHandle | None = None
        self._blocks = 0
        """How many blocks had come when the timer was set."""
        self._leaving = False
        """GOAWAY is due as soon as nothing runs."""
        self._patient = False
        """The client is to close the connection, and has `goaway_linger` for it: its frames are answered until then."""
        self._last_answers: set[int] = set()
        """Streams whose answer is the last thing but GOAWAY."""
        self._fixed = fixed_scope(link)
        self._on_event: dict[type[Event], Callable[[Any], None]] = {
            RequestReceived: self._request_received,
            DataReceived: self._data_received,
            StreamEnded: self._stream_ended,
            StreamReset: self._stream_reset,
            WindowUpdated: self._window_updated,
            RemoteSettingsChanged: self._settings_changed,
            ConnectionTerminated: self._goaway_received,
        }
        link.write(preface(service.limits))

    # From the link

    @property
    def busy(self) -> bool:
        return bool(self._streams)

    @property
    def expecting(self) -> bool:
        return self._leaving and self.busy and not self._closing

    def data_received(self, data: bytes) -> None:
        try:
            events = self._codec.receive_data(data)
        except ProtocolError as error:
            LOGGER.debug("HTTP/2 error from %s: %s", self._link.client, error)
            self._ends_by("flood" if error.error_code == ErrorCodes.ENHANCE_YOUR_CALM else "error")
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
        noise = self._codec.take_noise()
        if noise:
            self._spend(noise)
        if self._block_timer is None and self._codec.frames.within_block:
            self._time_block()
        if not self._greeted:
            self._greeted = True
            self._idle_if_nothing_runs()
        if not self._flush_scheduled:
            self._schedule_flush()

    def cut(self, data: bytes, start: int, end: int, heads: int) -> int:
        return self._codec.frames.cut(data, start, end, heads)

    def eof_received(self) -> None:
        self._link.abort()

    def connection_lost(self) -> None:
        self._lost = True
        if self._block_timer is not None:
            self._block_timer.cancel()
        self._metrics.connections_ended[self._ended_by or ("stalled" if self._link.stalled else "client")].inc()
        self._end_all_streams()
        # What is left of a connection are cycles, here and in h2. A thousand watches would wait in them for the collector.
        self._codec.forget()
        self._on_event.clear()

    def resume_writing(self) -> None:
        self._waiting.socket_opened()

    def timed_out(self) -> None:
        if not self._greeted:
            self._link.abort()
        elif self._closing and not self._streams:
            self._link.close()
        elif not self._streams:
            self._end("idle")

    def begin_shutdown(self, *, patient: bool = False) -> None:
        # GOAWAY says which requests may be sent elsewhere, but some clients give up those that run, too (httpcore does).
        if patient and self._streams:
            self._leaving = True
        else:
            self._end("shutdown")

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
        if self._lost:
            return
        self._codec.send_continue(stream.id)
        if not self._flush_scheduled:
            self._schedule_flush()

    def write_now(self, stream: Stream, body: bytes, end: bool) -> bool:
        """Send *body* if it fits as a whole; false says that it does not and nothing was sent.

        A bare end needs no window, but it waits for the socket too: nothing else holds back answers without a body to a
        client that reads none of them.
        """
        if not body and not end:
            return True
        if self._link.write_paused or (body and len(body) > self._codec.body_room(stream.id)):
            return False
        self.write_data(stream, body, end)
        return True

    def room(self, stream: Stream, size: int) -> int | None:
        """How much of *size* bytes may be sent now; None means that the stream has to wait."""
        if self._link.write_paused:
            return None
        if not size:
            return 0
        room = min(size, self._codec.body_room(stream.id))
        return room if room > 0 else None

    def write_data(self, stream: Stream, data: bytes | memoryview, end: bool) -> None:
        self._codec.send_body(stream.id, data, end)
        self._written += len(data)
        if self._written >= _FLUSH_NOW:
            self._flush()
        elif not self._flush_scheduled:
            self._schedule_flush()
        if end:
            self._response_complete(stream)

    def wait_for_room(self, stream: Stream, size: int) -> None:
        """*stream*, which has *size* bytes, is woken when there may be room for it."""
        self._waiting.add(stream, size)
        self.pass_on()

    def waits_no_longer(self, stream: Stream) -> None:
        self._waiting.discard(stream.id)

    def pass_on(self) -> None:
        """A stream that was woken has done what it could: what it left is for the next."""
        if not self._lost and not self._link.write_paused:
            self._waiting.pass_on()

    def window_shut(self, stream: Stream) -> bool:
        """Whether it is the client's windows, not the socket, that leave no room for *stream*."""
        return not stream.disconnected and self._codec.body_room(stream.id) <= 0

    def stalled(self, stream: Stream) -> None:
        """The client has not made room for what it asked for: give the stream up."""
        LOGGER.debug("resetting a stream of %s that it does not read", self._link.client)
        self._metrics.streams_stalled.inc()
        self._reset(stream.id, ErrorCodes.CANCEL)
        self._drop_body(stream)
        stream.disconnect()
        self._cancel_soon([stream])

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
            self._end("asked")
            return
        if not self._streams:
            if self._closing:
                self._close_if_done()
            elif self._leaving:
                self._end("shutdown")
            else:
                self._idle_if_nothing_runs()

    # Events

    def _request_received(self, event: RequestReceived) -> None:
        stream_id = event.stream_id
        assert stream_id is not None
        streams = self._streams
        ended = event.stream_ended is not None
        # A stream whose answer is complete is still one of the client's while its body comes.
        if self._closing or len(streams) + len(self._draining) >= self._limits.max_concurrent_streams:
            self._metrics.streams_refused.inc()
            self._refuse(stream_id, ErrorCodes.REFUSED_STREAM)
            return
        head = received_head(event)
        if head.fault is Fault.TOO_LARGE:
            self._answer_too_large(stream_id, ended)
            return
        scope = None if head.fault else request_scope(head, self._fixed, partial(self.close_after_response, stream_id))
        if scope is None:
            self._refuse(stream_id, ErrorCodes.PROTOCOL_ERROR)
            return
        expects_continue = not ended and (b"expect", b"100-continue") in scope["headers"]
        stream = Stream(self, stream_id, scope, ended, expects_continue)
        if not streams:
            self._link.set_timeout(None)
        streams[stream_id] = stream
        stream.task = self._service.start_task(stream.run())

    def _answer_too_large(self, stream_id: int, ended: bool) -> None:
        """Refuse one head that is too large and go on: others use the connection too."""
        codec = self._codec
        if codec.body_room(stream_id) < len(_TOO_LARGE_BODY):
            self._refuse(stream_id, ErrorCodes.ENHANCE_YOUR_CALM)
            return
        codec.send_response(stream_id, [*_TOO_LARGE_HEAD, (b"date", self.date())])
        codec.send_body(stream_id, _TOO_LARGE_BODY, True)
        self._spend(1)
        if not ended:
            self._reset(stream_id, ErrorCodes.NO_ERROR)

    def _refuse(self, stream_id: int, code: ErrorCodes) -> None:
        self._reset(stream_id, code)
        self._spend(1)

    def _data_received(self, event: DataReceived) -> None:
        stream_id, size = event.stream_id, event.flow_controlled_length or 0
        assert stream_id is not None
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
        stream = self._streams.get(event.stream_id)
        if stream is not None and not stream.disconnected:
            complete = stream.complete
            self._metrics.streams_reset.inc()
            self._drop_body(stream)
            stream.disconnect()
            if not complete:
                self._cancel_soon([stream])

    def _window_updated(self, event: WindowUpdated) -> None:
        if event.stream_id:
            self._waiting.stream_opened(event.stream_id)
        elif not self._link.write_paused:
            self._waiting.connection_opened()

    def _settings_changed(self, event: RemoteSettingsChanged) -> None:
        self._waiting.streams_opened()
        self._spend(len(self._streams) // _STREAMS_A_FRAME)

    def _goaway_received(self, event: ConnectionTerminated) -> None:
        self._end("client")

    # Inside

    def _end(self, reason: str, code: ErrorCodes = ErrorCodes.NO_ERROR) -> None:
        """Take no new request; close when those that run are done."""
        self._patient = reason == "asked"
        self._ends_by(reason)
        self._go_away(code)
        self._close_if_done()

    def _ends_by(self, reason: str) -> None:
        self._ended_by = self._ended_by or reason

    def _time_block(self) -> None:
        """A header block holds up every stream: it has the time that a request head has, as long as streams run too."""
        self._blocks = self._codec.frames.blocks
        self._block_timer = self.loop.call_later(self._limits.header_read_timeout, self._block_timed_out)

    def _block_timed_out(self) -> None:
        self._block_timer = None
        if self._lost or self._link.closing or not self._codec.frames.within_block:
            return
        if self._codec.frames.blocks != self._blocks:  # it is another one, as on every busy connection
            self._time_block()
            return
        LOGGER.debug("closing the connection of %s: a header block does not end", self._link.client)
        self._ends_by("stalled")
        self._link.abort()

    def _spend(self, amount: int) -> None:
        left = self._budget.spend(self.loop.time(), amount)
        if left >= 0:
            return
        if left < -self._limits.abuse_budget:
            LOGGER.warning("closing the connection of %s: it went on after GOAWAY", self._link.client)
            self._link.abort()
        elif not self._closing:
            LOGGER.warning("no new requests from %s: too many resets or control frames", self._link.client)
            self._end("flood", ErrorCodes.ENHANCE_YOUR_CALM)

    def _go_away(self, code: ErrorCodes) -> None:
        if self._closing or self._lost:
            return
        self._closing = True
        self._last_stream_id = self._codec.highest_inbound_stream_id
        self._flush()
        self._link.write(goaway(self._last_stream_id, code))

    def _close_if_done(self) -> None:
        if not self._closing or self._streams or self._lost:
            return
        self._flush()
        if self._patient:
            self._link.set_timeout(self._limits.goaway_linger)
        else:
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
        if self._lost:
            return
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
        self._codec.frames.release()
        self._draining.clear()
        self._lost = True
        for stream in streams:
            stream.disconnect()
        self._cancel_soon(streams)

    def _cancel_soon(self, streams: list[Stream]) -> None:
        if streams:
            self.loop.call_later(self._limits.reset_grace, _cancel, streams)

    def _schedule_flush(self) -> None:
        self._flush_scheduled = True
        self.loop.call_soon(self._scheduled_flush)

    def _scheduled_flush(self) -> None:
        self._flush_scheduled = False
        self._flush()

    def _flush(self) -> None:
        if self._lost:
            return
        data = self._codec.data_to_send()
        self._written = 0
        if data:
            self._link.write(data)


def _cancel(streams: list[Stream]) -> None:
    for stream in streams:
        stream.task.cancel()
