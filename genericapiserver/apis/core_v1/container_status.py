"""What is observed of containers.

Source: k8s.io/api/core/v1/types.go.
"""

from genericapiserver.apimachinery.types import Int32, Int64, Quantity, Time, api_type, field
from genericapiserver.apis.core_v1.containers import ResourceRequirements

MODEL_PACKAGE = "io.k8s.api.core.v1"


@api_type
class ContainerStateWaiting:
    """ContainerStateWaiting is a container that does not run yet."""

    reason: str = field(default="")
    message: str = field(default="")


@api_type
class ContainerStateRunning:
    """ContainerStateRunning is a container that runs."""

    started_at: Time | None = field(default=None, omit_empty=False, required=False)


@api_type
class ContainerStateTerminated:
    """ContainerStateTerminated is a container that has ended."""

    exit_code: Int32 = field()
    signal: Int32 = field(default=0)
    reason: str = field(default="")
    message: str = field(default="")
    started_at: Time | None = field(default=None, omit_empty=False, required=False)
    finished_at: Time | None = field(default=None, omit_empty=False, required=False)
    container_id: str = field(default="")


@api_type
class ContainerState:
    """ContainerState is where a container is in its life; at most one of its fields is set."""

    waiting: ContainerStateWaiting | None = field(default=None)
    running: ContainerStateRunning | None = field(default=None)
    terminated: ContainerStateTerminated | None = field(default=None)


@api_type
class ImageVolumeStatus:
    """ImageVolumeStatus is the image that a volume holds."""

    image_ref: str = field(default="")


@api_type
class VolumeStatus:
    """VolumeStatus is what is known of a mounted volume."""

    image: ImageVolumeStatus | None = field(default=None)


@api_type
class VolumeMountStatus:
    """VolumeMountStatus is how a volume was mounted."""

    name: str = field()
    mount_path: str = field()
    read_only: bool = field(default=False)
    recursive_read_only: str | None = field(default=None)
    volume_status: VolumeStatus | None = field(default=None)


@api_type
class LinuxContainerUser:
    """LinuxContainerUser is the user of a container's first process."""

    uid: Int64 = field()
    gid: Int64 = field()
    supplemental_groups: list[Int64] = field(factory=list, list_type="atomic")


@api_type
class ContainerUser:
    """ContainerUser is the user of a container, for its operating system."""

    linux: LinuxContainerUser | None = field(default=None)


@api_type
class ResourceHealth:
    """ResourceHealth is how a device does."""

    resource_id: str = field()
    health: str = field(default="")
    message: str | None = field(default=None, number=6)


@api_type
class ResourceStatus:
    """ResourceStatus is how the devices of a container do."""

    name: str = field()
    resources: list[ResourceHealth] = field(factory=list, list_type="map", list_map_keys=["resourceID"])


@api_type
class ContainerStatus:
    """ContainerStatus is what was observed of a container."""

    name: str = field(doc="The name of the container.")
    state: ContainerState = field(factory=ContainerState, doc="Where it is now.")
    last_state: ContainerState = field(factory=ContainerState, doc="How it ended the last time.")
    ready: bool = field(doc="Whether it is ready.")
    restart_count: Int32 = field(doc="How often it was started again.")
    image: str = field(doc="The image it runs.")
    image_id: str = field()
    container_id: str = field(default="")
    started: bool | None = field(default=None)
    allocated_resources: dict[str, Quantity] = field(factory=dict)
    resources: ResourceRequirements | None = field(default=None)
    volume_mounts: list[VolumeMountStatus] = field(
        factory=list, list_type="map", list_map_keys=["mountPath"], patch_strategy="merge", patch_merge_key="mountPath"
    )
    user: ContainerUser | None = field(default=None)
    allocated_resources_status: list[ResourceStatus] = field(
        factory=list, list_type="map", list_map_keys=["name"], patch_strategy="merge", patch_merge_key="name"
    )
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
