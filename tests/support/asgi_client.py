"""A client that calls an ASGI application in process: no socket, no thread, one request at a time or several.

`ASGIClient.request` waits for the whole response. `ASGIClient.open` hands the response over when its headers are there
and lets the test read the body piece by piece, which is what a watch needs.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote

from genericapiserver.asgi import Handler, Message, Scope


class ClientResponse:
    """A response, complete or still coming."""

    def __init__(self) -> None:
        self.status = 0
        self.raw_headers: list[tuple[bytes, bytes]] = []
        self.started = asyncio.Event()
        self.pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.body = b""
        self._pending = b""

    @property
    def headers(self) -> dict[str, str]:
        """Headers by lower-case name; several of one name are joined by a comma."""
        headers: dict[str, str] = {}
        for name, value in self.raw_headers:
            key = name.decode()
            headers[key] = f"{headers[key]}, {value.decode()}" if key in headers else value.decode()
        return headers

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)

    async def piece(self) -> bytes:
        """The next piece of the body as the server sent it; b"" at the end."""
        piece = await self.pieces.get()
        if piece is None:
            self.pieces.put_nowait(None)
            return b""
        return piece

    async def line(self) -> bytes:
        """The next line of the body without its newline; b"" at the end."""
        while b"\n" not in self._pending:
            piece = await self.piece()
            if not piece:
                rest, self._pending = self._pending, b""
                return rest
            self._pending += piece
        line, _, self._pending = self._pending.partition(b"\n")
        return line

    async def events(self, count: int, timeout: float = 5.0) -> list[Any]:
        """The next *count* lines as JSON; fewer when the body ends before."""
        events: list[Any] = []
        async with asyncio.timeout(timeout):
            while len(events) < count:
                line = await self.line()
                if not line:
                    break
                events.append(json.loads(line))
        return events


class ASGIClient:
    """Calls *app*. *prepare* may put something into each scope, a context for instance, before the call."""

    def __init__(self, app: Handler, *, prepare: Callable[[Scope], None] | None = None) -> None:
        self.app = app
        self.prepare = prepare

    def scope(self, method: str, target: str, headers: Mapping[str, str] | Sequence[tuple[str, str]]) -> Scope:
        path, _, query = target.partition("?")
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "2",
            "method": method,
            "scheme": "https",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in pairs],
            "client": ("192.0.2.1", 40000),
            "server": ("192.0.2.2", 6443),
            "extensions": {},
        }
        if self.prepare is not None:
            self.prepare(scope)
        return scope

    async def request(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        body: Any = None,
    ) -> ClientResponse:
        """One exchange. *body* is bytes, text, or anything JSON; with a body, content-length and type are filled in."""
        async with self.open(method, target, headers=headers, body=body, wait=False) as response:
            await response.started.wait()
            while piece := await response.piece():
                response.body += piece
        return response

    async def get(self, target: str, **headers: str) -> ClientResponse:
        return await self.request("GET", target, headers={key.replace("_", "-"): v for key, v in headers.items()})

    @asynccontextmanager
    async def open(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        body: Any = None,
        wait: bool = True,
    ) -> AsyncIterator[ClientResponse]:
        """An exchange in progress; leaving the block disconnects. Exceptions of the application come out here."""
        data = _to_bytes(body)
        pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
        names = {name.lower() for name, _ in pairs}
        if data is not None:
            if "content-type" not in names:
                pairs.append(("content-type", "application/json"))
            if "content-length" not in names:
                pairs.append(("content-length", str(len(data))))
        scope = self.scope(method, target, pairs)
        response = ClientResponse()
        disconnected = asyncio.Event()
        sent = False

        async def receive() -> Message:
            nonlocal sent
            if not sent:
                sent = True
                return {"type": "http.request", "body": data or b"", "more_body": False}
            await disconnected.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                response.status = message["status"]
                response.raw_headers = list(message.get("headers", ()))
                response.started.set()
            elif message["type"] == "http.response.body":
                if message.get("body"):
                    response.pieces.put_nowait(bytes(message["body"]))
                if not message.get("more_body"):
                    response.pieces.put_nowait(None)

        async def run() -> None:
            try:
                await self.app(scope, receive, send)
            finally:
                response.started.set()
                response.pieces.put_nowait(None)

        task = asyncio.create_task(run())
        try:
            if wait:
                await response.started.wait()
            yield response
        finally:
            disconnected.set()
            try:
                await asyncio.wait_for(task, 5.0)
            except TimeoutError:
                task.cancel()
                raise


def _to_bytes(body: Any) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()
