"""What routes count, on requests that are put together by hand."""

import time
from typing import Any

import pytest

from genericapiserver.authentication.user import API_SERVER_USER, UserInfo
from genericapiserver.endpoints.metrics import EndpointMetrics, RouteMetrics, with_root_metrics
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.request import RequestContext, RequestInfo
from tests.support.asgi_client import ASGIClient
from tests.support.filters import in_context

LABELS = {"verb": "GET", "group": "g", "version": "v1", "resource": "things", "subresource": "", "scope": "resource"}
SLI = "apiserver_request_sli_duration_seconds"


def route(registry: MetricsRegistry, **settings: Any) -> RouteMetrics:
    arguments = {"method": "GET", "registered_as": "GET", "scope": "resource", **settings}
    return RouteMetrics(EndpointMetrics(registry), group="g", version="v1", resource="things", **arguments)


def context(**facts: Any) -> RequestContext:
    return RequestContext(request_info=RequestInfo(path="/", verb="get"), received_monotonic=time.monotonic(), **facts)


def test_promises_about_latency_do_not_cover_webhooks_and_the_queue() -> None:
    registry = MetricsRegistry()
    parts = {"mutating-webhook": 10.0, "validating-webhook": 20.0, "apf-queue-wait": 30.0, "authentication": 1.0}
    slow = context(latencies=parts)
    slow.received_monotonic -= 61.0
    route(registry).count(slow, b"", b"", 200, 0)
    labels = {**LABELS, "component": "apiserver"}
    total = registry.collectors.get_sample_value("apiserver_request_duration_seconds_sum", {**labels, "dry_run": ""})
    ours = registry.collectors.get_sample_value(f"{SLI}_sum", labels)
    assert total is not None
    assert ours is not None
    assert total - ours == pytest.approx(60.0)
    [twin] = [family for family in registry.families() if family.name == "apiserver_request_slo_duration_seconds"]
    assert [sample.value for sample in twin.samples if sample.name.endswith("_sum")] == [ours]


@pytest.mark.parametrize(("query", "method"), [(b"dryRun=All", "POST"), (b"watch=1", "GET")])
def test_there_is_no_promise_for_dry_runs_and_watches(query: bytes, method: str) -> None:
    registry = MetricsRegistry()
    route(registry, method=method, registered_as=method).count(context(), query, b"", 200, 0)
    samples = [sample for family in registry.families() if family.name == SLI for sample in family.samples]
    assert samples == []


def test_requests_of_the_server_itself_are_counted_apart() -> None:
    registry = MetricsRegistry()
    things = route(registry)
    for name in (API_SERVER_USER, API_SERVER_USER, "somebody"):
        things.count(context(user=UserInfo(name=name)), b"", b"", 200, 0)
    labels = {"verb": "GET", "group": "g", "resource": "things", "subresource": ""}
    assert registry.collectors.get_sample_value("apiserver_selfrequest_total", labels) == 2


def test_a_deprecated_api_shows_once_it_is_used() -> None:
    registry = MetricsRegistry()
    old = route(registry, removed_release="1.40")
    labels = {"group": "g", "version": "v1", "resource": "things", "subresource": "", "removed_release": "1.40"}
    name = "apiserver_requested_deprecated_apis"
    assert registry.collectors.get_sample_value(name, labels) is None
    old.count(context(), b"", b"", 404, 0)
    assert registry.collectors.get_sample_value(name, labels) == 1


@pytest.mark.parametrize(
    ("method", "query", "verb"),
    [
        ("GET", "", "GET"),
        ("HEAD", "", "GET"),
        ("GET", "?watch=1", "WATCH"),
        ("POST", "", "POST"),
        ("BREW", "", "other"),
    ],
)
async def test_health_pages_count_among_the_requests(method: str, query: str, verb: str) -> None:
    registry = MetricsRegistry()

    async def page(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    handler = with_root_metrics("/livez", page, EndpointMetrics(registry))
    await ASGIClient(in_context(handler)).request(method, f"/livez{query}")
    labels = dict.fromkeys(("group", "version", "resource", "scope", "component", "dry_run"), "")
    counted = {**labels, "verb": verb, "subresource": "/livez", "code": "200"}
    assert registry.collectors.get_sample_value("apiserver_request_total", counted) == 1
    sized = {name: value for name, value in counted.items() if name not in ("code", "dry_run")}
    assert registry.collectors.get_sample_value("apiserver_response_sizes_sum", sized) == 2
