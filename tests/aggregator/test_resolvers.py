"""From services to addresses: the rows of the reference's table."""

from typing import Any

import pytest

from genericapiserver.aggregator.resolvers import (
    ClusterIPResolver,
    Endpoint,
    EndpointResolver,
    LoopbackResolver,
    ResolveError,
    StaticResolver,
)
from genericapiserver.apimachinery.meta import ObjectMeta
from genericapiserver.apis.core_v1.services import Service, ServicePort, ServiceSpec
from genericapiserver.apis.discovery_v1 import Endpoint as SliceEndpoint
from genericapiserver.apis.discovery_v1 import EndpointConditions, EndpointPort, EndpointSlice


def service(**spec: Any) -> Service:
    fields = {"type": "ClusterIP", "cluster_ip": "10.0.0.1", "ports": [ServicePort(name="https", port=443)], **spec}
    return Service(metadata=ObjectMeta(name="x", namespace="ns"), spec=ServiceSpec(**fields))


def endpoint_slice(address: str, *, ready: bool | None = True, family: str = "IPv4", port: int = 6443) -> EndpointSlice:
    return EndpointSlice(
        metadata=ObjectMeta(name=address.replace(":", "-"), namespace="ns"),
        address_type=family,
        ports=[EndpointPort(name="https", port=port), EndpointPort(name="metrics", port=9090)],
        endpoints=[SliceEndpoint(addresses=[address], conditions=EndpointConditions(ready=ready))],
    )


class Cluster:
    def __init__(self, service: Service | None, *slices: EndpointSlice) -> None:
        self._service, self._slices = service, slices

    def get(self, name: str, *, namespace: str) -> Any:
        return self._service

    def of_service(self, namespace: str, name: str) -> Any:
        return self._slices


CLUSTER_IP = [
    ("cluster IP", service(), "10.0.0.1:443"),
    ("load balancer", service(type="LoadBalancer"), "10.0.0.1:443"),
    ("node port", service(type="NodePort"), "10.0.0.1:443"),
    ("IPv6", service(cluster_ip="fd00::1"), "[fd00::1]:443"),
    ("external name", service(type="ExternalName", external_name="elsewhere.example"), "elsewhere.example:443"),
    ("headless", service(cluster_ip="None"), 'cannot route to service with ClusterIP "None"'),
    ("another port", service(ports=[ServicePort(port=80)]), 'no service port 443 found for service "x"'),
    ("another type", service(type="Other"), 'unsupported service type "Other"'),
    ("no service", None, 'service "x" not found'),
]


@pytest.mark.parametrize(("found", "wanted"), [row[1:] for row in CLUSTER_IP], ids=[row[0] for row in CLUSTER_IP])
def test_cluster_ip(found: Service | None, wanted: str) -> None:
    assert resolved(ClusterIPResolver(Cluster(found))) == wanted


ENDPOINTS = [
    ("one that is ready", service(), [endpoint_slice("10.0.0.2")], "10.0.0.2:6443"),
    ("ready unless it says otherwise", service(), [endpoint_slice("10.0.0.2", ready=None)], "10.0.0.2:6443"),
    (
        "none that is not",
        service(),
        [endpoint_slice("10.0.0.2", ready=False), endpoint_slice("10.0.0.3")],
        "10.0.0.3:6443",
    ),
    (
        "the first family of the service is preferred",
        service(ip_families=["IPv6", "IPv4"]),
        [endpoint_slice("10.0.0.2"), endpoint_slice("fd00::2", family="IPv6")],
        "[fd00::2]:6443",
    ),
    (
        "the other one will do",
        service(ip_families=["IPv6", "IPv4"]),
        [endpoint_slice("10.0.0.2"), endpoint_slice("fd00::2", family="IPv6", ready=False)],
        "10.0.0.2:6443",
    ),
    ("headless", service(cluster_ip="None"), [endpoint_slice("10.0.0.2")], "10.0.0.2:6443"),
    ("nobody", service(), [], 'no endpoints available for service "x"'),
    ("no such port", service(ports=[ServicePort(port=80)]), [], 'no service port 443 found for service "x"'),
    (
        "no port of that name",
        service(ports=[ServicePort(name="web", port=443)]),
        [endpoint_slice("10.0.0.2")],
        'no endpoints available for service "x"',
    ),
    ("external name", service(type="ExternalName", external_name="a.example"), [], "a.example:443"),
]


@pytest.mark.parametrize(
    ("found", "slices", "wanted"), [row[1:] for row in ENDPOINTS], ids=[row[0] for row in ENDPOINTS]
)
def test_endpoints(found: Service, slices: list[EndpointSlice], wanted: str) -> None:
    cluster = Cluster(found, *slices)
    assert resolved(EndpointResolver(cluster, cluster)) == wanted


def test_one_of_several_endpoints_is_chosen_by_chance() -> None:
    cluster = Cluster(service(), endpoint_slice("10.0.0.2"), endpoint_slice("10.0.0.3"))
    resolver = EndpointResolver(cluster, cluster, choose=lambda found: found[-1])
    assert resolved(resolver) == "10.0.0.3:6443"


def test_loopback_and_the_table() -> None:
    table = StaticResolver({"ns/x": Endpoint("127.0.0.1", 1)})
    resolver = LoopbackResolver(table, lambda: Endpoint("localhost", 6443))
    assert resolved(resolver) == "127.0.0.1:1"
    assert str(resolver.resolve_endpoint("default", "kubernetes", 443)) == "localhost:6443"
    with pytest.raises(ResolveError, match="there is no endpoint for service"):
        resolver.resolve_endpoint("default", "kubernetes", 444)
    assert resolved(StaticResolver({}, otherwise=table)) == "127.0.0.1:1"
    assert ("ns/x" in table, "ns/y" in table) == (True, False)


@pytest.mark.parametrize("text", ["host", "host:", ":1", "host:0", "host:65536", "host:x"])
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not host:port"):
        Endpoint.parse(text)


def resolved(resolver: Any) -> str:
    try:
        return str(resolver.resolve_endpoint("ns", "x", 443))
    except ResolveError as error:
        return str(error)
