"""What all connections of one server share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from genericapiserver.asgi import Handler
from genericapiserver.connection.header_blocks import HeaderBlocks
from genericapiserver.connection.limits import ConnectionLimits
from genericapiserver.connection.metrics import ConnectionMetrics
from genericapiserver.connection.read_turns import ReadTurns
from genericapiserver.connection.tls import TLSContexts

if TYPE_CHECKING:
    from genericapiserver.connection.link import Link

_READ_SIZE = 32 * 1024


class Service:
    """The handler, the limits, the TLS contexts in force (replaced whole, never changed) and the open links."""

    def __init__(
        self,
        handler: Handler,
        *,
        tls: TLSContexts | None,
        limits: ConnectionLimits,
        metrics: ConnectionMetrics,
    ) -> None:
        self.handler = handler
        self.tls = tls
        self.limits = limits
        self.metrics = metrics
        self.links: set[Link] = set()
        self.no_links = asyncio.Event()
        self.no_links.set()
        self.stopping = False
        self.leaving = False
        """Stopping, but still taking the first requests of connections that have just been made."""
        self.tasks: set[asyncio.Task[None]] = set()
        """Every task of a request or websocket; each takes itself out when it ends."""
        self.read_buffer = memoryview(bytearray(_READ_SIZE))
        """One for all links: a loop has filled it and handed it over before it reads for another."""
        self.read_turns = ReadTurns(asyncio.get_running_loop().call_soon)
        self.header_blocks = HeaderBlocks()
        self._date = b""
        self._date_second = 0

    def add(self, link: Link) -> None:
        self.links.add(link)
        self.no_links.clear()

    def discard(self, link: Link) -> None:
        self.links.discard(link)
        if not self.links:
            self.no_links.set()

    def start_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run *work* in a task that the server waits for when it stops; the owner discards it from `tasks` when it ends."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        return task

    def date(self) -> bytes:
        """The value of the Date header, formatted once a second."""
        second = int(time.time())
        if second != self._date_second:
            self._date_second = second
            self._date = formatdate(second, usegmt=True).encode("ascii")
        return self._date
