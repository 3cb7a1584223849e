"""The parts of the document, from what a server counts and keeps."""

from datetime import UTC, datetime

import pytest

from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.certificates import StaticCAContent, StaticCertKeyContent, generate_self_signed
from genericapiserver.endpoints.metrics import EndpointMetrics, RouteMetrics
from genericapiserver.inspector import sections
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.storage.cacher import Cacher
from genericapiserver.storage.memory import MemoryEngine
from tests.endpoints.test_get_and_list import create
from tests.support.demo_api import DemoServer, gadgets

PAIR = generate_self_signed("example.com", ["192.0.2.1"])


async def test_requests_of_all_scopes_and_versions_of_a_resource_are_one_row() -> None:
    server = DemoServer()
    await create(server.client, "a")
    for path in (gadgets(name="a"), gadgets(name="missing"), gadgets(name="a", version="v1beta1"), gadgets()):
        await server.client.get(path)
    found = sections.requests(server.registry)
    rows = {(row["verb"], row["resource"]): row for row in found["items"]}
    row = rows["GET", "gadgets.demo.example.com"]
    assert row["count"] == 3
    assert row["codes"] == {"200": 2, "404": 1}
    assert len(row["buckets"]) == len(found["bounds"]) + 1
    assert row["buckets"][-1] == 3
    assert row["buckets"] == sorted(row["buckets"])
    assert row["sum"] > 0
    assert rows["LIST", "gadgets.demo.example.com"]["count"] == 1
    assert rows["POST", "gadgets.demo.example.com"]["codes"] == {"201": 1}


def test_a_route_that_nobody_asked_for_is_no_row() -> None:
    registry = MetricsRegistry()
    RouteMetrics(EndpointMetrics(registry), method="GET", registered_as="GET", group="", version="v1", resource="pods")
    assert sections.requests(registry)["items"] == []
    assert sections.requests(MetricsRegistry()) == {"bounds": [], "items": []}


async def test_caches_tell_what_they_hold_and_where_they_are() -> None:
    server = DemoServer()
    await create(server.client, "a", "b")
    await server.client.get(gadgets())
    backend = server.gadgets.backend
    assert isinstance(backend, Cacher)
    engine = backend.store.engine
    found = sections.storage(engine, {GroupResource("demo.example.com", "gadgets"): backend})
    assert found["revision"] == engine.current_rev()
    (row,) = found["resources"]
    assert (row["resource"], row["filled"], row["objects"], row["lag"]) == ("gadgets.demo.example.com", True, 2, 0)
    assert row["bytes"] > 0
    assert row["revision"] == found["revision"] >= row["oldestRevision"]


async def test_resources_without_a_cache_and_servers_without_a_store() -> None:
    engine = MemoryEngine()
    backend = DemoServer(watch_cache=False).gadgets.backend
    found = sections.storage(engine, {GroupResource("", "pods"): backend})
    assert found["resources"] == [{"resource": "pods", "cached": False, "filled": False}]
    assert sections.storage(None, {})["revision"] == 0
    await engine.aclose()


def test_certificates_that_are_served_and_trusted() -> None:
    serving = StaticCertKeyContent("serving-cert", PAIR.certificate_pem, PAIR.private_key_pem)
    found = sections.certificates([("serving", serving)], StaticCAContent("client-ca", PAIR.certificate_pem))
    assert {one["use"] for one in found} == {"serving", "client authority"}
    leaf = found[0]
    assert leaf["source"] == "serving-cert"
    assert leaf["names"] == ["example.com", "192.0.2.1"]
    assert datetime.fromisoformat(leaf["notAfter"]) > datetime.now(UTC)
    assert "PRIVATE" not in str(found)


@pytest.mark.parametrize("started", [0.0, 1.0])
def test_the_process(started: float) -> None:
    figures = sections.process(started)
    assert figures["seconds"] > 1e9
    assert figures["residentBytes"] > 1e6
    assert figures["openFiles"] > 2
