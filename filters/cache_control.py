"""Keep answers out of every cache: they depend on who asks. Mirrors pkg/endpoints/filters/cachecontrol.go."""

from collections.abc import Awaitable
from typing import Final

from genericapiserver.asgi import Handler, Receive, Scope, Send
from genericapiserver.request import request_context

_HEADER: Final = (b"cache-control", b"no-cache, private")


def with_cache_control(handler: Handler) -> Handler:
    """Have responses forbid caching, unless they say something else about it."""

    def cache_control(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        request_context(scope).response_headers.append(_HEADER)
        return handler(scope, receive, send)

    return cache_control
