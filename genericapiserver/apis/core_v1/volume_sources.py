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

    pd_name: str = field()
    fs_type: str = field(default="")
    partition: Int32 = field(default=0)
    read_only: bool = field(default=False)


@api_type
class AWSElasticBlockStoreVolumeSource:
    """AWSElasticBlockStoreVolumeSource is a disk of Amazon's EBS. Deprecated."""

    volume_id: str = field()
    fs_type: str = field(default="")
    partition: Int32 = field(default=0)
    read_only: bool = field(default=False)


@api_type
class GitRepoVolumeSource:
    """GitRepoVolumeSource is a checkout of a git repository. Deprecated."""

    repository: str = field()
    revision: str = field(default="")
    directory: str = field(default="")


@api_type
class ISCSIVolumeSource:
    """ISCSIVolumeSource is an iSCSI disk."""

    target_portal: str = field()
    iqn: str = field()
    lun: Int32 = field()
    iscsi_interface: str = field(default="")
    fs_type: str = field(default="")
    read_only: bool = field(default=False)
    portals: list[str] = field(factory=list, list_type="atomic")
    chap_auth_discovery: bool = field(default=False)
    chap_auth_session: bool = field(default=False, number=11)
    secret_ref: LocalObjectReference | None = field(default=None)
    initiator_name: str | None = field(default=None, number=12)


@api_type
class GlusterfsVolumeSource:
    """GlusterfsVolumeSource is a Glusterfs volume. Deprecated."""

    endpoints: str = field()
    path: str = field()
    read_only: bool = field(default=False)


@api_type
class RBDVolumeSource:
    """RBDVolumeSource is a RADOS block device. Deprecated."""

    monitors: list[str] = field(factory=list, omit_empty=False, null_when_empty=True, list_type="atomic")
    image: str = field()
    fs_type: str = field(default="")
    pool: str = field(default="")
    user: str = field(default="")
    keyring: str = field(default="")
    secret_ref: LocalObjectReference | None = field(default=None)
    read_only: bool = field(default=False)


@api_type
class FlexVolumeSource:
    """FlexVolumeSource is a volume that an exec driver provides. Deprecated."""

    driver: str = field()
    fs_type: str = field(default="")
    secret_ref: LocalObjectReference | None = field(default=None)
    read_only: bool = field(default=False)
    options: dict[str, str] = field(factory=dict)


@api_type
class CinderVolumeSource:
    """CinderVolumeSource is a volume of OpenStack's Cinder. Deprecated."""

    volume_id: str = field()
    fs_type: str = field(default="")
    read_only: bool = field(default=False)
    secret_ref: LocalObjectReference | None = field(default=None)


@api_type
class CephFSVolumeSource:
    """CephFSVolumeSource is a CephFS file system. Deprecated."""

    monitors: list[str] = field(factory=list, omit_empty=False, null_when_empty=True, list_type="atomic")
    path: str = field(default="")
    user: str = field(default="")
    secret_file: str = field(default="")
    secret_ref: LocalObjectReference | None = field(default=None)
    read_only: bool = field(default=False)


@api_type
class FlockerVolumeSource:
    """FlockerVolumeSource is a Flocker volume. Deprecated."""

    dataset_name: str = field(default="")
    dataset_uuid: str = field(default="")


@api_type
class FCVolumeSource:
    """FCVolumeSource is a Fibre Channel disk."""

    target_wwns: list[str] = field(factory=list, name="targetWWNs", list_type="atomic")
    lun: Int32 | None = field(default=None)
    fs_type: str = field(default="")
    read_only: bool = field(default=False)
    wwids: list[str] = field(factory=list, list_type="atomic")


@api_type
class AzureFileVolumeSource:
    """AzureFileVolumeSource is a share of Azure File. Deprecated."""

    secret_name: str = field()
    share_name: str = field()
    read_only: bool = field(default=False)


@api_type
class VsphereVirtualDiskVolumeSource:
    """VsphereVirtualDiskVolumeSource is a disk of vSphere. Deprecated."""

    volume_path: str = field()
    fs_type: str = field(default="")
    storage_policy_name: str = field(default="")
    storage_policy_id: str = field(default="")


@api_type
class QuobyteVolumeSource:
    """QuobyteVolumeSource is a Quobyte volume. Deprecated."""

    registry: str = field()
    volume: str = field()
    read_only: bool = field(default=False)
    user: str = field(default="")
    group: str = field(default="")
    tenant: str = field(default="")


@api_type
class AzureDiskVolumeSource:
    """AzureDiskVolumeSource is an Azure data disk. Deprecated."""

    disk_name: str = field()
    disk_uri: str = field()
    caching_mode: str | None = field(default=None, enum=["None", "ReadOnly", "ReadWrite"])
    fs_type: str | None = field(default=None)
    read_only: bool | None = field(default=None)
    kind: str | None = field(default=None, enum=["Shared", "Dedicated", "Managed"])


@api_type
class PhotonPersistentDiskVolumeSource:
    """PhotonPersistentDiskVolumeSource is a disk of the Photon controller. Deprecated."""

    pd_id: str = field()
    fs_type: str = field(default="")


@api_type
class PortworxVolumeSource:
    """PortworxVolumeSource is a Portworx volume. Deprecated."""

    volume_id: str = field()
    fs_type: str = field(default="")
    read_only: bool = field(default=False)


@api_type
class ScaleIOVolumeSource:
    """ScaleIOVolumeSource is a ScaleIO volume. Deprecated."""

    gateway: str = field()
    system: str = field()
    secret_ref: LocalObjectReference | None = field(default=None, omit_empty=False)
    ssl_enabled: bool = field(default=False)
    protection_domain: str = field(default="")
    storage_pool: str = field(default="")
    storage_mode: str = field(default="")
    volume_name: str = field(default="")
    fs_type: str = field(default="")
    read_only: bool = field(default=False)


@api_type
class StorageOSVolumeSource:
    """StorageOSVolumeSource is a StorageOS volume. Deprecated."""

    volume_name: str = field(default="")
    volume_namespace: str = field(default="")
    fs_type: str = field(default="")
    read_only: bool = field(default=False)
    secret_ref: LocalObjectReference | None = field(default=None)


@api_type
class CSIVolumeSource:
    """CSIVolumeSource is a volume that a CSI driver makes for the pod alone."""

    driver: str = field(doc="The name of the CSI driver.")
    read_only: bool | None = field(default=None)
    fs_type: str | None = field(default=None)
    volume_attributes: dict[str, str] = field(factory=dict)
    node_publish_secret_ref: LocalObjectReference | None = field(default=None)
