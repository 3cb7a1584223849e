"""One request at an API route, with the headers that handlers look at picked out in one pass, and one response."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeAlias

import attrs

from genericapiserver.apimachinery.meta import Status
from genericapiserver.asgi import QueryValues, RawHeaders, Receive, Scope, Send, parse_query
from genericapiserver.request.context import RequestContext, request_context

CONTENT_TYPE: Final = b"content-type"
CONTENT_LENGTH: Final = b"content-length"

Body: TypeAlias = "bytes | list[bytes]"
"""A body whole, or in pieces to be sent one after the other."""


class APIRequest:
    """What a verb handler is given. Only the first of several headers of a name counts, as in Go's Header.Get."""

    __slots__ = (
        "_values",
        "accept",
        "accept_encoding",
        "content_type",
        "context",
        "query",
        "receive",
        "scope",
        "send",
        "user_agent",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.context: RequestContext = request_context(scope)
        self.query: bytes = scope["query_string"]
        self._values: QueryValues | None = None
        # From last to first, so that the first of a name remains.
        headers: dict[bytes, bytes] = dict(scope["headers"][::-1])
        get = headers.get
        self.accept: bytes = get(b"accept", b"")
        self.accept_encoding: bytes = get(b"accept-encoding", b"")
        self.content_type: bytes = get(CONTENT_TYPE, b"")
        self.user_agent: bytes = get(b"user-agent", b"")

    @property
    def values(self) -> QueryValues:
        """The query, parsed at the first use."""
        values = self._values
        if values is None:
            values = self._values = parse_query(self.query)
        return values


@attrs.define(eq=False)
class APIResponse:
    """A response to be sent. *size* of a response that is on its way already is what was written of its body."""

    status: int
    body: Body = b""
    headers: RawHeaders = attrs.field(factory=list)
    """Without content-length, and without what the request's context adds."""
    streamed: bool = False
    """The handler has sent the response itself; there is nothing left to send."""
    size: int = 0
    shown_status: Status | None = None
    """The Status in the body, where the body is one: the audit log wants its fields."""

    @classmethod
    def of(
        cls, status: int, body: Body, content_type: bytes, extra: Iterable[tuple[bytes, bytes]] = ()
    ) -> "APIResponse":
        return cls(status, body, [(CONTENT_TYPE, content_type), *extra])

    @property
    def length(self) -> int:
        """The number of bytes of the body."""
        if self.streamed:
            return self.size
        return len(self.body) if isinstance(self.body, bytes) else sum(map(len, self.body))


VerbHandler: TypeAlias = Callable[[APIRequest], Awaitable[APIResponse]]
"""Serves one verb of one endpoint. Raises one of `responses.CLIENT_ERRORS` for what the client is to be told."""
