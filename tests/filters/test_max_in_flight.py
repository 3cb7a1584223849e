import asyncio

import pytest

from genericapiserver.asgi import Receive, Scope, Send
from genericapiserver.authentication import UserInfo
from genericapiserver.filters.max_in_flight import InFlightLimits, with_max_in_flight_limit
from genericapiserver.filters.metrics import InFlightMetrics, RequestMetrics
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.request import RequestContext
from tests.support.asgi_client import ASGIClient, ClientResponse
from tests.support.filters import in_context, ok, registry_of_pods

READ = ("GET", "/api/v1/namespaces/default/pods")
WRITE = ("POST", "/api/v1/namespaces/default/pods")
WATCH = ("GET", "/api/v1/namespaces/default/pods?watch=1")


class Server:
    """A handler that holds requests until `release`, behind the filter."""

    def __init__(self, limit: int, mutating_limit: int, *groups: str, registry: MetricsRegistry | None = None) -> None:
        registry = registry or registry_of_pods()
        self.limits = InFlightLimits(limit, mutating_limit, metrics=InFlightMetrics(registry))
        self.release = asyncio.Event()
        self.held = 0
        self.groups = groups
        filtered = with_max_in_flight_limit(self.hold, limits=self.limits, metrics=RequestMetrics(registry))
        self.client = ASGIClient(in_context(filtered, prepare=self.prepare))

    def prepare(self, context: RequestContext) -> None:
        context.user = UserInfo(name="u", groups=self.groups)

    async def hold(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.held += 1
        await self.release.wait()
        await ok(scope, receive, send)

    def start(self, request: tuple[str, str], times: int) -> list[asyncio.Task[ClientResponse]]:
        return [asyncio.ensure_future(self.client.request(*request)) for _ in range(times)]

    async def until_held(self, count: int) -> None:
        while self.held < count:
            await asyncio.sleep(0)


@pytest.mark.parametrize(("limits", "full", "free"), [((3, 1), READ, WRITE), ((1, 3), WRITE, READ)])
async def test_a_full_pool_refuses_its_own_kind_only(
    limits: tuple[int, int], full: tuple[str, str], free: tuple[str, str]
) -> None:
    server = Server(*limits)
    tasks = [*server.start(WATCH, 3), *server.start(full, 3)]
    await server.until_held(6)
    refused = await server.client.request(*full)
    assert (refused.status, refused.text) == (429, "Too many requests, please try again later.\n")
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["x-content-type-options"] == "nosniff"
    tasks += [*server.start(WATCH, 1), *server.start(free, 1)]
    await server.until_held(8)
    assert (await server.client.request(*free)).status == 429
    server.release.set()
    assert {(await task).status for task in tasks} == {200}
    assert (await server.client.request(*full)).status == 200
    assert (server.limits.read_only.used, server.limits.mutating.used) == (0, 0)


@pytest.mark.parametrize("request_line", [READ, WRITE])
async def test_system_masters_are_served_uncounted_in_a_full_pool(request_line: tuple[str, str]) -> None:
    server = Server(1, 1, "system:masters")
    tasks = server.start(request_line, 3)
    await server.until_held(3)
    assert server.limits.read_only.used + server.limits.mutating.used == 1
    server.release.set()
    assert {(await task).status for task in tasks} == {200}


@pytest.mark.parametrize(
    ("method", "path", "mutating"),
    [
        ("GET", "/api/v1/pods/a", False),
        ("GET", "/version", False),
        ("HEAD", "/version", True),
        ("OPTIONS", "/version", True),
        ("POST", "/version", True),
        ("OPTIONS", "/api/v1/pods", True),
        ("HEAD", "/api/v1/pods", False),
        ("GET", "/api/v1/proxy/pods/a", True),
        ("DELETE", "/api/v1/pods/a", True),
    ],
)
async def test_whatever_does_not_read_counts_as_mutating(method: str, path: str, mutating: bool) -> None:
    server = Server(5, 5)
    (task,) = server.start((method, path), 1)
    await server.until_held(1)
    assert (server.limits.read_only.used, server.limits.mutating.used) == ((0, 1) if mutating else (1, 0))
    server.release.set()
    await task


async def test_one_limit_of_zero_lifts_that_limit() -> None:
    server = Server(0, 1)
    tasks = server.start(READ, 10)
    await server.until_held(10)
    server.release.set()
    assert {(await task).status for task in tasks} == {200}


def test_both_limits_of_zero_are_no_filter() -> None:
    assert with_max_in_flight_limit(ok, limits=InFlightLimits(0, 0)) is ok


async def test_refusals_are_counted() -> None:
    registry = registry_of_pods()
    server = Server(1, 1, registry=registry)
    tasks = server.start(READ, 1)
    await server.until_held(1)
    await server.client.request(READ[0], READ[1] + "?dryRun=All")
    await server.client.request("GET", "/version")
    server.release.set()
    await tasks[0]
    labels = {
        "verb": "LIST", "group": "", "version": "v1", "resource": "pods", "subresource": "", "scope": "namespace",
        "component": "apiserver", "code": "429",
    }  # fmt: skip
    value = registry.collectors.get_sample_value
    assert value("apiserver_request_terminations_total", labels) == 1
    assert value("apiserver_request_total", {**labels, "dry_run": "All"}) == 1
    path = {**labels, "verb": "GET", "version": "", "resource": "", "scope": ""}
    assert value("apiserver_request_terminations_total", {**path, "subresource": "/version"}) == 1
    assert value("apiserver_request_total", {**path, "dry_run": ""}) == 1


async def test_the_gauges_show_the_highest_number_of_the_last_period() -> None:
    registry = registry_of_pods()
    server = Server(5, 5, registry=registry)

    def gauges() -> tuple[float | None, ...]:
        value = registry.collectors.get_sample_value
        name = "apiserver_current_inflight_requests"
        return tuple(value(name, {"request_kind": kind}) for kind in ("readOnly", "mutating"))

    tasks = [*server.start(READ, 3), *server.start(WRITE, 1)]
    await server.until_held(4)
    server.release.set()
    await asyncio.gather(*tasks)
    server.limits.publish()
    assert gauges() == (3, 1)
    server.limits.publish()
    assert gauges() == (0, 0)
