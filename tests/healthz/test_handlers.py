import asyncio

import pytest

from genericapiserver.asgi import Scope
from genericapiserver.healthz import (
    PING,
    HealthChecker,
    HealthCheckError,
    HealthMetrics,
    install_handler,
    install_livez_handler,
    install_path_handler,
    install_readyz_handler,
    named_check,
)
from genericapiserver.logs import V2
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.mux import PathRecorderMux
from tests.support.asgi_client import ASGIClient, ClientResponse


def fail(scope: Scope) -> None:
    raise HealthCheckError("this will fail")


BAD = named_check("bad", fail)


async def get(path: str, *checks: HealthChecker, at: str = "/healthz") -> ClientResponse:
    mux = PathRecorderMux("test")
    install_path_handler(mux, at, *checks)
    response = await ASGIClient(mux).get(path)
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    return response


@pytest.mark.parametrize("at", ["/healthz", "/ready", "/live/z"])
@pytest.mark.parametrize(
    ("path", "bad", "status", "text"),
    [
        ("?verbose", False, 200, "[+]ping ok\n{name} check passed\n"),
        ("?verbose=false", False, 200, "[+]ping ok\n{name} check passed\n"),
        ("?exclude=dontexist", False, 200, "ok"),
        ("?exclude=bad", True, 200, "ok"),
        ("?verbose=true&exclude=bad", True, 200, "[+]ping ok\n[+]bad excluded: ok\n{name} check passed\n"),
        ("?exclude=ping&exclude=bad", True, 200, "ok"),
        ("?exclude=ping,bad", True, 500, "[+]ping ok\n[-]bad failed: reason withheld\n"
         'warn: some health checks cannot be excluded: no matches for "ping,bad"\n{name} check failed\n'),
        ("?verbose=true&exclude=dontexist", False, 200,
         '[+]ping ok\nwarn: some health checks cannot be excluded: no matches for "dontexist"\n{name} check passed\n'),
        ("?verbose&exclude=b&exclude=a", False, 200,
         '[+]ping ok\nwarn: some health checks cannot be excluded: no matches for "a","b"\n{name} check passed\n'),
        ("/ping", False, 200, "ok"),
        ("", False, 200, "ok"),
        ("/bad", True, 500, "internal server error: this will fail\n"),
        ("", True, 500, "[+]ping ok\n[-]bad failed: reason withheld\n{name} check failed\n"),
        ("?verbose", True, 500, "[+]ping ok\n[-]bad failed: reason withheld\n{name} check failed\n"),
        ("/unknown", False, 404, "404 page not found\n"),
    ],
)  # fmt: skip
async def test_pages(at: str, path: str, bad: bool, status: int, text: str) -> None:
    response = await get(at + path, *([PING, BAD] if bad else []), at=at)
    assert (response.status, response.text) == (status, text.format(name=at.split("/")[1]))


async def test_checks_of_a_group_are_excluded_together() -> None:
    checks = [named_check(f"etcd-{n}", fail, group="etcd") for n in (0, 1)]
    response = await get("/healthz?verbose&exclude=etcd", *checks)
    assert response.text == (
        "[+]etcd-0 excluded with etcd: ok\n[+]etcd-1 excluded with etcd: ok\nhealthz check passed\n"
    )


async def test_nosniff_is_on_root_pages_and_on_failures_only() -> None:
    assert "x-content-type-options" in (await get("/healthz")).headers
    assert "x-content-type-options" not in (await get("/healthz/ping")).headers
    assert "x-content-type-options" in (await get("/healthz/bad", BAD)).headers


async def test_the_reason_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(V2):
        await get("/healthz", PING, BAD)
    assert caplog.messages == [
        '"Health check failed" endpoint="healthz" checks=["bad"] reasons=["[-]bad failed: this will fail\\n"]'
    ]


async def test_any_exception_is_a_failure_and_every_check_runs() -> None:
    ran = []

    async def later(scope: Scope) -> None:
        ran.append(scope["path"])

    checks = [named_check("odd", lambda scope: scope["missing"]), named_check("later", later)]
    response = await get("/healthz", *checks)
    assert response.text == "[-]odd failed: reason withheld\n[+]later ok\nhealthz check failed\n"
    assert ran == ["/healthz"]


async def test_a_check_that_waits_for_what_is_cancelled_has_failed() -> None:
    async def cancelled(scope: Scope) -> None:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    check = named_check("c", cancelled)
    assert (await get("/healthz", check)).text == "[-]c failed: reason withheld\nhealthz check failed\n"
    assert (await get("/healthz/c", check)).text == "internal server error: it was cancelled\n"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_any_method_will_do(method: str) -> None:
    mux = PathRecorderMux("test")
    install_path_handler(mux, "/healthz", PING)
    for path in ("/healthz", "/healthz/ping"):
        assert (await ASGIClient(mux).request(method, path)).status == 200


async def test_the_callback_of_the_first_healthy_answer_is_called_once() -> None:
    healthy = False
    calls: list[bool] = []

    def check(scope: Scope) -> None:
        if not healthy:
            raise HealthCheckError("not yet")

    mux = PathRecorderMux("test")
    install_path_handler(mux, "/ready", named_check("c", check), first_time_healthy=lambda: calls.append(True))
    statuses = [(await ASGIClient(mux).get("/ready")).status]
    healthy = True
    statuses += [(await ASGIClient(mux).get("/ready")).status for _ in range(2)]
    assert (statuses, calls) == ([500, 200, 200], [True])


async def test_metrics_of_root_pages() -> None:
    registry = MetricsRegistry()
    metrics = HealthMetrics(registry)
    mux = PathRecorderMux("test")
    for install in (install_handler, install_livez_handler, install_readyz_handler):
        install(mux, PING, BAD, metrics=metrics)
    client = ASGIClient(mux)
    for path in ("/healthz", "/livez", "/livez", "/readyz", "/healthz/bad", "/readyz?exclude=bad"):
        await client.get(path)
    value = registry.collectors.get_sample_value
    for page, times in (("healthz", 1), ("livez", 2), ("readyz", 1)):
        assert value("kubernetes_healthcheck", {"name": "ping", "type": page}) == 1
        assert value("kubernetes_healthcheck", {"name": "bad", "type": page}) == 0
        labels = {"name": "bad", "type": page, "status": "error"}
        assert value("kubernetes_healthchecks_total", labels) == times
    labels = {"name": "ping", "type": "readyz", "status": "success"}
    assert value("kubernetes_healthchecks_total", labels) == 2


def test_the_paths_are_listed() -> None:
    mux = PathRecorderMux("test")
    install_handler(mux, PING, named_check("poststarthook/x", fail))
    assert mux.listed_paths == ["/healthz", "/healthz/ping", "/healthz/poststarthook/x"]
