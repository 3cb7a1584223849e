"""A webhook over real TLS, on this machine: answers as it is told, well or badly, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import attrs

from tests.support.pki import Issued, issue

AUTHORITY = issue("webhook authority", ca=True)
STRANGER = issue("another authority", ca=True)


@attrs.frozen
class Asked:
    """One request as it came."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def review(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def request(self) -> dict[str, Any]:
        found: dict[str, Any] = self.review["request"]
        return found


Answer: TypeAlias = bytes | dict[str, Any] | None
"""A whole HTTP response, the JSON body of one, or nothing: the connection is closed."""
Answering: TypeAlias = Callable[[Asked], Answer | Awaitable[Answer]]


def reviewed(asked: Asked, allowed: bool = True, **response: Any) -> dict[str, Any]:
    """The AdmissionReview that answers *asked*."""
    review = asked.review
    return {
        "apiVersion": review["apiVersion"],
        "kind": "AdmissionReview",
        "response": {"uid": review["request"]["uid"], "allowed": allowed, **response},
    }


def patched(asked: Asked, patch: Any, **response: Any) -> dict[str, Any]:
    """A yes with a patch: JSON values, or the bytes of something that may be no JSON."""
    data = patch if isinstance(patch, bytes) else json.dumps(patch).encode()
    return reviewed(asked, patch=base64.b64encode(data).decode(), patchType="JSONPatch", **response)


def allow(asked: Asked) -> Answer:
    return reviewed(asked)


@attrs.define(eq=False)
class WebhookServer:
    """Where it is, whom to believe about it, and what it was asked so far."""

    port: int
    answer: Answering
    authority: Issued = AUTHORITY
    asked: list[Asked] = attrs.field(factory=list)
    protocols: list[str | None] = attrs.field(factory=list)
    closes: bool = False
    """Whether it hangs up after each answer."""
    _tasks: set[asyncio.Task[Any]] = attrs.field(factory=set)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/hook"

    def client_config(self, **more: Any) -> dict[str, Any]:
        """For a configuration in JSON."""
        return {"url": self.url, "caBundle": base64.b64encode(self.authority.pem).decode(), **more}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
        self.protocols.append(tls.selected_alpn_protocol())
        try:
            while (asked := await _read(reader)) is not None:
                self.asked.append(asked)
                answer = self.answer(asked)
                if isinstance(answer, Awaitable):
                    answer = await answer
                if answer is None:
                    return
                writer.write(answer if isinstance(answer, bytes) else http_response(json.dumps(answer).encode()))
                await writer.drain()
                if self.closes:
                    return
        except (ConnectionError, ssl.SSLError, asyncio.CancelledError):
            pass  # the client has gone, or the test is over: asyncio logs a task that ends otherwise
        finally:
            writer.transport.abort() if task.cancelling() else writer.close()
            self._tasks.discard(task)

    async def end(self) -> None:
        """End every connection."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def http_response(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """The bytes of an HTTP response."""
    head = "\r\n".join(
        [f"HTTP/1.1 {status}", "content-type: application/json", f"content-length: {len(body)}", *headers]
    )
    return f"{head}\r\n\r\n".encode() + body


@contextlib.asynccontextmanager
async def webhook_server(
    answer: Answering = allow,
    *,
    issuer: Issued = AUTHORITY,
    dns: tuple[str, ...] = (),
    ips: tuple[str, ...] = ("127.0.0.1",),
    common_name: str = "webhook",
    **certificate: Any,
) -> AsyncIterator[WebhookServer]:
    """Serve *answer* with a certificate of *issuer* for *ips* and *dns*."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    issue(common_name, issuer, dns=dns, ips=ips, **certificate).load_into(context)
    context.set_alpn_protocols(["http/1.1"])
    server = WebhookServer(0, answer)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=context)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        await server.end()


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method, target, headers, body)
