"""Asking a server behind, or one of this process, on behalf of the aggregator itself: no socket, no filters.

Source: the handlerWithUser of pkg/controllers/openapi/aggregator and of pkg/apiserver/handler_discovery.go.
"""

from typing import Final

from genericapiserver.asgi import Handler, Receive, Scope, Send
from genericapiserver.audit import request_audit_id
from genericapiserver.authentication.user import SYSTEM_PRIVILEGED_GROUP, UserInfo
from genericapiserver.client.transport import InProcessTransport, Transport
from genericapiserver.request import CONTEXT_KEY, RequestContext, RequestInfoFactory
from genericapiserver.request.internal_error import request_uri

KUBE_AGGREGATOR: Final = UserInfo(name="system:kube-aggregator", groups=(SYSTEM_PRIVILEGED_GROUP,))
"""Who asks servers behind whether they are there, and what they serve."""
OPENAPI_AGGREGATOR: Final = UserInfo(name="system:aggregator")
"""Who asks them for their OpenAPI documents."""

OWN_REQUEST: Final = "genericapiserver.aggregator.own"
"""Is in the scope of a request that nobody but the aggregator waits for: clients cannot put it there."""


def as_user(handler: Handler, user: UserInfo, resolver: RequestInfoFactory) -> Handler:
    """*handler* with the context that a request of *user* has behind the filters."""

    async def ask(scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        scope[OWN_REQUEST] = True
        scope[CONTEXT_KEY] = RequestContext(
            request_info=resolver.resolve(method, path, scope["query_string"]),
            method=method,
            path=path,
            request_uri=request_uri(scope),
            audit_id=request_audit_id(scope).decode("latin-1"),
            user=user,
        )
        await handler(scope, receive, send)

    return ask


MAX_ANSWER_BYTES: Final = 64 << 20
"""The longest document that a server behind may have: a Kubernetes with everything in it says 5 MB."""


def transport_as(handler: Handler, user: UserInfo, resolver: RequestInfoFactory) -> Transport:
    """A client that asks *handler* as *user*. It has no time-out of its own: cancel it."""
    asking = as_user(handler, user, resolver)
    return InProcessTransport(lambda: asking, max_answer_bytes=MAX_ANSWER_BYTES)
