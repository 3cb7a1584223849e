"""Hooks: what runs once the server listens, and what runs before it stops.

Every post-start hook runs in a task of its own and has a health check `poststarthook/<name>` that passes once the hook
function has returned. A hook with work that never ends starts it with `context.spawn` and returns; a hook that blocks
keeps the server from becoming ready. Pre-shutdown hooks run one after another while requests are still served.
Source: pkg/server/hooks.go of k8s.io/apiserver.
"""

import traceback
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeAlias

import attrs

from genericapiserver.aio import Signal
from genericapiserver.apimachinery.go import quote
from genericapiserver.loopback import LoopbackClientConfig


class HookError(RuntimeError):
    """A hook could not be registered, or failed; the message names it and says why."""


@attrs.frozen(kw_only=True)
class PostStartHookContext:
    """What a post-start hook is handed.

    `stopped` fires when the HTTP server is told to stop, which is after the shutdown delay and the pre-shutdown hooks:
    until then the loopback client works. `spawn` starts work that outlives the hook; it is cancelled at that moment.
    """

    loopback_client_config: LoopbackClientConfig
    stopped: Signal
    spawn: Callable[[Coroutine[Any, Any, None]], None]


PostStartHook: TypeAlias = Callable[[PostStartHookContext], Awaitable[None]]
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
    frame = traceback.extract_stack(limit=3)[0]
    return f"{frame.filename}:{frame.lineno} in {frame.name}"


async def run_post_start_hook(name: str, entry: PostStartHookEntry, context: PostStartHookContext) -> None:
    """Run one hook to its end; raises HookError with its name and cause when it fails."""
    try:
        await entry.hook(context)
    except Exception as error:
        raise HookError(f"PostStartHook {quote(name)} failed: {error}") from error
    entry.done.set()


async def run_pre_shutdown_hooks(hooks: dict[str, PreShutdownHookEntry]) -> None:
    """Run every hook, one after another, even when one fails; raises one HookError that names each failure."""
    failures: list[Exception] = []
    for name, entry in hooks.items():
        try:
            await entry.hook()
        except Exception as error:  # noqa: BLE001  every hook gets its turn; the failures are raised together below
            failures.append(HookError(f"PreShutdownHook {quote(name)} failed: {error}"))
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise HookError("[" + ", ".join(str(failure) for failure in failures) + "]") from ExceptionGroup(
            "pre-shutdown hooks", failures
        )
