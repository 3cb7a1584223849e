"""How a request reaches a server: over the network, or straight into the handler of this process.

`InProcessTransport` is the loopback client's: no socket, certificate or name resolution stands between a server and its
own API, while the whole filter chain still sees the request.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol
from urllib.parse import unquote, urlencode

import attrs

from genericapiserver.asgi import Handler, Message
from genericapiserver.tracing import CURRENT, outgoing

USER_AGENT = b"genericapiserver/loopback"


@attrs.frozen
class Response:
    """One complete answer; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@attrs.frozen
class StreamedResponse:
    """An answer whose body comes line by line for as long as the server goes on."""

    status: int
    lines: AsyncIterator[bytes]


class Transport(Protocol):
    """Carries requests to one server, as one identity."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Response:
        """One exchange. Raises ConnectionError when no answer comes."""

    def stream(
        self, path: str, *, query: Mapping[str, str] | None = None
    ) -> AbstractAsyncContextManager[StreamedResponse]:
        """GET a body that does not end; leaving the context ends it."""


class InProcessTransport:
    """Calls an ASGI *handler* with a *bearer_token*; both are asked for at each request and may come later than this.

    With *max_answer_bytes* a `request` whose answer is longer raises ConnectionError: the handler may be somebody else's.
    """

    def __init__(
        self,
        handler: Callable[[], Handler],
        *,
        bearer_token: Callable[[], str] = str,
        max_answer_bytes: int | None = None,
    ) -> None:
        self._handler = handler
        self._bearer_token = bearer_token
        self._max_answer_bytes = max_answer_bytes

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Response:
        start: Message = {}
        chunks: list[bytes] = []
        sent, received, limit = False, 0, self._max_answer_bytes
        too_long = f"{method} {path}: the answer is longer than {limit} bytes"

        async def receive() -> Message:
            nonlocal sent
            if sent:
                await asyncio.Event().wait()  # the client stays until it has its answer
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            elif message["type"] == "http.response.body":
                nonlocal received
                received += len(message.get("body", b""))
                if limit is not None and received > limit:
                    chunks.clear()
                    raise ConnectionError(too_long)
                chunks.append(message.get("body", b""))

        with outgoing(method, "localhost") as tracing:
            scope = self._scope(method, path, query, {**(headers or {}), **tracing})
            outer = CURRENT.set(None)  # a request of its own, as if it had come over the network
            try:
                await self._handler()(scope, receive, send)
            finally:
                CURRENT.reset(outer)
        if not start:
            raise ConnectionError(f"{method} {path}: the handler sent no response")
        if limit is not None and received > limit:  # the handler may have taken the first error for its own affair
            raise ConnectionError(too_long)
        return Response(start["status"], _text_headers(start), b"".join(chunks))

    @contextlib.asynccontextmanager
    async def stream(self, path: str, *, query: Mapping[str, str] | None = None) -> AsyncIterator[StreamedResponse]:
        messages: asyncio.Queue[Message | None] = asyncio.Queue()
        gone = asyncio.Event()
        asked = False

        async def receive() -> Message:
            nonlocal asked
            if not asked:
                asked = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await gone.wait()
            return {"type": "http.disconnect"}

        async def call() -> None:
            try:
                await self._handler()(self._scope("GET", path, query, None), receive, messages.put)
            finally:
                messages.put_nowait(None)

        task = asyncio.create_task(call())
        try:
            start = await messages.get()
            if start is None:
                await task
                raise ConnectionError(f"GET {path}: the handler sent no response")
            yield StreamedResponse(start["status"], _lines(messages))
        finally:
            gone.set()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def _scope(
        self, method: str, path: str, query: Mapping[str, str] | None, headers: Mapping[str, str] | None
    ) -> dict[str, Any]:
        raw = [(b"host", b"localhost"), (b"user-agent", USER_AGENT), (b"accept", b"application/json")]
        if token := self._bearer_token():
            raw.append((b"authorization", b"Bearer " + token.encode()))
        given = {name.lower().encode(): value.encode("latin-1") for name, value in (headers or {}).items()}
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": method,
            "scheme": "https",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": urlencode(query or {}).encode(),
            "root_path": "",
            "headers": [pair for pair in raw if pair[0] not in given] + list(given.items()),
            "client": ("127.0.0.1", 0),
            "server": ("localhost", 0),
            "extensions": {},
        }


def _text_headers(start: Message) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in start.get("headers", ())}


async def _lines(messages: asyncio.Queue[Message | None]) -> AsyncIterator[bytes]:
    rest = b""
    while (message := await messages.get()) is not None:
        *lines, rest = (rest + message.get("body", b"")).split(b"\n")
        for line in lines:
            yield line
        if not message.get("more_body"):
            break
    if rest:
        yield rest
