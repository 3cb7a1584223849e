"""What is observed of containers.

Source: k8s.io/api/core/v1/types.go.
"""

from genericapiserver.apimachinery.types import Int32, Int64, Quantity, Time, api_type, field
from genericapiserver.apis.core_v1.containers import ResourceRequirements
from genericapiserver.apis.core_v1.stop_signals import STOP_SIGNALS

MODEL_PACKAGE = "io.k8s.api.core.v1"


@api_type
class ContainerStateWaiting:
    """ContainerStateWaiting is a container that does not run yet."""

    reason: str = field(default="", doc="Why it waits, in a word, such as ErrImagePull.")
    message: str = field(default="", doc="Why it waits, for people.")


@api_type
class ContainerStateRunning:
    """ContainerStateRunning is a container that runs."""

    started_at: Time | None = field(default=None, omit_empty=False, required=False, doc="When it was started.")


@api_type
class ContainerStateTerminated:
    """ContainerStateTerminated is a container that has ended."""

    exit_code: Int32 = field(doc="The exit code of its first process.")
    signal: Int32 = field(default=0, doc="The signal that ended it.")
    reason: str = field(default="", doc="Why it ended, in a word, such as OOMKilled.")
    message: str = field(default="", doc="Its last words.")
    started_at: Time | None = field(default=None, omit_empty=False, required=False, doc="When it was started.")
    finished_at: Time | None = field(default=None, omit_empty=False, required=False, doc="When it ended.")
    container_id: str = field(default="", doc="The container as its runtime calls it.")


@api_type
class ContainerState:
    """ContainerState is where a container is in its life; at most one of its fields is set."""

    waiting: ContainerStateWaiting | None = field(default=None, doc="It does not run yet.")
    running: ContainerStateRunning | None = field(default=None, doc="It runs.")
    terminated: ContainerStateTerminated | None = field(default=None, doc="It has ended.")


@api_type
class ImageVolumeStatus:
    """ImageVolumeStatus is the image that a volume holds."""

    image_ref: str = field(default="", doc="The image with its digest.")


@api_type
class VolumeStatus:
    """VolumeStatus is what is known of a mounted volume."""

    image: ImageVolumeStatus | None = field(default=None, doc="The image that the volume holds.")


@api_type
class VolumeMountStatus:
    """VolumeMountStatus is how a volume was mounted."""

    name: str = field(doc="The name of the volume.")
    mount_path: str = field(doc="Where it stands in the container.")
    read_only: bool = field(default=False, doc="Whether nothing can be written to it.")
    recursive_read_only: str | None = field(default=None, doc="Whether mounts below it are read-only, too.")
    volume_status: VolumeStatus | None = field(default=None, doc="What is known of the volume.")


@api_type
class LinuxContainerUser:
    """LinuxContainerUser is the user of a container's first process."""

    uid: Int64 = field(doc="The user ID.")
    gid: Int64 = field(doc="The group ID.")
    supplemental_groups: list[Int64] = field(factory=list, list_type="atomic", doc="Further group IDs.")


@api_type
class ContainerUser:
    """ContainerUser is the user of a container, for its operating system."""

    linux: LinuxContainerUser | None = field(default=None, doc="The user on Linux.")


@api_type
class ResourceHealth:
    """ResourceHealth is how a device does."""

    resource_id: str = field(doc="The device.")
    health: str = field(default="", doc="Healthy, Unhealthy or Unknown.")
    message: str | None = field(default=None, number=6, doc="Why it is so, for people.")


@api_type
class ResourceStatus:
    """ResourceStatus is how the devices of a container do."""

    name: str = field(doc="The name of the resource.")
    resources: list[ResourceHealth] = field(
        factory=list, list_type="map", list_map_keys=["resourceID"], doc="How each device does."
    )


@api_type
class ContainerStatus:
    """ContainerStatus is what was observed of a container."""

    name: str = field(doc="The name of the container.")
    state: ContainerState = field(factory=ContainerState, doc="Where it is now.")
    last_state: ContainerState = field(factory=ContainerState, doc="How it ended the last time.")
    ready: bool = field(doc="Whether it is ready.")
    restart_count: Int32 = field(doc="How often it was started again.")
    image: str = field(doc="The image it runs.")
    image_id: str = field(doc="The image with its digest.")
    container_id: str = field(default="", doc="The container as its runtime calls it.")
    started: bool | None = field(default=None, doc="Whether it has passed its startup probe.")
    allocated_resources: dict[str, Quantity] = field(factory=dict, doc="What the node has given it.")
    resources: ResourceRequirements | None = field(default=None, doc="The limits and requests that hold for it now.")
    volume_mounts: list[VolumeMountStatus] = field(
        factory=list,
        list_type="map",
        list_map_keys=["mountPath"],
        patch_strategy="merge",
        patch_merge_key="mountPath",
        doc="How its volumes were mounted.",
    )
    user: ContainerUser | None = field(default=None, doc="The user of its first process.")
    allocated_resources_status: list[ResourceStatus] = field(
        factory=list,
        list_type="map",
        list_map_keys=["name"],
        patch_strategy="merge",
        patch_merge_key="name",
        doc="How its devices do.",
    )
    stop_signal: str | None = field(
        default=None,
        enum=STOP_SIGNALS,
        doc="The signal that tells it to end.",
    )
