"""Hooks: who may be registered, what becomes of those that fail, and how long their work lives."""

import asyncio
import contextlib
import gc
import re
import warnings
from collections.abc import AsyncIterator
from typing import Any

import pytest

from genericapiserver.aio import Signal, SystemClock
from genericapiserver.hooks import (
    HookError,
    PostStartHook,
    PostStartHookContext,
    PostStartHookEntry,
    PostStartHookError,
    PreShutdownHookEntry,
    PreShutdownHookError,
    run_post_start_hook,
    run_pre_shutdown_hooks,
)
from genericapiserver.loopback import LoopbackClientConfig
from genericapiserver.server import GenericAPIServer
from tests.server.servers import new_config, new_server, record
from tests.support.asgi_client import ASGIClient


async def nothing(context: PostStartHookContext) -> None: ...


async def nothing_before() -> None: ...


@contextlib.asynccontextmanager
async def serving(server: GenericAPIServer) -> AsyncIterator[ASGIClient]:
    async with asyncio.timeout(10), server.prepare_run().serving():
        yield ASGIClient(server)


# ---- registering


@pytest.mark.parametrize("add", [lambda: new_server().add_post_start_hook, lambda: new_config().add_post_start_hook])
def test_a_post_start_hook_needs_a_name_and_a_function_and_is_there_once(add: Any) -> None:
    add = add()
    with pytest.raises(HookError, match=r"^missing name$"):
        add("", nothing)
    with pytest.raises(HookError, match=r'^hook func may not be nil: "a \\"quoted\\" name"$'):
        add('a "quoted" name', None)
    add("mine", nothing)
    with pytest.raises(HookError) as caught:
        add("mine", nothing)
    assert re.fullmatch(
        r'unable to add "mine" because it was already registered by: .*test_hooks\.py:\d+ in test_a_post_start_hook_.*',
        str(caught.value),
    )


def test_a_pre_shutdown_hook_needs_a_name_and_is_there_once() -> None:
    server = new_server()
    with pytest.raises(HookError, match=r"^missing name$"):
        server.add_pre_shutdown_hook("", nothing_before)
    server.add_pre_shutdown_hook("mine", nothing_before)
    with pytest.raises(HookError, match=r'^unable to add "mine" because it is already registered$'):
        server.add_pre_shutdown_hook("mine", nothing_before)


def test_a_disabled_hook_leaves_no_trace() -> None:
    config = new_config(disabled_post_start_hooks=frozenset({"mine", "max-in-flight-filter"}))
    config.add_post_start_hook("mine", nothing)
    assert config.post_start_hooks == {}
    server = config.complete().new("test")
    server.add_post_start_hook("mine", nothing)
    server.add_post_start_hook("mine", nothing)
    assert list(server.post_start_hooks) == ["storage-object-count-tracker-hook"]
    assert [check.name for check in server.healthz_checks if check.name.startswith("poststarthook/")] == [
        "poststarthook/storage-object-count-tracker-hook"
    ]


def test_a_hook_that_is_disabled_later_is_skipped_too() -> None:
    config = new_config()
    config.add_post_start_hook("mine", nothing)
    config.disabled_post_start_hooks = frozenset({"mine"})
    assert "mine" not in config.complete().new("test").post_start_hooks


def test_hooks_of_the_configuration_come_first() -> None:
    config = new_config()
    config.add_post_start_hook("mine", nothing)
    server = config.complete().new("test")
    server.add_post_start_hook("last", nothing)
    assert list(server.post_start_hooks) == [
        "mine",
        "max-in-flight-filter",
        "storage-object-count-tracker-hook",
        "last",
    ]


def test_a_prepared_server_takes_no_post_start_hook() -> None:
    server = new_server()
    server.prepare_run()
    with pytest.raises(RuntimeError, match=r"^unable to add because the /healthz endpoint has already been created$"):
        server.add_post_start_hook("late", nothing)
    assert "late" not in server.post_start_hooks


async def test_a_running_server_takes_no_hook() -> None:
    server = new_server()
    async with serving(server):
        for name in ("late", "max-in-flight-filter"):
            with pytest.raises(
                HookError, match=f'^unable to add "{name}" because PostStartHooks have already been called$'
            ):
                server.add_post_start_hook(name, nothing)
        with pytest.raises(HookError, match=r"^missing name$"):
            server.add_post_start_hook("", nothing)
        server.add_pre_shutdown_hook("in time", nothing_before)
    with pytest.raises(HookError, match=r'^unable to add "late" because PreShutdownHooks have already been called$'):
        server.add_pre_shutdown_hook("late", nothing_before)


# ---- running


def context(**settings: Any) -> PostStartHookContext:
    return PostStartHookContext(
        **{
            "loopback_client_config": LoopbackClientConfig(host=""),
            "stopped": Signal("stopped"),
            "spawn": lambda work: work.close(),
            **settings,
        }
    )


async def test_a_hook_is_done_when_it_returns() -> None:
    entry = PostStartHookEntry(nothing, "here")
    with pytest.raises(HookError, match=r"^not finished$"):
        await entry.check()
    await run_post_start_hook("mine", entry, context())
    await entry.check()


async def test_a_hook_that_fails_is_not_done() -> None:
    async def fail(context: PostStartHookContext) -> None:
        raise ValueError("no")

    entry = PostStartHookEntry(fail, "here")
    with pytest.raises(HookError, match=r'^PostStartHook "mine" failed: no$') as caught:
        await run_post_start_hook("mine", entry, context())
    assert isinstance(caught.value.__cause__, ValueError)
    assert not entry.done.is_set()


async def test_every_pre_shutdown_hook_has_its_turn() -> None:
    done: list[str] = []

    def hook(name: str, error: str = "") -> PreShutdownHookEntry:
        async def run() -> None:
            done.append(name)
            if error:
                raise ValueError(error)

        return PreShutdownHookEntry(run)

    await run_pre_shutdown_hooks({})
    await run_pre_shutdown_hooks({"a": hook("a")})
    with pytest.raises(HookError, match=r'^PreShutdownHook "a" failed: no$'):
        await run_pre_shutdown_hooks({"a": hook("a", "no"), "b": hook("b")})
    with pytest.raises(HookError, match=r'^\[PreShutdownHook "a" failed: no, PreShutdownHook "b" failed: never\]$'):
        await run_pre_shutdown_hooks({"a": hook("a", "no"), "b": hook("b", "never"), "c": hook("c")})
    assert done == ["a", "a", "b", "a", "b", "c"]


async def test_hooks_know_the_loopback_client_and_run_beside_each_other() -> None:
    server = new_server()
    met = asyncio.Barrier(2)
    known: list[LoopbackClientConfig] = []

    async def meet(context: PostStartHookContext) -> None:
        known.append(context.loopback_client_config)
        await met.wait()

    server.add_post_start_hook("one", meet)
    server.add_post_start_hook("two", meet)
    async with serving(server):
        await server.wait_until_ready()
    assert known == [server.loopback_client_config] * 2


class LaterClock(SystemClock):
    """The machine's time, and *seconds* more."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.seconds


async def test_the_pages_wait_for_a_hook() -> None:
    clock = LaterClock()
    server = new_server(clock=clock, livez_grace_period=60.0)
    finish = Signal("finish")

    async def wait(context: PostStartHookContext) -> None:
        await finish.wait()

    server.add_post_start_hook("slow", wait)
    async with serving(server) as client:

        async def pages() -> list[int]:
            return [(await client.get(path)).status for path in ("/healthz", "/readyz", "/livez")]

        assert await pages() == [500, 500, 200], "the grace period lasts"
        clock.seconds = 60.0
        assert await pages() == [500, 500, 500]
        page = await client.get("/healthz/poststarthook/slow")
        assert (page.status, page.text) == (500, "internal server error: not finished\n")
        assert "[-]poststarthook/slow failed: reason withheld\n" in (await client.get("/readyz")).text
        assert not server.lifecycle_signals.has_been_ready.is_set()
        finish.set()
        await server.wait_until_ready()
        assert await pages() == [200, 200, 200]
        assert server.lifecycle_signals.has_been_ready.is_set()
    assert (await client.get("/livez")).status == 200, "a hook that was done stays done"


async def test_hooks_and_their_work_outlive_the_request_to_stop() -> None:
    server = new_server(shutdown_delay_duration=0.01)
    signals = server.lifecycle_signals
    seen: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            seen.append(f"work ended, not accepting: {signals.not_accepting_new_request.is_set()}")

    async def hook(context: PostStartHookContext) -> None:
        context.spawn(work())
        context.stopped.on_set(lambda: seen.append("told to stop"))

    async def before() -> None:
        seen.append("pre-shutdown")

    server.add_post_start_hook("hook", hook)
    server.add_pre_shutdown_hook("before", before)
    async with serving(server):
        await server.wait_until_ready()
    assert seen == ["pre-shutdown", "told to stop", "work ended, not accepting: True"]


async def test_a_hook_that_still_runs_is_cancelled_when_the_server_stops() -> None:
    server = new_server()
    cancelled = False

    async def hang(context: PostStartHookContext) -> None:
        nonlocal cancelled
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled = True
            context.spawn(hang(context))  # too late: it is never started
            raise

    server.add_post_start_hook("hangs", hang)
    async with serving(server):
        await asyncio.sleep(0)
    assert cancelled
    assert server.lifecycle_signals.in_flight_requests_drained.is_set()


async def test_a_hook_that_fails_ends_the_server_at_once() -> None:
    server = new_server(shutdown_delay_duration=60.0)
    closed: list[str] = []

    async def close() -> None:
        closed.append("closed")

    async def fail(context: PostStartHookContext) -> None:
        raise LookupError("nothing there")

    server.config.add_cleanup(close)
    server.add_post_start_hook("fails", fail)
    async with asyncio.timeout(10):
        with pytest.raises(HookError, match=r'^PostStartHook "fails" failed: nothing there$'):
            await server.prepare_run().run(shutdown_trigger=asyncio.Event().wait)
    assert closed == ["closed"]
    assert server.http_server_stopping.is_set()
    assert not server.lifecycle_signals.shutdown_initiated.is_set()


async def test_work_of_a_hook_that_fails_ends_the_server_too() -> None:
    server = new_server()

    async def work() -> None:
        raise LookupError("lost")

    async def hook(context: PostStartHookContext) -> None:
        context.spawn(work())

    server.add_post_start_hook("starts work", hook)
    async with asyncio.timeout(10):
        with pytest.raises(PostStartHookError, match=r'^work of PostStartHook "starts work" failed: lost$') as caught:
            await server.prepare_run().run(shutdown_trigger=asyncio.Event().wait)
    assert isinstance(caught.value.__cause__, LookupError)


async def fails(server: GenericAPIServer) -> str:
    """What *server* ends with; it does so by itself, at once, and has run no part of an orderly end."""
    async with asyncio.timeout(10):
        with pytest.raises(PostStartHookError) as caught:
            await server.prepare_run().run(shutdown_trigger=asyncio.Event().wait)
    assert not server.lifecycle_signals.shutdown_initiated.is_set()
    return str(caught.value)


async def test_hooks_that_fail_together_are_all_named() -> None:
    server = new_server()
    together = asyncio.Barrier(2)

    def failing(text: str) -> PostStartHook:
        async def fail(context: PostStartHookContext) -> None:
            await together.wait()
            raise ValueError(text)

        return fail

    server.add_post_start_hook("one", failing("first"))
    server.add_post_start_hook("two", failing("second"))
    message = await fails(server)
    assert 'PostStartHook "one" failed: first' in message
    assert 'PostStartHook "two" failed: second' in message


async def test_a_failure_without_words_is_told_by_its_kind() -> None:
    server = new_server()

    async def fail(context: PostStartHookContext) -> None:
        raise TimeoutError

    server.add_post_start_hook("waits", fail)
    assert await fails(server) == 'PostStartHook "waits" failed: TimeoutError'


@pytest.mark.parametrize("spawned", [False, True], ids=["the hook", "its work"])
async def test_a_hook_that_is_cancelled_from_within_is_no_silent_end(spawned: bool) -> None:
    server = new_server()

    async def wait_for_what_is_cancelled() -> None:
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.cancel)
        await future

    async def hook(context: PostStartHookContext) -> None:
        if spawned:
            context.spawn(wait_for_what_is_cancelled())
        else:
            await wait_for_what_is_cancelled()

    server.add_post_start_hook("waits", hook)
    what = "work of PostStartHook" if spawned else "PostStartHook"
    assert await fails(server) == f'{what} "waits" failed: it was cancelled'


async def test_work_that_fails_while_it_is_ended_does_not_disturb_the_end(caplog: pytest.LogCaptureFixture) -> None:
    server = new_server()
    fired = record(server.lifecycle_signals)

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise LookupError("clumsy")

    async def hook(context: PostStartHookContext) -> None:
        context.spawn(work())

    server.add_post_start_hook("clumsy", hook)
    async with serving(server):
        await server.wait_until_ready()
        await asyncio.sleep(0)
    assert "in_flight_requests_drained" in fired
    assert 'failed while it was ended: work of PostStartHook "clumsy" failed: clumsy' in caplog.text


async def test_work_that_never_began_is_closed() -> None:
    server = new_server()

    async def work() -> None:
        raise AssertionError("it is too late")

    async def hook(context: PostStartHookContext) -> None:
        context.stopped.on_set(lambda: context.spawn(work()))  # cancelled before its first step

    server.add_post_start_hook("late", hook)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # RuntimeWarning: coroutine was never awaited
        async with serving(server):
            await server.wait_until_ready()
        gc.collect()


async def test_a_pre_shutdown_hook_that_is_none_is_no_hook() -> None:
    server = new_server()
    server.add_pre_shutdown_hook("none", None)
    server.add_pre_shutdown_hook("none", None)
    assert server.pre_shutdown_hooks == {}


async def test_a_pre_shutdown_hook_that_is_cancelled_from_within_has_failed() -> None:
    async def cancelled() -> None:
        raise asyncio.CancelledError

    with pytest.raises(PreShutdownHookError, match=r'^PreShutdownHook "a" failed: it was cancelled$'):
        await run_pre_shutdown_hooks({"a": PreShutdownHookEntry(cancelled)})


@pytest.mark.parametrize("retry_after", [False, True], ids=["default", "retry after"])
async def test_pre_shutdown_hooks_call_the_api_until_they_end(retry_after: bool) -> None:
    server = new_server(shutdown_delay_duration=0.01, shutdown_send_retry_after=retry_after)
    signals = server.lifecycle_signals
    answers: list[int] = []

    async def call() -> None:
        client = server.config.new_loopback_transport()
        await signals.after_shutdown_delay_duration.wait()
        for _ in range(5):
            answers.append((await client.request("GET", "/version")).status)
            await asyncio.sleep(0)

    server.add_pre_shutdown_hook("calls", call)
    async with serving(server):
        pass
    assert answers == [200] * 5
