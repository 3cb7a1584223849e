"""Mark requests that come before all paths are installed, so that a 404 is not taken for "there is no such thing".

A controller that believed it (garbage collection, namespace deletion) would delete what still exists.
Mirrors pkg/endpoints/filters/mux_discovery_complete.go.
"""

from collections.abc import Awaitable

from genericapiserver.aio import Signal
from genericapiserver.asgi import Handler, Receive, Scope, Send
from genericapiserver.request import request_context


def with_mux_and_discovery_complete(handler: Handler, *, complete: Signal | None) -> Handler:
    """Set `context.paths_incomplete` until *complete* fires. Without a signal nothing is ever marked."""
    if complete is None:
        return handler

    def mux_and_discovery_complete(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if not complete.is_set():
            request_context(scope).paths_incomplete = True
        return handler(scope, receive, send)

    return mux_and_discovery_complete
