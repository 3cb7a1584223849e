"""The volumes of a pod.

Source: k8s.io/api/core/v1/types.go.
"""

from genericapiserver.apimachinery.meta import LabelSelector, ObjectMeta
from genericapiserver.apimachinery.types import Int32, Int64, Quantity, api_type, field
from genericapiserver.apis.core_v1.persistent_volumes import PersistentVolumeClaimSpec
from genericapiserver.apis.core_v1.volume_sources import (
    AWSElasticBlockStoreVolumeSource,
    AzureDiskVolumeSource,
    AzureFileVolumeSource,
    CephFSVolumeSource,
    CinderVolumeSource,
    CSIVolumeSource,
    EmptyDirVolumeSource,
    FCVolumeSource,
    FlexVolumeSource,
    FlockerVolumeSource,
    GCEPersistentDiskVolumeSource,
    GitRepoVolumeSource,
    GlusterfsVolumeSource,
    HostPathVolumeSource,
    ISCSIVolumeSource,
    NFSVolumeSource,
    PhotonPersistentDiskVolumeSource,
    PortworxVolumeSource,
    QuobyteVolumeSource,
    RBDVolumeSource,
    ScaleIOVolumeSource,
    StorageOSVolumeSource,
    VsphereVirtualDiskVolumeSource,
)

MODEL_PACKAGE = "io.k8s.api.core.v1"


@api_type
class KeyToPath:
    """KeyToPath puts one key into a file."""

    key: str = field(doc="The key.")
    path: str = field(doc="The path of the file, below that of the volume.")
    mode: Int32 | None = field(default=None, doc="The permissions of the file, as a number.")


@api_type
class SecretVolumeSource:
    """SecretVolumeSource is the keys of a Secret as files."""

    secret_name: str = field(default="", doc="The name of the Secret, in the pod's namespace.")
    items: list[KeyToPath] = field(
        factory=list, list_type="atomic", doc="The keys that become files; all of them when it is empty."
    )
    default_mode: Int32 | None = field(default=None, doc="The permissions of files that have none of their own.")
    optional: bool | None = field(default=None, doc="Whether the pod may start without it.")


@api_type
class PersistentVolumeClaimVolumeSource:
    """PersistentVolumeClaimVolumeSource is what a claim of the same namespace got."""

    claim_name: str = field(doc="The name of the PersistentVolumeClaim.")
    read_only: bool = field(default=False, doc="Whether nothing can be written to it.")


@api_type(map_type="atomic")
class ObjectFieldSelector:
    """ObjectFieldSelector picks a field of the pod."""

    api_version: str = field(default="", doc="The version that the path is written for; v1 unless given.")
    field_path: str = field(doc="The path of the field, such as metadata.name.")


@api_type(map_type="atomic")
class ResourceFieldSelector:
    """ResourceFieldSelector picks a request or limit of a container."""

    container_name: str = field(default="", doc="The container; needed for volumes.")
    resource: str = field(doc="What is picked, such as limits.cpu.")
    divisor: Quantity = field(factory=Quantity, doc="The unit of the answer; 1 unless given.")


@api_type
class DownwardAPIVolumeFile:
    """DownwardAPIVolumeFile is a file with something about the pod."""

    path: str = field(doc="The path of the file, below that of the volume.")
    field_ref: ObjectFieldSelector | None = field(default=None, doc="The field of the pod that it holds.")
    resource_field_ref: ResourceFieldSelector | None = field(default=None, doc="The request or limit that it holds.")
    mode: Int32 | None = field(default=None, doc="The permissions of the file, as a number.")


@api_type
class DownwardAPIVolumeSource:
    """DownwardAPIVolumeSource is files that tell a pod about itself."""

    items: list[DownwardAPIVolumeFile] = field(factory=list, list_type="atomic", doc="The files.")
    default_mode: Int32 | None = field(default=None, doc="The permissions of files that have none of their own.")


@api_type
class ConfigMapVolumeSource:
    """ConfigMapVolumeSource is the keys of a ConfigMap as files."""

    name: str = field(default="", inlined=1, doc="The name of the ConfigMap.")
    items: list[KeyToPath] = field(
        factory=list, list_type="atomic", doc="The keys that become files; all of them when it is empty."
    )
    default_mode: Int32 | None = field(default=None, doc="The permissions of files that have none of their own.")
    optional: bool | None = field(default=None, doc="Whether the pod may start without it.")


@api_type
class SecretProjection:
    """SecretProjection puts keys of a Secret into a projected volume."""

    name: str = field(default="", inlined=1, doc="The name of the object.")
    items: list[KeyToPath] = field(factory=list, list_type="atomic", doc="What becomes files.")
    optional: bool | None = field(default=None, number=4, doc="Whether it may be missing.")


@api_type
class DownwardAPIProjection:
    """DownwardAPIProjection puts facts about the pod into a projected volume."""

    items: list[DownwardAPIVolumeFile] = field(factory=list, list_type="atomic", doc="What becomes files.")


@api_type
class ConfigMapProjection:
    """ConfigMapProjection puts keys of a ConfigMap into a projected volume."""

    name: str = field(default="", inlined=1, doc="The name of the object.")
    items: list[KeyToPath] = field(factory=list, list_type="atomic", doc="What becomes files.")
    optional: bool | None = field(default=None, number=4, doc="Whether it may be missing.")


@api_type
class ServiceAccountTokenProjection:
    """ServiceAccountTokenProjection puts a token of the pod's service account into a projected volume."""

    audience: str = field(default="", doc="For whom the token is; the API server unless given.")
    expiration_seconds: Int64 | None = field(default=None, doc="How many seconds the token is good for.")
    path: str = field(doc="The path of the file, below that of the volume.")


@api_type
class ClusterTrustBundleProjection:
    """ClusterTrustBundleProjection puts trust anchors into a projected volume."""

    name: str | None = field(default=None, doc="The ClusterTrustBundle, where it is one.")
    signer_name: str | None = field(default=None, doc="The signer.")
    label_selector: LabelSelector | None = field(
        default=None, doc="The labels of the ClusterTrustBundles of the signer."
    )
    optional: bool | None = field(default=None, number=5, doc="Whether it may be missing.")
    path: str = field(number=4, doc="The path of the file, below that of the volume.")


@api_type
class PodCertificateProjection:
    """PodCertificateProjection puts a key and a certificate of the pod into a projected volume."""

    signer_name: str = field(default="", doc="The signer.")
    key_type: str = field(default="", doc="The kind of key, such as ED25519.")
    max_expiration_seconds: Int32 | None = field(
        default=None, doc="How many seconds the certificate is good for, at most."
    )
    credential_bundle_path: str = field(default="", doc="The path of a file with the key and the certificates.")
    key_path: str = field(default="", doc="The path of a file with the key.")
    certificate_chain_path: str = field(default="", doc="The path of a file with the certificates.")
    user_annotations: dict[str, str] = field(factory=dict, doc="What the signer is told.")


@api_type
class VolumeProjection:
    """VolumeProjection is one source of a projected volume; one of its fields is set."""

    secret: SecretProjection | None = field(default=None, doc="Keys of a Secret.")
    downward_api: DownwardAPIProjection | None = field(default=None, name="downwardAPI", doc="Facts about the pod.")
    config_map: ConfigMapProjection | None = field(default=None, doc="Keys of a ConfigMap.")
    service_account_token: ServiceAccountTokenProjection | None = field(
        default=None, doc="A token of the pod's service account."
    )
    cluster_trust_bundle: ClusterTrustBundleProjection | None = field(default=None, doc="Trust anchors.")
    pod_certificate: PodCertificateProjection | None = field(default=None, doc="A key and a certificate of the pod.")


@api_type
class ProjectedVolumeSource:
    """ProjectedVolumeSource is several sources in one folder."""

    sources: list[VolumeProjection] = field(
        factory=list,
        omit_empty=False,
        null_when_empty=True,
        required=False,
        list_type="atomic",
        doc="What is put together.",
    )
    default_mode: Int32 | None = field(default=None, doc="The permissions of files that have none of their own.")


@api_type
class PersistentVolumeClaimTemplate:
    """PersistentVolumeClaimTemplate is the claim that is made for a pod."""

    metadata: ObjectMeta = field(factory=ObjectMeta, doc="Labels and annotations of the claim.")
    spec: PersistentVolumeClaimSpec = field(doc="What the claim asks for.")


@api_type
class EphemeralVolumeSource:
    """EphemeralVolumeSource is a volume that is claimed for the pod and goes with it."""

    volume_claim_template: PersistentVolumeClaimTemplate | None = field(default=None, doc="The claim that is made.")


@api_type
class ImageVolumeSource:
    """ImageVolumeSource is the content of an OCI image or artifact."""

    reference: str = field(default="", doc="The name of the image or artifact.")
    pull_policy: str = field(
        default="", enum=["Always", "Never", "IfNotPresent"], doc="When it is pulled: Always, Never or IfNotPresent."
    )


@api_type
class Volume:
    """Volume is a folder or device that containers of a pod can use; one source is set."""

    name: str = field(doc="The name of the volume, by which containers mount it.")
    host_path: HostPathVolumeSource | None = field(
        default=None, inlined=2, number=1, doc="A file or folder of the node."
    )
    empty_dir: EmptyDirVolumeSource | None = field(
        default=None, inlined=2, number=2, doc="A folder that is empty at first and goes with the pod."
    )
    gce_persistent_disk: GCEPersistentDiskVolumeSource | None = field(
        default=None, inlined=2, number=3, doc="A disk of Google Compute Engine."
    )
    aws_elastic_block_store: AWSElasticBlockStoreVolumeSource | None = field(
        default=None, inlined=2, number=4, doc="A disk of Amazon's EBS."
    )
    git_repo: GitRepoVolumeSource | None = field(
        default=None, inlined=2, number=5, doc="A checkout of a git repository."
    )
    secret: SecretVolumeSource | None = field(default=None, inlined=2, number=6, doc="The keys of a Secret as files.")
    nfs: NFSVolumeSource | None = field(default=None, inlined=2, number=7, doc="A share of an NFS server.")
    iscsi: ISCSIVolumeSource | None = field(default=None, inlined=2, number=8, doc="An iSCSI disk.")
    glusterfs: GlusterfsVolumeSource | None = field(default=None, inlined=2, number=9, doc="A Glusterfs volume.")
    persistent_volume_claim: PersistentVolumeClaimVolumeSource | None = field(
        default=None, inlined=2, number=10, doc="What a claim of the pod's namespace got."
    )
    rbd: RBDVolumeSource | None = field(default=None, inlined=2, number=11, doc="A RADOS block device.")
    flex_volume: FlexVolumeSource | None = field(
        default=None, inlined=2, number=12, doc="A volume that an exec driver provides."
    )
    cinder: CinderVolumeSource | None = field(default=None, inlined=2, number=13, doc="A volume of OpenStack's Cinder.")
    cephfs: CephFSVolumeSource | None = field(default=None, inlined=2, number=14, doc="A CephFS file system.")
    flocker: FlockerVolumeSource | None = field(default=None, inlined=2, number=15, doc="A Flocker volume.")
    downward_api: DownwardAPIVolumeSource | None = field(
        default=None, name="downwardAPI", inlined=2, number=16, doc="Files that tell the pod about itself."
    )
    fc: FCVolumeSource | None = field(default=None, inlined=2, number=17, doc="A Fibre Channel disk.")
    azure_file: AzureFileVolumeSource | None = field(default=None, inlined=2, number=18, doc="A share of Azure File.")
    config_map: ConfigMapVolumeSource | None = field(
        default=None, inlined=2, number=19, doc="The keys of a ConfigMap as files."
    )
    vsphere_volume: VsphereVirtualDiskVolumeSource | None = field(
        default=None, inlined=2, number=20, doc="A disk of vSphere."
    )
    quobyte: QuobyteVolumeSource | None = field(default=None, inlined=2, number=21, doc="A Quobyte volume.")
    azure_disk: AzureDiskVolumeSource | None = field(default=None, inlined=2, number=22, doc="An Azure data disk.")
    photon_persistent_disk: PhotonPersistentDiskVolumeSource | None = field(
        default=None, inlined=2, number=23, doc="A disk of the Photon controller."
    )
    projected: ProjectedVolumeSource | None = field(
        default=None, inlined=2, number=26, doc="Several sources in one folder."
    )
    portworx_volume: PortworxVolumeSource | None = field(default=None, inlined=2, number=24, doc="A Portworx volume.")
    scale_io: ScaleIOVolumeSource | None = field(
        default=None, name="scaleIO", inlined=2, number=25, doc="A ScaleIO volume."
    )
    storageos: StorageOSVolumeSource | None = field(default=None, inlined=2, number=27, doc="A StorageOS volume.")
    csi: CSIVolumeSource | None = field(
        default=None, inlined=2, number=28, doc="A volume that a CSI driver makes for the pod alone."
    )
    ephemeral: EphemeralVolumeSource | None = field(
        default=None, inlined=2, number=29, doc="A volume that is claimed for the pod and goes with it."
    )
    image: ImageVolumeSource | None = field(
        default=None, inlined=2, number=30, doc="The content of an OCI image or artifact."
    )
