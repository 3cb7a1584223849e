"""The containers of a pod, with their ports, mounts and resources.

Source: k8s.io/api/core/v1/types.go.
"""

from genericapiserver.apimachinery.types import Int32, Quantity, api_type, field
from genericapiserver.apis.core_v1.confinement import SecurityContext
from genericapiserver.apis.core_v1.environment import EnvFromSource, EnvVar
from genericapiserver.apis.core_v1.probes import Lifecycle, Probe

MODEL_PACKAGE = "io.k8s.api.core.v1"


@api_type
class ContainerPort:
    """ContainerPort is a port that a container listens on."""

    name: str = field(default="", doc="The name of the port, which services can refer to.")
    host_port: Int32 = field(default=0, doc="The port of the node that leads to it; usually none.")
    container_port: Int32 = field(doc="The number of the port in the pod.")
    protocol: str = field(default="", key_default="TCP", enum=["TCP", "UDP", "SCTP"], doc="TCP, UDP or SCTP.")
    host_ip: str = field(default="", doc="The address of the node to which hostPort is bound.")


@api_type
class ResourceClaim:
    """ResourceClaim names a claim of the pod that a container uses."""

    name: str = field(doc="The name of the claim in the pod.")
    request: str = field(default="", doc="The request of the claim; all of them unless given.")


@api_type
class ResourceRequirements:
    """ResourceRequirements is how much of the node's resources a container may and must have."""

    limits: dict[str, Quantity] = field(factory=dict, doc="The most that it may use.")
    requests: dict[str, Quantity] = field(factory=dict, doc="The least that it needs; scheduling goes by it.")
    claims: list[ResourceClaim] = field(
        factory=list, list_type="map", list_map_keys=["name"], doc="The claims of the pod that it uses."
    )


@api_type
class ContainerResizePolicy:
    """ContainerResizePolicy says whether a container restarts when a resource of it is resized."""

    resource_name: str = field(doc="The resource: cpu or memory.")
    restart_policy: str = field(doc="NotRequired or RestartContainer.")


@api_type
class ContainerRestartRuleOnExitCodes:
    """ContainerRestartRuleOnExitCodes says which exit codes a rule is for."""

    operator: str = field(default="", doc="In or NotIn.")
    values: list[Int32] = field(factory=list, list_type="set", doc="The exit codes.")


@api_type
class ContainerRestartRule:
    """ContainerRestartRule says what happens when a container ends in a certain way."""

    action: str = field(default="", doc="Restart or RestartAllContainers.")
    exit_codes: ContainerRestartRuleOnExitCodes | None = field(default=None, doc="The exit codes that the rule is for.")


@api_type
class VolumeMount:
    """VolumeMount puts a volume into the file system of a container."""

    name: str = field(doc="The name of the volume.")
    read_only: bool = field(default=False, doc="Whether the container can only read it.")
    recursive_read_only: str | None = field(
        default=None, number=7, doc="Whether mounts below it are read-only, too: Disabled, IfPossible or Enabled."
    )
    mount_path: str = field(number=3, doc="Where it stands in the container.")
    sub_path: str = field(
        default="", number=4, doc="The path within the volume that is mounted; its root unless given."
    )
    mount_propagation: str | None = field(
        default=None,
        enum=["None", "HostToContainer", "Bidirectional"],
        number=5,
        doc="Whether later mounts are seen: None, HostToContainer or Bidirectional.",
    )
    sub_path_expr: str = field(
        default="", number=6, doc="The path within the volume, where $(NAME) stands for a variable."
    )


@api_type
class VolumeDevice:
    """VolumeDevice gives a container a volume as a raw device."""

    name: str = field(doc="The name of the claim's volume.")
    device_path: str = field(doc="Where it stands in the container.")


@api_type
class Container:
    """Container is one container of a pod."""

    name: str = field(doc="The name of the container, unique in the pod.")
    image: str = field(default="", doc="The image to run.")
    command: list[str] = field(
        factory=list, list_type="atomic", doc="What to run instead of the image's entrypoint; no shell is involved."
    )
    args: list[str] = field(factory=list, list_type="atomic", doc="The arguments, instead of those of the image.")
    working_dir: str = field(default="", doc="The folder it starts in; the image's unless given.")
    ports: list[ContainerPort] = field(
        factory=list,
        list_type="map",
        list_map_keys=["containerPort", "protocol"],
        patch_strategy="merge",
        patch_merge_key="containerPort",
        doc="Ports it listens on. For information only: any port it listens on can be reached.",
    )
    env_from: list[EnvFromSource] = field(
        factory=list, list_type="atomic", number=19, doc="Objects whose keys become environment variables."
    )
    env: list[EnvVar] = field(
        factory=list,
        list_type="map",
        list_map_keys=["name"],
        patch_strategy="merge",
        patch_merge_key="name",
        number=7,
        doc="Environment variables.",
    )
    resources: ResourceRequirements = field(
        factory=ResourceRequirements, number=8, doc="How much it may and must have of the node's resources."
    )
    resize_policy: list[ContainerResizePolicy] = field(
        factory=list, list_type="atomic", number=23, doc="Whether it restarts when a resource of it is resized."
    )
    restart_policy: str | None = field(
        default=None,
        number=24,
        doc="Always makes an init container run beside the others; for containers it overrides the pod's.",
    )
    restart_policy_rules: list[ContainerRestartRule] = field(
        factory=list, list_type="atomic", number=25, doc="What happens when it ends in certain ways."
    )
    volume_mounts: list[VolumeMount] = field(
        factory=list,
        list_type="map",
        list_map_keys=["mountPath"],
        patch_strategy="merge",
        patch_merge_key="mountPath",
        number=9,
        doc="Volumes of the pod in its file system.",
    )
    volume_devices: list[VolumeDevice] = field(
        factory=list,
        list_type="map",
        list_map_keys=["devicePath"],
        patch_strategy="merge",
        patch_merge_key="devicePath",
        number=21,
        doc="Volumes of the pod as raw devices.",
    )
    liveness_probe: Probe | None = field(default=None, number=10, doc="Restarts the container when it fails.")
    readiness_probe: Probe | None = field(default=None, number=11, doc="Takes the pod out of services while it fails.")
    startup_probe: Probe | None = field(
        default=None, number=22, doc="Holds the other probes back until it has succeeded."
    )
    lifecycle: Lifecycle | None = field(default=None, number=12, doc="What is done after the start and before the end.")
    termination_message_path: str = field(default="", number=13, doc="The file that its last message is read from.")
    termination_message_policy: str = field(
        default="",
        enum=["File", "FallbackToLogsOnError"],
        doc="File, or FallbackToLogsOnError to take the end of the log after an error.",
    )
    image_pull_policy: str = field(
        default="",
        enum=["Always", "Never", "IfNotPresent"],
        number=14,
        doc="When the image is pulled: Always, Never or IfNotPresent.",
    )
    security_context: SecurityContext | None = field(default=None, number=15, doc="How it is confined.")
    stdin: bool = field(default=False, number=16, doc="Whether it has a standard input.")
    stdin_once: bool = field(
        default=False, number=17, doc="Whether its input is closed after the first client has left."
    )
    tty: bool = field(default=False, number=18, doc="Whether it has a terminal.")


@api_type
class EphemeralContainer:
    """EphemeralContainer is a container that is put into a running pod, to look at it."""

    name: str = field(inlined=1, doc="The name of the container, unique in the pod.")
    image: str = field(default="", inlined=1, doc="The image to run.")
    command: list[str] = field(
        factory=list,
        list_type="atomic",
        inlined=1,
        doc="What to run instead of the image's entrypoint; no shell is involved.",
    )
    args: list[str] = field(
        factory=list, list_type="atomic", inlined=1, doc="The arguments, instead of those of the image."
    )
    working_dir: str = field(default="", inlined=1, doc="The folder it starts in; the image's unless given.")
    ports: list[ContainerPort] = field(
        factory=list,
        list_type="map",
        list_map_keys=["containerPort", "protocol"],
        patch_strategy="merge",
        patch_merge_key="containerPort",
        inlined=1,
        doc="Ports it listens on. For information only: any port it listens on can be reached.",
    )
    env_from: list[EnvFromSource] = field(
        factory=list, list_type="atomic", inlined=1, number=19, doc="Objects whose keys become environment variables."
    )
    env: list[EnvVar] = field(
        factory=list,
        list_type="map",
        list_map_keys=["name"],
        patch_strategy="merge",
        patch_merge_key="name",
        inlined=1,
        number=7,
        doc="Environment variables.",
    )
    resources: ResourceRequirements = field(
        factory=ResourceRequirements, inlined=1, number=8, doc="How much it may and must have of the node's resources."
    )
    resize_policy: list[ContainerResizePolicy] = field(
        factory=list,
        list_type="atomic",
        inlined=1,
        number=23,
        doc="Whether it restarts when a resource of it is resized.",
    )
    restart_policy: str | None = field(
        default=None,
        inlined=1,
        number=24,
        doc="Always makes an init container run beside the others; for containers it overrides the pod's.",
    )
    restart_policy_rules: list[ContainerRestartRule] = field(
        factory=list, list_type="atomic", inlined=1, number=25, doc="What happens when it ends in certain ways."
    )
    volume_mounts: list[VolumeMount] = field(
        factory=list,
        list_type="map",
        list_map_keys=["mountPath"],
        patch_strategy="merge",
        patch_merge_key="mountPath",
        inlined=1,
        number=9,
        doc="Volumes of the pod in its file system.",
    )
    volume_devices: list[VolumeDevice] = field(
        factory=list,
        list_type="map",
        list_map_keys=["devicePath"],
        patch_strategy="merge",
        patch_merge_key="devicePath",
        inlined=1,
        number=21,
        doc="Volumes of the pod as raw devices.",
    )
    liveness_probe: Probe | None = field(
        default=None, inlined=1, number=10, doc="Restarts the container when it fails."
    )
    readiness_probe: Probe | None = field(
        default=None, inlined=1, number=11, doc="Takes the pod out of services while it fails."
    )
    startup_probe: Probe | None = field(
        default=None, inlined=1, number=22, doc="Holds the other probes back until it has succeeded."
    )
    lifecycle: Lifecycle | None = field(
        default=None, inlined=1, number=12, doc="What is done after the start and before the end."
    )
    termination_message_path: str = field(
        default="", inlined=1, number=13, doc="The file that its last message is read from."
    )
    termination_message_policy: str = field(
        default="",
        enum=["File", "FallbackToLogsOnError"],
        inlined=1,
        doc="File, or FallbackToLogsOnError to take the end of the log after an error.",
    )
    image_pull_policy: str = field(
        default="",
        enum=["Always", "Never", "IfNotPresent"],
        inlined=1,
        number=14,
        doc="When the image is pulled: Always, Never or IfNotPresent.",
    )
    security_context: SecurityContext | None = field(default=None, inlined=1, number=15, doc="How it is confined.")
    stdin: bool = field(default=False, inlined=1, number=16, doc="Whether it has a standard input.")
    stdin_once: bool = field(
        default=False, inlined=1, number=17, doc="Whether its input is closed after the first client has left."
    )
    tty: bool = field(default=False, inlined=1, number=18, doc="Whether it has a terminal.")
    target_container_name: str = field(
        default="", number=2, doc="The container whose processes it sees; the pod's own unless given."
    )
