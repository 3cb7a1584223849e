"""HSTS: tell browsers to come back over TLS only (RFC 6797). Mirrors pkg/server/filters/hsts.go."""

from collections.abc import Awaitable, Sequence

from genericapiserver.asgi import Handler, Receive, Scope, Send
from genericapiserver.request import request_context


def with_hsts(handler: Handler, *, directives: Sequence[str]) -> Handler:
    """Have responses carry the HSTS header, unless they set their own.

    Without directives there is nothing to say and *handler* comes back unwrapped.
    """
    if not directives:
        return handler
    header = (b"strict-transport-security", "; ".join(directives).encode("ascii"))

    def hsts(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        request_context(scope).response_headers.append(header)
        return handler(scope, receive, send)

    return hsts
