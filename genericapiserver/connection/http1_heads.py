"""What an HTTP/1.1 head says beyond its parse, and the answers to heads that reach no handler."""

from __future__ import annotations

import base64
import binascii
import re
from functools import lru_cache
from http import HTTPStatus

from genericapiserver.asgi import Receive, Scope, Send

_PHRASES = {
    413: "Request Entity Too Large",
    414: "Request URI Too Long",
    416: "Requested Range Not Satisfiable",
    422: "Unprocessable Entity",
    431: "Request Header Fields Too Large",
}
"""Go's, where Python has other words, in one version or another."""


async def answer_options(scope: Scope, receive: Receive, send: Send) -> None:
    """`OPTIONS *` asks about the server as a whole (Go's globalOptionsHandler)."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def authority_of(target: bytes) -> bytes | None:
    """The host of an absolute *target*, which counts instead of Host (RFC 9112 section 3.2.2); None without one."""
    _, separator, rest = target.partition(b"://")
    return re.split(rb"[/?#]", rest, maxsplit=1)[0] if separator else None


@lru_cache(maxsize=1024)
def canonical(name: bytes) -> bytes:
    """`audit-id` -> `Audit-Id`: how Go writes header names."""
    return b"-".join(part.capitalize() for part in name.split(b"-"))


@lru_cache(maxsize=256)
def reason_of(status: int) -> bytes:
    try:
        return (_PHRASES.get(status) or HTTPStatus(status).phrase).encode("ascii")
    except ValueError:
        return b"status code %d" % status


def wants_websocket(fields: dict[bytes, bytes]) -> bool:
    """Whether a request asks for a websocket as RFC 6455 has it.

    An Upgrade that Connection does not name is no wish of the client's. One without a key, of another version, or with
    words that are no ASCII is left to the handler as the plain request that it is as well: most of what is served ignores
    it, as in Go.
    """
    if fields.get(b"upgrade", b"").lower() != b"websocket":
        return False
    connection = fields.get(b"connection", b"")
    if not connection.isascii() or not fields.get(b"sec-websocket-protocol", b"").isascii():
        return False
    if not any(token.strip() == b"upgrade" for token in connection.lower().split(b",")):
        return False
    return fields.get(b"sec-websocket-version", b"").strip() == b"13" and _is_key(fields.get(b"sec-websocket-key", b""))


def _is_key(text: bytes) -> bool:
    try:
        return len(base64.b64decode(text.strip(), validate=True)) == 16
    except binascii.Error:
        return False


def status_line(status: int) -> str:
    """`404 Not Found`, in the words of Go's http.StatusText."""
    return f"{status} {_PHRASES.get(status) or HTTPStatus(status).phrase}"


def plain_answer(status: int, body: bytes) -> bytes:
    """A whole response from below the handler, as Go's net/http writes it; the connection ends with it."""
    kind = "Content-Type: text/plain; charset=utf-8" if body else "Content-Length: 0"
    return f"HTTP/1.1 {status_line(status)}\r\n{kind}\r\nConnection: close\r\n\r\n".encode() + body
