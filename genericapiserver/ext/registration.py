"""Noticing that the aggregation layer of a cluster has found this server.

A kube-apiserver that an APIService sends here asks for `/openapi/v2` and `/openapi/v3` as `system:aggregator`, for discovery
as `system:kube-aggregator`. Source: the wrapped authorizer in pkg/ext/apiserver.go of rancher/steve, and the middleware of
its server.
"""

from typing import Final

from genericapiserver.aio import Signal
from genericapiserver.asgi import Handler, Receive, Scope, Send, send_text
from genericapiserver.authorization import AuthorizationAttributes, AuthorizationResult, Authorizer

AGGREGATORS: Final = frozenset({"system:aggregator", "system:kube-aggregator"})
NOT_READY: Final = "API Aggregation not ready"


class AggregatorSpotter:
    """*authorizer*, and `registered`, which fires when it is first asked about an aggregator, whatever it says."""

    def __init__(self, authorizer: Authorizer) -> None:
        self.authorizer = authorizer
        self.registered = Signal("Registered")

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationResult:
        user = attributes.user
        if user is not None and user.name in AGGREGATORS:
            self.registered.set()
        return await self.authorizer.authorize(attributes)


def with_registration(handler: Handler, registered: Signal) -> Handler:
    """Answer 503 in place of *handler* until *registered* has fired, as `ExtensionAPIServer.registered()` does.

    For pages of an application that need the API behind a cluster's own server. What is no request passes.
    """

    async def registration(scope: Scope, receive: Receive, send: Send) -> None:
        if registered.is_set() or scope["type"] not in ("http", "websocket"):
            await handler(scope, receive, send)
        elif scope["type"] == "http":
            await send_text(send, 503, NOT_READY)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1013, "reason": NOT_READY})

    return registration
