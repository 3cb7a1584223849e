"""PersistentVolume and PersistentVolumeClaim.

Source: k8s.io/api/core/v1/types.go.
"""

from genericapiserver.apimachinery.meta import LabelSelector, Object
from genericapiserver.apimachinery.types import Int32, Quantity, Time, api_type, field
from genericapiserver.apis.core_v1.placement import NodeSelector
from genericapiserver.apis.core_v1.references import (
    ObjectReference,
    SecretReference,
    TypedLocalObjectReference,
    TypedObjectReference,
)
from genericapiserver.apis.core_v1.volume_sources import (
    AWSElasticBlockStoreVolumeSource,
    AzureDiskVolumeSource,
    FCVolumeSource,
    FlockerVolumeSource,
    GCEPersistentDiskVolumeSource,
    HostPathVolumeSource,
    NFSVolumeSource,
    PhotonPersistentDiskVolumeSource,
    PortworxVolumeSource,
    QuobyteVolumeSource,
    VsphereVirtualDiskVolumeSource,
)

MODEL_PACKAGE = "io.k8s.api.core.v1"


@api_type
class VolumeResourceRequirements:
    """VolumeResourceRequirements is how much storage is asked for."""

    limits: dict[str, Quantity] = field(factory=dict, doc="The most that may be given.")
    requests: dict[str, Quantity] = field(factory=dict, doc="The least that has to be given.")


@api_type
class PersistentVolumeClaimSpec:
    """PersistentVolumeClaimSpec says which storage is asked for."""

    access_modes: list[str] = field(
        factory=list, list_type="atomic", doc="How the volume can be mounted, such as ReadWriteOnce."
    )
    selector: LabelSelector | None = field(default=None, number=4, doc="The labels that a volume has to have.")
    resources: VolumeResourceRequirements = field(
        factory=VolumeResourceRequirements, number=2, doc="How much storage is asked for."
    )
    volume_name: str = field(default="", number=3, doc="The volume that the claim is bound to.")
    storage_class_name: str | None = field(default=None, doc="The class of storage.")
    volume_mode: str | None = field(default=None, enum=["Block", "Filesystem"], doc="Filesystem or Block.")
    data_source: TypedLocalObjectReference | None = field(default=None, doc="What the volume is filled from.")
    data_source_ref: TypedObjectReference | None = field(
        default=None, doc="What the volume is filled from, of any kind."
    )
    volume_attributes_class_name: str | None = field(default=None, doc="The VolumeAttributesClass of the volume.")


@api_type
class PersistentVolumeClaimCondition:
    """PersistentVolumeClaimCondition is one thing that was observed of a claim."""

    type: str = field()
    status: str = field()
    last_probe_time: Time | None = field(default=None, omit_empty=False, required=False)
    last_transition_time: Time | None = field(default=None, omit_empty=False, required=False)
    reason: str = field(default="")
    message: str = field(default="")


@api_type
class ModifyVolumeStatus:
    """ModifyVolumeStatus is how far a change of the VolumeAttributesClass got."""

    target_volume_attributes_class_name: str = field(default="")
    status: str = field(enum=["Pending", "InProgress", "Infeasible"])


@api_type
class PersistentVolumeClaimStatus:
    """PersistentVolumeClaimStatus is what was observed of a claim."""

    phase: str = field(default="", enum=["Pending", "Bound", "Lost"], doc="Pending, Bound or Lost.")
    access_modes: list[str] = field(factory=list, list_type="atomic")
    capacity: dict[str, Quantity] = field(factory=dict, doc="What the volume holds.")
    conditions: list[PersistentVolumeClaimCondition] = field(
        factory=list, list_type="map", list_map_keys=["type"], patch_strategy="merge", patch_merge_key="type"
    )
    allocated_resources: dict[str, Quantity] = field(factory=dict)
    allocated_resource_statuses: dict[str, str] = field(factory=dict, map_type="granular", number=7)
    current_volume_attributes_class_name: str | None = field(default=None, number=8)
    modify_volume_status: ModifyVolumeStatus | None = field(default=None, number=9)


@api_type
class PersistentVolumeClaim(Object):
    """PersistentVolumeClaim asks for a piece of storage."""

    spec: PersistentVolumeClaimSpec = field(factory=PersistentVolumeClaimSpec, doc="Which storage is asked for.")
    status: PersistentVolumeClaimStatus = field(
        factory=PersistentVolumeClaimStatus, doc="What was observed of it. Read-only."
    )


@api_type
class GlusterfsPersistentVolumeSource:
    """GlusterfsPersistentVolumeSource is a Glusterfs volume. Deprecated."""

    endpoints: str = field()
    path: str = field()
    read_only: bool = field(default=False)
    endpoints_namespace: str | None = field(default=None)


@api_type
class RBDPersistentVolumeSource:
    """RBDPersistentVolumeSource is a RADOS block device. Deprecated."""

    monitors: list[str] = field(factory=list, omit_empty=False, null_when_empty=True, list_type="atomic")
    image: str = field()
    fs_type: str = field(default="")
    pool: str = field(default="")
    user: str = field(default="")
    keyring: str = field(default="")
    secret_ref: SecretReference | None = field(default=None)
    read_only: bool = field(default=False)


@api_type
class ISCSIPersistentVolumeSource:
    """ISCSIPersistentVolumeSource is an iSCSI disk."""

    target_portal: str = field()
    iqn: str = field()
    lun: Int32 = field()
    iscsi_interface: str = field(default="")
    fs_type: str = field(default="")
    read_only: bool = field(default=False)
    portals: list[str] = field(factory=list, list_type="atomic")
    chap_auth_discovery: bool = field(default=False)
    chap_auth_session: bool = field(default=False, number=11)
    secret_ref: SecretReference | None = field(default=None)
    initiator_name: str | None = field(default=None, number=12)


@api_type
class CinderPersistentVolumeSource:
    """CinderPersistentVolumeSource is a volume of OpenStack's Cinder. Deprecated."""

    volume_id: str = field()
    fs_type: str = field(default="")
    read_only: bool = field(default=False)
    secret_ref: SecretReference | None = field(default=None)


@api_type
class CephFSPersistentVolumeSource:
    """CephFSPersistentVolumeSource is a CephFS file system. Deprecated."""

    monitors: list[str] = field(factory=list, omit_empty=False, null_when_empty=True, list_type="atomic")
    path: str = field(default="")
    user: str = field(default="")
    secret_file: str = field(default="")
    secret_ref: SecretReference | None = field(default=None)
    read_only: bool = field(default=False)


@api_type
class FlexPersistentVolumeSource:
    """FlexPersistentVolumeSource is a volume that an exec driver provides. Deprecated."""

    driver: str = field()
    fs_type: str = field(default="")
    secret_ref: SecretReference | None = field(default=None)
    read_only: bool = field(default=False)
    options: dict[str, str] = field(factory=dict)


@api_type
class AzureFilePersistentVolumeSource:
    """AzureFilePersistentVolumeSource is a share of Azure File. Deprecated."""

    secret_name: str = field()
    share_name: str = field()
    read_only: bool = field(default=False)
    secret_namespace: str | None = field(default=None, omit_empty=False, required=False)


@api_type
class ScaleIOPersistentVolumeSource:
    """ScaleIOPersistentVolumeSource is a ScaleIO volume. Deprecated."""

    gateway: str = field()
    system: str = field()
    secret_ref: SecretReference | None = field(default=None, omit_empty=False)
    ssl_enabled: bool = field(default=False)
    protection_domain: str = field(default="")
    storage_pool: str = field(default="")
    storage_mode: str = field(default="")
    volume_name: str = field(default="")
    fs_type: str = field(default="")
    read_only: bool = field(default=False)


@api_type
class LocalVolumeSource:
    """LocalVolumeSource is a disk of one node."""

    path: str = field()
    fs_type: str | None = field(default=None)


@api_type
class StorageOSPersistentVolumeSource:
    """StorageOSPersistentVolumeSource is a StorageOS volume. Deprecated."""

    volume_name: str = field(default="")
    volume_namespace: str = field(default="")
    fs_type: str = field(default="")
    read_only: bool = field(default=False)
    secret_ref: ObjectReference | None = field(default=None)


@api_type
class CSIPersistentVolumeSource:
    """CSIPersistentVolumeSource is a volume of a CSI driver."""

    driver: str = field()
    volume_handle: str = field()
    read_only: bool = field(default=False)
    fs_type: str = field(default="")
    volume_attributes: dict[str, str] = field(factory=dict)
    controller_publish_secret_ref: SecretReference | None = field(default=None)
    node_stage_secret_ref: SecretReference | None = field(default=None)
    node_publish_secret_ref: SecretReference | None = field(default=None)
    controller_expand_secret_ref: SecretReference | None = field(default=None)
    node_expand_secret_ref: SecretReference | None = field(default=None)


@api_type
class VolumeNodeAffinity:
    """VolumeNodeAffinity says from which nodes a volume can be reached."""

    required: NodeSelector | None = field(default=None)


@api_type
class PersistentVolumeSpec:
    """PersistentVolumeSpec is what a volume is; one source is set."""

    capacity: dict[str, Quantity] = field(factory=dict, doc="How much it holds.")
    gce_persistent_disk: GCEPersistentDiskVolumeSource | None = field(default=None, inlined=2, number=1)
    aws_elastic_block_store: AWSElasticBlockStoreVolumeSource | None = field(default=None, inlined=2, number=2)
    host_path: HostPathVolumeSource | None = field(default=None, inlined=2, number=3)
    glusterfs: GlusterfsPersistentVolumeSource | None = field(default=None, inlined=2, number=4)
    nfs: NFSVolumeSource | None = field(default=None, inlined=2, number=5)
    rbd: RBDPersistentVolumeSource | None = field(default=None, inlined=2, number=6)
    iscsi: ISCSIPersistentVolumeSource | None = field(default=None, inlined=2, number=7)
    cinder: CinderPersistentVolumeSource | None = field(default=None, inlined=2, number=8)
    cephfs: CephFSPersistentVolumeSource | None = field(default=None, inlined=2, number=9)
    fc: FCVolumeSource | None = field(default=None, inlined=2, number=10)
    flocker: FlockerVolumeSource | None = field(default=None, inlined=2, number=11)
    flex_volume: FlexPersistentVolumeSource | None = field(default=None, inlined=2, number=12)
    azure_file: AzureFilePersistentVolumeSource | None = field(default=None, inlined=2, number=13)
    vsphere_volume: VsphereVirtualDiskVolumeSource | None = field(default=None, inlined=2, number=14)
    quobyte: QuobyteVolumeSource | None = field(default=None, inlined=2, number=15)
    azure_disk: AzureDiskVolumeSource | None = field(default=None, inlined=2, number=16)
    photon_persistent_disk: PhotonPersistentDiskVolumeSource | None = field(default=None, inlined=2, number=17)
    portworx_volume: PortworxVolumeSource | None = field(default=None, inlined=2, number=18)
    scale_io: ScaleIOPersistentVolumeSource | None = field(default=None, name="scaleIO", inlined=2, number=19)
    local: LocalVolumeSource | None = field(default=None, inlined=2, number=20)
    storageos: StorageOSPersistentVolumeSource | None = field(default=None, inlined=2, number=21)
    csi: CSIPersistentVolumeSource | None = field(default=None, inlined=2, number=22)
    access_modes: list[str] = field(
        factory=list, list_type="atomic", number=3, doc="How it can be mounted, such as ReadWriteOnce."
    )
    claim_ref: ObjectReference | None = field(
        default=None, map_type="granular", number=4, doc="The claim that it is bound to."
    )
    persistent_volume_reclaim_policy: str = field(
        default="",
        enum=["Recycle", "Delete", "Retain"],
        number=5,
        doc="What becomes of it after the claim: Retain, Delete or Recycle.",
    )
    storage_class_name: str = field(default="", number=6, doc="The class of storage it belongs to.")
    mount_options: list[str] = field(factory=list, list_type="atomic", number=7, doc="Options to mount it with.")
    volume_mode: str | None = field(default=None, enum=["Block", "Filesystem"], number=8, doc="Filesystem or Block.")
    node_affinity: VolumeNodeAffinity | None = field(default=None, number=9, doc="From which nodes it can be reached.")
    volume_attributes_class_name: str | None = field(
        default=None, number=10, doc="The VolumeAttributesClass it belongs to."
    )


@api_type
class PersistentVolumeStatus:
    """PersistentVolumeStatus is what was observed of a volume."""

    phase: str = field(
        default="",
        enum=["Pending", "Available", "Bound", "Released", "Failed"],
        doc="Pending, Available, Bound, Released or Failed.",
    )
    message: str = field(default="")
    reason: str = field(default="")
    last_phase_transition_time: Time | None = field(default=None)


@api_type
class PersistentVolume(Object):
    """PersistentVolume is a piece of storage."""

    spec: PersistentVolumeSpec = field(factory=PersistentVolumeSpec, doc="What it is.")
    status: PersistentVolumeStatus = field(factory=PersistentVolumeStatus, doc="What was observed of it. Read-only.")
