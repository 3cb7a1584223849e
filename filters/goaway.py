"""Now and then end an HTTP/2 connection, so that clients spread over all servers again after one was restarted.

Mirrors pkg/server/filters/goaway.go.
"""

import random
from collections.abc import Awaitable, Callable

from genericapiserver.asgi import Handler, Receive, Scope, Send
from genericapiserver.filters.responses import close_connection
from genericapiserver.request import request_context


def with_probabilistic_goaway(
    handler: Handler, *, chance: float, random: Callable[[], float] = random.random
) -> Handler:
    """With *chance* (0 to 1) end a request's HTTP/2 connection after its response; other streams on it go on.

    HTTP/1 connections are never ended: they are not shared by requests. A chance of 0 leaves *handler* unwrapped.
    """
    if chance <= 0:
        return handler

    def probabilistic_goaway(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["http_version"] == "2" and random() < chance:
            close_connection(scope, request_context(scope).response_headers)
        return handler(scope, receive, send)

    return probabilistic_goaway
