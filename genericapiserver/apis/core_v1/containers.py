"""The containers of a pod: environment, ports, mounts, probes, confinement.

Source: k8s.io/api/core/v1/types.go.
"""

from genericapiserver.apimachinery.types import Int32, Int64, IntOrString, Quantity, api_type, field
from genericapiserver.apis.core_v1.volumes import ObjectFieldSelector, ResourceFieldSelector

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
class ConfigMapEnvSource:
    """ConfigMapEnvSource takes environment variables from a ConfigMap."""

    name: str = field(default="", inlined=1)
    optional: bool | None = field(default=None)


@api_type
class SecretEnvSource:
    """SecretEnvSource takes environment variables from a Secret."""

    name: str = field(default="", inlined=1)
    optional: bool | None = field(default=None)


@api_type
class EnvFromSource:
    """EnvFromSource takes many environment variables from one object."""

    prefix: str = field(default="", doc="What is put before each name.")
    config_map_ref: ConfigMapEnvSource | None = field(default=None, doc="The ConfigMap to take them from.")
    secret_ref: SecretEnvSource | None = field(default=None, doc="The Secret to take them from.")


@api_type(map_type="atomic")
class ConfigMapKeySelector:
    """ConfigMapKeySelector picks a key of a ConfigMap."""

    name: str = field(default="", inlined=1)
    key: str = field()
    optional: bool | None = field(default=None)


@api_type(map_type="atomic")
class SecretKeySelector:
    """SecretKeySelector picks a key of a Secret."""

    name: str = field(default="", inlined=1)
    key: str = field()
    optional: bool | None = field(default=None)


@api_type(map_type="atomic")
class FileKeySelector:
    """FileKeySelector picks a key of an environment file in a volume."""

    volume_name: str = field()
    path: str = field()
    key: str = field()
    optional: bool | None = field(default=None)


@api_type
class EnvVarSource:
    """EnvVarSource is where the value of an environment variable comes from; one of its fields is set."""

    field_ref: ObjectFieldSelector | None = field(default=None, doc="A field of the pod.")
    resource_field_ref: ResourceFieldSelector | None = field(default=None, doc="A request or limit of the container.")
    config_map_key_ref: ConfigMapKeySelector | None = field(default=None, doc="A key of a ConfigMap.")
    secret_key_ref: SecretKeySelector | None = field(default=None, doc="A key of a Secret.")
    file_key_ref: FileKeySelector | None = field(default=None, doc="A key of an environment file.")


@api_type
class EnvVar:
    """EnvVar is an environment variable of a container."""

    name: str = field(doc="The name of the variable.")
    value: str = field(default="", doc="Its value; $(NAME) stands for a variable that was set before.")
    value_from: EnvVarSource | None = field(default=None, doc="Where the value comes from instead.")


@api_type
class ResourceClaim:
    """ResourceClaim names a claim of the pod that a container uses."""

    name: str = field()
    request: str = field(default="")


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

    resource_name: str = field()
    restart_policy: str = field()


@api_type
class ContainerRestartRuleOnExitCodes:
    """ContainerRestartRuleOnExitCodes says which exit codes a rule is for."""

    operator: str = field(default="")
    values: list[Int32] = field(factory=list, list_type="set")


@api_type
class ContainerRestartRule:
    """ContainerRestartRule says what happens when a container ends in a certain way."""

    action: str = field(default="")
    exit_codes: ContainerRestartRuleOnExitCodes | None = field(default=None)


@api_type
class VolumeMount:
    """VolumeMount puts a volume into the file system of a container."""

    name: str = field(doc="The name of the volume.")
    read_only: bool = field(default=False, doc="Whether the container can only read it.")
    recursive_read_only: str | None = field(default=None, number=7)
    mount_path: str = field(number=3, doc="Where it stands in the container.")
    sub_path: str = field(
        default="", number=4, doc="The path within the volume that is mounted; its root unless given."
    )
    mount_propagation: str | None = field(default=None, enum=["None", "HostToContainer", "Bidirectional"], number=5)
    sub_path_expr: str = field(default="", number=6)


@api_type
class VolumeDevice:
    """VolumeDevice gives a container a volume as a raw device."""

    name: str = field(doc="The name of the claim's volume.")
    device_path: str = field(doc="Where it stands in the container.")


@api_type
class ExecAction:
    """ExecAction runs a command in the container."""

    command: list[str] = field(
        factory=list, list_type="atomic", doc="The command and its arguments; no shell is involved."
    )


@api_type
class HTTPHeader:
    """HTTPHeader is a header of a probe's request."""

    name: str = field()
    value: str = field()


@api_type
class HTTPGetAction:
    """HTTPGetAction asks for something over HTTP."""

    path: str = field(default="", doc="The path to ask for.")
    port: IntOrString = field(doc="The number or name of the port.")
    host: str = field(default="", doc="The host; the pod's address unless given.")
    scheme: str = field(default="", enum=["HTTP", "HTTPS"], doc="HTTP or HTTPS.")
    http_headers: list[HTTPHeader] = field(factory=list, list_type="atomic")


@api_type
class TCPSocketAction:
    """TCPSocketAction opens a connection."""

    port: IntOrString = field()
    host: str = field(default="")


@api_type
class GRPCAction:
    """GRPCAction asks a gRPC health service."""

    port: Int32 = field()
    service: str | None = field(default=None, omit_empty=False, required=False)


@api_type
class Probe:
    """Probe is a check whether a container is well; one way to check is set."""

    exec: ExecAction | None = field(default=None, inlined=1, doc="A command that has to end with 0.")
    http_get: HTTPGetAction | None = field(default=None, inlined=1, doc="A request that has to be answered well.")
    tcp_socket: TCPSocketAction | None = field(default=None, inlined=1, doc="A port that has to take a connection.")
    grpc: GRPCAction | None = field(default=None, inlined=1, doc="A gRPC health service that has to say SERVING.")
    initial_delay_seconds: Int32 = field(
        default=0, number=2, doc="Seconds from the start of the container to the first check."
    )
    timeout_seconds: Int32 = field(default=0, number=3, doc="Seconds after which a check has failed.")
    period_seconds: Int32 = field(default=0, number=4, doc="Seconds between checks.")
    success_threshold: Int32 = field(default=0, number=5, doc="Checks in a row that have to succeed after a failure.")
    failure_threshold: Int32 = field(
        default=0, number=6, doc="Checks in a row that have to fail before anything is done."
    )
    termination_grace_period_seconds: Int64 | None = field(
        default=None, number=7, doc="Seconds that the container gets to end after its check failed."
    )


@api_type
class SleepAction:
    """SleepAction waits."""

    seconds: Int64 = field()


@api_type
class LifecycleHandler:
    """LifecycleHandler is something done at a point in a container's life; one of its fields is set."""

    exec: ExecAction | None = field(default=None)
    http_get: HTTPGetAction | None = field(default=None)
    tcp_socket: TCPSocketAction | None = field(default=None)
    sleep: SleepAction | None = field(default=None)


@api_type
class Lifecycle:
    """Lifecycle is what is done after a container starts and before it ends."""

    post_start: LifecycleHandler | None = field(default=None, doc="Done right after the container was created.")
    pre_stop: LifecycleHandler | None = field(default=None, doc="Done right before the container is told to end.")
    stop_signal: str | None = field(
        default=None,
        enum=[
            "SIGABRT",
            "SIGALRM",
            "SIGBUS",
            "SIGCHLD",
            "SIGCLD",
            "SIGCONT",
            "SIGFPE",
            "SIGHUP",
            "SIGILL",
            "SIGINT",
            "SIGIO",
            "SIGIOT",
            "SIGKILL",
            "SIGPIPE",
            "SIGPOLL",
            "SIGPROF",
            "SIGPWR",
            "SIGQUIT",
            "SIGSEGV",
            "SIGSTKFLT",
            "SIGSTOP",
            "SIGSYS",
            "SIGTERM",
            "SIGTRAP",
            "SIGTSTP",
            "SIGTTIN",
            "SIGTTOU",
            "SIGURG",
            "SIGUSR1",
            "SIGUSR2",
            "SIGVTALRM",
            "SIGWINCH",
            "SIGXCPU",
            "SIGXFSZ",
            "SIGRTMIN",
            "SIGRTMIN+1",
            "SIGRTMIN+2",
            "SIGRTMIN+3",
            "SIGRTMIN+4",
            "SIGRTMIN+5",
            "SIGRTMIN+6",
            "SIGRTMIN+7",
            "SIGRTMIN+8",
            "SIGRTMIN+9",
            "SIGRTMIN+10",
            "SIGRTMIN+11",
            "SIGRTMIN+12",
            "SIGRTMIN+13",
            "SIGRTMIN+14",
            "SIGRTMIN+15",
            "SIGRTMAX-14",
            "SIGRTMAX-13",
            "SIGRTMAX-12",
            "SIGRTMAX-11",
            "SIGRTMAX-10",
            "SIGRTMAX-9",
            "SIGRTMAX-8",
            "SIGRTMAX-7",
            "SIGRTMAX-6",
            "SIGRTMAX-5",
            "SIGRTMAX-4",
            "SIGRTMAX-3",
            "SIGRTMAX-2",
            "SIGRTMAX-1",
            "SIGRTMAX",
        ],
    )


@api_type
class Capabilities:
    """Capabilities are POSIX capabilities to add and to drop."""

    add: list[str] = field(factory=list, list_type="atomic")
    drop: list[str] = field(factory=list, list_type="atomic")


@api_type
class SELinuxOptions:
    """SELinuxOptions are the SELinux labels of a container."""

    user: str = field(default="")
    role: str = field(default="")
    type: str = field(default="")
    level: str = field(default="")


@api_type
class WindowsSecurityContextOptions:
    """WindowsSecurityContextOptions are security settings that only Windows has."""

    gmsa_credential_spec_name: str | None = field(default=None)
    gmsa_credential_spec: str | None = field(default=None)
    run_as_user_name: str | None = field(default=None)
    host_process: bool | None = field(default=None)


@api_type
class SeccompProfile:
    """SeccompProfile says which system calls are allowed."""

    type: str = field(enum=["Unconfined", "RuntimeDefault", "Localhost"])
    localhost_profile: str | None = field(default=None)


@api_type
class AppArmorProfile:
    """AppArmorProfile says which AppArmor profile is used."""

    type: str = field(enum=["Unconfined", "RuntimeDefault", "Localhost"])
    localhost_profile: str | None = field(default=None)


@api_type
class SecurityContext:
    """SecurityContext is how a container is confined; it goes before that of the pod."""

    capabilities: Capabilities | None = field(default=None, doc="Capabilities to add and to drop.")
    privileged: bool | None = field(default=None, doc="Whether the container is as powerful as root on the node.")
    se_linux_options: SELinuxOptions | None = field(default=None)
    windows_options: WindowsSecurityContextOptions | None = field(default=None, number=10)
    run_as_user: Int64 | None = field(default=None, number=4, doc="The user ID of its first process.")
    run_as_group: Int64 | None = field(default=None, number=8, doc="The group ID of its first process.")
    run_as_non_root: bool | None = field(default=None, number=5, doc="Whether it must not start as root.")
    read_only_root_filesystem: bool | None = field(
        default=None, number=6, doc="Whether its own file system is read-only."
    )
    allow_privilege_escalation: bool | None = field(
        default=None, number=7, doc="Whether a process can gain more rights than its parent has."
    )
    proc_mount: str | None = field(default=None, enum=["Default", "Unmasked"], number=9)
    seccomp_profile: SeccompProfile | None = field(default=None, doc="Which system calls are allowed.")
    app_armor_profile: AppArmorProfile | None = field(default=None)


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
