"""Running a server as a command: flags, validation, serving, and one clear line when something is wrong.

Exit status: 0 after a signal; 1 when the flags or the configuration are wrong or the server failed, and at the second
signal; 255 when a post-start hook failed (the table is in docs/lifecycle.md). Nothing is half started then.
Source: the way cobra runs the reference's commands (server reference, section 13).
"""

import asyncio
import gc
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeAlias

from genericapiserver.aio import Signal
from genericapiserver.certificates import CertificateError
from genericapiserver.component import FeatureGateError, VersionError
from genericapiserver.config import ConfigError
from genericapiserver.connection import ListenerError
from genericapiserver.connection.listener import raise_descriptor_limit
from genericapiserver.group_installer import APIGroupError
from genericapiserver.hooks import HookError, PostStartHookError
from genericapiserver.logs import kv
from genericapiserver.logs.setup import logging_as
from genericapiserver.logs.streams import open_standard_streams
from genericapiserver.options.flags import FlagError, FlagSet, HelpRequested, aggregate, report
from genericapiserver.options.logs import LoggingOptions
from genericapiserver.options.recommended import RecommendedOptions
from genericapiserver.options.supervision import supervise
from genericapiserver.prepared import AuditBackendError, ShutdownTrigger
from genericapiserver.secure_serving import SecureServingError
from genericapiserver.server import GenericAPIServer
from genericapiserver.signals import setup_signal_handler
from genericapiserver.workers import Worker, WorkerError

logger = logging.getLogger(__name__)

GC_THRESHOLD = 1_000
"""By how many more objects there are at the next collection of the youngest generation. Nobody is served meanwhile: with ten
times as many the pauses are ten milliseconds long when hundreds of requests are under way."""
GC_OLDER_THRESHOLDS = (20, 250)
"""Collections of a generation until the next one is collected, too. What a list of a hundred thousand objects makes for the
first time reaches the middle one: collected five times as seldom it was a pause of 70 milliseconds. All objects are looked
at as seldom as they may be, since reference counts free nearly everything."""
START_GC_THRESHOLD = 50_000
"""The same on the way to being ready: what is made there lives to the end, and collections of it find nothing."""
SWITCH_INTERVAL = 0.001
"""Seconds."""

HOOK_FAILED = 255
"""The exit status of the reference when a post-start hook fails (klog.Fatal)."""

START_ERRORS = (
    APIGroupError,
    AuditBackendError,
    CertificateError,
    ConfigError,
    FeatureGateError,
    HookError,
    ListenerError,
    OSError,
    SecureServingError,
    VersionError,
)
"""What a server may end with that is the user's to mend, and so is told in a line; anything else is a mistake of ours."""


OnReady: TypeAlias = Callable[[GenericAPIServer], Awaitable[None]]


class ServerOptions(Protocol):
    """What a command needs of a program's own options."""

    def add_flags(self, flags: FlagSet) -> None: ...

    def complete(self) -> None:
        """Settle what follows from the flags. Raises ConfigError, VersionError or FeatureGateError."""

    def validate(self) -> list[str]:
        """What is wrong, as texts for the user."""

    async def server(self) -> GenericAPIServer:
        """Make the server. Raises ConfigError."""


def run_command(
    command: str,
    options: ServerOptions,
    arguments: Sequence[str],
    *,
    on_ready: OnReady | None = None,
) -> int:
    """Parse *arguments*, serve until SIGINT or SIGTERM, and return the exit status. Once in a process.

    *on_ready* is awaited once the server answers /readyz.
    """
    open_standard_streams()
    raise_descriptor_limit()
    gc.set_threshold(START_GC_THRESHOLD)
    flags, log = FlagSet(command), LoggingOptions()
    log.add_flags(flags)
    options.add_flags(flags)
    try:
        worker = Worker.from_environment()
        flags.parse(arguments)
        supervised = _supervised(options, worker)
        if supervised is None:
            wait_for_signal = setup_signal_handler()  # before anything is opened or takes time
        options.complete()
        problems = [*log.validate(), *options.validate()]
    except HelpRequested:
        sys.stdout.write(flags.usage())
        return 0
    except (FlagError, ConfigError, FeatureGateError, VersionError, WorkerError) as error:
        problems = [str(error)]
    if problems:
        report(flags, aggregate(problems), hint=True)
        return 1
    status = 1
    with logging_as(log.config()):
        try:
            if supervised is not None:
                return asyncio.run(supervise(supervised))
            asyncio.run(_serve(options, flags, on_ready, wait_for_signal, worker))
        except START_ERRORS as error:
            logger.debug("the server failed", exc_info=True)
            failure = str(error)
            status = HOOK_FAILED if isinstance(error, PostStartHookError) else 1
        except Exception as error:
            logger.critical(kv("Uncaught exception"), exc_info=True)
            failure = f"the server failed, the log says where: {type(error).__name__}: {error}"
        else:
            return 0
    report(flags, failure)
    return status


def _supervised(options: ServerOptions, worker: Worker | None) -> RecommendedOptions | None:
    """The options of the servers that this process is to start; None when it is to be a server itself."""
    recommended = getattr(options, "recommended", None)
    if not isinstance(recommended, RecommendedOptions) or recommended.workers is None:
        return None
    recommended.workers.worker = worker
    return recommended if recommended.workers.several and worker is None else None


async def _serve(
    options: ServerOptions,
    flags: FlagSet,
    on_ready: OnReady | None,
    wait_for_signal: ShutdownTrigger,
    worker: Worker | None,
) -> None:
    if worker is None:
        await _serve_until(options, flags, on_ready, wait_for_signal)
        return
    announcing, serving = worker.announcing, Signal("WorkerServing")

    async def until_told() -> None:
        await _first(wait_for_signal(), worker.stopping.wait())

    async def serve_with_others(server: GenericAPIServer) -> None:
        serving.set()
        worker.ready()
        tune_interpreter()
        await announcing.wait()
        if on_ready is not None:
            await on_ready(server)

    async with worker.connected():
        try:
            await _serve_until(options, flags, serve_with_others, until_told, accept_after=serving)
        except Exception as error:
            worker.failed(str(error) or type(error).__name__)
            raise


async def _first(*waits: Awaitable[object]) -> None:
    """Return when one of *waits* does."""
    tasks = [asyncio.ensure_future(each) for each in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


async def _serve_until(
    options: ServerOptions,
    flags: FlagSet,
    on_ready: OnReady | None,
    stop: ShutdownTrigger,
    *,
    accept_after: Signal | None = None,
) -> None:
    server = await _made(options, stop)
    if server is None:
        return
    server.install_flagz(flags.shown_values)
    if server.config.secure_serving is not None:
        server.config.secure_serving.accept_after = accept_after
    async with server.prepare_run().serving(), asyncio.TaskGroup() as tasks:
        ready = tasks.create_task(_when_ready(server, on_ready))
        await stop()
        ready.cancel()


async def _made(options: ServerOptions, wait_for_signal: ShutdownTrigger) -> GenericAPIServer | None:
    """The server; None when the process is told to stop before there is one, and what was opened is closed again.

    The reference goes on with its start, until whatever holds it up gives in, and only then stops.
    """
    stop = asyncio.ensure_future(wait_for_signal())
    making = asyncio.ensure_future(options.server())
    try:
        await asyncio.wait({making, stop}, return_when=asyncio.FIRST_COMPLETED)
        if not making.done():
            logger.info("told to stop before the server is made")
            making.cancel()
            await asyncio.wait({making})
        return None if making.cancelled() and stop.done() else making.result()
    finally:
        stop.cancel()
        making.cancel()


async def _when_ready(server: GenericAPIServer, on_ready: OnReady | None) -> None:
    await server.wait_until_ready()
    if on_ready is not None:
        try:
            await on_ready(server)
        except Exception:
            logger.exception("the server is ready, but could not say so")
    tune_interpreter()


def tune_interpreter() -> None:
    """Settings for a process that serves and does nothing else; a program that embeds a server decides for itself.

    What exists when it is ready lives to the end, so the garbage collector need not look at it again and again. Threads
    that read and write storage wait up to a switch interval for the loop's thread: a fifth of the default cuts the
    99th percentile of writes to less than half.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, *GC_OLDER_THRESHOLDS)
    sys.setswitchinterval(SWITCH_INTERVAL)
