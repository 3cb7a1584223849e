"""Service and Endpoints.

Source: k8s.io/api/core/v1/types.go.
"""

from genericapiserver.apimachinery.meta import Condition, Object
from genericapiserver.apimachinery.types import Int32, IntOrString, api_type, field
from genericapiserver.apis.core_v1.references import ObjectReference

MODEL_PACKAGE = "io.k8s.api.core.v1"


@api_type
class ServicePort:
    """ServicePort is a port of a service."""

    name: str = field(default="", doc="The name of the port; needed when there are several.")
    protocol: str = field(default="", key_default="TCP", enum=["TCP", "UDP", "SCTP"], doc="TCP, UDP or SCTP.")
    app_protocol: str | None = field(
        default=None, number=6, doc="The protocol that is spoken, such as kubernetes.io/h2c."
    )
    port: Int32 = field(number=3, doc="The number of the port.")
    target_port: IntOrString = field(factory=IntOrString, number=4, doc="The number or name of the port of the pods.")
    node_port: Int32 = field(default=0, number=5, doc="The port on every node, for NodePort and LoadBalancer.")


@api_type
class ClientIPConfig:
    """ClientIPConfig says how long a client stays with a pod."""

    timeout_seconds: Int32 | None = field(default=None, doc="Seconds that a client stays with a pod.")


@api_type
class SessionAffinityConfig:
    """SessionAffinityConfig is the settings of session affinity."""

    client_ip: ClientIPConfig | None = field(default=None, doc="The settings of ClientIP.")


@api_type
class ServiceSpec:
    """ServiceSpec is what is wanted of a service."""

    ports: list[ServicePort] = field(
        factory=list,
        list_type="map",
        list_map_keys=["port", "protocol"],
        patch_strategy="merge",
        patch_merge_key="port",
        doc="The ports of the service.",
    )
    selector: dict[str, str] = field(factory=dict, map_type="atomic", doc="The labels of the pods that it leads to.")
    cluster_ip: str = field(default="", doc="Its address in the cluster, None for a headless service.")
    cluster_ips: list[str] = field(
        factory=list,
        list_type="atomic",
        number=18,
        doc="Its addresses, at most one for each IP family. The first is clusterIP.",
    )
    type: str = field(
        default="",
        enum=["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"],
        number=4,
        doc="ClusterIP, NodePort, LoadBalancer or ExternalName.",
    )
    external_ips: list[str] = field(
        factory=list, list_type="atomic", number=5, doc="Further addresses that nodes take traffic for."
    )
    session_affinity: str = field(
        default="", enum=["ClientIP", "None"], doc="ClientIP keeps a client with one pod; None unless given."
    )
    load_balancer_ip: str = field(default="", doc="The address that the load balancer is to have. Deprecated.")
    load_balancer_source_ranges: list[str] = field(
        factory=list, list_type="atomic", doc="From where the load balancer may be reached."
    )
    external_name: str = field(default="", doc="The name that an ExternalName service stands for.")
    external_traffic_policy: str = field(
        default="", enum=["Cluster", "Local"], doc="Cluster, or Local to keep the client's address and the node."
    )
    health_check_node_port: Int32 = field(
        default=0, doc="The port of the health check, for externalTrafficPolicy Local."
    )
    publish_not_ready_addresses: bool = field(default=False, doc="Whether pods that are not ready are found as well.")
    session_affinity_config: SessionAffinityConfig | None = field(default=None, doc="The settings of session affinity.")
    ip_families: list[str] = field(
        factory=list, list_type="atomic", number=19, doc="IPv4, IPv6, in the order of the addresses."
    )
    ip_family_policy: str | None = field(
        default=None,
        enum=["SingleStack", "PreferDualStack", "RequireDualStack"],
        number=17,
        doc="SingleStack, PreferDualStack or RequireDualStack.",
    )
    allocate_load_balancer_node_ports: bool | None = field(
        default=None, number=20, doc="Whether a load balancer's ports get ports on nodes."
    )
    load_balancer_class: str | None = field(default=None, number=21, doc="The kind of load balancer.")
    internal_traffic_policy: str | None = field(
        default=None, enum=["Cluster", "Local"], number=22, doc="Cluster, or Local to stay on the node."
    )
    traffic_distribution: str | None = field(
        default=None, number=23, doc="A wish for how traffic is spread, such as PreferClose."
    )


@api_type
class PortStatus:
    """PortStatus is what became of a port of a load balancer."""

    port: Int32 = field(doc="The number of the port.")
    protocol: str = field(enum=["TCP", "UDP", "SCTP"], doc="TCP, UDP or SCTP.")
    error: str | None = field(default=None, doc="What is wrong with it.")


@api_type
class LoadBalancerIngress:
    """LoadBalancerIngress is a way into a load balancer."""

    ip: str = field(default="", doc="The address.")
    hostname: str = field(default="", doc="The name, where there is no address.")
    ip_mode: str | None = field(default=None, doc="VIP or Proxy.")
    ports: list[PortStatus] = field(factory=list, list_type="atomic", doc="What became of each port.")


@api_type
class LoadBalancerStatus:
    """LoadBalancerStatus is where a load balancer can be reached."""

    ingress: list[LoadBalancerIngress] = field(factory=list, list_type="atomic", doc="The ways in.")


@api_type
class ServiceStatus:
    """ServiceStatus is what was observed of a service."""

    load_balancer: LoadBalancerStatus = field(factory=LoadBalancerStatus, doc="Where its load balancer can be reached.")
    conditions: list[Condition] = field(
        factory=list,
        list_type="map",
        list_map_keys=["type"],
        patch_strategy="merge",
        patch_merge_key="type",
        doc="What was last observed.",
    )


@api_type
class Service(Object):
    """Service is one address for a set of pods."""

    spec: ServiceSpec = field(factory=ServiceSpec, doc="What is wanted of the service.")
    status: ServiceStatus = field(factory=ServiceStatus, doc="What was observed of it. Read-only.")


@api_type(map_type="atomic")
class EndpointAddress:
    """EndpointAddress is the address of one pod behind a service."""

    ip: str = field(doc="The address.")
    hostname: str = field(default="", number=3, doc="Its host name.")
    node_name: str | None = field(default=None, number=4, doc="The node that it is on.")
    target_ref: ObjectReference | None = field(default=None, number=2, doc="The object that it stands for.")


@api_type(map_type="atomic")
class EndpointPort:
    """EndpointPort is a port behind a service."""

    name: str = field(default="", doc="The name of the port.")
    port: Int32 = field(doc="The number of the port.")
    protocol: str = field(default="", enum=["TCP", "UDP", "SCTP"], doc="TCP, UDP or SCTP.")
    app_protocol: str | None = field(default=None, doc="The protocol that is spoken, such as kubernetes.io/h2c.")


@api_type
class EndpointSubset:
    """EndpointSubset is addresses that share their ports."""

    addresses: list[EndpointAddress] = field(factory=list, list_type="atomic", doc="Those that are ready.")
    not_ready_addresses: list[EndpointAddress] = field(factory=list, list_type="atomic", doc="Those that are not.")
    ports: list[EndpointPort] = field(factory=list, list_type="atomic", doc="The ports of each of them.")


@api_type
class Endpoints(Object):
    """Endpoints is what a service leads to. EndpointSlice has taken its place."""

    subsets: list[EndpointSubset] = field(factory=list, list_type="atomic", doc="The addresses and their ports.")
