"""HealthChecks: the three pages of a server, until it is prepared and after."""

import asyncio

import pytest

from genericapiserver.aio import Signal
from genericapiserver.asgi import Scope
from genericapiserver.healthchecks import HealthChecks
from genericapiserver.healthz import PING, HealthChecker, named_check
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.mux import PathRecorderMux
from tests.server.servers import new_server
from tests.support.asgi_client import ASGIClient
from tests.support.clock import HandClock


def failing(name: str) -> HealthChecker:
    def fail(scope: Scope) -> None:
        raise ValueError("no")

    return named_check(name, fail)


class Pages:
    """The pages of a server whose checks are *checks*."""

    def __init__(self, checks: HealthChecks) -> None:
        self.mux = PathRecorderMux("test")
        self.initiated, self.ready = Signal("initiated"), Signal("ready")
        self.metrics = MetricsRegistry()
        checks.install(self.mux, metrics=self.metrics, initiated=self.initiated, ready=self.ready)
        self.client = ASGIClient(self.mux)

    async def statuses(self) -> list[int]:
        return [(await self.client.get(path)).status for path in ("/healthz", "/livez", "/readyz")]


def health_checks(clock: HandClock | None = None, grace: float = 0.0) -> HealthChecks:
    return HealthChecks(
        healthz=[PING], livez=[PING], readyz=[PING], livez_grace_period=grace, clock=clock or HandClock()
    )


async def test_a_check_for_all_is_on_every_page() -> None:
    checks = health_checks(grace=60.0)
    checks.add(failing("bad"))
    assert await Pages(checks).statuses() == [500, 500, 500]


async def test_the_grace_period_is_only_about_being_alive() -> None:
    clock = HandClock()
    checks = health_checks(clock, 10.0)
    clock.seconds = 5.0
    checks.add_boot_sequence(failing("booting"))
    pages = Pages(checks)
    for seconds, alive in ((5.0, 200), (15.0, 200), (15.001, 500)):
        clock.seconds = seconds
        assert await pages.statuses() == [500, alive, 500]


async def test_without_a_grace_period_a_booting_server_is_not_alive() -> None:
    checks = health_checks()
    checks.add_boot_sequence(failing("booting"))
    assert await Pages(checks).statuses() == [500, 500, 500]


async def test_only_readiness_ends_with_the_request_to_stop() -> None:
    pages = Pages(health_checks())
    assert await pages.statuses() == [200, 200, 200]
    pages.initiated.set()
    assert await pages.statuses() == [200, 200, 500]
    page = await pages.client.get("/readyz/shutdown")
    assert page.text == "internal server error: process is shutting down\n"
    assert (await pages.client.get("/healthz/shutdown")).status == 404


async def test_being_ready_for_the_first_time_is_told() -> None:
    checks = health_checks()
    ok = Signal("ok")

    def check(scope: Scope) -> None:
        if not ok.is_set():
            raise ValueError("not yet")

    checks.readyz.add(named_check("late", check))
    pages = Pages(checks)
    await pages.statuses()
    assert not pages.ready.is_set()
    ok.set()
    await pages.statuses()
    assert pages.ready.is_set()


async def test_pages_are_counted() -> None:
    checks = health_checks()
    checks.add(failing("bad"))
    pages = Pages(checks)
    await pages.statuses()
    value = pages.metrics.collectors.get_sample_value
    assert value("kubernetes_healthcheck", {"name": "bad", "type": "livez"}) == 0
    assert value("kubernetes_healthcheck", {"name": "ping", "type": "readyz"}) == 1


@pytest.mark.parametrize("page", ["healthz", "livez", "readyz"])
def test_nothing_is_added_to_pages_that_are_there(page: str) -> None:
    checks = health_checks()
    Pages(checks)
    with pytest.raises(RuntimeError, match=f"^unable to add because the /{page} endpoint has already been created$"):
        getattr(checks, page).add(PING)


def test_a_server_adds_checks_to_the_pages_it_is_asked_to() -> None:
    server = new_server()
    server.add_health_checks(named_check("all", lambda scope: None))
    server.add_readyz_checks(named_check("ready", lambda scope: None))
    server.add_livez_checks(named_check("alive", lambda scope: None), delay=1.0)
    checks = server.health_checks
    own = [
        [check.name for check in registry.checks if check.name in ("all", "ready", "alive")]
        for registry in (checks.healthz, checks.livez, checks.readyz)
    ]
    assert own == [["all"], ["all", "alive"], ["all", "ready"]]


async def test_health_pages_and_documents_are_there_once_the_server_is_prepared() -> None:
    server = new_server()
    client = ASGIClient(server)
    paths = ("/healthz", "/livez", "/readyz", "/openapi/v2", "/openapi/v3")
    assert [(await client.get(path)).status for path in paths] == [404] * 5
    server.prepare_run()
    assert 404 not in [(await client.get(path)).status for path in paths]
    assert set(paths) <= set(server.listed_paths)


async def test_waiting_for_readiness_asks_every_check() -> None:
    server = new_server()
    asked = 0
    ready = Signal("ready")

    def check(scope: Scope) -> None:
        nonlocal asked
        asked += 1
        if asked == 3:
            ready.set()
        if not ready.is_set():
            raise asyncio.CancelledError if asked == 1 else ValueError("not yet")

    server.add_readyz_checks(named_check("third time", check))
    async with asyncio.timeout(10), server.prepare_run().serving():
        await server.wait_until_ready()
    assert asked >= 3
