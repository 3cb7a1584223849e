"""Send clients to another server while this one shuts down. Mirrors pkg/server/filters/with_retry_after.go."""

from collections.abc import Awaitable
from typing import Final

from genericapiserver.aio import Signal
from genericapiserver.asgi import Handler, RawHeaders, Receive, Scope, Send, header_value, send_plain_error
from genericapiserver.filters.responses import close_connection

_MESSAGE: Final = "The apiserver is shutting down, please try again later."
_EXEMPT_PATHS: Final = ("/readyz", "/livez", "/healthz", "/metrics")
_OWN_USER_AGENT: Final = "kube-apiserver/"


def is_exempt(scope: Scope) -> bool:
    """Whether a request is served even while the server stops: probes, scrapes, and the server's own calls."""
    if scope["path"].startswith(_EXEMPT_PATHS):
        return True
    return (header_value(scope, b"user-agent") or "").startswith(_OWN_USER_AGENT)


def with_retry_after(handler: Handler, *, not_accepting: Signal | None) -> Handler:
    """Answer 429 with Retry-After and end the connection, once *not_accepting* has fired."""
    if not_accepting is None:
        return handler

    def retry_after(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if not not_accepting.is_set() or is_exempt(scope):
            return handler(scope, receive, send)
        headers: RawHeaders = [(b"retry-after", b"5")]
        close_connection(scope, headers)
        return send_plain_error(send, 429, _MESSAGE, headers)

    return retry_after
