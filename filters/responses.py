"""Fixed answers that several filters give."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from genericapiserver.apimachinery.errors import StatusError
from genericapiserver.asgi import RawHeaders, Scope, Send, send_response

SendStatusError: TypeAlias = Callable[[Scope, Send, StatusError], Awaitable[None]]
"""Answers with the Status of an error in the encoding that the client asked for."""

NOSNIFF: Final = (b"x-content-type-options", b"nosniff")

_SHUTTING_DOWN: Final = (
    b'{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"apiserver is shutting down",'
    b'"reason":"ServiceUnavailable","code":503}\n\n'
)


async def send_shutting_down(send: Send) -> None:
    """The 503 for a request that came when the server had begun to wait for the last one. Always JSON."""
    await send_response(send, 503, _SHUTTING_DOWN, b"application/json", [(b"retry-after", b"1"), NOSNIFF])


def close_connection(scope: Scope, headers: RawHeaders) -> None:
    """Have the client's connection end after this response, so that it comes back on another one.

    HTTP/1 says so in a header, put into *headers*; HTTP/2 has no such header and takes a GOAWAY frame, which only the
    server can send. A server that does not offer that keeps the connection.
    """
    if scope["http_version"] == "2":
        close = scope.get("extensions", {}).get("genericapiserver.close_connection")
        if close is not None:
            close()
    else:
        headers.append((b"connection", b"close"))
