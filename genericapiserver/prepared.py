"""Running a server: from listening to the last flush. The order of its end is drawn in lifecycle.py.

Only a prepared server can run, because preparing freezes the health checks and the documents.
Source: preparedGenericAPIServer in pkg/server/genericapiserver.go of k8s.io/apiserver.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from genericapiserver.aio import EndingRate
from genericapiserver.apimachinery.go import quote
from genericapiserver.hooks import (
    PostStartHookContext,
    PostStartHookError,
    cause_of,
    run_post_start_hook,
    run_pre_shutdown_hooks,
    run_work_of_hook,
)
from genericapiserver.logs import kv
from genericapiserver.loopback import LoopbackClientConfig
from genericapiserver.systemd import SystemdNotifier

if TYPE_CHECKING:
    from genericapiserver.secure_serving import Serving
    from genericapiserver.server import GenericAPIServer

logger = logging.getLogger(__name__)

ShutdownTrigger = Callable[[], Awaitable[object]]
"""Returns when it is time to stop, as `asyncio.Event().wait` does."""

RETRY_AFTER_SHUTDOWN_TIMEOUT: Final = 2.0
"""Seconds that connections get to end in retry-after mode, where all requests have drained before."""
WATCHES_PER_SECOND: Final = 200.0
"""How many watches are ended in a second at least, and more where the grace period would be too short for all."""
DRAIN_MARGIN: Final = 10.0
"""Seconds beyond the request timeout, which ends every request, after which one that has not ended is given up."""


class AuditBackendError(RuntimeError):
    """The audit backend does not start, so the server does not either."""


class PreparedAPIServer:
    """A server that can run, once."""

    def __init__(self, server: "GenericAPIServer") -> None:
        self.server = server

    async def run(self, *, shutdown_trigger: ShutdownTrigger) -> None:
        """Serve until *shutdown_trigger* returns, then stop in order.

        Raises OSError when the listener cannot be served, AuditBackendError when events cannot be stored,
        PostStartHookError when a hook or its work fails, which ends the server at once, and PreShutdownHookError when one
        of those fails, which ends it without draining, as in the reference. Requests that are being served are cut off then.
        """
        async with self.serving():
            await shutdown_trigger()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[tuple[str, int]]:
        """Serve for the length of the block, which is handed the address; leaving it stops the server in order.

        Raises what `run` does, and RuntimeError for a server that has run before: its signals have fired.
        """
        if self.server.post_start_hooks_called:
            raise RuntimeError(f"server {quote(self.server.name)} has run already: make another one")
        systemd = SystemdNotifier.from_environment()
        try:
            async with asyncio.TaskGroup() as tasks:
                watchdog = tasks.create_task(systemd.keep_alive())  # until the last event is flushed
                try:
                    async with self._running(tasks, systemd) as address:
                        yield address
                finally:
                    watchdog.cancel()
        except BaseExceptionGroup as group:
            error = _first_of(group)
            systemd.status(cause_of(error))
            raise error from error.__cause__ or group
        finally:
            await self.server.aclose()

    @contextlib.asynccontextmanager
    async def _running(self, tasks: asyncio.TaskGroup, systemd: SystemdNotifier) -> AsyncIterator[tuple[str, int]]:
        server = self.server
        background = Background(tasks)
        async with contextlib.AsyncExitStack() as stack:
            await self._start_auditing(stack)
            serving = await server.start_serving(stack)
            signals_task = tasks.create_task(self._fire_mux_and_discovery_complete())
            try:
                if serving is not None:
                    background.spawn(serving.server.watch_listeners())
                self._start_post_start_hooks(background)
                systemd.ready()
                server.lifecycle_signals.shutdown_initiated.on_set(systemd.stopping)
                yield serving.address if serving is not None else ("", 0)
                signals_task.cancel()  # what is not complete when the server is told to stop never will be
                await self._shut_down(serving, background)
            finally:
                signals_task.cancel()
                server.http_server_stopping.set()
                background.cancel()

    async def _start_auditing(self, stack: contextlib.AsyncExitStack) -> None:
        """Have the audit backend run before there is a request, and until the last one has ended.

        The reference stops it when the requests in flight have drained, and loses the last events of watches that it did
        not wait for. Here it ends after the connections, so that they are recorded and flushed as well.
        """
        backend = self.server.config.audit_backend
        if backend is None:
            return
        stack.push_async_callback(backend.aclose)
        try:
            await backend.start()
        except Exception as error:
            raise AuditBackendError(f"failed to run the audit backend: {error}") from error

    async def _fire_mux_and_discovery_complete(self) -> None:
        for signal in self.server.mux_and_discovery_complete_signals.values():
            await signal.wait()
        self.server.lifecycle_signals.mux_and_discovery_complete.set()

    def _start_post_start_hooks(self, background: "Background") -> None:
        server = self.server
        server.post_start_hooks_called = True
        for name, entry in server.post_start_hooks.items():
            context = PostStartHookContext(
                loopback_client_config=server.loopback_client_config or LoopbackClientConfig(host=""),
                stopped=server.http_server_stopping,
                spawn=partial(background.spawn_work_of, name),
                leader=server.config.leader,
            )
            background.spawn(run_post_start_hook(name, entry, context))

    async def _shut_down(self, serving: "Serving | None", background: "Background") -> None:
        server, signals = self.server, self.server.lifecycle_signals
        logger.info(kv("shutting down", server=server.name))
        if serving is not None and server.config.worker is not None and server.config.worker.replaced:
            await serving.server.hand_over()
        signals.shutdown_initiated.set()
        await self._wait_until_stopping(serving)
        signals.not_accepting_new_request.set()
        if server.shutdown_send_retry_after:
            await self._drain_requests()
            await self._stop_http(serving, background, RETRY_AFTER_SHUTDOWN_TIMEOUT)
        else:
            async with asyncio.TaskGroup() as stopping:
                # First the connections take nothing more: what they took after the drain began would be answered 503.
                stopping.create_task(self._stop_http(serving, background, server.shutdown_timeout))
                stopping.create_task(self._drain_requests())

    async def _wait_until_stopping(self, serving: "Serving | None") -> None:
        """The delay, and the hooks beside it. When a hook fails, watches are ended and everything else is cut off."""
        try:
            async with asyncio.TaskGroup() as before:
                before.create_task(self._delay())
                before.create_task(self._run_pre_shutdown_hooks())
        except BaseExceptionGroup:
            if serving is not None:
                await serving.stop(0.0, end_watches=self.server.aclose)
            raise

    async def _delay(self) -> None:
        if self.server.shutdown_delay_duration > 0:
            await asyncio.sleep(self.server.shutdown_delay_duration)
        self.server.lifecycle_signals.after_shutdown_delay_duration.set()

    async def _run_pre_shutdown_hooks(self) -> None:
        self.server.pre_shutdown_hooks_called = True
        try:
            await run_pre_shutdown_hooks(dict(self.server.pre_shutdown_hooks))
        finally:
            self.server.lifecycle_signals.pre_shutdown_hooks_stopped.set()

    async def _drain_requests(self) -> None:
        server = self.server
        async with asyncio.TaskGroup() as drains:
            drains.create_task(self._drain_short_requests(server.shutdown_timeout + DRAIN_MARGIN))
            drains.create_task(self._drain_watches(server.shutdown_watch_termination_grace_period))
        server.lifecycle_signals.in_flight_requests_drained.set()

    async def _drain_short_requests(self, seconds: float) -> None:
        """Wait for what is in flight. A handler that neither ends nor can be cancelled must not keep the server for ever."""
        requests = self.server.non_long_running_requests
        try:
            async with asyncio.timeout(seconds):
                await requests.drain()
        except TimeoutError:
            logger.error("%d requests have not ended within %s seconds: going on without them", requests.count, seconds)

    async def _drain_watches(self, grace: float) -> None:
        """Without a grace period watches are neither told nor waited for."""
        if grace <= 0:
            return
        ended = await self.server.watch_requests.end_all(
            lambda count: EndingRate(max(WATCHES_PER_SECOND, count / grace), grace)
        )
        logger.info(
            kv("[graceful-termination] watches ended", before=ended.before, left=ended.after, gracePeriodSeconds=grace)
        )

    async def _stop_http(self, serving: "Serving | None", background: "Background", timeout: float) -> None:
        stopped_listening = self.server.lifecycle_signals.http_server_stopped_listening
        self.server.http_server_stopping.set()
        background.cancel()
        if serving is not None:
            serving.listener_stopped.on_set(stopped_listening.set)
            await serving.stop(timeout, end_watches=self.server.aclose)
        stopped_listening.set()


class Background:
    """Hooks and their work, which live until the HTTP server is told to stop; what one of them raises ends the server."""

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self._group = tasks
        self._tasks: set[asyncio.Task[None]] = set()
        self._cancelled = False

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Start *work*, unless it is too late."""
        self._start(work, work)

    def spawn_work_of(self, hook: str, work: Coroutine[Any, Any, None]) -> None:
        """Start what the hook called *hook* leaves behind: its failure carries that name."""
        self._start(run_work_of_hook(hook, work), work)

    def _start(self, running: Coroutine[Any, Any, None], work: Coroutine[Any, Any, None]) -> None:
        if self._cancelled:
            running.close()
            work.close()
            return
        task = self._group.create_task(self._run(running))
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, running, work))

    def _ended(
        self, running: Coroutine[Any, Any, None], work: Coroutine[Any, Any, None], task: asyncio.Task[None]
    ) -> None:
        self._tasks.discard(task)
        running.close()  # a task that is cancelled before its first step has not touched them
        work.close()

    def cancel(self) -> None:
        self._cancelled = True
        for task in self._tasks:
            task.cancel()

    async def _run(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            if not self._cancelled:
                logger.exception("the server ends: %s", error)
                raise
            # The server stops already, and must go on doing so in good order.
            logger.exception("failed while it was ended: %s", error)


def _first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first single error inside nested groups; the others are logged. Hooks that fail together fail as one."""
    errors = list(_leaves(group))
    hooks = [error for error in errors if isinstance(error, PostStartHookError)]
    if len(hooks) > 1 and len(hooks) == len(errors):
        return PostStartHookError("[" + ", ".join(map(str, hooks)) + "]")
    for error in errors[1:]:
        logger.error("failed as well: %s", cause_of(error), exc_info=error)
    return errors[0]


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
