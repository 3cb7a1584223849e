"""The columns of the other kinds of core/v1, and of EndpointSlice."""

import ipaddress
from typing import Final

from genericapiserver.apis.core_v1.configuration import ConfigMap, Secret, ServiceAccount
from genericapiserver.apis.core_v1.nodes import Node
from genericapiserver.apis.core_v1.services import Endpoints, Service, ServicePort
from genericapiserver.apis.discovery_v1 import EndpointPort, EndpointSlice
from genericapiserver.minkapi.columns.shared import (
    AGE,
    NAME,
    NONE,
    UNKNOWN,
    UNSET,
    WIDE,
    condition_status,
    integer,
    labels_text,
    listed,
    selector_column,
    text,
)
from genericapiserver.registry.table import TableColumn

ROLE_PREFIX: Final = "node-role.kubernetes.io/"
ROLE_LABEL: Final = "kubernetes.io/role"


def _node_status(node: Node) -> str:
    ready = condition_status(node.status.conditions, "Ready")
    status = "Unknown" if ready is None else "Ready" if ready == "True" else "NotReady"
    return f"{status},SchedulingDisabled" if node.spec.unschedulable else status


def _node_roles(node: Node) -> str:
    named = {key.removeprefix(ROLE_PREFIX) for key in node.metadata.labels if key.startswith(ROLE_PREFIX)}
    return ",".join(sorted((named | {node.metadata.labels.get(ROLE_LABEL, "")}) - {""})) or NONE


def _node_address(node: Node, type: str) -> str:
    return next((one.address for one in node.status.addresses if one.type == type), NONE)


def _in_status(name: str, attribute: str, doc: str) -> TableColumn:
    return text(name, f"status.node_info.{attribute}", doc, absent=UNKNOWN, priority=WIDE)


NODE_COLUMNS: Final = (
    NAME,
    TableColumn("Status", _node_status, doc="Whether the node is ready, and whether it takes new pods."),
    TableColumn("Roles", _node_roles, doc="The roles that its labels give it."),
    AGE,
    text("Version", "status.node_info.kubelet_version", "The version of its kubelet."),
    TableColumn(
        "Internal-IP",
        lambda node: _node_address(node, "InternalIP"),
        doc="Its address in the cluster.",
        priority=WIDE,
    ),
    TableColumn(
        "External-IP", lambda node: _node_address(node, "ExternalIP"), doc="Its address outside.", priority=WIDE
    ),
    _in_status("OS-Image", "os_image", "Its operating system."),
    _in_status("Kernel-Version", "kernel_version", "The version of its kernel."),
    _in_status("Container-Runtime", "container_runtime_version", "Its container runtime."),
)


def _cluster_ip(service: Service) -> str:
    return next(iter(service.spec.cluster_ips), "") or service.spec.cluster_ip or NONE


def _external_ip(service: Service) -> str:
    spec = service.spec
    match spec.type:
        case "" | "ClusterIP" | "NodePort":
            return ",".join(spec.external_ips) or NONE
        case "LoadBalancer":
            ways = sorted({one.ip or one.hostname for one in service.status.load_balancer.ingress} - {""})
            return ",".join([*ways, *spec.external_ips]) or "<pending>"
        case "ExternalName":
            return spec.external_name
    return UNKNOWN


def _service_port(port: ServicePort) -> str:
    number = f"{port.port}:{port.node_port}" if port.node_port > 0 else str(port.port)
    return f"{number}/{port.protocol or 'TCP'}"


SERVICE_COLUMNS: Final = (
    NAME,
    text("Type", "spec.type", "How the service can be reached.", absent="ClusterIP"),
    TableColumn("Cluster-IP", _cluster_ip, doc="Its address in the cluster."),
    TableColumn("External-IP", _external_ip, doc="Its addresses outside."),
    TableColumn("Port(s)", lambda service: ",".join(map(_service_port, service.spec.ports)) or NONE, doc="Its ports."),
    AGE,
    selector_column(lambda service: labels_text(service.spec.selector)),
)


def _addresses(endpoints: Endpoints) -> str:
    found = []
    for subset in endpoints.subsets:
        ips = [address.ip for address in subset.addresses]
        found += [_host_port(ip, port.port) for port in subset.ports for ip in ips] if subset.ports else ips
    return listed(found, NONE if not endpoints.subsets else "")


def _host_port(ip: str, port: int) -> str:
    try:
        version = ipaddress.ip_address(ip).version
    except ValueError:
        version = 4
    return f"[{ip}]:{port}" if version == 6 else f"{ip}:{port}"


ENDPOINTS_COLUMNS: Final = (
    NAME,
    TableColumn("Endpoints", _addresses, doc="Where the service leads to."),
    AGE,
)


def _slice_ports(endpoint_slice: EndpointSlice) -> str:
    return listed([_slice_port(port) for port in endpoint_slice.ports], UNSET)


def _slice_port(port: EndpointPort) -> str:
    """Its number, else its name; a port with neither stands for all of them."""
    return str(port.port) if port.port is not None else "*" if port.name is None else port.name


def _slice_addresses(endpoint_slice: EndpointSlice) -> str:
    return listed([address for endpoint in endpoint_slice.endpoints for address in endpoint.addresses], UNSET)


ENDPOINT_SLICE_COLUMNS: Final = (
    NAME,
    text("AddressType", "address_type", "The kind of its addresses."),
    TableColumn("Ports", _slice_ports, doc="The ports of each endpoint."),
    TableColumn("Endpoints", _slice_addresses, doc="The addresses of its endpoints."),
    AGE,
)


def _entries(obj: ConfigMap) -> int:
    return len(obj.data) + len(obj.binary_data)


def _secrets(obj: ServiceAccount) -> int:
    return len(obj.secrets)


def _data(obj: Secret) -> int:
    return len(obj.data)


NAMESPACE_COLUMNS: Final = (NAME, text("Status", "status.phase", "Whether the namespace is on its way out."), AGE)
CONFIG_MAP_COLUMNS: Final = (NAME, TableColumn("Data", _entries, doc="How many entries it has."), AGE)
SECRET_COLUMNS: Final = (
    NAME,
    text("Type", "type", "What the secret is for."),
    TableColumn("Data", _data, doc="How many entries it has."),
    AGE,
)
SERVICE_ACCOUNT_COLUMNS: Final = (
    NAME,
    integer("Secrets", _secrets, "How many secrets its pods may use."),
    AGE,
)
