"""One worker process, seen by the supervisor: started as the same command line, and listened to until it has ended."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import attrs

from genericapiserver.aio import Signal
from genericapiserver.metrics.exposition import Family, from_json
from genericapiserver.workers.channel import Channel, Message
from genericapiserver.workers.worker import VARIABLE

logger = logging.getLogger(__name__)

Hear: TypeAlias = Callable[["WorkerProcess", Message], None]

COLLECT_TIMEOUT: Final = 1.0
"""Seconds that a worker gets to say what its page shows; a busy one is known by what it said last."""
_FOREIGN: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")
"""Variables that are for the supervisor."""

_BECOME = """
import fcntl, os, sys
given, names, variable, number = sys.argv[1:5]
high = [fcntl.fcntl(int(one), fcntl.F_DUPFD, 200) for one in given.split(",")]
for one in given.split(","):
    os.close(int(one))
for place, one in enumerate(high, 3):
    os.dup2(one, place)
    os.close(one)
if len(high) > 1:
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(high) - 1), LISTEN_FDNAMES=names)
os.environ[variable] = f"{number}:{len(high) + 2}"
os.execv(sys.executable, [sys.executable, *sys.argv[5:]])
"""
"""Runs in the new process before the command does: only there are its descriptors free to be put in order, and its number
known, which sd_listen_fds(3) wants in LISTEN_PID."""


@attrs.frozen
class SharedListener:
    """A socket that every worker serves; the name is `plain` for one without TLS."""

    socket: socket.socket
    name: str


class WorkerProcess:
    """A process that has been started. `ready` fires when it serves, `ended` when it is gone."""

    def __init__(self, number: int, process: asyncio.subprocess.Process, channel: Channel) -> None:
        self.number = number
        self.ready = Signal("WorkerReady")
        self.ended = Signal("WorkerEnded")
        self.told_to_stop = False
        self.hung = False
        """It did not answer any more, and was killed."""
        self.heard = 0
        """How often it has said something."""
        self.cause = ""
        """What it said of why it ended."""
        self.pages: dict[str, list[Family]] = {}
        """What it said last."""
        self.started = asyncio.get_running_loop().time()
        self._process = process
        self._channel = channel
        self._collecting: dict[int, tuple[str, asyncio.Future[None]]] = {}
        self._asked = 0

    @classmethod
    async def start(
        cls, number: int, command: Sequence[str], listeners: Sequence[SharedListener], environ: Mapping[str, str]
    ) -> "WorkerProcess":
        """Raises OSError when no process can be started."""
        ours, theirs = socket.socketpair()
        try:
            descriptors = [*(each.socket.fileno() for each in listeners), theirs.fileno()]
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-ISc",
                _BECOME,
                ",".join(map(str, descriptors)),
                ":".join(each.name for each in listeners),
                VARIABLE,
                str(number),
                *command,
                pass_fds=descriptors,
                env={name: value for name, value in environ.items() if name not in _FOREIGN},
                stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl-C is for the supervisor, which tells its workers
            )
            return cls(number, process, await Channel.on(ours))
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def status(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._process.returncode

    def description(self) -> str:
        """How it ended, for the log."""
        status = self.status or 0
        if status < 0:
            with contextlib.suppress(ValueError):
                return f"was ended by {signal.Signals(-status).name}"
        return f"ended with status {status}" + (f": {self.cause}" if self.cause else "")

    async def follow(self, hear: Hear) -> None:
        """Listen until the process has ended; *hear* is told what it says. Then `ended` fires."""
        while (message := await self._channel.receive()) is not None:
            try:
                self._hear(message, hear)
            except Exception:  # one worker of another version must not end them all
                logger.exception("what worker %d said was not understood", self.number)
        await self._process.wait()
        await self._channel.aclose()
        for _, future in self._collecting.values():
            if not future.done():
                future.set_result(None)
        self.ended.set()

    def _hear(self, message: Message, hear: Hear) -> None:
        self.heard += 1
        match message["is"]:
            case "ready":
                self.ready.set()
            case "failed":
                self.cause = message["why"]
            case "page":
                page, future = self._collecting.get(message["id"], ("", None))
                if future is not None:
                    self.pages[page] = from_json(message["families"])
                    if not future.done():
                        future.set_result(None)
            case "last":
                self.pages |= {page: from_json(families) for page, families in message["pages"].items()}
            case _:
                hear(self, message)

    def take_page(self, page: str, families: list[Any]) -> None:
        """What it says without being asked."""
        self.pages[page] = from_json(families)

    def say(self, message: Message) -> None:
        self._channel.send(message)

    def stop(self, *, replaced: bool = False) -> None:
        """Have it end in good order; *replaced* says that others serve meanwhile. Idempotent."""
        if self.told_to_stop:
            return
        self.told_to_stop = True
        self.say({"is": "stop", "replaced": replaced})

    def send_signal(self, number: signal.Signals) -> None:
        # Not with the method of the process: that asks for the status first, and where it is the first to see the end,
        # the loop hears of 255, whatever the status was.
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def collect(self, page: str) -> list[Family]:
        """Its part of *page*; what it said last when it does not answer."""
        if self.ended.is_set():
            return self.pages.get(page, [])
        self._asked += 1
        number, future = self._asked, asyncio.get_running_loop().create_future()
        self._collecting[number] = page, future
        self.say({"is": "collect", "page": page, "id": number})
        try:
            async with asyncio.timeout(COLLECT_TIMEOUT):
                await future
        except TimeoutError:
            logger.warning("worker %d did not say what %s shows; what it said last counts", self.number, page)
        finally:
            del self._collecting[number]
        return self.pages.get(page, [])
