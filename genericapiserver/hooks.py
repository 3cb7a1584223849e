"""Hooks: what runs once the server listens, and what runs before it stops.

Every post-start hook runs in a task of its own and has a health check `poststarthook/<name>` that passes once the hook
function has returned. A hook with work that never ends starts it with `context.spawn` and returns; a hook that blocks
keeps the server from becoming ready. Pre-shutdown hooks run one after another while requests are still served.
Source: pkg/server/hooks.go of k8s.io/apiserver.
"""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, Protocol, TypeAlias

import attrs

from genericapiserver.aio import Signal
from genericapiserver.apimachinery.go import quote
from genericapiserver.loopback import LoopbackClientConfig
from genericapiserver.workers import Leader, SoleLeader

logger = logging.getLogger(__name__)


class HookError(RuntimeError):
    """A hook could not be registered, or failed; the message names it and says why."""


class PostStartHookError(HookError):
    """A post-start hook failed, or work that it started did: the server cannot be what it was meant to be."""


class PreShutdownHookError(HookError):
    """Pre-shutdown hooks failed: the server ended without draining."""


@attrs.frozen(kw_only=True)
class PostStartHookContext:
    """What a post-start hook is handed.

    `stopped` fires when the HTTP server is told to stop, which is after the shutdown delay and the pre-shutdown hooks:
    until then the loopback client works. `spawn` starts work that outlives the hook; it is cancelled at that moment.
    `leader` says which of the processes that share a storage does what only one must do.
    """

    loopback_client_config: LoopbackClientConfig
    stopped: Signal
    spawn: Callable[[Coroutine[Any, Any, None]], None]
    leader: Leader = attrs.field(factory=SoleLeader)

    def run_as_leader(self, work: Callable[[], Awaitable[None]]) -> None:
        """Start *work* as `spawn` does, once this process leads, which may be never."""
        self.spawn(self.leader.lead(work))


PostStartHook: TypeAlias = Callable[[PostStartHookContext], Awaitable[None]]


class PostStartHookProvider(Protocol):
    """What brings a hook for the server that it is given to."""

    def post_start_hook(self) -> tuple[str, PostStartHook]:
        """The name to register it under, and the hook. Raises for one that cannot be made."""


PreShutdownHook: TypeAlias = Callable[[], Awaitable[None]]


@attrs.define(eq=False)
class PostStartHookEntry:
    """One registered hook; `done` fires when the function has returned. A delegate's entries are shared, not copied."""

    hook: PostStartHook
    registered_at: str
    done: Signal = attrs.field(factory=lambda: Signal("hook done"))

    async def check(self) -> None:
        """The health check of the hook: raises until it has returned."""
        if not self.done.is_set():
            raise HookError("not finished")


@attrs.define(eq=False)
class PreShutdownHookEntry:
    hook: PreShutdownHook


def by_the_leader(hook: PostStartHook) -> PostStartHook:
    """*hook* in the process that leads. In the others it counts as done, so that they are ready without it."""

    async def wait_to_lead(context: PostStartHookContext) -> None:
        context.run_as_leader(partial(hook, context))

    return wait_to_lead


def check_post_start_hook(name: str, hook: PostStartHook | None, registered: dict[str, PostStartHookEntry]) -> None:
    """Raise HookError when *name* and *hook* cannot be registered beside *registered*."""
    if not name:
        raise HookError("missing name")
    if hook is None:
        raise HookError(f"hook func may not be nil: {quote(name)}")
    if name in registered:
        where = registered[name].registered_at
        raise HookError(f"unable to add {quote(name)} because it was already registered by: {where}")


def where_registered() -> str:
    """The line of the caller's caller, for the message about a name registered twice."""
    frame = sys._getframe(2)
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"


async def run_post_start_hook(name: str, entry: PostStartHookEntry, context: PostStartHookContext) -> None:
    """Run one hook to its end; raises PostStartHookError with its name and cause when it fails."""
    try:
        await entry.hook(context)
    except asyncio.CancelledError:
        if _cancelled_by_others():
            raise
        raise PostStartHookError(f"PostStartHook {quote(name)} failed: it was cancelled") from None
    except Exception as error:
        raise PostStartHookError(f"PostStartHook {quote(name)} failed: {cause_of(error)}") from error
    entry.done.set()


async def run_work_of_hook(name: str, work: Coroutine[Any, Any, None]) -> None:
    """Run what the hook has spawned; raises PostStartHookError with the hook's name and the cause when it fails."""
    try:
        await work
    except asyncio.CancelledError:
        if _cancelled_by_others():
            raise
        raise PostStartHookError(f"work of PostStartHook {quote(name)} failed: it was cancelled") from None
    except Exception as error:
        raise PostStartHookError(f"work of PostStartHook {quote(name)} failed: {cause_of(error)}") from error


async def run_pre_shutdown_hooks(hooks: dict[str, PreShutdownHookEntry]) -> None:
    """Run every hook, one after another, even when one fails; raises one PreShutdownHookError that names each failure."""
    failures: list[Exception] = []
    for name, entry in hooks.items():
        try:
            await entry.hook()
        except asyncio.CancelledError:
            if _cancelled_by_others():
                raise
            failures.append(PreShutdownHookError(f"PreShutdownHook {quote(name)} failed: it was cancelled"))
        except Exception as error:
            logger.exception("PreShutdownHook %s failed", quote(name))  # others may be last, the traceback is here
            failures.append(PreShutdownHookError(f"PreShutdownHook {quote(name)} failed: {cause_of(error)}"))
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise PreShutdownHookError("[" + ", ".join(map(str, failures)) + "]") from ExceptionGroup(
            "pre-shutdown hooks", failures
        )


def cause_of(error: BaseException) -> str:
    """What *error* says, or what it is called when it says nothing."""
    return str(error) or type(error).__name__


def _cancelled_by_others() -> bool:
    """Whether the CancelledError at hand comes from a cancelled task, and not out of the hook itself."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
