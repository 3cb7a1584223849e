"""Storage that a pod can name by itself, or a PersistentVolume can stand for.

Source: k8s.io/api/core/v1/types.go.
"""

from genericapiserver.apimachinery.types import Int32, Quantity, api_type, field
from genericapiserver.apis.core_v1.references import LocalObjectReference

MODEL_PACKAGE = "io.k8s.api.core.v1"


@api_type
class HostPathVolumeSource:
    """HostPathVolumeSource is a file or folder of the node."""

    path: str = field(doc="The path on the node.")
    type: str | None = field(
        default=None,
        enum=["", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice"],
        doc="What the path has to be, or to become.",
    )


@api_type
class EmptyDirVolumeSource:
    """EmptyDirVolumeSource is a folder that is empty at first and goes with the pod."""

    medium: str = field(default="", doc="Where it lies: empty for the node's disk, Memory for memory.")
    size_limit: Quantity | None = field(default=None, doc="How much it may hold.")


@api_type
class NFSVolumeSource:
    """NFSVolumeSource is a share of an NFS server."""

    server: str = field(doc="The server.")
    path: str = field(doc="What the server exports.")
    read_only: bool = field(default=False, doc="Whether nothing can be written to it.")


@api_type
class GCEPersistentDiskVolumeSource:
    """GCEPersistentDiskVolumeSource is a disk of Google Compute Engine. Deprecated."""

    pd_name: str = field(doc="The name of the disk.")
    fs_type: str = field(default="", doc="The file system, such as ext4.")
    partition: Int32 = field(default=0, doc="The number of the partition; 0 for the whole disk.")
    read_only: bool = field(default=False, doc="Whether nothing can be written to it.")


@api_type
class AWSElasticBlockStoreVolumeSource:
    """AWSElasticBlockStoreVolumeSource is a disk of Amazon's EBS. Deprecated."""

    volume_id: str = field(doc="The volume as its provider calls it.")
    fs_type: str = field(default="", doc="The file system, such as ext4.")
    partition: Int32 = field(default=0, doc="The number of the partition; 0 for the whole disk.")
    read_only: bool = field(default=False, doc="Whether nothing can be written to it.")


@api_type
class GitRepoVolumeSource:
    """GitRepoVolumeSource is a checkout of a git repository. Deprecated."""

    repository: str = field(doc="The address of the repository.")
    revision: str = field(default="", doc="The revision to check out.")
    directory: str = field(default="", doc="The folder to check out into.")


@api_type
class ISCSIVolumeSource:
    """ISCSIVolumeSource is an iSCSI disk."""

    target_portal: str = field(doc="The address of the target.")
    iqn: str = field(doc="The name of the target.")
    lun: Int32 = field(doc="The number of the unit.")
    iscsi_interface: str = field(default="", doc="The name of the initiator's interface.")
    fs_type: str = field(default="", doc="The file system, such as ext4.")
    read_only: bool = field(default=False, doc="Whether nothing can be written to it.")
    portals: list[str] = field(factory=list, list_type="atomic", doc="Further addresses of the target.")
    chap_auth_discovery: bool = field(default=False, doc="Whether discovery needs CHAP.")
    chap_auth_session: bool = field(default=False, number=11, doc="Whether sessions need CHAP.")
    secret_ref: LocalObjectReference | None = field(default=None, doc="The Secret with the credentials.")
    initiator_name: str | None = field(default=None, number=12, doc="The name of the initiator.")


@api_type
class GlusterfsVolumeSource:
    """GlusterfsVolumeSource is a Glusterfs volume. Deprecated."""

    endpoints: str = field(doc="The Endpoints with the addresses of the servers.")
    path: str = field(doc="The path of what is mounted.")
    read_only: bool = field(default=False, doc="Whether nothing can be written to it.")


@api_type
class RBDVolumeSource:
    """RBDVolumeSource is a RADOS block device. Deprecated."""

    monitors: list[str] = field(
        factory=list, omit_empty=False, null_when_empty=True, list_type="atomic", doc="The addresses of the monitors."
    )
    image: str = field(doc="The name of the image.")
    fs_type: str = field(default="", doc="The file system, such as ext4.")
    pool: str = field(default="", doc="The pool of the image.")
    user: str = field(default="", doc="Who mounts it.")
    keyring: str = field(default="", doc="The file with the key.")
    secret_ref: LocalObjectReference | None = field(default=None, doc="The Secret with the credentials.")
    read_only: bool = field(default=False, doc="Whether nothing can be written to it.")


@api_type
class FlexVolumeSource:
    """FlexVolumeSource is a volume that an exec driver provides. Deprecated."""

    driver: str = field(doc="The name of the driver.")
    fs_type: str = field(default="", doc="The file system, such as ext4.")
    secret_ref: LocalObjectReference | None = field(default=None, doc="The Secret with the credentials.")
    read_only: bool = field(default=False, doc="Whether nothing can be written to it.")
    options: dict[str, str] = field(factory=dict, doc="Further options for the driver.")


@api_type
class CinderVolumeSource:
    """CinderVolumeSource is a volume of OpenStack's Cinder. Deprecated."""

    volume_id: str = field(doc="The volume as its provider calls it.")
    fs_type: str = field(default="", doc="The file system, such as ext4.")
    read_only: bool = field(default=False, doc="Whether nothing can be written to it.")
    secret_ref: LocalObjectReference | None = field(default=None, doc="The Secret with the credentials.")


@api_type
class CephFSVolumeSource:
    """CephFSVolumeSource is a CephFS file system. Deprecated."""

    monitors: list[str] = field(
        factory=list, omit_empty=False, null_when_empty=True, list_type="atomic", doc="The addresses of the monitors."
    )
    path: str = field(default="", doc="The path of what is mounted.")
    user: str = field(default="", doc="Who mounts it.")
    secret_file: str = field(default="", doc="The file with the key.")
    secret_ref: LocalObjectReference | None = field(default=None, doc="The Secret with the credentials.")
    read_only: bool = field(default=False, doc="Whether nothing can be written to it.")


@api_type
class FlockerVolumeSource:
    """FlockerVolumeSource is a Flocker volume. Deprecated."""

    dataset_name: str = field(default="", doc="The name of the dataset.")
    dataset_uuid: str = field(default="", doc="The UUID of the dataset.")


@api_type
class FCVolumeSource:
    """FCVolumeSource is a Fibre Channel disk."""

    target_wwns: list[str] = field(
        factory=list, name="targetWWNs", list_type="atomic", doc="The worldwide names of the targets."
    )
    lun: Int32 | None = field(default=None, doc="The number of the unit.")
    fs_type: str = field(default="", doc="The file system, such as ext4.")
    read_only: bool = field(default=False, doc="Whether nothing can be written to it.")
    wwids: list[str] = field(factory=list, list_type="atomic", doc="The worldwide identifiers of the disk.")


@api_type
class AzureFileVolumeSource:
    """AzureFileVolumeSource is a share of Azure File. Deprecated."""

    secret_name: str = field(doc="The Secret with the account's name and key.")
    share_name: str = field(doc="The name of the share.")
    read_only: bool = field(default=False, doc="Whether nothing can be written to it.")


@api_type
class VsphereVirtualDiskVolumeSource:
    """VsphereVirtualDiskVolumeSource is a disk of vSphere. Deprecated."""

    volume_path: str = field(doc="The path of the disk.")
    fs_type: str = field(default="", doc="The file system, such as ext4.")
    storage_policy_name: str = field(default="", doc="The name of the storage policy.")
    storage_policy_id: str = field(default="", doc="The identifier of the storage policy.")


@api_type
class QuobyteVolumeSource:
    """QuobyteVolumeSource is a Quobyte volume. Deprecated."""

    registry: str = field(doc="The addresses of the registry.")
    volume: str = field(doc="The name of the volume.")
    read_only: bool = field(default=False, doc="Whether nothing can be written to it.")
    user: str = field(default="", doc="Who mounts it.")
    group: str = field(default="", doc="The group that the volume is mounted as.")
    tenant: str = field(default="", doc="Whose volume it is.")


@api_type
class AzureDiskVolumeSource:
    """AzureDiskVolumeSource is an Azure data disk. Deprecated."""

    disk_name: str = field(doc="The name of the disk.")
    disk_uri: str = field(doc="The address of the disk.")
    caching_mode: str | None = field(
        default=None, enum=["None", "ReadOnly", "ReadWrite"], doc="None, ReadOnly or ReadWrite."
    )
    fs_type: str | None = field(default=None, doc="The file system, such as ext4.")
    read_only: bool | None = field(default=None, doc="Whether nothing can be written to it.")
    kind: str | None = field(default=None, enum=["Shared", "Dedicated", "Managed"], doc="Shared, Dedicated or Managed.")


@api_type
class PhotonPersistentDiskVolumeSource:
    """PhotonPersistentDiskVolumeSource is a disk of the Photon controller. Deprecated."""

    pd_id: str = field(doc="The disk as its provider calls it.")
    fs_type: str = field(default="", doc="The file system, such as ext4.")


@api_type
class PortworxVolumeSource:
    """PortworxVolumeSource is a Portworx volume. Deprecated."""

    volume_id: str = field(doc="The volume as its provider calls it.")
    fs_type: str = field(default="", doc="The file system, such as ext4.")
    read_only: bool = field(default=False, doc="Whether nothing can be written to it.")


@api_type
class ScaleIOVolumeSource:
    """ScaleIOVolumeSource is a ScaleIO volume. Deprecated."""

    gateway: str = field(doc="The address of the gateway.")
    system: str = field(doc="The name of the storage system.")
    secret_ref: LocalObjectReference | None = field(
        default=None, omit_empty=False, doc="The Secret with the credentials."
    )
    ssl_enabled: bool = field(default=False, doc="Whether the gateway is asked over TLS.")
    protection_domain: str = field(default="", doc="The protection domain of the volume.")
    storage_pool: str = field(default="", doc="The storage pool of the volume.")
    storage_mode: str = field(default="", doc="ThickProvisioned or ThinProvisioned.")
    volume_name: str = field(default="", doc="The name of the volume.")
    fs_type: str = field(default="", doc="The file system, such as ext4.")
    read_only: bool = field(default=False, doc="Whether nothing can be written to it.")


@api_type
class StorageOSVolumeSource:
    """StorageOSVolumeSource is a StorageOS volume. Deprecated."""

    volume_name: str = field(default="", doc="The name of the volume.")
    volume_namespace: str = field(default="", doc="The namespace of the volume in StorageOS.")
    fs_type: str = field(default="", doc="The file system, such as ext4.")
    read_only: bool = field(default=False, doc="Whether nothing can be written to it.")
    secret_ref: LocalObjectReference | None = field(default=None, doc="The Secret with the credentials.")


@api_type
class CSIVolumeSource:
    """CSIVolumeSource is a volume that a CSI driver makes for the pod alone."""

    driver: str = field(doc="The name of the CSI driver.")
    read_only: bool | None = field(default=None, doc="Whether nothing can be written to it.")
    fs_type: str | None = field(default=None, doc="The file system, such as ext4.")
    volume_attributes: dict[str, str] = field(factory=dict, doc="What the driver is told.")
    node_publish_secret_ref: LocalObjectReference | None = field(
        default=None, doc="The Secret for mounting on the node."
    )
