"""What routes count, and under which labels (filters reference, section 8)."""

from typing import Any

import pytest

from tests.endpoints.test_get_and_list import create
from tests.support.demo_api import GROUP, DemoServer, gadgets

BASE = {"group": GROUP, "version": "v1", "resource": "gadgets", "subresource": "", "component": "apiserver"}


def value(server: DemoServer, name: str, **labels: str) -> float | None:
    return server.registry.collectors.get_sample_value(name, labels)


@pytest.mark.parametrize(
    ("method", "target", "headers", "labels", "code"),
    [
        ("GET", gadgets(), {}, {"verb": "LIST", "scope": "namespace"}, "200"),
        ("GET", f"/apis/{GROUP}/v1/gadgets", {}, {"verb": "LIST", "scope": "cluster"}, "200"),
        ("GET", gadgets(name="a"), {}, {"verb": "GET", "scope": "resource"}, "200"),
        ("GET", gadgets(name="b"), {}, {"verb": "GET", "scope": "resource"}, "404"),
        ("GET", gadgets(name="a?watch=no"), {}, {"verb": "WATCH", "scope": "resource"}, "200"),
        ("GET", gadgets(name="a?watch=false"), {}, {"verb": "GET", "scope": "resource"}, "200"),
        ("GET", gadgets() + "?watch=1&timeoutSeconds=-1", {}, {"verb": "WATCH", "scope": "namespace"}, "200"),
        (
            "GET",
            f"/apis/{GROUP}/v1/watch/gadgets?timeoutSeconds=-1",
            {},
            {"verb": "WATCH", "scope": "cluster"},
            "200",
        ),
        ("POST", gadgets(), {}, {"verb": "POST", "scope": "resource"}, "422"),
        ("POST", gadgets() + "?dryRun=All", {}, {"verb": "POST", "scope": "resource", "dry_run": "All"}, "422"),
        ("POST", gadgets() + "?dryRun=", {}, {"verb": "POST", "scope": "resource", "dry_run": "invalid"}, "422"),
        (
            "PATCH",
            gadgets(name="a"),
            {"content-type": "application/apply-patch+yaml"},
            {"verb": "APPLY", "scope": "resource"},
            "422",
        ),
        (
            "PATCH",
            gadgets(name="a"),
            {"content-type": "application/apply-patch+yaml; x=1"},
            {"verb": "PATCH", "scope": "resource"},
            "422",
        ),
        ("DELETE", gadgets(), {}, {"verb": "DELETE", "scope": "namespace"}, "200"),
        ("GET", gadgets(name="a/log"), {}, {"verb": "CONNECT", "scope": "resource", "subresource": "log"}, "200"),
    ],
)
async def test_requests_are_counted_by_method(
    server: DemoServer, method: str, target: str, headers: dict[str, str], labels: dict[str, str], code: str
) -> None:
    await create(server.client, "a")
    body: Any = {} if method in ("POST", "PATCH") else None
    expected = {**BASE, "dry_run": "", **labels}
    before = value(server, "apiserver_request_total", **expected, code=code) or 0
    response = await server.client.request(method, target, headers=headers, body=body)
    assert str(response.status) == code
    assert value(server, "apiserver_request_total", **expected, code=code) == before + 1
    assert value(server, "apiserver_request_duration_seconds_count", **expected)


async def test_sizes_of_reads_are_observed(server: DemoServer) -> None:
    await create(server.client, "a")
    body = (await server.client.get(gadgets(name="a"))).body
    assert value(server, "apiserver_response_sizes_sum", **BASE, verb="GET", scope="resource") == len(body)
    await server.client.request("POST", gadgets(), body={"metadata": {"name": "b"}})
    assert value(server, "apiserver_response_sizes_count", **BASE, verb="POST", scope="resource") is None


async def test_sizes_of_bodies_are_observed(server: DemoServer) -> None:
    body = b'{"metadata":{"name":"a"}}'
    await server.client.request("POST", gadgets(), body=body)
    await server.client.request("DELETE", gadgets(name="a"))
    labels = {"group": GROUP, "resource": "gadgets"}
    assert value(server, "apiserver_request_body_size_bytes_sum", **labels, verb="create") == len(body)
    assert value(server, "apiserver_request_body_size_bytes_count", **labels, verb="delete") == 1


async def test_watch_events_are_counted(server: DemoServer) -> None:
    await create(server.client, "a", "b")
    labels = {"group": GROUP, "version": "v1", "resource": "gadgets"}
    running = {**BASE, "verb": "WATCH", "scope": "namespace"}
    async with server.client.open("GET", gadgets() + "?watch=1&allowWatchBookmarks=1") as response:
        await response.events(3)
        assert value(server, "apiserver_longrunning_requests", **running) == 1
    assert value(server, "apiserver_longrunning_requests", **running) == 0
    assert value(server, "apiserver_watch_events_total", **labels) == 3
    assert value(server, "apiserver_watch_events_sizes_count", **labels) == 3
    assert value(server, "apiserver_watch_list_duration_seconds_count", **labels, scope="namespace") == 1


async def test_deprecated_versions_are_marked(server: DemoServer) -> None:
    await server.client.get(gadgets(version="v1beta1"))
    labels = {"group": GROUP, "version": "v1beta1", "resource": "gadgets", "subresource": ""}
    assert value(server, "apiserver_requested_deprecated_apis", **labels, removed_release="1.9") == 1


async def test_discovery_is_not_counted(server: DemoServer) -> None:
    await server.client.get("/apis")
    await server.client.get(f"/apis/{GROUP}/v1")
    assert not [
        sample
        for metric in server.registry.collectors.collect()
        for sample in metric.samples
        if sample.name == "apiserver_request_total"
    ]
