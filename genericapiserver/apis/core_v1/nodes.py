"""Node.

Source: k8s.io/api/core/v1/types.go.
"""

from genericapiserver.apimachinery.meta import Object
from genericapiserver.apimachinery.types import Int32, Int64, Quantity, Time, api_type, field
from genericapiserver.apis.core_v1.placement import Taint

MODEL_PACKAGE = "io.k8s.api.core.v1"


@api_type
class ConfigMapNodeConfigSource:
    """ConfigMapNodeConfigSource names the ConfigMap that a kubelet was configured from; no longer used."""

    namespace: str = field(doc="The namespace of the ConfigMap.")
    name: str = field(doc="The name of the ConfigMap.")
    uid: str = field(default="", doc="The UID of the ConfigMap.")
    resource_version: str = field(default="", doc="The version of the ConfigMap.")
    kubelet_config_key: str = field(doc="The key with the configuration.")


@api_type
class NodeConfigSource:
    """NodeConfigSource says where a kubelet's configuration came from; no longer used."""

    config_map: ConfigMapNodeConfigSource | None = field(default=None, number=2, doc="The ConfigMap.")


@api_type
class NodeSpec:
    """NodeSpec is what is wanted of a node."""

    pod_cidr: str = field(default="", doc="The range of addresses for the pods of the node.")
    pod_cidrs: list[str] = field(
        factory=list,
        list_type="set",
        patch_strategy="merge",
        number=7,
        doc="The ranges for the pods, at most one for each IP family. The first is podCIDR.",
    )
    provider_id: str = field(default="", doc="The node as its cloud provider calls it.")
    unschedulable: bool = field(default=False, doc="Whether new pods stay away from the node, as after kubectl cordon.")
    taints: list[Taint] = field(factory=list, list_type="atomic", doc="What keeps pods away that do not tolerate it.")
    config_source: NodeConfigSource | None = field(default=None, doc="No longer used.")
    external_id: str = field(default="", number=2, doc="No longer used.")


@api_type
class NodeCondition:
    """NodeCondition is one thing that was observed of a node."""

    type: str = field(doc="What is observed, such as Ready or MemoryPressure.")
    status: str = field(doc="True, False or Unknown.")
    last_heartbeat_time: Time | None = field(
        default=None, omit_empty=False, required=False, doc="When it was last looked at."
    )
    last_transition_time: Time | None = field(
        default=None, omit_empty=False, required=False, doc="When the status changed."
    )
    reason: str = field(default="", doc="Why it changed, in a word for programs.")
    message: str = field(default="", doc="Why it changed, for people.")


@api_type
class NodeAddress:
    """NodeAddress is one way to reach a node."""

    type: str = field(doc="Hostname, InternalIP, ExternalIP, InternalDNS or ExternalDNS.")
    address: str = field(doc="The address.")


@api_type
class DaemonEndpoint:
    """DaemonEndpoint is the port of a daemon."""

    port: Int32 = field(default=0, omit_empty=False, name="Port", doc="The number of the port.")


@api_type
class NodeDaemonEndpoints:
    """NodeDaemonEndpoints lists the ports of the daemons of a node."""

    kubelet_endpoint: DaemonEndpoint = field(factory=DaemonEndpoint, doc="Where the kubelet listens.")


@api_type
class NodeSwapStatus:
    """NodeSwapStatus is the swap space of a node."""

    capacity: Int64 | None = field(default=None, doc="Its size in bytes.")


@api_type
class NodeSystemInfo:
    """NodeSystemInfo identifies a node and its software."""

    machine_id: str = field(default="", omit_empty=False, doc="The identity of the machine, as its system knows it.")
    system_uuid: str = field(default="", omit_empty=False, doc="The identity of the machine, as its firmware knows it.")
    boot_id: str = field(default="", omit_empty=False, doc="The identity of this run of the machine.")
    kernel_version: str = field(default="", omit_empty=False, doc="The version of the kernel.")
    os_image: str = field(default="", omit_empty=False, doc="The operating system as its release file calls it.")
    container_runtime_version: str = field(default="", omit_empty=False, doc="The container runtime and its version.")
    kubelet_version: str = field(default="", omit_empty=False, doc="The version of the kubelet.")
    kube_proxy_version: str = field(default="", omit_empty=False, doc="No longer used.")
    operating_system: str = field(default="", omit_empty=False, doc="The operating system, such as linux.")
    architecture: str = field(default="", omit_empty=False, doc="The architecture, such as amd64.")
    swap: NodeSwapStatus | None = field(default=None, doc="Its swap space.")


@api_type
class ContainerImage:
    """ContainerImage is an image that lies on a node."""

    names: list[str] = field(
        factory=list,
        omit_empty=False,
        null_when_empty=True,
        required=False,
        list_type="atomic",
        doc="All names of the image.",
    )
    size_bytes: Int64 = field(default=0, doc="The size of the image in bytes.")


@api_type
class AttachedVolume:
    """AttachedVolume is a volume that is attached to a node."""

    name: str = field(doc="The name of the volume.")
    device_path: str = field(doc="Where it stands on the node.")


@api_type
class NodeConfigStatus:
    """NodeConfigStatus tells which configuration a kubelet uses; no longer used."""

    assigned: NodeConfigSource | None = field(default=None, doc="The configuration that is to be used.")
    active: NodeConfigSource | None = field(default=None, doc="The configuration that is used.")
    last_known_good: NodeConfigSource | None = field(default=None, doc="The configuration to fall back to.")
    error: str = field(default="", doc="What is wrong with it.")


@api_type
class NodeRuntimeHandlerFeatures:
    """NodeRuntimeHandlerFeatures are features that a runtime handler may have."""

    recursive_read_only_mounts: bool | None = field(
        default=None, doc="Whether mounts below a mount can be read-only, too."
    )
    user_namespaces: bool | None = field(default=None, doc="Whether containers can have users of their own.")


@api_type
class NodeRuntimeHandler:
    """NodeRuntimeHandler is a way in which a node can run containers."""

    name: str = field(
        default="", omit_empty=False, required=False, doc="The name of the handler; empty for the default one."
    )
    features: NodeRuntimeHandlerFeatures | None = field(default=None, doc="What it can do.")


@api_type
class NodeFeatures:
    """NodeFeatures are features of the runtime of a node, whatever the handler."""

    supplemental_groups_policy: bool | None = field(
        default=None, doc="Whether it heeds the policy for supplemental groups."
    )


@api_type
class NodeStatus:
    """NodeStatus is what was observed of a node."""

    capacity: dict[str, Quantity] = field(factory=dict, doc="What the node has in all.")
    allocatable: dict[str, Quantity] = field(factory=dict, doc="What pods can have of it.")
    phase: str = field(default="", enum=["Pending", "Running", "Terminated"], doc="No longer used.")
    conditions: list[NodeCondition] = field(
        factory=list,
        list_type="map",
        list_map_keys=["type"],
        patch_strategy="merge",
        patch_merge_key="type",
        doc="What was last observed of the node.",
    )
    addresses: list[NodeAddress] = field(
        factory=list,
        list_type="map",
        list_map_keys=["type"],
        patch_strategy="merge",
        patch_merge_key="type",
        doc="How the node can be reached.",
    )
    daemon_endpoints: NodeDaemonEndpoints = field(factory=NodeDaemonEndpoints, doc="The ports of its daemons.")
    node_info: NodeSystemInfo = field(factory=NodeSystemInfo, doc="Its identity and its software.")
    images: list[ContainerImage] = field(factory=list, list_type="atomic", doc="The images that lie on it.")
    volumes_in_use: list[str] = field(factory=list, list_type="atomic", doc="The volumes that its pods use.")
    volumes_attached: list[AttachedVolume] = field(
        factory=list, list_type="atomic", doc="The volumes that are attached to it."
    )
    config: NodeConfigStatus | None = field(default=None, doc="No longer used.")
    runtime_handlers: list[NodeRuntimeHandler] = field(
        factory=list, list_type="atomic", doc="The ways in which it can run containers."
    )
    features: NodeFeatures | None = field(default=None, doc="What its runtime can do.")
    declared_features: list[str] = field(factory=list, list_type="atomic", doc="Features that scheduling goes by.")


@api_type
class Node(Object):
    """Node is a machine that pods run on."""

    spec: NodeSpec = field(factory=NodeSpec, doc="What is wanted of the node.")
    status: NodeStatus = field(factory=NodeStatus, doc="What was observed of it. Read-only.")
