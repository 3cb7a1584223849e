"""HTTP/1.1 on one connection: one request after the other, keep-alive without a limit of requests.

On `h11`, which reads and writes the messages, and for websockets on hypercorn's `WSStream` (see `websocket`). hypercorn's
HTTP/1.1 class was tried first and costs more than it gives here: it invites the body (`100 Continue`) before the handler
has decided whether it wants one, answers `h2c` upgrades, writes errors without a body, and waits in tasks and queues where
this driver makes plain calls.

Requests that never reach the handler are answered as Go's net/http does: text/plain, `Connection: close`, the status
text as body.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import h11

from genericapiserver.asgi import RawHeaders, Scope
from genericapiserver.connection.http1_exchange import Exchange
from genericapiserver.connection.http1_heads import (
    answer_options,
    authority_of,
    canonical,
    plain_answer,
    reason_of,
    status_line,
    wants_websocket,
)
from genericapiserver.connection.request_head import HeadScanner, has_controls
from genericapiserver.connection.target import BadTargetError, parse_target

if TYPE_CHECKING:
    from genericapiserver.connection.link import Link
    from genericapiserver.connection.websocket import WebSocket

LOGGER = logging.getLogger(__name__)

_HOST = re.compile(rb"[A-Za-z0-9!$%&'()*+,\-.:;=\[\]_~]*")
"""What Go allows in a Host header (golang.org/x/net/http/httpguts ValidHostHeader)."""
_MAX_TRAILER = 16 * 1024
"""Bytes of a chunk's first line, or of what comes after the last chunk, which nobody reads but which is parsed."""
_CHUNK_ALLOWANCE = 16
"""Bytes beside its data that a chunk may have, and two more for each byte of data."""
_MAX_EXCESS = 16 * 1024
"""Bytes that the chunks of a body may have beyond that: extensions, which nobody reads (Go net/http/internal/chunked.go,
CVE-2023-39326)."""
_SLASH = ord("/")
_ASGI = {"version": "3.0", "spec_version": "2.4"}


class HTTP1Driver:
    """The `Driver` of a link without h2."""

    def __init__(self, link: Link) -> None:
        service = link.service
        self._link = link
        self._service = service
        self._limits = service.limits
        self.loop = link.loop
        self.handler = service.handler
        self._h11 = h11.Connection(
            h11.SERVER,
            max_incomplete_event_size=service.limits.max_header_bytes + service.limits.max_header_slack,
        )
        self._scanner = HeadScanner()
        self._exchange: Exchange | None = None
        self._websocket: WebSocket | None = None
        self._closing = False
        self._idle = False
        self._reading_paused = False
        self._body_left: int | None = 0
        """Bytes of the body that are still to come; None when only its end will tell."""
        self._excess = 0
        """Bytes of a chunked body that are neither its data nor what chunks may have beside, those not parsed yet too."""
        self._draining = False
        """The request is answered, and what is left of its body is read and dropped."""
        self._drain_left = 0
        """Bytes of a body that may still be read and dropped after its request was answered."""
        self._extensions: dict[str, Any] = {"genericapiserver.close_connection": self.close_after_response}
        if link.tls is not None:
            self._extensions["tls"] = link.tls.extension()
        self._scheme = "http" if link.tls is None else "https"

    # From the link

    @property
    def busy(self) -> bool:
        return self._exchange is not None or self._websocket is not None

    @property
    def expecting(self) -> bool:
        return not self.busy and (self._closing or not self._idle) and not self._link.closing

    def data_received(self, data: bytes) -> None:
        if self._websocket is not None:
            self._websocket.data_received(data)
            return
        if self._body_left is None:
            self._excess += len(data)
        self._h11.receive_data(data)
        if self._idle:
            self._idle = False
            self._link.set_timeout(self._limits.header_read_timeout)
        if self._exchange is None and not self._good_head(self._scanner.scan(data)):
            return
        self._advance()

    def _good_head(self, well_formed: bool) -> bool:
        """Refuse a head that must not reach the parser."""
        if not well_formed:
            # Another parser may read it differently; there is no telling where it ends.
            self._link.set_timeout(None)
            self._refuse(400, "malformed header line")
        elif self._scanner.lines > self._limits.max_header_lines:
            self._refuse(431)
        else:
            return True
        return False

    def cut(self, data: bytes, start: int, end: int, heads: int) -> int:
        return end  # one request is worked on at a time, whatever is pipelined behind it

    def eof_received(self) -> None:
        # A client that half-closes has gone, for Go too: nobody waits for the answer.
        if self.busy:
            self._link.abort()
        else:
            self._link.close()

    def connection_lost(self) -> None:
        if self._websocket is not None:
            self._websocket.connection_lost()
        exchange = self._exchange
        if exchange is not None and not exchange.disconnected:
            exchange.disconnect()
            self.loop.call_later(self._limits.reset_grace, exchange.task.cancel)

    def resume_writing(self) -> None:
        if self._exchange is not None:
            self._exchange.wake()
        if self._websocket is not None:
            self._websocket.resume_writing()

    def timed_out(self) -> None:
        exchange = self._exchange
        if self._draining:
            self._link.close()
            return
        if exchange is None or exchange.started:
            self._link.abort()
            return
        LOGGER.info("%s sent nothing more of a body for %s seconds", self._link.client, self._limits.body_idle_timeout)
        self._break(exchange, 408)

    def begin_shutdown(self, *, patient: bool = False) -> None:
        self._closing = True
        if self._websocket is not None:
            self._websocket.begin_shutdown()
        elif self._exchange is not None:
            return
        elif (
            patient
        ):  # a request may be on its way or half here; when it is answered the client is told to go elsewhere
            if not self._idle:
                self._link.set_timeout(self._limits.first_request_grace)
        else:
            self._link.close()

    # For the exchange

    def close_after_response(self) -> None:
        """Close the connection when the running request is answered."""
        self._closing = True

    @property
    def write_paused(self) -> bool:
        return self._link.write_paused

    def body_read(self) -> None:
        if self._reading_paused:
            self._reading_paused = False
            self._link.resume_reading()
            self._wait_for_body()

    def write_continue(self) -> None:
        if self._h11.they_are_waiting_for_100_continue:
            response = h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")
            self._link.write(self._h11.send(response) or b"")
            self._wait_for_body()

    def head(self, status: int, headers: Iterable[tuple[bytes, bytes]], *, body_ended: bool) -> bytes:
        """The bytes of a response head; says `Connection: close` when that is what will happen."""
        raw: RawHeaders = []
        dated = closes = False
        for name, value in headers:
            if name == b"connection":
                closes = closes or value.lower() == b"close"
                continue
            dated = dated or name == b"date"
            raw.append((canonical(name), value))
        if not dated:
            raw.append((b"Date", self._service.date()))
        if not body_ended:
            self._link.set_timeout(None)  # a body that answers to the response may take its time
        if self._closing or closes or (not body_ended and not self._can_drain()):
            self._closing = True
            raw.append((b"Connection", b"close"))
        return self._h11.send(h11.Response(status_code=status, headers=raw, reason=reason_of(status))) or b""

    def body(self, data: bytes, end: bool) -> bytes:
        if self._exchange is not None and self._exchange.scope.get("method") == "HEAD":
            data = b""  # the answer to HEAD has the headers of a body and none (RFC 9110 section 9.3.2)
        written = (self._h11.send(h11.Data(data=data)) or b"") if data else b""
        return written + (self._h11.send(h11.EndOfMessage()) or b"") if end else written

    def write(self, data: bytes) -> None:
        if data:
            self._link.write(data)

    def handler_failed(self, exchange: Exchange, error: Exception) -> None:
        if exchange.disconnected:
            LOGGER.debug("handler failed after its client had gone", exc_info=error)
        else:
            LOGGER.error("handler failed: %s %s", exchange.scope["method"], exchange.scope["path"], exc_info=error)

    def abort(self) -> None:
        """The response is broken off in the middle; only a reset says so."""
        self._link.abort()

    def finished(self) -> None:
        """The exchange is over: next request, or the end of the connection."""
        if self._exchange is not None:
            self._service.tasks.discard(self._exchange.task)
        self._exchange = None
        if self._link.closing:
            return
        connection = self._h11
        if self._closing or connection.our_state is not h11.DONE:
            self._link.close()
        elif connection.their_state is h11.DONE:
            self._next()
        elif connection.their_state is h11.SEND_BODY:
            self._draining = True
            self._link.set_timeout(self._limits.early_answer_drain)
            self.body_read()
        else:
            self._link.close()

    def _next(self) -> None:
        """Request and response have ended: the next one, or idleness."""
        connection = self._h11
        self._draining = False
        connection.start_next_cycle()
        self.body_read()
        waiting = connection.trailing_data[0]
        if not self._good_head(self._scanner.start(waiting)):
            return
        self._idle = not waiting
        self._link.set_timeout(self._limits.idle_timeout if self._idle else self._limits.header_read_timeout)
        if not self._idle:
            self.loop.call_soon(self._advance)

    # For the websocket

    def websocket_closed(self) -> None:
        self._websocket = None
        self._link.close()

    # Inside

    def _advance(self) -> None:
        connection = self._h11
        while not self._link.closing and self._websocket is None:
            try:
                event = connection.next_event()
            except h11.RemoteProtocolError as error:
                self._malformed(error)
                return
            if event is h11.NEED_DATA:
                break
            if event is h11.PAUSED:
                if len(connection.trailing_data[0]) >= self._limits.stream_window:
                    self._pause_reading()
                break
            if isinstance(event, h11.Request):
                self._request(event)
            elif isinstance(event, h11.ConnectionClosed):
                break
            elif isinstance(event, h11.Data):
                if self._body_left is None:
                    self._excess -= 3 * len(event.data) + (_CHUNK_ALLOWANCE if event.chunk_start else 0)
                self._body_received(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                self._body_left = 0
                if self._exchange is not None:
                    self._link.set_timeout(None)
                    self._exchange.body_complete()
                else:
                    self._next()
                    return
        if self._body_left != 0:
            self._wait_for_body()
            if self._body_left is None:
                waiting = len(connection.trailing_data[0])
                if waiting > _MAX_TRAILER or self._excess - waiting > _MAX_EXCESS:
                    self._malformed_body()

    def _body_received(self, data: bytes) -> None:
        if self._body_left is not None:
            self._body_left -= len(data)
        exchange = self._exchange
        if exchange is not None and not exchange.complete:
            exchange.body_received(data)
            if exchange.unread > self._limits.stream_window:
                self._pause_reading()
            return
        self._drain_left -= len(data)
        if self._drain_left < 0:
            self._link.close()

    def _wait_for_body(self) -> None:
        """Give the client time to send on, when it is its turn: the body is wanted and nothing of it waits to be read."""
        exchange = self._exchange
        if exchange is None or exchange.started or self._reading_paused or self._body_left == 0:
            return
        if not self._h11.they_are_waiting_for_100_continue:
            self._link.set_timeout(self._limits.body_idle_timeout)

    def _can_drain(self) -> bool:
        """Whether what is to come of a body that nobody reads is little enough to keep the connection for the next request.

        A client that still waits to be asked for the body may send it or not, so there is no telling what comes next.
        """
        if self._h11.they_are_waiting_for_100_continue:
            return False
        return self._body_left is None or self._body_left <= self._drain_left

    def _pause_reading(self) -> None:
        if not self._reading_paused:
            self._reading_paused = True
            self._link.pause_reading()
            if self._exchange is not None:
                self._link.set_timeout(None)

    def _request(self, request: h11.Request) -> None:
        self._link.set_timeout(None)
        if not request.http_version.startswith(b"1."):
            self._refuse(505, "unsupported protocol version")
            return
        headers: RawHeaders = list(request.headers)
        fields = dict(headers)
        expect = fields.get(b"expect")
        if expect is not None and expect.lower() != b"100-continue":
            self._answer(417, b"")
            return
        if has_controls([value for _, value in headers]):
            self._refuse(400, "invalid header value")
            return
        if b"transfer-encoding" in fields and b"content-length" in fields:
            self._refuse(400)  # Go lets the first win; whoever stands in front may have let the second
            return
        host = fields.get(b"host", b"")
        if request.target[0] != _SLASH and (authority := authority_of(request.target)) is not None:
            host = authority
            headers = [(b"host", host), *(pair for pair in headers if pair[0] != b"host")]
        if not _HOST.fullmatch(host):
            self._refuse(400, "malformed Host header")
            return
        try:
            target = parse_target(request.target)
        except BadTargetError:
            self._refuse(400)
            return
        scope: Scope = {
            "type": "http",
            "asgi": _ASGI,
            "http_version": request.http_version.decode("ascii"),
            "method": request.method.decode("ascii"),
            "scheme": self._scheme,
            "path": target.path,
            "raw_path": target.raw_path,
            "query_string": target.query_string,
            "root_path": "",
            "headers": headers,
            "client": self._link.client,
            "server": self._link.server,
            "extensions": self._extensions.copy(),
        }
        if request.method == b"GET" and request.http_version == b"1.1" and wants_websocket(fields):
            self._upgrade(scope)
            return
        handler = self.handler
        if request.method == b"OPTIONS" and request.target == b"*":
            handler = answer_options
        length = fields.get(b"content-length")
        self._body_left = int(length) if length is not None else None if b"transfer-encoding" in fields else 0
        if self._body_left is None:
            self._excess = len(self._h11.trailing_data[0])
        self._drain_left = self._limits.early_answer_bytes
        exchange = Exchange(self, scope, handler)
        self._exchange = exchange
        exchange.task = self._service.start_task(exchange.run())

    def _upgrade(self, scope: Scope) -> None:
        # Most servers never meet a websocket, and hypercorn takes a while to load.
        from genericapiserver.connection.websocket import WebSocket

        self._websocket = WebSocket(self, self._link, self._h11, scope)

    def _malformed_body(self) -> None:
        if self._exchange is not None:
            self._malformed_behind(self._exchange)
        else:
            self._link.close()

    def _malformed(self, error: h11.RemoteProtocolError) -> None:
        if self._exchange is not None:
            self._malformed_behind(self._exchange)
            return
        if self._draining:
            self._link.close()
            return
        text = str(error)
        if error.error_status_hint == 431:
            self._refuse(431)
        elif error.error_status_hint == 501:
            self._answer(501, b"Unsupported transfer encoding")
        elif text.startswith("Missing mandatory Host"):
            self._refuse(400, "missing required Host header")
        elif text.startswith("Found multiple Host"):
            self._refuse(400, "too many Host headers")
        elif text.startswith("illegal header line"):
            self._refuse(400, "invalid header name")
        else:
            self._refuse(error.error_status_hint)

    def _malformed_behind(self, exchange: Exchange) -> None:
        """What came after the head of *exchange* is no HTTP."""
        if exchange.body_ended:
            # A whole request, then more after it had said that it would be the last: it is answered, the rest is not.
            self._closing = True
            self._pause_reading()
        elif exchange.complete:
            self._link.close()
        elif exchange.started:
            self._link.abort()
        else:
            self._break(exchange, 400)

    def _break(self, exchange: Exchange, status: int) -> None:
        """The body does not come to its end. Its handler learns that the client is gone, the client why."""
        exchange.disconnect()
        self.loop.call_later(self._limits.reset_grace, exchange.task.cancel)
        self._refuse(status)

    def _refuse(self, status: int, detail: str = "") -> None:
        line = status_line(status)
        self._answer(status, (f"{line}: {detail}" if detail else line).encode())

    def _answer(self, status: int, body: bytes) -> None:
        """Answer below the handler, without h11 (which is past talking to after an error), and close."""
        self._link.write(plain_answer(status, body))
        self._link.close()
