"""The supervisor: starts the workers, replaces those that end, and ends with them.

    start       the first worker alone: what is made at the first start (certificates, the store, roles) is made once, and
                a configuration that does not work is reported once; then the others together; then everybody is ready
    a death     a new worker in its place, at once, and later and later while it does not live (BACK_OFF)
    a silence   a worker that does not answer any more (`watchdog`) is killed, which is a death
    SIGHUP      for one worker after another: a new one is started; when it serves, the old one is told to stop; when that
                has ended, it is the next one's turn. If the new one does not come up, the old ones stay
    SIGTERM     all are told to stop in good order; the status is 0 if all of them do. SIGINT is the same
    again       all are killed, and the status is 1
    kill -9     of the supervisor: its workers read the end of their channels and stop in good order

All workers serve the same listening sockets, which the supervisor holds open: connections that nobody has accepted wait in
the kernel while a worker is replaced, and none is lost with a worker that is killed.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import attrs

from genericapiserver.aio import Signal
from genericapiserver.metrics.exposition import Family, cumulative, merged, to_json
from genericapiserver.workers.channel import Message
from genericapiserver.workers.process import SharedListener, WorkerProcess
from genericapiserver.workers.watchdog import Patience, watch_over

logger = logging.getLogger(__name__)

BACK_OFF: Final = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before a worker is replaced, by how many before it in its place have ended too soon."""
LIVED: Final = 10.0
"""Seconds after which the end of a worker says nothing about the next one."""


@attrs.define(eq=False)
class Place:
    """Where one of the workers stands."""

    number: int
    worker: WorkerProcess | None = None
    ended_soon: int = 0
    busy: asyncio.Lock = attrs.field(factory=asyncio.Lock)
    """Held while the worker is being replaced."""


class Supervisor:
    """Runs *command*, arguments of the interpreter, in *workers* processes that serve *listeners*.

    *on_ready* is called once all are ready, and after a rolling restart, which *on_reload* begins; *on_stop* when it is
    told to stop. It installs handlers for SIGTERM, SIGINT and SIGHUP in the running loop.
    """

    def __init__(
        self,
        workers: int,
        listeners: Sequence[SharedListener],
        *,
        command: Sequence[str] | None = None,
        environ: Mapping[str, str] = os.environ,
        on_ready: Callable[[], None] = lambda: None,
        on_reload: Callable[[], None] = lambda: None,
        on_stop: Callable[[], None] = lambda: None,
        patience: Patience = Patience(),  # noqa: B008  frozen
    ) -> None:
        self._places = [Place(number) for number in range(1, workers + 1)]
        self._listeners = listeners
        self._command = sys.orig_argv[1:] if command is None else command
        self._environ = environ
        self._on_ready = on_ready
        self._on_reload = on_reload
        self._on_stop = on_stop
        self._patience = patience
        self._stopping = Signal("SupervisorStopping")
        self._living: set[WorkerProcess] = set()
        self._ended_pages: dict[str, list[Family]] = {}
        self._failed = False
        self._restarts_asked = 0
        self._restarting = True
        """Also while it starts: a restart that is asked for then begins when all are ready."""
        self._tasks: asyncio.TaskGroup

    async def run(self) -> int:
        """Serve until it is told to stop; the exit status. That of a worker that cannot start, when all is to begin."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self.restart)
        async with asyncio.TaskGroup() as self._tasks:
            status = await self._start_all()
            if status is None:
                logger.info("%d workers are ready", len(self._places))
                self._on_ready()
                self._announce()
                self._tasks.create_task(self._restart())
                await self._stopping.wait()
            else:
                self.stop()
            await self._all_ended()
        if status is not None:
            return status
        return 1 if self._failed else 0

    # ---- starting

    async def _start_all(self) -> int | None:
        """None when all are ready, or when it is told to stop; else the status of the one that is not."""
        first, *others = self._places
        status = await self._start_first(first)
        if status is not None or self._stopping.is_set():
            return status
        found = await asyncio.gather(*(self._start_first(place) for place in others))
        return next((status for status in found if status is not None), None)

    async def _start_first(self, place: Place) -> int | None:
        """As `_start_all`, of one worker. One that is killed from outside says nothing about the next."""
        while not self._stopping.is_set():
            worker = await self._started(place)
            if worker is None:
                return 1
            if await self._comes_up(worker):
                place.worker = worker
                return None
            if self._stopping.is_set():
                return None
            if (worker.status or 0) >= 0:
                return worker.status or 1
            await self._pause(BACK_OFF[1])
        return None

    async def _started(self, place: Place) -> WorkerProcess | None:
        try:
            worker = await WorkerProcess.start(place.number, self._command, self._listeners, self._environ)
        except OSError as error:
            logger.error("worker %d cannot be started: %s", place.number, error)
            return None
        self._living.add(worker)
        self._tasks.create_task(self._follow(place, worker))
        if self._stopping.is_set():
            worker.stop()
        return worker

    async def _comes_up(self, worker: WorkerProcess) -> bool:
        """Whether it is ready before it ends."""
        waits = [asyncio.ensure_future(signal.wait()) for signal in (worker.ready, worker.ended)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for each in waits:
            each.cancel()
        return worker.ready.is_set() and not worker.ended.is_set()

    def _announce(self) -> None:
        for place in self._places:
            if place.worker is not None and not place.worker.ended.is_set():
                place.worker.say({"is": "announce"})
                return

    # ---- watching

    async def _follow(self, place: Place, worker: WorkerProcess) -> None:
        logger.info("worker %d is process %d", worker.number, worker.pid)
        watching = self._tasks.create_task(watch_over(worker, self._patience))
        try:
            await worker.follow(self._hear)
        finally:
            watching.cancel()
        self._living.discard(worker)
        for page, families in worker.pages.items():
            self._ended_pages[page] = merged([self._ended_pages.get(page, []), cumulative(families)])
        told = worker.told_to_stop
        if told and worker.status == 0:
            logger.info("worker %d, process %d, has ended", worker.number, worker.pid)
        else:
            logger.error("worker %d, process %d, %s", worker.number, worker.pid, worker.description())
        if told and worker.ready.is_set() and (worker.hung or worker.status not in (0, -signal.SIGKILL)):
            self._failed = True
        if place.worker is worker and not self._stopping.is_set():
            self._tasks.create_task(self._replace(place))

    async def _replace(self, place: Place) -> None:
        """Start workers in *place* until one serves."""
        async with place.busy:
            old = place.worker
            if old is not None and not old.ended.is_set():
                return
            if old is not None and asyncio.get_running_loop().time() - old.started > LIVED:
                place.ended_soon = 0
            while not self._stopping.is_set():
                await self._pause(BACK_OFF[min(place.ended_soon, len(BACK_OFF) - 1)])
                if self._stopping.is_set():
                    return
                place.ended_soon += 1
                worker = await self._started(place)
                if worker is not None and await self._comes_up(worker):
                    place.worker = worker
                    logger.info("worker %d serves again, as process %d", place.number, worker.pid)
                    return

    async def _pause(self, seconds: float) -> None:
        if seconds:
            await asyncio.wait([stop := asyncio.ensure_future(self._stopping.wait())], timeout=seconds)
            stop.cancel()

    # ---- a rolling restart

    def restart(self) -> None:
        """Replace one worker after another; once more if that is going on."""
        if self._stopping.is_set():
            return
        self._restarts_asked += 1
        if not self._restarting:
            self._restarting = True
            self._tasks.create_task(self._restart())

    async def _restart(self) -> None:
        while self._restarts_asked and not self._stopping.is_set():
            self._restarts_asked = 0
            logger.info("replacing %d workers, one after another", len(self._places))
            self._on_reload()
            for place in self._places:
                if not await self._renew(place):
                    break
            else:
                logger.info("all workers have been replaced")
            if not self._stopping.is_set():
                self._on_ready()
        self._restarting = False

    async def _renew(self, place: Place) -> bool:
        """A new worker in *place*, and the end of the old one. False when the old one has to stay."""
        async with place.busy:
            if self._stopping.is_set():
                return False
            old, worker = place.worker, await self._started(place)
            if worker is None or not await self._comes_up(worker):
                if not self._stopping.is_set():
                    logger.error("the new worker %d does not serve: the old workers stay", place.number)
                return False
            place.worker, place.ended_soon = worker, 0
        if old is not None:
            old.stop(replaced=True)
            await old.ended.wait()
        return True

    # ---- stopping

    def stop(self) -> None:
        """Have all workers end in good order; kill them when this is the second time."""
        if self._stopping.is_set():
            logger.error("told to stop twice: killing %d workers", len(self._living))
            self._failed = True
            for worker in self._living:
                worker.send_signal(signal.SIGKILL)
            return
        self._on_stop()
        self._stopping.set()
        for worker in self._living:
            worker.stop()
            if not worker.ready.is_set():
                worker.send_signal(signal.SIGTERM)  # it may be far from listening to what it is told

    async def _all_ended(self) -> None:
        while self._living:
            await next(iter(self._living)).ended.wait()
            await asyncio.sleep(0)

    # ---- what workers ask for

    def _hear(self, worker: WorkerProcess, message: Message) -> None:
        match message["is"]:
            case "gather":
                self._tasks.create_task(self._gather(worker, message))
            case "reset":
                page = message["page"]
                self._ended_pages.pop(page, None)
                for each in self._living:
                    each.pages.pop(page, None)
                    each.say({"is": "reset", "page": page})

    async def _gather(self, worker: WorkerProcess, message: Message) -> None:
        """The page of all that live, and what those that have ended had counted."""
        page = message["page"]
        worker.take_page(page, message["families"])
        # Both in one step: who ends meanwhile is among the others, and not yet among the ended.
        others, ended = [each for each in self._living if each is not worker], self._ended_pages.get(page, [])
        found = await asyncio.gather(*(each.collect(page) for each in others))
        everything = merged([worker.pages[page], *found, ended])
        worker.say({"is": "gathered", "id": message["id"], "families": to_json(everything)})
