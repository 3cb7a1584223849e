"""discovery.k8s.io/v1: EndpointSlice.

Source: k8s.io/api/discovery/v1/types.go.
"""

from genericapiserver.apimachinery.meta import Object
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme, add_to_group_version
from genericapiserver.apimachinery.types import Int32, api_type, field
from genericapiserver.apis.core_v1.references import ObjectReference

GROUP_VERSION = GroupVersion("discovery.k8s.io", "v1")
MODEL_PACKAGE = "io.k8s.api.discovery.v1"


@api_type
class EndpointConditions:
    """EndpointConditions is how an endpoint does."""

    ready: bool | None = field(default=None, doc="Whether it takes traffic; unknown counts as yes.")
    serving: bool | None = field(default=None, doc="Whether it would take traffic, on its way out or not.")
    terminating: bool | None = field(default=None, doc="Whether it is on its way out.")


@api_type
class ForZone:
    """ForZone names a zone that an endpoint is for."""

    name: str = field(doc="The name of the zone.")


@api_type
class ForNode:
    """ForNode names a node that an endpoint is for."""

    name: str = field(doc="The name of the node.")


@api_type
class EndpointHints:
    """EndpointHints says for whom an endpoint is meant."""

    for_zones: list[ForZone] = field(factory=list, list_type="atomic", doc="The zones it is meant for.")
    for_nodes: list[ForNode] = field(factory=list, list_type="atomic", doc="The nodes it is meant for.")


@api_type
class Endpoint:
    """Endpoint is one pod, or what stands for it, behind a service."""

    addresses: list[str] = field(
        factory=list,
        omit_empty=False,
        null_when_empty=True,
        list_type="set",
        doc="Its addresses; consumers use the first.",
    )
    conditions: EndpointConditions = field(factory=EndpointConditions, doc="How it does.")
    hostname: str | None = field(default=None, doc="Its host name.")
    target_ref: ObjectReference | None = field(default=None, doc="The object that it stands for.")
    deprecated_topology: dict[str, str] = field(factory=dict, doc="What v1beta1 said of where it is.")
    node_name: str | None = field(default=None, doc="The node that it is on.")
    zone: str | None = field(default=None, doc="The zone that it is in.")
    hints: EndpointHints | None = field(default=None, doc="For whom it is meant.")


@api_type(map_type="atomic")
class EndpointPort:
    """EndpointPort is a port that every endpoint of a slice has."""

    name: str | None = field(default=None, doc="The name of the port.")
    protocol: str | None = field(default=None, enum=["TCP", "UDP", "SCTP"], doc="TCP, UDP or SCTP.")
    port: Int32 | None = field(default=None, doc="The number of the port.")
    app_protocol: str | None = field(default=None, doc="The protocol that is spoken, such as kubernetes.io/h2c.")


@api_type
class EndpointSlice(Object):
    """EndpointSlice is a part of what a service leads to."""

    address_type: str = field(number=4, doc="IPv4, IPv6 or FQDN. It cannot be changed.")
    endpoints: list[Endpoint] = field(
        factory=list,
        omit_empty=False,
        null_when_empty=True,
        required=False,
        list_type="atomic",
        number=2,
        doc="The endpoints.",
    )
    ports: list[EndpointPort] = field(
        factory=list,
        omit_empty=False,
        null_when_empty=True,
        required=False,
        list_type="atomic",
        number=3,
        doc="The ports that each of them has.",
    )


def add_to_scheme(scheme: Scheme) -> None:
    """Register the kind, its own hub, and what a version carries beside its kinds."""
    for version in (GROUP_VERSION, GroupVersion(GROUP_VERSION.group, INTERNAL_VERSION)):
        scheme.add_known_types(version, EndpointSlice)
    add_to_group_version(scheme, GROUP_VERSION)
    scheme.set_version_priority(GROUP_VERSION)
