"""Running a server: from listening to the last flush. The order of its end is drawn in lifecycle.py.

Only a prepared server can run, because preparing freezes the health checks and the documents.
Source: preparedGenericAPIServer in pkg/server/genericapiserver.go of k8s.io/apiserver.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from genericapiserver.aio import EndingRate
from genericapiserver.hooks import PostStartHookContext, run_post_start_hook, run_pre_shutdown_hooks
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


class AuditBackendError(RuntimeError):
    """The audit backend does not start, so the server does not either."""


class PreparedAPIServer:
    """A server that can run, once."""

    def __init__(self, server: "GenericAPIServer") -> None:
        self.server = server

    async def run(self, *, shutdown_trigger: ShutdownTrigger) -> None:
        """Serve until *shutdown_trigger* returns, then stop in order.

        Raises OSError when the listener cannot be served, AuditBackendError when events cannot be stored, HookError with
        the hook's name when one fails (a post-start hook ends the server at once; a failed pre-shutdown hook ends it
        without draining, as in the reference).
        Requests that are being served are cut off then.
        """
        async with self.serving():
            await shutdown_trigger()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[tuple[str, int]]:
        """Serve for the length of the block, which is handed the address; leaving it stops the server in order."""
        server = self.server
        try:
            async with asyncio.TaskGroup() as tasks, contextlib.AsyncExitStack() as stack:
                background = Background(tasks)
                systemd = SystemdNotifier.from_environment()
                await self._start_auditing(stack)
                serving = await server.start_serving(stack)
                signals_task = tasks.create_task(self._fire_mux_and_discovery_complete())
                watchdog = tasks.create_task(systemd.keep_alive())
                try:
                    self._start_post_start_hooks(background)
                    systemd.ready()
                    server.lifecycle_signals.shutdown_initiated.on_set(systemd.stopping)
                    yield serving.address if serving is not None else ("", 0)
                    signals_task.cancel()  # what is not complete when the server is told to stop never will be
                    await self._shut_down(serving, background)
                finally:
                    signals_task.cancel()
                    watchdog.cancel()
                    server.http_server_stopping.set()
                    background.cancel()
        except BaseExceptionGroup as group:
            raise _only(group) from group
        finally:
            await server.aclose()

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
        context = PostStartHookContext(
            loopback_client_config=server.loopback_client_config or LoopbackClientConfig(host=""),
            stopped=server.http_server_stopping,
            spawn=background.spawn,
        )
        for name, entry in server.post_start_hooks.items():
            background.spawn(run_post_start_hook(name, entry, context))

    async def _shut_down(self, serving: "Serving | None", background: "Background") -> None:
        server, signals = self.server, self.server.lifecycle_signals
        logger.info("shutting down %s", server.name)
        signals.shutdown_initiated.set()
        async with asyncio.TaskGroup() as before:
            before.create_task(self._delay())
            before.create_task(self._run_pre_shutdown_hooks())
        signals.not_accepting_new_request.set()
        if server.shutdown_send_retry_after:
            await self._drain_requests()
            await self._stop_http(serving, background, RETRY_AFTER_SHUTDOWN_TIMEOUT)
        else:
            async with asyncio.TaskGroup() as stopping:
                stopping.create_task(self._stop_http(serving, background, server.shutdown_timeout))
                stopping.create_task(self._drain_requests())

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
            drains.create_task(server.non_long_running_requests.drain())
            drains.create_task(self._drain_watches(server.shutdown_watch_termination_grace_period))
        server.lifecycle_signals.in_flight_requests_drained.set()

    async def _drain_watches(self, grace: float) -> None:
        """Without a grace period watches are neither told nor waited for."""
        if grace <= 0:
            return
        ended = await self.server.watch_requests.end_all(
            lambda count: EndingRate(max(WATCHES_PER_SECOND, count / grace), grace)
        )
        logger.info("%d of %d watches ended within %s seconds", ended.before - ended.after, ended.before, grace)

    async def _stop_http(self, serving: "Serving | None", background: "Background", timeout: float) -> None:
        stopped_listening = self.server.lifecycle_signals.http_server_stopped_listening
        self.server.http_server_stopping.set()
        background.cancel()
        if serving is not None:
            serving.listener_stopped.on_set(stopped_listening.set)
            await serving.stop(timeout)
        stopped_listening.set()


class Background:
    """Tasks that live until the HTTP server is told to stop; what one of them raises ends the server."""

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self._group = tasks
        self._tasks: set[asyncio.Task[None]] = set()
        self._cancelled = False

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Start *work*, unless it is too late."""
        if self._cancelled:
            work.close()
            return
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cancel(self) -> None:
        self._cancelled = True
        for task in self._tasks:
            task.cancel()


def _only(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The single error inside nested groups, or the group when there are several."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
