"""What requests of both protocols share: a body that comes in piece by piece, and a handler that waits for it.

There is no lock: all of it happens on one loop.
"""

import abc
import asyncio

from genericapiserver.asgi import Message, Scope

_MAX_PIECES = 64
"""Pieces of a body that wait to be read before they are joined: one of two bytes takes forty."""


class ServedRequest(abc.ABC):
    """A request being served. Its driver says what comes in; `receive` is the handler's.

    `receive` answers `http.disconnect` as soon as the client has gone. A protocol says in `_body_taken` and
    `_ask_for_body` what these mean to it.
    """

    __slots__ = (
        "_body",
        "_body_delivered",
        "_loop",
        "_waiter",
        "body_ended",
        "complete",
        "disconnected",
        "scope",
        "started",
        "task",
        "unread",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, scope: Scope, *, body_ended: bool) -> None:
        self._loop = loop
        self.scope = scope
        self.body_ended = body_ended
        self.started = False
        """The response has begun."""
        self.complete = False
        """The response is sent to its end."""
        self.disconnected = False
        """The client broke the request off, or the connection is gone."""
        self.unread = 0
        """Bytes of the body that the handler has not taken, as the protocol counts them."""
        self.task: asyncio.Task[None]
        self._body: list[bytes] = []
        self._body_delivered = False
        self._waiter: asyncio.Future[None] | None = None

    @abc.abstractmethod
    def _body_taken(self) -> None:
        """The handler took all of the body that there was."""

    @abc.abstractmethod
    def _ask_for_body(self) -> None:
        """The handler waits for body: a client that waits to be asked for it is asked."""

    # From the driver

    def body_complete(self) -> None:
        self.body_ended = True
        self.wake()

    def disconnect(self) -> None:
        self.disconnected = True
        self._body.clear()
        self.wake()

    def _keep(self, data: bytes) -> None:
        """*data* waits to be read with what came before it."""
        pieces = self._body
        pieces.append(data)
        if len(pieces) >= _MAX_PIECES:
            pieces[:] = [b"".join(pieces)]

    def wake(self) -> None:
        """Let the handler look again, if it waits."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # For the handler

    async def receive(self) -> Message:
        while True:
            if self.disconnected or self.complete:
                return {"type": "http.disconnect"}
            if self._body:
                body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
                self._body.clear()
                self._body_taken()
                self._body_delivered = self.body_ended
                return {"type": "http.request", "body": body, "more_body": not self.body_ended}
            if self.body_ended and not self._body_delivered:
                self._body_delivered = True
                return {"type": "http.request", "body": b"", "more_body": False}
            if not self.started:
                self._ask_for_body()
            await self._wait()

    async def _wait(self) -> None:
        # One waiter is enough: a handler that reads and writes at once from two tasks gets both woken by turns.
        waiter = self._waiter
        if waiter is None or waiter.done():
            waiter = self._waiter = self._loop.create_future()
        await asyncio.shield(waiter)
