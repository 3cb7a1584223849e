"""From a service to the address of a server behind it: what APIServices name and what is dialled are two things.

Source: pkg/apiserver/resolvers.go of k8s.io/kube-aggregator and pkg/util/proxy/proxy.go of k8s.io/apiserver.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

import attrs

from genericapiserver.apimachinery.go import quote

HTTPS: Final = 443


class ResolveError(LookupError):
    """There is no address for a service; the text says why."""


@attrs.frozen
class Endpoint:
    """Where to dial."""

    host: str
    port: int

    def __str__(self) -> str:
        """`host:port`, with brackets around an address of IPv6."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> "Endpoint":
        """Read `host:port`. Raises ValueError."""
        host, separator, port = text.rpartition(":")
        host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        if not separator or not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError(f"{quote(text)} is not host:port with a port between 1 and 65535")
        return cls(host, int(port))


class ServiceResolver(Protocol):
    """Knows where services are."""

    def resolve_endpoint(self, namespace: str, name: str, port: int) -> Endpoint:
        """Where the *port* of a service is dialled. Raises ResolveError."""


class ServiceLister(Protocol):
    """Services as last seen."""

    def get(self, name: str, *, namespace: str) -> Any | None: ...


class EndpointSliceLister(Protocol):
    """EndpointSlices as last seen."""

    def of_service(self, namespace: str, name: str) -> Sequence[Any]: ...


class StaticResolver:
    """Services from a table of `namespace/name` to addresses; of others *otherwise* is asked.

    The port that an APIService names is not looked at: the table says where to dial.
    """

    def __init__(self, endpoints: Mapping[str, Endpoint], *, otherwise: ServiceResolver | None = None) -> None:
        self._endpoints = dict(endpoints)
        self._otherwise = otherwise

    def __contains__(self, service: object) -> bool:
        """Whether the table says where the service `namespace/name` is."""
        return service in self._endpoints

    def resolve_endpoint(self, namespace: str, name: str, port: int) -> Endpoint:
        endpoint = self._endpoints.get(f"{namespace}/{name}")
        if endpoint is not None:
            return endpoint
        if self._otherwise is None:
            raise ResolveError(f"there is no endpoint for service {quote(f'{namespace}/{name}')}")
        return self._otherwise.resolve_endpoint(namespace, name, port)


class LoopbackResolver:
    """`default/kubernetes:443` is this server itself, at *endpoint*; of everything else *otherwise* is asked."""

    def __init__(self, otherwise: ServiceResolver, endpoint: Callable[[], Endpoint]) -> None:
        self._otherwise = otherwise
        self._endpoint = endpoint

    def resolve_endpoint(self, namespace: str, name: str, port: int) -> Endpoint:
        if (namespace, name, port) == ("default", "kubernetes", HTTPS):
            return self._endpoint()
        return self._otherwise.resolve_endpoint(namespace, name, port)


class ClusterIPResolver:
    """The virtual address of a service, behind which the cluster shares out the load."""

    def __init__(self, services: ServiceLister) -> None:
        self._services = services

    def resolve_endpoint(self, namespace: str, name: str, port: int) -> Endpoint:
        service = _service(self._services, namespace, name)
        spec = service.spec
        if spec.type == "ExternalName":
            return Endpoint(spec.external_name, port)
        if spec.type not in ("", "ClusterIP", "LoadBalancer", "NodePort"):
            raise ResolveError(f"unsupported service type {quote(spec.type)}")
        if not spec.cluster_ip or spec.cluster_ip == "None":
            raise ResolveError(f"cannot route to service with ClusterIP {quote(spec.cluster_ip or '')}")
        return Endpoint(spec.cluster_ip, _service_port(service, port).port)


class EndpointResolver:
    """One of the ready endpoints of a service, by chance: nothing but the aggregator shares out the load."""

    def __init__(
        self,
        services: ServiceLister,
        slices: EndpointSliceLister,
        *,
        choose: Callable[[Sequence[Endpoint]], Endpoint] = random.choice,
    ) -> None:
        self._services = services
        self._slices = slices
        self._choose = choose

    def resolve_endpoint(self, namespace: str, name: str, port: int) -> Endpoint:
        service = _service(self._services, namespace, name)
        if service.spec.type == "ExternalName":
            return Endpoint(service.spec.external_name, port)
        if service.spec.type not in ("", "ClusterIP", "LoadBalancer", "NodePort"):
            raise ResolveError(f"unsupported service type {quote(service.spec.type)}")
        port_name = _service_port(service, port).name
        slices = list(self._slices.of_service(namespace, name))
        families = list(service.spec.ip_families or ())
        preferred = [each for each in slices if families and each.address_type == families[0]]
        for some in (preferred, slices):
            if found := list(ready_endpoints(some, port_name)):
                return self._choose(found)
        raise ResolveError(f"no endpoints available for service {quote(name)}")


def ready_endpoints(slices: Iterable[Any], port_name: str) -> Iterable[Endpoint]:
    """Every ready address of EndpointSlices with a port called *port_name*."""
    for each in slices:
        ports = [port.port for port in each.ports if (port.name or "") == (port_name or "") and port.port is not None]
        for endpoint in each.endpoints:
            ready = None if endpoint.conditions is None else endpoint.conditions.ready
            if ready is False:  # unknown counts as ready
                continue
            for address in endpoint.addresses[:1]:
                for port in ports:
                    yield Endpoint(address, port)


def _service(services: ServiceLister, namespace: str, name: str) -> Any:
    service = services.get(name, namespace=namespace)
    if service is None:
        raise ResolveError(f"service {quote(name)} not found")
    return service


def _service_port(service: Any, port: int) -> Any:
    for each in service.spec.ports:
        if each.port == port:
            return each
    raise ResolveError(f"no service port {port} found for service {quote(service.metadata.name)}")
