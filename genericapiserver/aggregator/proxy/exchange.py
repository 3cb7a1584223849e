"""A plain request and its answer through the proxy: bytes both ways as they come, no more of them than the other side takes.

The client's side is an ASGI application's: `receive` and `send`. The body goes up in a task of its own while the answer
comes down; who ends first ends nothing: a server may answer before it has read everything, and goes on reading. Only when
the client goes is the exchange broken off, and when the server breaks off the client hears of it.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from genericapiserver.aggregator.proxy.backend import DEADLINE_EXCEEDED, Backend
from genericapiserver.aggregator.proxy.connection import (
    BackendError,
    Exchange,
    RequestHead,
    ResponseHead,
    StaleConnectionError,
)
from genericapiserver.aggregator.proxy.headers import (
    forwarded_headers,
    identity_headers,
    requested_host,
    returned_headers,
    target_of,
    where_from,
)
from genericapiserver.aggregator.resolvers import Endpoint
from genericapiserver.aio import Signal
from genericapiserver.asgi import Message, Receive, Scope, Send, header_value, send_text
from genericapiserver.audit import AUDIT_ID_HEADER
from genericapiserver.authentication.user import UserInfo
from genericapiserver.filters.exception_recovery import AbortRequestError
from genericapiserver.request import RequestContext
from genericapiserver.tracing import outgoing

REDIRECTED: Final = "the backend attempted to redirect this request, which is not permitted"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_ATTEMPTS: Final = 3


class _Body:
    """The client's body on its way up; knows whether it can be sent again."""

    def __init__(self, receive: Receive, shutdown: Signal | None) -> None:
        self._receive = receive
        self._shutdown = shutdown
        self._first: Message | None = None
        self._further = False
        """More than the first message was taken."""
        self.gone = False
        """The client does not wait for the answer any more."""
        self.shut_down = False
        """The answer is to end here, because this server does."""

    async def peek(self) -> Message:
        """The first message."""
        if self._first is None:
            self._first = await self._receive()
        return self._first

    @property
    def replayable(self) -> bool:
        """Whether nothing was taken that could not be sent again."""
        return not self._further

    async def end_at_shutdown(self, exchange: Exchange) -> None:
        """Break *exchange* off when this server stops."""
        assert self._shutdown is not None
        await self._shutdown.wait()
        self.shut_down = True
        exchange.abort()

    def tasks(self, exchange: Exchange) -> list[asyncio.Task[None]]:
        """What goes on beside the answer."""
        tasks = [asyncio.create_task(self.pump(exchange))]
        if self._shutdown is not None:
            tasks.append(asyncio.create_task(self.end_at_shutdown(exchange)))
        return tasks

    async def pump(self, exchange: Exchange) -> None:
        """Send the body, then wait until the client goes; break *exchange* off then, and when it takes no body."""
        try:
            message = await self.peek()
            while message["type"] == "http.request":
                if data := message.get("body", b""):
                    await exchange.send_body(data)
                if not message.get("more_body"):
                    await exchange.end_body()
                    message = await self._receive()  # nothing comes after the body but the end of the client
                    break
                self._further = True
                message = await self._receive()
            self.gone = message["type"] != "http.request"
        except BackendError:
            pass  # the answer, or what is missing of it, tells more
        exchange.abort()


class Exchanger:
    """Carries requests to servers behind."""

    def __init__(self, *, reject_redirects: bool, send_uid: bool) -> None:
        self._reject_redirects = reject_redirects
        self._send_uid = send_uid

    def head(self, scope: Scope, context: RequestContext, user: UserInfo, endpoint: Endpoint) -> RequestHead:
        """What the server at *endpoint* is asked. Raises IdentityError for a user whom headers cannot name."""
        headers = [pair for pair in forwarded_headers(scope) if pair[0] != AUDIT_ID_HEADER]
        headers += identity_headers(user, uid=self._send_uid)
        headers += where_from(scope)
        headers.append((AUDIT_ID_HEADER, context.audit_id.encode("latin-1")))
        return RequestHead(
            method=context.method,
            authority=str(endpoint),
            target=target_of(scope),
            headers=headers,
            content_length=_content_length(scope),
        )

    async def exchange(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        head: RequestHead,
        backend: Backend,
        endpoint: Endpoint,
        *,
        timeout: float | None = None,
        shutdown: Signal | None = None,
    ) -> None:
        """Send *head* and the body to *backend*, and its answer to the client, which ends when *shutdown* fires.

        Raises BackendError when there is no answer, within *timeout* seconds if that is set, and AbortRequestError when it
        breaks off.
        """
        with outgoing(head.method, endpoint.host) as tracing:
            if tracing:
                traced = [(name.lower().encode(), value.encode()) for name, value in tracing.items()]
                names = {name for name, _ in traced}
                kept = [pair for pair in head.headers if pair[0] not in names]
                head = RequestHead(head.method, head.authority, head.target, [*kept, *traced], head.content_length)
            answer = _Answer(scope, send, endpoint, self._reject_redirects)
            try:
                async with asyncio.timeout(timeout) as limit:
                    await _attempts(head, _Body(receive, shutdown), answer, backend, endpoint)
            except TimeoutError as error:
                if not limit.expired():
                    raise
                if answer.started:
                    raise AbortRequestError(DEADLINE_EXCEEDED) from error
                raise BackendError(DEADLINE_EXCEEDED) from error


async def _attempts(head: RequestHead, body: _Body, answer: "_Answer", backend: Backend, endpoint: Endpoint) -> None:
    """Try again over another connection while that is safe. Raises BackendError, AbortRequestError."""
    for attempt in range(1, _ATTEMPTS + 1):
        exchange = await backend.open(endpoint, fresh=attempt == _ATTEMPTS)
        try:
            await _attempt(head, body, answer, exchange)
        except StaleConnectionError as error:
            again = body.replayable and (error.unseen or head.method in _SAFE)
            if not again or body.gone or attempt == _ATTEMPTS:
                raise
        else:
            return


async def _attempt(head: RequestHead, body: _Body, answer: "_Answer", exchange: Exchange) -> None:
    beside: list[asyncio.Task[None]] = []
    try:
        await exchange.send_head(head)
        beside = body.tasks(exchange)
        response = await exchange.response()
        await answer.begin(response)
        async for piece in answer.pieces(exchange):
            await answer.write(piece)
        await answer.end()
    except BackendError as error:
        if body.gone:
            return  # nobody hears of it
        if answer.started and body.shut_down:
            await answer.end()
            return
        if answer.started:
            raise AbortRequestError(f"the server behind broke off: {error}") from error
        raise
    finally:
        for task in beside:
            task.cancel()  # not waited for: who is told to end here meanwhile must not miss it
        exchange.close()


class _Answer:
    """The server's answer on its way down."""

    def __init__(self, scope: Scope, send: Send, endpoint: Endpoint, reject_redirects: bool) -> None:
        self._send = send
        self._backend = str(endpoint)
        self._front = requested_host(scope)
        self._reject_redirects = reject_redirects
        self._rewrites = False
        self._refused = False
        self.started = False

    async def begin(self, response: ResponseHead) -> None:
        headers = returned_headers(response.headers, backend=self._backend, front=self._front)
        self.started = True
        if self._reject_redirects and 300 <= response.status < 400 and any(name == b"location" for name, _ in headers):
            self._refused = True
            await send_text(self._send, 502, REDIRECTED)
            return
        if self._front and _is_html(headers):
            self._rewrites = True
            headers = [pair for pair in headers if pair[0] not in (b"content-length", b"etag")]
        await self._send({"type": "http.response.start", "status": response.status, "headers": headers})

    async def pieces(self, exchange: Exchange) -> AsyncIterator[bytes]:
        """The body as it comes; in HTML, what points to the server behind points here instead."""
        if self._refused:
            return
        held, old, new = b"", f"https://{self._backend}".encode(), f"https://{self._front}".encode()
        while piece := await exchange.read():
            if not self._rewrites:
                yield piece
                continue
            held = (held + piece).replace(old, new)
            # The beginning of an address may be all that has come of it.
            keep = next((size for size in range(min(len(old) - 1, len(held)), 0, -1) if held.endswith(old[:size])), 0)
            if len(held) > keep:
                yield held[: len(held) - keep]
            held = held[len(held) - keep :]
        if held:
            yield held

    async def write(self, piece: bytes) -> None:
        await self._send({"type": "http.response.body", "body": piece, "more_body": True})

    async def end(self) -> None:
        if not self._refused:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})


def _is_html(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether the body is HTML that can be read as it comes."""
    kind = next((value for name, value in headers if name == b"content-type"), b"")
    encoded = any(name == b"content-encoding" and value.strip().lower() != b"identity" for name, value in headers)
    return kind.partition(b";")[0].strip().lower() == b"text/html" and not encoded


def _content_length(scope: Scope) -> int | None:
    if scope["type"] == "websocket":
        return 0
    text = header_value(scope, b"content-length")
    if text is not None and text.isascii() and text.isdigit():
        return int(text)
    if header_value(scope, b"transfer-encoding") is not None:
        return None
    # HTTP/2 need not say how long a body is; what asks for something or removes it has none, or says so.
    return None if scope["http_version"] == "2" and scope["method"] not in ("GET", "HEAD", "DELETE", "OPTIONS") else 0
