"""One request at an API route, with the headers that handlers look at picked out in one pass, and one response."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Final, TypeAlias

import attrs

from genericapiserver.apimachinery.meta import Status
from genericapiserver.asgi import QueryValues, RawHeaders, Receive, Scope, Send, parse_query
from genericapiserver.request.context import RequestContext, request_context

CONTENT_TYPE: Final = b"content-type"
CONTENT_LENGTH: Final = b"content-length"


class Pieces:
    """A long body of parts that somebody keeps anyway, put together piece by piece when it is sent.

    *groups* of parts make a piece each, with *separator* between all parts, after *head* and before *end*; all parts are of
    *size* bytes together. So a list of a hundred thousand objects takes no copy of them all.
    """

    __slots__ = ("_end", "_groups", "_head", "_separator", "length")

    def __init__(
        self, head: bytes, groups: Sequence[Sequence[bytes]], separator: bytes, end: bytes, *, size: int
    ) -> None:
        self._head = head
        self._groups = groups
        self._separator = separator
        self._end = end
        self.length = len(head) + len(end) + size + len(separator) * max(0, sum(map(len, groups)) - 1)
        """The number of bytes of the whole body."""

    def __iter__(self) -> Iterator[bytes]:
        """The pieces, at least one."""
        head, separator, last = self._head, self._separator, len(self._groups) - 1
        for index, group in enumerate(self._groups):
            piece = head + separator.join(group)
            yield piece + self._end if index == last else piece
            head = separator
        if last < 0:
            yield head + self._end


Body: TypeAlias = "bytes | list[bytes] | Pieces"
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
        body = self.body
        if isinstance(body, Pieces):
            return body.length
        return len(body) if isinstance(body, bytes) else sum(map(len, body))


VerbHandler: TypeAlias = Callable[[APIRequest], Awaitable[APIResponse]]
"""Serves one verb of one endpoint. Raises one of `responses.CLIENT_ERRORS` for what the client is to be told."""
