"""The TCP end of a connection: reads, decrypts, writes, times out, closes; a driver above it speaks HTTP.

A link is lingering when it has said all it will ever say: it sends close_notify and FIN and waits a moment for the
peer's, because a socket that is closed with unread input resets the connection and takes the last response with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import sys
import termios
from collections.abc import Callable
from typing import Any, Protocol

from genericapiserver.connection.http1 import HTTP1Driver
from genericapiserver.connection.http2 import HTTP2Driver
from genericapiserver.connection.listener import ip_address
from genericapiserver.connection.service import Service
from genericapiserver.connection.tls import PeerTLS, TLSError, TLSSession
from genericapiserver.logs import V5, kv

LOGGER = logging.getLogger(__name__)

Address = tuple[str, int]

_MAX_PENDING = 64 * 1024
"""Bytes of input that may wait for their turn before no more is read."""

_LEAST_PROGRESS = 1024
"""Bytes that a peer has to take in `ConnectionLimits.write_stall_timeout` once the buffer of its socket is full."""

_PLAIN_HTTP = (b"GET /", b"HEAD ", b"POST ", b"PUT /", b"OPTIO")
_PLAIN_HTTP_ANSWER = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"


class Driver(Protocol):
    """One HTTP version on one link. All methods are called on the loop and must not block."""

    def data_received(self, data: bytes) -> None: ...
    def cut(self, data: bytes, start: int, end: int, heads: int) -> int:
        """Where what is handed to `data_received` next should end; see `read_turns.Reader`."""

    def eof_received(self) -> None:
        """The peer will send no more."""

    def connection_lost(self) -> None:
        """Nothing can be sent any more; end all requests."""

    def resume_writing(self) -> None:
        """`link.write_paused` went back to false."""

    def timed_out(self) -> None:
        """The time given to `link.set_timeout` is over."""

    def begin_shutdown(self, *, patient: bool = False) -> None:
        """Take no new request; close the link when the running ones are done.

        A *patient* one takes the first request of a connection whose client cannot know that it should go elsewhere.
        """

    @property
    def busy(self) -> bool:
        """Whether a request is running."""

    @property
    def expecting(self) -> bool:
        """Whether its client has not yet been told to go elsewhere with new requests, and a hand-over waits until it was."""


class Link(asyncio.BufferedProtocol):
    """A connection without TLS (HTTP/1.1 only), and what both kinds of link have in common.

    Reads are of `service.read_buffer`'s size at most: what comes in one read is worked on in one turn of the loop, and
    256 KiB, which asyncio reads otherwise, hold some 20,000 small frames, a second in which no other connection is served.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self.loop = asyncio.get_running_loop()
        self.driver: Driver | None = None
        self.write_paused = False
        self.closing = False
        self.client: Address | None = None
        self.server: Address | None = None
        self.tls: PeerTLS | None = None
        self.pending = b""
        self._ended = False
        """The peer will send no more; told to the driver after what is pending."""
        self._peer_has_ended = False
        """The peer has closed its side of the connection."""
        self._paused_by_driver = False
        self._held = False
        """Reading is paused because enough is pending."""
        self._transport: asyncio.Transport
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.stalled = False
        """The peer took nothing of what was written, and was cut off."""
        self._unsent = 0
        """Bytes that waited for the peer when they were last looked at."""
        self._stall_timer: asyncio.TimerHandle | None = None
        self._lost = False
        self._on_lost: Callable[[], None] | None = None

    # From the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        high = self.service.limits.write_high_water
        transport.set_write_buffer_limits(high=high, low=high // 4)
        self.client = _address(transport.get_extra_info("peername"))
        self.server = _address(transport.get_extra_info("sockname"))
        self.service.add(self)
        self.set_timeout(self.service.limits.header_read_timeout)
        self._opened()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.service.read_buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(self.service.read_buffer[:nbytes]))

    def data_received(self, data: bytes) -> None:
        if not self.closing and self.driver is not None:
            self.service.read_turns.received(self, data)

    def eof_received(self) -> bool:
        if self.closing or self.driver is None:
            return False  # closes the transport
        self._peer_has_ended = True
        self._end()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        self.closing = self._lost = True
        self.write_paused = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._watch_for_stall(False)
        self.pending = b""
        self.service.discard(self)
        if self._on_lost is not None:
            self._on_lost()
        if self.driver is not None:
            self.driver.connection_lost()
            self.driver = None

    def pause_writing(self) -> None:
        self.write_paused = True
        self._watch_for_stall(True)

    def resume_writing(self) -> None:
        self.write_paused = False
        self._watch_for_stall(self.closing)
        if self.driver is not None:
            self.driver.resume_writing()

    def _watch_for_stall(self, watch: bool) -> None:
        """End the connection when nothing of what waits for the peer is read for `write_stall_timeout`."""
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None
        if watch:
            self._unsent = self._waiting_for_the_peer()
            self._stall_timer = self.loop.call_later(self.service.limits.write_stall_timeout, self._look_for_stall)

    def _look_for_stall(self) -> None:
        if self._waiting_for_the_peer() <= self._unsent - _LEAST_PROGRESS:
            self._watch_for_stall(True)
            return
        self._stall_timer = None
        self.stalled = True
        LOGGER.info("%s has read nothing for %s seconds", self.client, self.service.limits.write_stall_timeout)
        self.abort()

    def _waiting_for_the_peer(self) -> int:
        """Bytes that are written and not received: those here, and those in the kernel, which takes megabytes."""
        waiting = self._transport.get_write_buffer_size()
        with contextlib.suppress(OSError, ValueError):
            queued = fcntl.ioctl(self._transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
            waiting += int.from_bytes(queued, sys.byteorder)
        return waiting

    # From the turns of reading

    @property
    def busy(self) -> bool:
        return self.driver is not None and self.driver.busy

    def work(self, data: bytes) -> None:
        if not self.closing and self.driver is not None:
            self.driver.data_received(data)

    def cut(self, data: bytes, start: int, end: int, heads: int) -> int:
        return end if self.driver is None else self.driver.cut(data, start, end, heads)

    def pending_changed(self) -> None:
        if self._held != (len(self.pending) >= _MAX_PENDING):
            self._held = not self._held
            self._pause_or_resume()
        if self._ended and not self.pending and not self.closing and self.driver is not None:
            self._ended = False
            self.driver.eof_received()

    def _end(self) -> None:
        self._ended = True
        if not self.pending:
            self.pending_changed()

    # For the server

    def on_lost(self, callback: Callable[[], None]) -> None:
        """Call *callback* when the connection is gone, now if it is."""
        if self._lost:
            callback()
        else:
            self._on_lost = callback

    # For the driver

    def write(self, data: bytes) -> None:
        # asyncio warns of each write to a connection that the peer has reset, until it tells of the loss in the next turn.
        if not self.closing and not self._transport.is_closing():
            self._transport.write(data)

    def pause_reading(self) -> None:
        self._paused_by_driver = True
        self._pause_or_resume()

    def resume_reading(self) -> None:
        self._paused_by_driver = False
        self._pause_or_resume()

    def _pause_or_resume(self) -> None:
        if self._transport.is_closing():
            return
        if self._paused_by_driver or self._held:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def set_timeout(self, seconds: float | None) -> None:
        """Have `driver.timed_out` called in *seconds*; replaces the time set before, None stops it."""
        if seconds is None:
            self._deadline = None
            return
        self._deadline = self.loop.time() + seconds
        # One timer is armed and moved on when it fires early: setting a deadline costs next to nothing.
        if self._timer is None or self._timer.when() > self._deadline:
            self._arm()

    def close(self) -> None:
        """Send what is written, say goodbye, and close when the peer has or the linger time is over."""
        if self.closing:
            return
        self.closing = True
        self._farewell()
        if self._transport.is_closing():
            return
        self._linger()

    def abort(self) -> None:
        """Close at once and send nothing more."""
        self.closing = True
        self._transport.abort()

    def begin_shutdown(self, *, patient: bool = False) -> None:
        if self.driver is None:
            if patient:  # a TLS handshake is under way, and a request will follow
                self.set_timeout(self.service.limits.first_request_grace)
            else:
                self.abort()
        elif not self.closing:
            self.driver.begin_shutdown(patient=patient)

    # For subclasses

    def _opened(self) -> None:
        self.driver = HTTP1Driver(self)

    def _farewell(self) -> None:
        pass

    def _linger(self) -> None:
        """Send FIN after what is written; whatever still comes is read and dropped until the peer's FIN or the time."""
        try:
            self._transport.write_eof()
        except OSError:  # the peer has reset the connection
            self._transport.abort()
            return
        if self._peer_has_ended:  # its FIN was first: there is nothing to wait for once all is sent
            self._transport.close()
        else:
            self._transport.resume_reading()
        self.set_timeout(self.service.limits.goaway_linger)
        if self._transport.get_write_buffer_size():
            self._watch_for_stall(True)

    def _arm(self) -> None:
        assert self._deadline is not None
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_at(self._deadline, self._fire)

    def _fire(self) -> None:
        self._timer = None
        if self._deadline is None:
            return
        if self.loop.time() < self._deadline:
            self._arm()
        elif self.closing and self._transport.get_write_buffer_size():
            self.set_timeout(self.service.limits.goaway_linger)  # counts from when all is sent, which may take long
        elif self.closing or self.driver is None:
            self.abort()
        else:
            self._deadline = None
            self.driver.timed_out()


class TLSLink(Link):
    """A connection with TLS: handshake first, then the driver that ALPN names."""

    _session: TLSSession

    def _opened(self) -> None:
        tls = self.service.tls
        if tls is None:
            self.abort()
            return
        self._first = b""
        self._session = tls.open(self.server[0] if self.server else "")

    def data_received(self, data: bytes) -> None:
        if self.closing:
            return
        if self.driver is None:
            self._handshake(data)
            return
        self._session.feed(data)
        self._decrypted()

    def _decrypted(self) -> None:
        session = self._session
        try:
            plaintext, ended = session.read()
        except TLSError as error:
            LOGGER.debug("TLS error from %s: %s", self.client, error)
            self._transport.write(session.take())
            self._transport.close()
            self._watch_for_stall(True)  # or a peer that reads nothing would keep it open
            return
        if plaintext:
            self.service.read_turns.received(self, plaintext)
        if ended and not self.closing:
            self._end()

    def write(self, data: bytes) -> None:
        if self.closing or self._transport.is_closing():
            return
        try:
            self._transport.write(self._session.write(data))
        except TLSError as error:
            LOGGER.debug("TLS error while writing to %s: %s", self.client, error)
            self.abort()

    def _farewell(self) -> None:
        self._transport.write(self._session.close_notify())

    def _handshake(self, data: bytes) -> None:
        if len(self._first) < 5:
            self._first += data[:5]
            if self._first.startswith(_PLAIN_HTTP):
                self._transport.write(_PLAIN_HTTP_ANSWER)
                self._handshake_failed("client sent an HTTP request to an HTTPS server")
                return
        session = self._session
        session.feed(data)
        try:
            done = session.handshake()
        except TLSError as error:
            self._transport.write(session.take())
            self._handshake_failed(str(error))
            return
        self._transport.write(session.take())
        if not done:
            return
        self.tls = session.peer()
        if session.alpn_protocol == "h2":
            self.driver = HTTP2Driver(self)
        else:
            self.driver = HTTP1Driver(self)
        if self.service.stopping:
            self.driver.begin_shutdown(patient=self.service.leaving)
        self._decrypted()  # what came with the last handshake record

    def _handshake_failed(self, reason: str) -> None:
        self.service.metrics.tls_handshake_errors.inc()
        LOGGER.log(V5, kv("http: TLS handshake error", remote=self.client, err=reason))
        self.closing = True
        self._linger()


def _address(name: Any) -> Address | None:
    """Host and port; None on a unix socket and in memory."""
    return (ip_address(name[0]), name[1]) if isinstance(name, tuple) else None
