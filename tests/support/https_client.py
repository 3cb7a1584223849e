"""A plain HTTPS client: one connection a request, HTTP/1.1, exactly the bytes that the test gives.

The standard library's client sends what it is told, which is what tests of a server's patience need; what even it refuses
to send goes through `raw`.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

TIMEOUT = 60.0
"""Seconds for any one read; a server that answers never needs them."""


@attrs.frozen
class Response:
    """A whole response."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """The value of header *name*; several are joined by a comma, None when there is none."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None

    def json(self) -> Any:
        return json.loads(self.body)


Headers = Mapping[str, str] | Sequence[tuple[str, str]]


class HTTPSClient:
    """Asks the server at 127.0.0.1:*port*, as whoever *certificate* and *key* say."""

    def __init__(self, port: int, *, authority: Path, certificate: Path | None = None, key: Path | None = None) -> None:
        self.port = port
        self.context = ssl.create_default_context(cafile=authority)
        self.context.verify_flags |= ssl.VERIFY_X509_STRICT  # as Python does by itself from 3.13 on
        if certificate is not None:
            self.context.load_cert_chain(certificate, key)

    def connect(self, timeout: float = TIMEOUT) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context, timeout=timeout)

    def request(self, method: str, path: str, body: Any = None, headers: Headers = ()) -> Response:
        """One exchange. *body* is bytes, text, or anything JSON; a body without a media type is called JSON."""
        with self.stream(method, path, body, headers) as response:
            return Response(response.status, tuple(response.getheaders()), response.read())

    def get(self, path: str) -> Response:
        return self.request("GET", path)

    @contextlib.contextmanager
    def stream(
        self, method: str, path: str, body: Any = None, headers: Headers = (), *, timeout: float = TIMEOUT
    ) -> Iterator[http.client.HTTPResponse]:
        """A response whose head is there and whose body is still to be read."""
        with contextlib.closing(self.connect(timeout)) as connection:
            send(connection, method, path, body, headers)
            with connection.getresponse() as response:
                yield response

    def raw(self, data: bytes) -> bytes:
        """Everything that the server says to *data*, until it closes the connection or has nothing more to say."""
        received = bytearray()
        with (
            socket.create_connection(("127.0.0.1", self.port), TIMEOUT) as plain,
            self.context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
            contextlib.suppress(ConnectionError, ssl.SSLError),
        ):
            connection.sendall(data)
            while piece := connection.recv(65536):
                received += piece
        return bytes(received)


def send(connection: http.client.HTTPSConnection, method: str, path: str, body: Any, headers: Headers) -> None:
    """Send a request on *connection*, and nothing that it does not say, except Host and the length of the body.

    A server that refuses a body early may close while it is being sent; the response tells.
    """
    data = _to_bytes(body)
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    if data is not None and not any(name.lower() == "content-type" for name, _ in pairs):
        pairs.append(("Content-Type", "application/json"))
    if connection.sock is None:
        connection.connect()  # a connection that does not come about is the caller's to know of
    connection.putrequest(method, path, skip_accept_encoding=True)
    for name, value in pairs:
        connection.putheader(name, value)
    if data is not None:
        connection.putheader("Content-Length", str(len(data)))
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.endheaders(data)


def _to_bytes(body: Any) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()
