"""The order of the end, as drawn in lifecycle.py, against servers that really end."""

import asyncio
import itertools
from typing import Any

import attrs
import pytest

from genericapiserver.aio import Signal
from genericapiserver.lifecycle import SHUTDOWN_ORDER, LifecycleSignals
from genericapiserver.server import GenericAPIServer
from tests.server.servers import new_server, record, serving_info

NAMES = [field.name for field in attrs.fields(LifecycleSignals)]

ENDING = {
    "shutdown_initiated",
    "after_shutdown_delay_duration",
    "pre_shutdown_hooks_stopped",
    "not_accepting_new_request",
    "in_flight_requests_drained",
    "http_server_stopped_listening",
}


def assert_in_order(fired: list[str]) -> None:
    for earlier, later in SHUTDOWN_ORDER:
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
    assert_in_order(fired)
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
