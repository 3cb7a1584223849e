"""CORS: let browsers on chosen origins call this server (Fetch standard, section 3.2).

Runs before authentication, since browsers send preflights without credentials. Mirrors pkg/server/filters/cors.go.
"""

import re
from collections.abc import Awaitable, Sequence
from typing import Final

from genericapiserver.asgi import Handler, RawHeaders, Receive, Scope, Send
from genericapiserver.request import request_context

_HEADERS: Final[RawHeaders] = [
    (b"access-control-allow-methods", b"POST, GET, OPTIONS, PUT, DELETE, PATCH"),
    (
        b"access-control-allow-headers",
        b"Content-Type, Content-Length, Accept-Encoding, X-CSRF-Token, Authorization, X-Requested-With, "
        b"If-Modified-Since",
    ),
    (b"access-control-expose-headers", b"Date"),
    (b"access-control-allow-credentials", b"true"),
]


def with_cors(handler: Handler, *, allowed_origins: Sequence[str]) -> Handler:
    """Answer preflights, and mark responses, for origins in which one of the regular expressions is found.

    Any other origin is not refused: its browser does that when the headers are missing. Raises re.error for a bad
    pattern. Without patterns *handler* comes back unwrapped.
    """
    if not allowed_origins:
        return handler
    patterns = [re.compile(pattern) for pattern in allowed_origins]

    def cors(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        origin = b""
        for name, value in scope["headers"]:
            if name == b"origin":
                origin = value
                break
        if origin and _matches(patterns, origin.decode("utf-8", "replace")):
            headers = request_context(scope).response_headers
            headers.append((b"access-control-allow-origin", origin))
            headers += _HEADERS
            if scope.get("method") == "OPTIONS":
                return _send_preflight(send)
        return handler(scope, receive, send)

    return cors


def _matches(patterns: Sequence[re.Pattern[str]], origin: str) -> bool:
    return any(pattern.search(origin) for pattern in patterns)


async def _send_preflight(send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})
