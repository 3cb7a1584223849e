"""The order of the end, as drawn in lifecycle.py and docs/lifecycle.md, against servers that really end."""

import asyncio
import itertools
import logging
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest

from genericapiserver.aio import Signal
from genericapiserver.lifecycle import (
    DEFAULT_ORDER,
    DRAWING,
    RETRY_AFTER_ORDER,
    SHUTDOWN_ORDER,
    LifecycleSignals,
)
from genericapiserver.server import GenericAPIServer
from tests.server.servers import connected, new_server, record, serving_info

ROOT = Path(__file__).parents[2]
NAMES = [field.name for field in attrs.fields(LifecycleSignals) if field.name != "fired"]

ENDING = {
    "shutdown_initiated",
    "after_shutdown_delay_duration",
    "pre_shutdown_hooks_stopped",
    "not_accepting_new_request",
    "in_flight_requests_drained",
    "http_server_stopped_listening",
}


def assert_in_order(fired: list[str], *, retry_after: bool) -> None:
    for earlier, later in RETRY_AFTER_ORDER if retry_after else DEFAULT_ORDER:
        assert fired.index(earlier) < fired.index(later), f"{later} fired before {earlier}: {fired}"


async def run(server: GenericAPIServer) -> list[str]:
    """Run *server* and stop it at once; the signals in the order in which they fired."""
    fired = record(server.lifecycle_signals)

    async def stop_at_once() -> None: ...

    async with asyncio.timeout(10):
        await server.prepare_run().run(shutdown_trigger=stop_at_once)
    return fired


def test_signals_are_called_as_in_the_reference() -> None:
    signals = LifecycleSignals()
    assert [getattr(signals, name).name for name in NAMES] == [
        "ShutdownInitiated",
        "AfterShutdownDelayDuration",
        "PreShutdownHooksStopped",
        "NotAcceptingNewRequest",
        "InFlightRequestsDrained",
        "HTTPServerStoppedListening",
        "HasBeenReady",
        "MuxAndDiscoveryComplete",
    ]


def test_the_order_is_about_the_signals_of_the_end() -> None:
    assert set(itertools.chain(*SHUTDOWN_ORDER)) == ENDING
    assert set(NAMES) >= ENDING


# ---- the drawing

_CAMEL_CASE = re.compile(r"\b[A-Z]\w*[a-z][A-Z]\w*")


def drawn(*, retry_after: bool) -> list[str]:
    """The signals of one mode in the order in which the drawing has them, from top to bottom."""
    shared, _, modes = DRAWING.partition("by default:\n")
    default, _, retrying = modes.partition("with --shutdown-send-retry-after:\n")
    return _CAMEL_CASE.findall(shared + (retrying if retry_after else default))


def test_the_drawing_has_every_signal_and_nothing_else() -> None:
    names = {signal.name for signal in LifecycleSignals().all()}
    assert len(names) == len(NAMES)
    for retry_after in (False, True):
        assert set(drawn(retry_after=retry_after)) == names


def test_the_documentation_shows_the_same_drawing() -> None:
    assert f"```text\n{DRAWING}```\n" in (ROOT / "docs" / "lifecycle.md").read_text("utf-8")


def _soon(call: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(0.02, call)


@pytest.mark.parametrize("retry_after", [False, True], ids=["default", "retry after"])
async def test_a_server_lives_as_it_is_drawn(retry_after: bool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    server = new_server(
        secure_serving=serving_info(),
        shutdown_delay_duration=0.03,
        shutdown_watch_termination_grace_period=5.0,
        shutdown_send_retry_after=retry_after,
    )
    signals = server.lifecycle_signals
    finish = Signal("finish")

    async def request() -> None:
        with server.non_long_running_requests:
            await finish.wait()

    async def hook() -> None:
        await signals.after_shutdown_delay_duration.wait()
        await asyncio.sleep(0.01)

    server.add_pre_shutdown_hook("longer than the delay", hook)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks, server.prepare_run().serving() as address:
        async with connected(address) as client:
            assert (await client.get("/readyz")).status_code == 200
        tasks.create_task(request())
        await asyncio.sleep(0)
        ended = signals.not_accepting_new_request if retry_after else signals.http_server_stopped_listening
        ended.on_set(partial(_soon, finish.set))
    names = [name for name, _ in signals.fired]
    times = dict(signals.fired)
    assert names == drawn(retry_after=retry_after)
    assert list(times.values()) == sorted(times.values())
    assert times["AfterShutdownDelayDuration"] - times["ShutdownInitiated"] >= 0.03
    assert times["PreShutdownHooksStopped"] - times["AfterShutdownDelayDuration"] >= 0.01
    assert times["InFlightRequestsDrained"] - times["NotAcceptingNewRequest"] >= 0.02
    logged = re.findall(r'"\[graceful-termination\] shutdown event" name="(\w+)" seconds=[\d.]+', caplog.text)
    assert logged == names[names.index("ShutdownInitiated") :]


@pytest.mark.parametrize("secure", [False, True], ids=["without a port", "with a port"])
@pytest.mark.parametrize("hook_takes_longer", [False, True], ids=["delay is longer", "hook is longer"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"shutdown_delay_duration": 0.02},
        {"shutdown_watch_termination_grace_period": 1.0},
        {"shutdown_send_retry_after": True},
        {
            "shutdown_send_retry_after": True,
            "shutdown_delay_duration": 0.02,
            "shutdown_watch_termination_grace_period": 1.0,
        },
    ],
    ids=lambda settings: " ".join(settings) or "default",
)
async def test_a_server_ends_in_the_order_of_the_drawing(
    settings: dict[str, Any], hook_takes_longer: bool, secure: bool
) -> None:
    server = new_server(secure_serving=serving_info() if secure else None, **settings)
    delay_over = server.lifecycle_signals.after_shutdown_delay_duration

    async def hook() -> None:
        if hook_takes_longer:
            await delay_over.wait()

    server.add_pre_shutdown_hook("hook", hook)
    fired = [name for name in await run(server) if name in ENDING]
    assert_in_order(fired, retry_after=server.shutdown_send_retry_after)
    assert sorted(fired) == sorted(ENDING)
    assert fired[0] == "shutdown_initiated"


@pytest.mark.parametrize("secure", [False, True], ids=["without a port", "with a port"])
async def test_the_listener_closes_while_requests_drain_or_after_it(secure: bool) -> None:
    for retry_after, last in (
        (False, ["http_server_stopped_listening", "in_flight_requests_drained"]),
        (True, ["in_flight_requests_drained", "http_server_stopped_listening"]),
    ):
        server = new_server(secure_serving=serving_info() if secure else None, shutdown_send_retry_after=retry_after)
        signals = server.lifecycle_signals
        fired = record(signals)
        finish = Signal("finish")

        async def request(server: GenericAPIServer = server, finish: Signal = finish) -> None:
            with server.non_long_running_requests:
                await finish.wait()

        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks, server.prepare_run().serving():
            tasks.create_task(request())
            await asyncio.sleep(0)
            ended = signals.not_accepting_new_request if retry_after else signals.http_server_stopped_listening
            ended.on_set(finish.set)
        assert fired[-3:] == ["not_accepting_new_request", *last]
