"""The server of this process that stands behind the aggregator: what APIServices without a service lead to.

It serves services and EndpointSlices where no cluster has them, so that the aggregator looks them up as it does anywhere,
and whatever else a program installs. Source: the part that kube-apiserver plays for k8s.io/kube-aggregator.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from genericapiserver.api_group import APIGroupInfo
from genericapiserver.apimachinery import field as errors
from genericapiserver.apimachinery.field import FieldError, Path
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupResource, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apimachinery.validation.names import dns_1035_label
from genericapiserver.apimachinery.validation.object_meta import validate_dns_name
from genericapiserver.apis import core_v1, discovery_v1
from genericapiserver.apis.core_v1.services import Service
from genericapiserver.apis.discovery_v1 import EndpointSlice
from genericapiserver.config import DEFAULT_LEGACY_API_PREFIX, ConfigError
from genericapiserver.controlplane import core
from genericapiserver.registry.generic.options import store_for
from genericapiserver.registry.rest import RESTStorage
from genericapiserver.registry.strategy import DefaultStrategy
from genericapiserver.registry.table import DEFAULT_COLUMNS, TableColumn, age
from genericapiserver.request import RequestContext
from genericapiserver.server import GenericAPIServer

NAME: Final = "aggregator-local"


SERVICE_TYPES: Final = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
ADDRESS_TYPES: Final = ("FQDN", "IPv4", "IPv6")
MAX_PORT: Final = 65535


class ServiceStrategy(DefaultStrategy):
    """Services are kept as they are written: nobody here assigns addresses, so that a service brings its own."""

    allow_unconditional_update = True

    def validate(self, context: RequestContext, obj: Service) -> Sequence[FieldError]:
        """What the aggregator could not make use of, and names that nothing else takes."""
        metadata, spec, path = obj.metadata, obj.spec, Path("spec")
        found = [
            errors.invalid(Path("metadata", "name"), metadata.name, text) for text in dns_1035_label(metadata.name)
        ]
        if spec.type and spec.type not in SERVICE_TYPES:
            found.append(errors.not_supported(path.child("type"), spec.type, SERVICE_TYPES))
        if spec.type == "ExternalName":
            if not spec.external_name:
                found.append(errors.required(path.child("externalName")))
        elif not spec.ports:
            found.append(errors.required(path.child("ports")))
        return found + _ports([port.port for port in spec.ports], path.child("ports"))

    def validate_update(self, context: RequestContext, obj: Service, old: Service) -> Sequence[FieldError]:
        return self.validate(context, obj)


class EndpointSliceStrategy(DefaultStrategy):
    """EndpointSlices are kept as they are written."""

    allow_unconditional_update = True

    def validate(self, context: RequestContext, obj: EndpointSlice) -> Sequence[FieldError]:
        found = validate_dns_name(obj.metadata)
        if obj.address_type not in ADDRESS_TYPES:
            found.append(errors.not_supported(Path("addressType"), obj.address_type, ADDRESS_TYPES))
        for at, endpoint in enumerate(obj.endpoints):
            if not endpoint.addresses:
                path = Path("endpoints").index(at).child("addresses")
                found.append(errors.required(path, "must contain at least 1 address"))
        return found + _ports([port.port for port in obj.ports if port.port is not None], Path("ports"))

    def validate_update(self, context: RequestContext, obj: EndpointSlice, old: EndpointSlice) -> Sequence[FieldError]:
        return self.validate(context, obj)


def _ports(ports: Sequence[int], path: Path) -> list[FieldError]:
    text = f"must be between 1 and {MAX_PORT}, inclusive"
    return [
        errors.invalid(path.index(at).child("port"), port, text)
        for at, port in enumerate(ports)
        if not 0 < port <= MAX_PORT
    ]


SERVICE_COLUMNS: Final = (
    DEFAULT_COLUMNS[0],
    TableColumn("Type", lambda service: service.spec.type or "ClusterIP"),
    TableColumn("Cluster-IP", lambda service: service.spec.cluster_ip or "<none>"),
    TableColumn(
        "Port(s)", lambda service: ",".join(f"{port.port}/{port.protocol or 'TCP'}" for port in service.spec.ports)
    ),
    age(),
)
SLICE_COLUMNS: Final = (
    DEFAULT_COLUMNS[0],
    TableColumn("AddressType", lambda each: each.address_type),
    TableColumn("Ports", lambda each: ",".join(str(port.port) for port in each.ports) or "<unset>"),
    TableColumn("Endpoints", lambda each: ",".join(end.addresses[0] for end in each.endpoints if end.addresses)),
    age(),
)


def register(scheme: Scheme) -> None:
    """Add the kinds of both groups to *scheme*."""
    core.register(scheme)
    version = core_v1.GROUP_VERSION
    for each in (version, GroupVersion(version.group, INTERNAL_VERSION)):
        scheme.add_known_types(each, Service)
    discovery_v1.add_to_scheme(scheme)


def install(server: GenericAPIServer, serializer: CodecFactory) -> None:
    """Serve namespaces, events, services and EndpointSlices at *server*. Raises ConfigError, APIGroupError."""
    getter, scheme = server.config.rest_options_getter, serializer.scheme
    serializer = serializer.with_protobuf()  # which kubectl sends for kinds that it has types of
    if getter is None:
        raise ConfigError("there is no storage to keep services in")
    legacy = core.api_group(getter, serializer)
    services = store_for(
        getter,
        object_type=Service,
        qualified_resource=GroupResource("", "services"),
        singular_name="service",
        strategy=ServiceStrategy(scheme),
        table_columns=SERVICE_COLUMNS,
        short_names=("svc",),
    )
    legacy.versioned_resources_storage[core_v1.GROUP_VERSION.version]["services"] = services
    server.install_legacy_api_group(DEFAULT_LEGACY_API_PREFIX, legacy)
    version = discovery_v1.GROUP_VERSION
    slices = store_for(
        getter,
        object_type=EndpointSlice,
        qualified_resource=GroupResource(version.group, "endpointslices"),
        singular_name="endpointslice",
        strategy=EndpointSliceStrategy(scheme),
        table_columns=SLICE_COLUMNS,
    )
    group = APIGroupInfo.for_group(version.group, scheme=scheme, serializer=serializer)
    storages: Mapping[str, RESTStorage] = {"endpointslices": slices}
    group.versioned_resources_storage[version.version] = dict(storages)
    server.install_api_groups(group)
