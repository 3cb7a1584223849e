"""One request to a server behind and its answer, whichever protocol carries them.

    exchange = await backend.open(...)
    await exchange.send_head(head)            then, at the same time:
    await exchange.send_body(piece) ...       |  head = await exchange.response()
    await exchange.end_body()                 |  while piece := await exchange.read(): ...
    exchange.close()

Nothing is read from the server but what is asked for, so that a client which reads slowly slows down its own server's
answer and nothing else.
"""

from typing import Final, Protocol

import attrs

from genericapiserver.asgi import RawHeaders

READ_BYTES: Final = 64 * 1024
"""How much is taken from a connection at once."""


class BackendError(ConnectionError):
    """No answer came, or none to its end; the text says why, as Go's net/http does."""


class StaleConnectionError(BackendError):
    """A connection that was kept is of no use any more, or the server wants no more requests on it: another one may do.

    *unseen* says that the server has not looked at the request; otherwise it may have, and only what changes nothing may be
    asked again.
    """

    def __init__(self, text: str, *, unseen: bool = False) -> None:
        super().__init__(text)
        self.unseen = unseen


@attrs.frozen(eq=False)
class RequestHead:
    """What is asked for. *headers* have lower-case names and say nothing of the connection or the body's framing."""

    method: str
    authority: str
    target: bytes
    """Path and query, as they are sent."""
    headers: RawHeaders
    content_length: int | None
    """0 without a body, None for one of unknown length."""


@attrs.frozen(eq=False)
class ResponseHead:
    """The beginning of an answer; names in *headers* are lower-case."""

    status: int
    headers: RawHeaders


class Exchange(Protocol):
    """One request and its answer. Writing and reading may go on at the same time, each from one task.

    Everything raises BackendError when the connection does not go on.
    """

    async def send_head(self, head: RequestHead) -> None: ...

    async def send_body(self, data: bytes) -> None:
        """Send a piece of the body; waits while the server takes no more."""

    async def end_body(self) -> None:
        """The body is complete."""

    async def response(self) -> ResponseHead:
        """The head of the final answer. Raises StaleConnectionError where another connection may do."""

    async def read(self) -> bytes:
        """The next piece of the answer's body as soon as there is one; b"" at its end."""

    def abort(self) -> None:
        """Have who waits for the answer, or to send more, hear a BackendError."""

    def close(self) -> None:
        """The exchange is over. One that is not complete is broken off, so that the server stops working on it."""
