import pytest

from genericapiserver.asgi import Scope
from genericapiserver.healthz import PING, HealthCheckError, HealthCheckRegistry, named_check
from genericapiserver.mux import PathRecorderMux
from tests.support.asgi_client import ASGIClient
from tests.support.clock import HandClock


async def test_a_delayed_check_passes_until_strictly_after_its_delay() -> None:
    clock = HandClock()
    done = False

    def hook(scope: Scope) -> None:
        if not done:
            raise HealthCheckError("not finished")

    registry = HealthCheckRegistry("/livez", clock=clock)
    registry.add(named_check("hook", hook), delay=10.0)
    mux = PathRecorderMux("test")
    registry.install(mux)
    client = ASGIClient(mux)
    statuses = []
    for clock.seconds in (0.0, 10.0, 10.001):
        statuses.append((await client.get("/livez")).status)
    assert (await client.get("/livez/hook")).text == "internal server error: not finished\n"
    done = True
    statuses.append((await client.get("/livez")).status)
    assert statuses == [200, 200, 500, 200]


async def test_a_check_that_is_done_early_never_fails() -> None:
    clock = HandClock()
    registry = HealthCheckRegistry("/livez", clock=clock)
    registry.add(named_check("hook", lambda scope: None), delay=10.0)
    mux = PathRecorderMux("test")
    registry.install(mux)
    for clock.seconds in (0.0, 10.0, 10.001):
        assert (await ASGIClient(mux).get("/livez")).status == 200


def test_the_delay_counts_from_when_the_check_is_added() -> None:
    clock = HandClock()
    registry = HealthCheckRegistry("/livez", PING, clock=clock)
    clock.seconds = 5.0
    registry.add(named_check("a", lambda scope: None), delay=1.0)
    assert [check.name for check in registry.checks] == ["ping", "a"]


def test_nothing_is_added_after_the_install() -> None:
    registry = HealthCheckRegistry("/readyz")
    registry.install(PathRecorderMux("test"))
    with pytest.raises(RuntimeError) as caught:
        registry.add(PING)
    assert str(caught.value) == "unable to add because the /readyz endpoint has already been created"


def test_a_delay_needs_a_clock() -> None:
    with pytest.raises(RuntimeError, match="nil clock in healthCheckRegistry for /healthz endpoint"):
        HealthCheckRegistry("/healthz").add(PING, delay=1.0)
