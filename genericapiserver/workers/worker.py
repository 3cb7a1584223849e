"""The worker's side: what this process says to its supervisor, and what it is told.

A worker that reads the end of the stream has lost its supervisor, which was killed: it stops as if it had been told to, so
that no process serves that nobody looks after.
"""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, MutableMapping
from typing import Final

from genericapiserver.aio import Signal
from genericapiserver.metrics.exposition import Family, from_json, to_json
from genericapiserver.workers.channel import Channel, Message

logger = logging.getLogger(__name__)

VARIABLE: Final = "GENERICAPISERVER_WORKER"
"""In the environment of a worker: its number and the descriptor of its end of the channel, `1:5`."""
ANSWER_TIMEOUT: Final = 5.0
"""Seconds that the supervisor gets to gather a page from all workers."""


class WorkerError(Exception):
    """The supervisor cannot be reached, or did not answer."""


class Worker:
    """This process, as one of several. `stopping` fires when it is to stop, `announcing` when all are ready and it is this
    one that says so."""

    def __init__(self, number: int, end: socket.socket) -> None:
        self.number = number
        self.stopping = Signal("WorkerStopping")
        self.announcing = Signal("WorkersReady")
        self.replaced = False
        """Another worker serves in its place: clients can be sent there before it stops."""
        self._end = end
        self._channel: Channel | None = None
        self._pages: dict[str, tuple[Callable[[], list[Family]], Callable[[], None]]] = {}
        self._answers: dict[int, asyncio.Future[list[Family]]] = {}
        self._asked = 0

    @classmethod
    def from_environment(cls, environ: MutableMapping[str, str] = os.environ) -> "Worker | None":
        """None in a process that no supervisor has started. The variable is removed. Raises WorkerError."""
        value = environ.pop(VARIABLE, None)
        if value is None:
            return None
        number, _, descriptor = value.partition(":")
        try:
            end = socket.socket(fileno=int(descriptor))
            os.set_inheritable(end.fileno(), False)
            return cls(int(number), end)
        except (OSError, ValueError) as error:
            raise WorkerError(f'{VARIABLE} is "{value}": only a supervisor sets it; unset it') from error

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Listen to the supervisor for the length of the block. At its end what the pages show is handed over."""
        self._channel = channel = await Channel.on(self._end)
        listening = asyncio.create_task(self._listen(channel))
        channel.send({"is": "hello"})
        try:
            yield
        finally:
            channel.send({"is": "last", "pages": {page: self._page(page) for page in self._pages}})
            await channel.flush()
            listening.cancel()
            await asyncio.wait([listening])
            await channel.aclose()
            self._channel = None

    def ready(self) -> None:
        """Say that this worker answers requests."""
        self._say({"is": "ready"})

    def failed(self, why: str) -> None:
        """Say why this process is about to end."""
        self._say({"is": "failed", "why": why})

    # ---- metrics

    def publish(self, page: str, source: Callable[[], list[Family]], reset: Callable[[], None]) -> None:
        """*source* gives this process's part of *page*, *reset* starts it over."""
        self._pages[page] = source, reset

    async def gather(self, page: str) -> list[Family]:
        """*page* of all workers together. Raises WorkerError when the supervisor does not answer in time."""
        self._asked += 1
        number = self._asked
        future: asyncio.Future[list[Family]] = asyncio.get_running_loop().create_future()
        self._answers[number] = future
        self._say({"is": "gather", "page": page, "id": number, "families": self._page(page)})
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                return await future
        except TimeoutError as error:
            raise WorkerError(f"the supervisor did not answer within {ANSWER_TIMEOUT:.0f} seconds") from error
        finally:
            del self._answers[number]

    def reset(self, page: str) -> None:
        """Start *page* over, in all workers."""
        self._say({"is": "reset", "page": page})

    def _page(self, page: str) -> list[object]:
        source = self._pages.get(page)
        return to_json(source[0]()) if source is not None else []

    # ---- being told

    def _say(self, message: Message) -> None:
        if self._channel is None:
            raise WorkerError("there is no connection to the supervisor")
        self._channel.send(message)

    async def _listen(self, channel: Channel) -> None:
        while (message := await channel.receive()) is not None:
            try:
                self._hear(channel, message)
            except Exception:
                logger.exception("what the supervisor said was not understood")
        if not self.stopping.is_set():
            logger.error("the supervisor has ended: worker %d stops", self.number)
        self.stopping.set()

    def _hear(self, channel: Channel, message: Message) -> None:
        match message["is"]:
            case "stop":
                self.replaced = message["replaced"]
                self.stopping.set()
            case "announce":
                self.announcing.set()
            case "ping":
                channel.send({"is": "alive"})
            case "collect":
                channel.send({"is": "page", "id": message["id"], "families": self._page(message["page"])})
            case "gathered":
                future = self._answers.get(message["id"])
                if future is not None and not future.done():
                    future.set_result(from_json(message["families"]))
            case "reset":
                source = self._pages.get(message["page"])
                if source is not None:
                    source[1]()
