"""storage.k8s.io/v1: classes of storage, CSI drivers, and volumes attached to nodes.

Source: k8s.io/api/storage/v1/types.go.
"""

from genericapiserver.apimachinery.meta import LabelSelector, Object
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme, add_to_group_version
from genericapiserver.apimachinery.types import Int32, Int64, Quantity, Time, api_type, field
from genericapiserver.apis.core_v1.persistent_volumes import PersistentVolumeSpec
from genericapiserver.apis.core_v1.placement import TopologySelectorTerm

GROUP_VERSION = GroupVersion("storage.k8s.io", "v1")
MODEL_PACKAGE = "io.k8s.api.storage.v1"


@api_type
class StorageClass(Object):
    """StorageClass is a kind of storage that volumes are made of."""

    provisioner: str = field(doc="Who makes the volumes.")
    parameters: dict[str, str] = field(factory=dict, doc="What it is told.")
    reclaim_policy: str | None = field(
        default=None,
        enum=["Recycle", "Delete", "Retain"],
        doc="What becomes of volumes after their claims: Delete or Retain.",
    )
    mount_options: list[str] = field(factory=list, list_type="atomic", doc="Options to mount volumes with.")
    allow_volume_expansion: bool | None = field(default=None, doc="Whether volumes can grow.")
    volume_binding_mode: str | None = field(
        default=None,
        enum=["Immediate", "WaitForFirstConsumer"],
        doc="Immediate, or WaitForFirstConsumer to know the node first.",
    )
    allowed_topologies: list[TopologySelectorTerm] = field(
        factory=list, list_type="atomic", doc="Where volumes may be made."
    )


@api_type
class TokenRequest:
    """TokenRequest is a token of the pod's service account that a driver wants."""

    audience: str = field(doc="For whom the token is.")
    expiration_seconds: Int64 | None = field(default=None, doc="How many seconds it is good for.")


@api_type
class CSIDriverSpec:
    """CSIDriverSpec is how a CSI driver is to be treated."""

    attach_required: bool | None = field(default=None, doc="Whether volumes have to be attached.")
    pod_info_on_mount: bool | None = field(default=None, doc="Whether it is told of the pod when it mounts.")
    volume_lifecycle_modes: list[str] = field(
        factory=list, list_type="set", doc="The kinds of volumes it has: Persistent, Ephemeral."
    )
    storage_capacity: bool | None = field(default=None, doc="Whether it tells how much is left.")
    fs_group_policy: str | None = field(
        default=None, doc="Whether volumes change owner: None, File or ReadWriteOnceWithFSType."
    )
    token_requests: list[TokenRequest] = field(factory=list, list_type="atomic", doc="The tokens that it wants.")
    requires_republish: bool | None = field(default=None, doc="Whether volumes are published again and again.")
    se_linux_mount: bool | None = field(default=None, doc="Whether it mounts with SELinux labels.")
    node_allocatable_update_period_seconds: Int64 | None = field(
        default=None, doc="Seconds after which the limits of nodes are asked for again."
    )
    service_account_token_in_secrets: bool | None = field(
        default=None, doc="Whether tokens are passed on like secrets."
    )
    prevent_pod_scheduling_if_missing: bool | None = field(
        default=None, doc="Whether pods stay away from nodes without it."
    )


@api_type
class CSIDriver(Object):
    """CSIDriver tells of a CSI driver in the cluster."""

    spec: CSIDriverSpec = field(doc="How it is to be treated.")


@api_type
class VolumeNodeResources:
    """VolumeNodeResources is how many volumes of a driver a node can have."""

    count: Int32 | None = field(default=None, doc="How many.")


@api_type
class CSINodeDriver:
    """CSINodeDriver is a CSI driver on a node."""

    name: str = field(doc="The name of the driver.")
    node_id: str = field(doc="The node as the driver calls it.")
    topology_keys: list[str] = field(
        factory=list,
        omit_empty=False,
        null_when_empty=True,
        required=False,
        list_type="atomic",
        doc="The labels that say where the node is.",
    )
    allocatable: VolumeNodeResources | None = field(default=None, doc="How many volumes the node can have.")


@api_type
class CSINodeSpec:
    """CSINodeSpec is the CSI drivers of a node."""

    drivers: list[CSINodeDriver] = field(
        factory=list,
        omit_empty=False,
        null_when_empty=True,
        list_type="map",
        list_map_keys=["name"],
        patch_strategy="merge",
        patch_merge_key="name",
        doc="The drivers.",
    )


@api_type
class CSINode(Object):
    """CSINode tells of the CSI drivers on the node of the same name."""

    spec: CSINodeSpec = field(doc="The drivers of the node.")


@api_type
class CSIStorageCapacity(Object):
    """CSIStorageCapacity is how much storage of a class is left somewhere."""

    node_topology: LabelSelector | None = field(default=None, doc="Which nodes can reach it.")
    storage_class_name: str = field(doc="The class.")
    capacity: Quantity | None = field(default=None, doc="How much is left.")
    maximum_volume_size: Quantity | None = field(default=None, doc="How large one volume can be.")


@api_type
class VolumeAttachmentSource:
    """VolumeAttachmentSource is the volume that is attached; one of its fields is set."""

    persistent_volume_name: str | None = field(default=None, doc="The PersistentVolume.")
    inline_volume_spec: PersistentVolumeSpec | None = field(default=None, doc="A volume that has no object of its own.")


@api_type
class VolumeAttachmentSpec:
    """VolumeAttachmentSpec is what is attached where and by whom."""

    attacher: str = field(doc="The driver that attaches it.")
    source: VolumeAttachmentSource = field(doc="The volume.")
    node_name: str = field(doc="The node.")


@api_type
class VolumeError:
    """VolumeError is what went wrong with a volume."""

    time: Time | None = field(default=None, omit_empty=False, required=False, doc="When it went wrong.")
    message: str = field(default="", doc="What went wrong.")
    error_code: Int32 | None = field(default=None, doc="The gRPC code of the driver's answer.")


@api_type
class VolumeAttachmentStatus:
    """VolumeAttachmentStatus is how far an attachment got."""

    attached: bool = field(default=False, omit_empty=False, doc="Whether the volume is attached.")
    attachment_metadata: dict[str, str] = field(factory=dict, doc="What the driver says of the attachment.")
    attach_error: VolumeError | None = field(default=None, doc="What went wrong with attaching.")
    detach_error: VolumeError | None = field(default=None, doc="What went wrong with detaching.")


@api_type
class VolumeAttachment(Object):
    """VolumeAttachment asks that a volume be attached to a node."""

    spec: VolumeAttachmentSpec = field(doc="What is attached where and by whom.")
    status: VolumeAttachmentStatus = field(factory=VolumeAttachmentStatus, doc="How far it got. Read-only.")


@api_type
class VolumeAttributesClass(Object):
    """VolumeAttributesClass is settings of volumes that can be changed while they are used."""

    driver_name: str = field(doc="The CSI driver.")
    parameters: dict[str, str] = field(factory=dict, doc="What it is told. They cannot be changed.")


def add_to_scheme(scheme: Scheme) -> None:
    """Register every kind, each its own hub, and what a version carries beside its kinds."""
    for version in (GROUP_VERSION, GroupVersion(GROUP_VERSION.group, INTERNAL_VERSION)):
        scheme.add_known_types(
            version, StorageClass, CSIDriver, CSINode, CSIStorageCapacity, VolumeAttachment, VolumeAttributesClass
        )
    add_to_group_version(scheme, GROUP_VERSION)
    scheme.set_version_priority(GROUP_VERSION)
