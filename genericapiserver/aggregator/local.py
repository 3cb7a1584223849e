"""The server of this process that stands behind the aggregator: what APIServices without a service lead to.

It serves services and EndpointSlices where no cluster has them, so that the aggregator looks them up as it does anywhere,
and whatever else a program installs. Source: the part that kube-apiserver plays for k8s.io/kube-aggregator.
"""

from collections.abc import Mapping
from typing import Any, Final

from genericapiserver.api_group import APIGroupInfo
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupResource, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apis import core_v1, discovery_v1
from genericapiserver.apis.core_v1.services import Service
from genericapiserver.config import DEFAULT_LEGACY_API_PREFIX, ConfigError
from genericapiserver.controlplane import core
from genericapiserver.registry.generic.options import RESTOptionsGetter, store_for
from genericapiserver.registry.generic.store import Store
from genericapiserver.registry.rest import RESTStorage
from genericapiserver.registry.strategy import DefaultStrategy
from genericapiserver.registry.table import DEFAULT_COLUMNS, TableColumn, age
from genericapiserver.server import GenericAPIServer

NAME: Final = "aggregator-local"


class NamedAsTheyAre(DefaultStrategy):
    """Services and their slices are kept as they are written; nobody here assigns addresses."""

    allow_unconditional_update = True


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
    if getter is None:
        raise ConfigError("there is no storage to keep services in")
    legacy = core.api_group(getter, serializer)
    services = _store(getter, scheme, Service, "", "services", "service", SERVICE_COLUMNS, short_names=("svc",))
    legacy.versioned_resources_storage[core_v1.GROUP_VERSION.version]["services"] = services
    server.install_legacy_api_group(DEFAULT_LEGACY_API_PREFIX, legacy)
    version = discovery_v1.GROUP_VERSION
    slices = _store(
        getter, scheme, discovery_v1.EndpointSlice, version.group, "endpointslices", "endpointslice", SLICE_COLUMNS
    )
    group = APIGroupInfo.for_group(version.group, scheme=scheme, serializer=serializer)
    storages: Mapping[str, RESTStorage] = {"endpointslices": slices}
    group.versioned_resources_storage[version.version] = dict(storages)
    server.install_api_groups(group)


def _store(
    getter: RESTOptionsGetter,
    scheme: Scheme,
    kind: type[Any],
    group: str,
    plural: str,
    singular: str,
    columns: tuple[TableColumn, ...],
    *,
    short_names: tuple[str, ...] = (),
) -> Store:
    return store_for(
        getter,
        object_type=kind,
        qualified_resource=GroupResource(group, plural),
        singular_name=singular,
        strategy=NamedAsTheyAre(scheme),
        table_columns=columns,
        short_names=short_names,
    )
