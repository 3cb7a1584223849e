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

    type: str = field(doc="What is observed.")
    status: str = field(doc="True, False or Unknown.")
    last_probe_time: Time | None = field(
        default=None, omit_empty=False, required=False, doc="When it was last looked at."
    )
    last_transition_time: Time | None = field(
        default=None, omit_empty=False, required=False, doc="When the status changed."
    )
    reason: str = field(default="", doc="Why it changed, in a word for programs.")
    message: str = field(default="", doc="Why it changed, for people.")


@api_type
class ModifyVolumeStatus:
    """ModifyVolumeStatus is how far a change of the VolumeAttributesClass got."""

    target_volume_attributes_class_name: str = field(default="", doc="The class that the volume is to belong to.")
    status: str = field(enum=["Pending", "InProgress", "Infeasible"], doc="Pending, InProgress or Infeasible.")


@api_type
class PersistentVolumeClaimStatus:
    """PersistentVolumeClaimStatus is what was observed of a claim."""

    phase: str = field(default="", enum=["Pending", "Bound", "Lost"], doc="Pending, Bound or Lost.")
    access_modes: list[str] = field(factory=list, list_type="atomic", doc="How the volume can be mounted.")
    capacity: dict[str, Quantity] = field(factory=dict, doc="What the volume holds.")
    conditions: list[PersistentVolumeClaimCondition] = field(
        factory=list,
        list_type="map",
        list_map_keys=["type"],
        patch_strategy="merge",
        patch_merge_key="type",
        doc="What was last observed.",
    )
    allocated_resources: dict[str, Quantity] = field(factory=dict, doc="What is counted for it while it grows.")
    allocated_resource_statuses: dict[str, str] = field(
        factory=dict, map_type="granular", number=7, doc="How far growing got."
    )
    current_volume_attributes_class_name: str | None = field(
        default=None, number=8, doc="The VolumeAttributesClass that the volume belongs to."
    )
    modify_volume_status: ModifyVolumeStatus | None = field(
        default=None, number=9, doc="How far a change of that class got."
    )


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

    endpoints: str = field(doc="The Endpoints with the addresses of the servers.")
    path: str = field(doc="The path of what is mounted.")
    read_only: bool = field(default=False, doc="Whether nothing can be written to it.")
    endpoints_namespace: str | None = field(default=None, doc="The namespace of the Endpoints.")


@api_type
class RBDPersistentVolumeSource:
    """RBDPersistentVolumeSource is a RADOS block device. Deprecated."""

    monitors: list[str] = field(
        factory=list, omit_empty=False, null_when_empty=True, list_type="atomic", doc="The addresses of the monitors."
    )
    image: str = field(doc="The name of the image.")
    fs_type: str = field(default="", doc="The file system, such as ext4.")
    pool: str = field(default="", doc="The pool of the image.")
    user: str = field(default="", doc="Who mounts it.")
    keyring: str = field(default="", doc="The file with the key.")
    secret_ref: SecretReference | None = field(default=None, doc="The Secret with the credentials.")
    read_only: bool = field(default=False, doc="Whether nothing can be written to it.")


@api_type
class ISCSIPersistentVolumeSource:
    """ISCSIPersistentVolumeSource is an iSCSI disk."""

    target_portal: str = field(doc="The address of the target.")
    iqn: str = field(doc="The name of the target.")
    lun: Int32 = field(doc="The number of the unit.")
    iscsi_interface: str = field(default="", doc="The name of the initiator's interface.")
    fs_type: str = field(default="", doc="The file system, such as ext4.")
    read_only: bool = field(default=False, doc="Whether nothing can be written to it.")
    portals: list[str] = field(factory=list, list_type="atomic", doc="Further addresses of the target.")
    chap_auth_discovery: bool = field(default=False, doc="Whether discovery needs CHAP.")
    chap_auth_session: bool = field(default=False, number=11, doc="Whether sessions need CHAP.")
    secret_ref: SecretReference | None = field(default=None, doc="The Secret with the credentials.")
    initiator_name: str | None = field(default=None, number=12, doc="The name of the initiator.")


@api_type
class CinderPersistentVolumeSource:
    """CinderPersistentVolumeSource is a volume of OpenStack's Cinder. Deprecated."""

    volume_id: str = field(doc="The volume as its provider calls it.")
    fs_type: str = field(default="", doc="The file system, such as ext4.")
    read_only: bool = field(default=False, doc="Whether nothing can be written to it.")
    secret_ref: SecretReference | None = field(default=None, doc="The Secret with the credentials.")


@api_type
class CephFSPersistentVolumeSource:
    """CephFSPersistentVolumeSource is a CephFS file system. Deprecated."""

    monitors: list[str] = field(
        factory=list, omit_empty=False, null_when_empty=True, list_type="atomic", doc="The addresses of the monitors."
    )
    path: str = field(default="", doc="The path of what is mounted.")
    user: str = field(default="", doc="Who mounts it.")
    secret_file: str = field(default="", doc="The file with the key.")
    secret_ref: SecretReference | None = field(default=None, doc="The Secret with the credentials.")
    read_only: bool = field(default=False, doc="Whether nothing can be written to it.")


@api_type
class FlexPersistentVolumeSource:
    """FlexPersistentVolumeSource is a volume that an exec driver provides. Deprecated."""

    driver: str = field(doc="The name of the driver.")
    fs_type: str = field(default="", doc="The file system, such as ext4.")
    secret_ref: SecretReference | None = field(default=None, doc="The Secret with the credentials.")
    read_only: bool = field(default=False, doc="Whether nothing can be written to it.")
    options: dict[str, str] = field(factory=dict, doc="Further options for the driver.")


@api_type
class AzureFilePersistentVolumeSource:
    """AzureFilePersistentVolumeSource is a share of Azure File. Deprecated."""

    secret_name: str = field(doc="The Secret with the account's name and key.")
    share_name: str = field(doc="The name of the share.")
    read_only: bool = field(default=False, doc="Whether nothing can be written to it.")
    secret_namespace: str | None = field(
        default=None, omit_empty=False, required=False, doc="The namespace of the Secret."
    )


@api_type
class ScaleIOPersistentVolumeSource:
    """ScaleIOPersistentVolumeSource is a ScaleIO volume. Deprecated."""

    gateway: str = field(doc="The address of the gateway.")
    system: str = field(doc="The name of the storage system.")
    secret_ref: SecretReference | None = field(default=None, omit_empty=False, doc="The Secret with the credentials.")
    ssl_enabled: bool = field(default=False, doc="Whether the gateway is asked over TLS.")
    protection_domain: str = field(default="", doc="The protection domain of the volume.")
    storage_pool: str = field(default="", doc="The storage pool of the volume.")
    storage_mode: str = field(default="", doc="ThickProvisioned or ThinProvisioned.")
    volume_name: str = field(default="", doc="The name of the volume.")
    fs_type: str = field(default="", doc="The file system, such as ext4.")
    read_only: bool = field(default=False, doc="Whether nothing can be written to it.")


@api_type
class LocalVolumeSource:
    """LocalVolumeSource is a disk of one node."""

    path: str = field(doc="The path of what is mounted.")
    fs_type: str | None = field(default=None, doc="The file system, such as ext4.")


@api_type
class StorageOSPersistentVolumeSource:
    """StorageOSPersistentVolumeSource is a StorageOS volume. Deprecated."""

    volume_name: str = field(default="", doc="The name of the volume.")
    volume_namespace: str = field(default="", doc="The namespace of the volume in StorageOS.")
    fs_type: str = field(default="", doc="The file system, such as ext4.")
    read_only: bool = field(default=False, doc="Whether nothing can be written to it.")
    secret_ref: ObjectReference | None = field(default=None, doc="The Secret with the credentials.")


@api_type
class CSIPersistentVolumeSource:
    """CSIPersistentVolumeSource is a volume of a CSI driver."""

    driver: str = field(doc="The name of the driver.")
    volume_handle: str = field(doc="The volume as its driver calls it.")
    read_only: bool = field(default=False, doc="Whether nothing can be written to it.")
    fs_type: str = field(default="", doc="The file system, such as ext4.")
    volume_attributes: dict[str, str] = field(factory=dict, doc="What the driver is told.")
    controller_publish_secret_ref: SecretReference | None = field(
        default=None, doc="The Secret for attaching and detaching."
    )
    node_stage_secret_ref: SecretReference | None = field(default=None, doc="The Secret for staging on the node.")
    node_publish_secret_ref: SecretReference | None = field(default=None, doc="The Secret for mounting on the node.")
    controller_expand_secret_ref: SecretReference | None = field(default=None, doc="The Secret for growing the volume.")
    node_expand_secret_ref: SecretReference | None = field(default=None, doc="The Secret for growing its file system.")


@api_type
class VolumeNodeAffinity:
    """VolumeNodeAffinity says from which nodes a volume can be reached."""

    required: NodeSelector | None = field(default=None, doc="What a node has to match.")


@api_type
class PersistentVolumeSpec:
    """PersistentVolumeSpec is what a volume is; one source is set."""

    capacity: dict[str, Quantity] = field(factory=dict, doc="How much it holds.")
    gce_persistent_disk: GCEPersistentDiskVolumeSource | None = field(
        default=None, inlined=2, number=1, doc="A disk of Google Compute Engine."
    )
    aws_elastic_block_store: AWSElasticBlockStoreVolumeSource | None = field(
        default=None, inlined=2, number=2, doc="A disk of Amazon's EBS."
    )
    host_path: HostPathVolumeSource | None = field(
        default=None, inlined=2, number=3, doc="A file or folder of the node."
    )
    glusterfs: GlusterfsPersistentVolumeSource | None = field(
        default=None, inlined=2, number=4, doc="A Glusterfs volume."
    )
    nfs: NFSVolumeSource | None = field(default=None, inlined=2, number=5, doc="A share of an NFS server.")
    rbd: RBDPersistentVolumeSource | None = field(default=None, inlined=2, number=6, doc="A RADOS block device.")
    iscsi: ISCSIPersistentVolumeSource | None = field(default=None, inlined=2, number=7, doc="An iSCSI disk.")
    cinder: CinderPersistentVolumeSource | None = field(
        default=None, inlined=2, number=8, doc="A volume of OpenStack's Cinder."
    )
    cephfs: CephFSPersistentVolumeSource | None = field(default=None, inlined=2, number=9, doc="A CephFS file system.")
    fc: FCVolumeSource | None = field(default=None, inlined=2, number=10, doc="A Fibre Channel disk.")
    flocker: FlockerVolumeSource | None = field(default=None, inlined=2, number=11, doc="A Flocker volume.")
    flex_volume: FlexPersistentVolumeSource | None = field(
        default=None, inlined=2, number=12, doc="A volume that an exec driver provides."
    )
    azure_file: AzureFilePersistentVolumeSource | None = field(
        default=None, inlined=2, number=13, doc="A share of Azure File."
    )
    vsphere_volume: VsphereVirtualDiskVolumeSource | None = field(
        default=None, inlined=2, number=14, doc="A disk of vSphere."
    )
    quobyte: QuobyteVolumeSource | None = field(default=None, inlined=2, number=15, doc="A Quobyte volume.")
    azure_disk: AzureDiskVolumeSource | None = field(default=None, inlined=2, number=16, doc="An Azure data disk.")
    photon_persistent_disk: PhotonPersistentDiskVolumeSource | None = field(
        default=None, inlined=2, number=17, doc="A disk of the Photon controller."
    )
    portworx_volume: PortworxVolumeSource | None = field(default=None, inlined=2, number=18, doc="A Portworx volume.")
    scale_io: ScaleIOPersistentVolumeSource | None = field(
        default=None, name="scaleIO", inlined=2, number=19, doc="A ScaleIO volume."
    )
    local: LocalVolumeSource | None = field(default=None, inlined=2, number=20, doc="A disk of one node.")
    storageos: StorageOSPersistentVolumeSource | None = field(
        default=None, inlined=2, number=21, doc="A StorageOS volume."
    )
    csi: CSIPersistentVolumeSource | None = field(default=None, inlined=2, number=22, doc="A volume of a CSI driver.")
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
    message: str = field(default="", doc="Why it is in this phase, for people.")
    reason: str = field(default="", doc="Why it is in this phase, in a word for programs.")
    last_phase_transition_time: Time | None = field(default=None, doc="When the phase changed.")


@api_type
class PersistentVolume(Object):
    """PersistentVolume is a piece of storage."""

    spec: PersistentVolumeSpec = field(factory=PersistentVolumeSpec, doc="What it is.")
    status: PersistentVolumeStatus = field(factory=PersistentVolumeStatus, doc="What was observed of it. Read-only.")
