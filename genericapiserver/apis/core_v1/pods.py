"""Pod, what controllers make pods from, and Binding, which puts one on a node.

Source: k8s.io/api/core/v1/types.go.
"""

from genericapiserver.apimachinery.meta import Object, ObjectMeta
from genericapiserver.apimachinery.types import Int32, Int64, Quantity, Time, api_type, field
from genericapiserver.apis.core_v1.confinement import (
    AppArmorProfile,
    SeccompProfile,
    SELinuxOptions,
    WindowsSecurityContextOptions,
)
from genericapiserver.apis.core_v1.container_status import ContainerStatus
from genericapiserver.apis.core_v1.containers import Container, EphemeralContainer, ResourceRequirements
from genericapiserver.apis.core_v1.placement import Affinity, Toleration, TopologySpreadConstraint
from genericapiserver.apis.core_v1.references import LocalObjectReference, ObjectReference
from genericapiserver.apis.core_v1.volumes import Volume

MODEL_PACKAGE = "io.k8s.api.core.v1"


@api_type
class Sysctl:
    """Sysctl is a kernel parameter to set."""

    name: str = field(doc="The name of the parameter.")
    value: str = field(doc="Its value.")


@api_type
class PodSecurityContext:
    """PodSecurityContext is how all containers of a pod are confined."""

    se_linux_options: SELinuxOptions | None = field(default=None, doc="The SELinux labels of all containers.")
    windows_options: WindowsSecurityContextOptions | None = field(default=None, number=8, doc="What only Windows has.")
    run_as_user: Int64 | None = field(
        default=None, number=2, doc="The user ID of the first process of every container."
    )
    run_as_group: Int64 | None = field(
        default=None, number=6, doc="The group ID of the first process of every container."
    )
    run_as_non_root: bool | None = field(default=None, number=3, doc="Whether no container may start as root.")
    supplemental_groups: list[Int64] = field(
        factory=list, list_type="atomic", number=4, doc="Further groups of the first process of every container."
    )
    supplemental_groups_policy: str | None = field(
        default=None, enum=["Merge", "Strict"], number=12, doc="Merge with the groups of the image, or Strict."
    )
    fs_group: Int64 | None = field(default=None, number=5, doc="The group that owns the volumes of the pod.")
    sysctls: list[Sysctl] = field(factory=list, list_type="atomic", number=7, doc="Kernel parameters to set.")
    fs_group_change_policy: str | None = field(
        default=None,
        enum=["OnRootMismatch", "Always"],
        number=9,
        doc="When volumes change owner: OnRootMismatch or Always.",
    )
    seccomp_profile: SeccompProfile | None = field(default=None, number=10, doc="Which system calls are allowed.")
    app_armor_profile: AppArmorProfile | None = field(default=None, number=11, doc="The AppArmor profile that is used.")
    se_linux_change_policy: str | None = field(
        default=None, doc="How volumes get their labels: Recursive or MountOption."
    )


@api_type
class HostAlias:
    """HostAlias is a line of a pod's hosts file."""

    ip: str = field(doc="The address.")
    hostnames: list[str] = field(factory=list, list_type="atomic", doc="The names for it.")


@api_type
class PodDNSConfigOption:
    """PodDNSConfigOption is an option of a pod's resolver."""

    name: str = field(default="", doc="The name of the option.")
    value: str | None = field(default=None, doc="Its value, if it has one.")


@api_type
class PodDNSConfig:
    """PodDNSConfig is what a pod's resolver gets beside what the DNS policy says."""

    nameservers: list[str] = field(factory=list, list_type="atomic", doc="Addresses of name servers.")
    searches: list[str] = field(factory=list, list_type="atomic", doc="Domains to look names up in.")
    options: list[PodDNSConfigOption] = field(factory=list, list_type="atomic", doc="Options of the resolver.")


@api_type
class PodReadinessGate:
    """PodReadinessGate is a condition that a pod needs to be ready."""

    condition_type: str = field(doc="The type of the condition.")


@api_type
class PodOS:
    """PodOS is the operating system of a pod."""

    name: str = field(doc="linux or windows.")


@api_type
class PodSchedulingGate:
    """PodSchedulingGate keeps a pod from being scheduled until it is removed."""

    name: str = field(doc="The name of the gate.")


@api_type
class PodResourceClaim:
    """PodResourceClaim is a claim for devices that containers of the pod can use."""

    name: str = field(doc="The name by which containers refer to it.")
    resource_claim_name: str | None = field(default=None, number=3, doc="The ResourceClaim in the pod's namespace.")
    resource_claim_template_name: str | None = field(
        default=None, number=4, doc="The template from which a ResourceClaim is made for the pod."
    )


@api_type
class PodSchedulingGroup:
    """PodSchedulingGroup is the group that a pod is scheduled with."""

    pod_group_name: str | None = field(default=None, doc="The name of the PodGroup.")


@api_type
class PodSpec:
    """PodSpec is what is wanted of a pod."""

    volumes: list[Volume] = field(
        factory=list,
        list_type="map",
        list_map_keys=["name"],
        patch_strategy="merge,retainKeys",
        patch_merge_key="name",
        doc="Volumes that its containers can mount.",
    )
    init_containers: list[Container] = field(
        factory=list,
        list_type="map",
        list_map_keys=["name"],
        patch_strategy="merge",
        patch_merge_key="name",
        number=20,
        doc="Containers that run before the others, one after another.",
    )
    containers: list[Container] = field(
        factory=list,
        omit_empty=False,
        null_when_empty=True,
        list_type="map",
        list_map_keys=["name"],
        patch_strategy="merge",
        patch_merge_key="name",
        number=2,
        doc="The containers of the pod; there is at least one.",
    )
    ephemeral_containers: list[EphemeralContainer] = field(
        factory=list,
        list_type="map",
        list_map_keys=["name"],
        patch_strategy="merge",
        patch_merge_key="name",
        number=34,
        doc="Containers that were added while the pod ran, through their own subresource.",
    )
    restart_policy: str = field(
        default="",
        enum=["Always", "OnFailure", "Never"],
        number=3,
        doc="When containers are started again: Always, OnFailure or Never.",
    )
    termination_grace_period_seconds: Int64 | None = field(
        default=None, number=4, doc="Seconds that the pod gets to end."
    )
    active_deadline_seconds: Int64 | None = field(
        default=None, number=5, doc="Seconds that the pod may run, from its start."
    )
    dns_policy: str = field(
        default="",
        enum=["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"],
        number=6,
        doc="How names are resolved: ClusterFirst, ClusterFirstWithHostNet, Default or None.",
    )
    node_selector: dict[str, str] = field(
        factory=dict, map_type="atomic", number=7, doc="Labels that the node has to have."
    )
    service_account_name: str = field(default="", number=8, doc="The service account that the pod runs as.")
    service_account: str = field(default="", number=9, doc="The older name of serviceAccountName.")
    automount_service_account_token: bool | None = field(
        default=None, number=21, doc="Whether containers find a token of the service account."
    )
    node_name: str = field(default="", number=10, doc="The node that the pod runs on; set by the scheduler.")
    host_network: bool = field(default=False, number=11, doc="Whether it uses the network of the node.")
    host_pid: bool = field(default=False, name="hostPID", number=12, doc="Whether it sees the processes of the node.")
    host_ipc: bool = field(
        default=False, name="hostIPC", number=13, doc="Whether it shares the node's interprocess communication."
    )
    share_process_namespace: bool | None = field(
        default=None, number=27, doc="Whether its containers see each other's processes."
    )
    security_context: PodSecurityContext | None = field(
        default=None, number=14, doc="How all its containers are confined."
    )
    image_pull_secrets: list[LocalObjectReference] = field(
        factory=list,
        list_type="map",
        list_map_keys=["name"],
        patch_strategy="merge",
        patch_merge_key="name",
        number=15,
        doc="Secrets with which images are pulled.",
    )
    hostname: str = field(default="", number=16, doc="The host name of the pod; its name unless given.")
    subdomain: str = field(default="", number=17, doc="The domain that the host name stands in.")
    affinity: Affinity | None = field(default=None, number=18, doc="Its wishes for where it runs.")
    scheduler_name: str = field(
        default="", number=19, doc="The scheduler that places it; the default one unless given."
    )
    tolerations: list[Toleration] = field(
        factory=list, list_type="atomic", number=22, doc="The taints that it tolerates."
    )
    host_aliases: list[HostAlias] = field(
        factory=list,
        list_type="map",
        list_map_keys=["ip"],
        patch_strategy="merge",
        patch_merge_key="ip",
        number=23,
        doc="Lines for its hosts file.",
    )
    priority_class_name: str = field(default="", number=24, doc="The PriorityClass that its priority comes from.")
    priority: Int32 | None = field(default=None, number=25, doc="How important it is; the higher the more.")
    dns_config: PodDNSConfig | None = field(
        default=None, number=26, doc="What its resolver gets beside what dnsPolicy says."
    )
    readiness_gates: list[PodReadinessGate] = field(
        factory=list, list_type="atomic", number=28, doc="Conditions that it needs to be ready."
    )
    runtime_class_name: str | None = field(default=None, number=29, doc="The RuntimeClass that runs it.")
    enable_service_links: bool | None = field(
        default=None, number=30, doc="Whether services become environment variables."
    )
    preemption_policy: str | None = field(
        default=None,
        enum=["PreemptLowerPriority", "Never"],
        number=31,
        doc="Never, or PreemptLowerPriority to push less important pods aside.",
    )
    overhead: dict[str, Quantity] = field(
        factory=dict, number=32, doc="What running the pod costs beside its containers."
    )
    topology_spread_constraints: list[TopologySpreadConstraint] = field(
        factory=list,
        list_type="map",
        list_map_keys=["topologyKey", "whenUnsatisfiable"],
        patch_strategy="merge",
        patch_merge_key="topologyKey",
        number=33,
        doc="How evenly it is spread with its like.",
    )
    set_hostname_as_fqdn: bool | None = field(
        default=None, name="setHostnameAsFQDN", doc="Whether the host name is the full domain name."
    )
    os: PodOS | None = field(default=None, doc="Its operating system.")
    host_users: bool | None = field(default=None, doc="Whether it uses the users of the node.")
    scheduling_gates: list[PodSchedulingGate] = field(
        factory=list,
        list_type="map",
        list_map_keys=["name"],
        patch_strategy="merge",
        patch_merge_key="name",
        doc="What keeps it from being scheduled.",
    )
    resource_claims: list[PodResourceClaim] = field(
        factory=list,
        list_type="map",
        list_map_keys=["name"],
        patch_strategy="merge,retainKeys",
        patch_merge_key="name",
        doc="Claims for devices that its containers can use.",
    )
    resources: ResourceRequirements | None = field(default=None, doc="What all containers together may and must have.")
    hostname_override: str | None = field(default=None, doc="The host name, whatever else is said.")
    scheduling_group: PodSchedulingGroup | None = field(
        default=None, number=43, doc="The group that it is scheduled with."
    )


@api_type
class PodCondition:
    """PodCondition is one thing that was observed of a pod."""

    type: str = field(doc="What is observed, such as PodScheduled or Ready.")
    observed_generation: Int64 = field(default=0, number=7, doc="The generation that it was observed of.")
    status: str = field(number=2, doc="True, False or Unknown.")
    last_probe_time: Time | None = field(
        default=None, omit_empty=False, required=False, number=3, doc="When it was last looked at."
    )
    last_transition_time: Time | None = field(
        default=None, omit_empty=False, required=False, number=4, doc="When the status changed."
    )
    reason: str = field(default="", number=5, doc="Why it changed, in a word for programs.")
    message: str = field(default="", number=6, doc="Why it changed, for people.")


@api_type
class HostIP:
    """HostIP is an address of the node of a pod."""

    ip: str = field(doc="The address.")


@api_type
class PodIP:
    """PodIP is an address of a pod."""

    ip: str = field(doc="The address.")


@api_type
class PodResourceClaimStatus:
    """PodResourceClaimStatus is the ResourceClaim that was made for a claim of a pod."""

    name: str = field(doc="The name of the claim in the pod.")
    resource_claim_name: str | None = field(default=None, doc="The ResourceClaim that was made for it.")


@api_type
class ContainerExtendedResourceRequest:
    """ContainerExtendedResourceRequest maps a container's extended resource to a request for devices."""

    container_name: str = field(doc="The container.")
    resource_name: str = field(doc="The extended resource.")
    request_name: str = field(doc="The request of the ResourceClaim.")


@api_type
class PodExtendedResourceClaimStatus:
    """PodExtendedResourceClaimStatus is the ResourceClaim that was made for extended resources of a pod."""

    request_mappings: list[ContainerExtendedResourceRequest] = field(
        factory=list,
        omit_empty=False,
        null_when_empty=True,
        list_type="atomic",
        doc="Which request is for which resource.",
    )
    resource_claim_name: str = field(doc="The ResourceClaim.")


@api_type
class NodeAllocatableResourceClaimStatus:
    """NodeAllocatableResourceClaimStatus is what a claim takes of the node's own resources."""

    resource_claim_name: str = field(doc="The ResourceClaim.")
    containers: list[str] = field(factory=list, list_type="set", doc="The containers that use it.")
    resources: dict[str, Quantity] = field(factory=dict, omit_empty=False, null_when_empty=True, doc="What it takes.")


@api_type
class PodStatus:
    """PodStatus is what was observed of a pod."""

    observed_generation: Int64 = field(default=0, number=17, doc="The generation that was last acted on.")
    phase: str = field(
        default="",
        enum=["Pending", "Running", "Succeeded", "Failed", "Unknown"],
        number=1,
        doc="Pending, Running, Succeeded, Failed or Unknown.",
    )
    conditions: list[PodCondition] = field(
        factory=list,
        list_type="map",
        list_map_keys=["type"],
        patch_strategy="merge",
        patch_merge_key="type",
        number=2,
        doc="What was last observed of the pod.",
    )
    message: str = field(default="", number=3, doc="Why it is in this condition, for people.")
    reason: str = field(default="", number=4, doc="Why it is in this state, in a word for programs, such as Evicted.")
    nominated_node_name: str = field(default="", number=11, doc="The node where others are pushed aside for it.")
    host_ip: str = field(default="", number=5, doc="The address of its node.")
    host_ips: list[HostIP] = field(
        factory=list,
        list_type="atomic",
        patch_strategy="merge",
        patch_merge_key="ip",
        number=16,
        doc="The addresses of its node. The first is hostIP.",
    )
    pod_ip: str = field(default="", number=6, doc="Its address.")
    pod_ips: list[PodIP] = field(
        factory=list,
        list_type="map",
        list_map_keys=["ip"],
        patch_strategy="merge",
        patch_merge_key="ip",
        number=12,
        doc="Its addresses, at most one for each IP family. The first is podIP.",
    )
    start_time: Time | None = field(default=None, number=7, doc="When the kubelet first saw it.")
    init_container_statuses: list[ContainerStatus] = field(
        factory=list, list_type="atomic", number=10, doc="What was observed of each init container."
    )
    container_statuses: list[ContainerStatus] = field(
        factory=list, list_type="atomic", number=8, doc="What was observed of each container."
    )
    qos_class: str = field(
        default="", enum=["Guaranteed", "Burstable", "BestEffort"], number=9, doc="Guaranteed, Burstable or BestEffort."
    )
    ephemeral_container_statuses: list[ContainerStatus] = field(
        factory=list, list_type="atomic", number=13, doc="What was observed of each ephemeral container."
    )
    resize: str = field(default="", number=14, doc="How far a resize got; no longer used.")
    resource_claim_statuses: list[PodResourceClaimStatus] = field(
        factory=list,
        list_type="map",
        list_map_keys=["name"],
        patch_strategy="merge,retainKeys",
        patch_merge_key="name",
        number=15,
        doc="The ResourceClaims that were made for it.",
    )
    extended_resource_claim_status: PodExtendedResourceClaimStatus | None = field(
        default=None, doc="The ResourceClaim that was made for its extended resources."
    )
    allocated_resources: dict[str, Quantity] = field(factory=dict, doc="What the node has given it.")
    resources: ResourceRequirements | None = field(default=None, doc="The limits and requests that hold for it now.")
    node_allocatable_resource_claim_statuses: list[NodeAllocatableResourceClaimStatus] = field(
        factory=list, list_type="atomic", doc="What claims take of the node's own resources."
    )


@api_type
class Pod(Object):
    """Pod is containers that run together on one node."""

    spec: PodSpec = field(factory=PodSpec, doc="What is wanted of the pod.")
    status: PodStatus = field(factory=PodStatus, doc="What was observed of it. Read-only.")


@api_type
class PodTemplateSpec:
    """PodTemplateSpec is the pod that a controller makes."""

    metadata: ObjectMeta = field(factory=ObjectMeta, doc="Labels and annotations of the pod.")
    spec: PodSpec = field(factory=PodSpec, doc="What is wanted of the pod.")


@api_type
class PodTemplate(Object):
    """PodTemplate is a pod to make copies of."""

    template: PodTemplateSpec = field(factory=PodTemplateSpec, doc="The pod.")


@api_type
class Binding(Object):
    """Binding puts a pod on a node."""

    target: ObjectReference = field(doc="The node.")
