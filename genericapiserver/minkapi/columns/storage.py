"""The columns of volumes, claims, and what storage.k8s.io/v1 has."""

from collections.abc import Sequence
from typing import Any, Final

from genericapiserver.apimachinery.types import Quantity
from genericapiserver.apis.core_v1.persistent_volumes import PersistentVolume, PersistentVolumeClaim
from genericapiserver.apis.storage_v1 import CSIDriver
from genericapiserver.minkapi.columns.shared import AGE, NAME, NONE, UNSET, WIDE, boolean, integer, text
from genericapiserver.registry.table import TableColumn

CLASS_ANNOTATION: Final = "volume.beta.kubernetes.io/storage-class"
DEFAULT_ANNOTATIONS: Final = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)
DEFAULT_ATTRIBUTES_ANNOTATIONS: Final = ("volumeattributesclass.alpha.kubernetes.io/is-default-class",)
ACCESS_MODES: Final = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def _access_modes(modes: Sequence[str]) -> str:
    return ",".join(short for mode, short in ACCESS_MODES.items() if mode in modes)


def _storage(amounts: dict[str, Quantity]) -> str:
    return str(amounts.get("storage", Quantity()))


def _phase(obj: PersistentVolume | PersistentVolumeClaim) -> str:
    return obj.status.phase if obj.metadata.deletion_timestamp is None else "Terminating"


def _class(obj: PersistentVolume | PersistentVolumeClaim) -> str:
    return obj.metadata.annotations.get(CLASS_ANNOTATION, obj.spec.storage_class_name or "")


def _claim(volume: PersistentVolume) -> str:
    claim = volume.spec.claim_ref
    return "" if claim is None else f"{claim.namespace}/{claim.name}"


_STATUS = TableColumn("Status", _phase, doc="Where it is in its life.")
_CLASS = TableColumn("StorageClass", _class, doc="The class of storage it belongs to.")
_ATTRIBUTES_CLASS = text(
    "VolumeAttributesClass",
    "spec.volume_attributes_class_name",
    "The VolumeAttributesClass it belongs to.",
    absent=UNSET,
)
_MODE = text("VolumeMode", "spec.volume_mode", "Filesystem or Block.", absent=UNSET, priority=WIDE)

PERSISTENT_VOLUME_COLUMNS: Final = (
    NAME,
    TableColumn("Capacity", lambda volume: _storage(volume.spec.capacity), doc="How much it holds."),
    TableColumn("Access Modes", lambda volume: _access_modes(volume.spec.access_modes), doc="How it can be mounted."),
    text("Reclaim Policy", "spec.persistent_volume_reclaim_policy", "What becomes of it after the claim."),
    _STATUS,
    TableColumn("Claim", _claim, doc="The claim that it is bound to."),
    _CLASS,
    _ATTRIBUTES_CLASS,
    text("Reason", "status.reason", "Why it is in this state."),
    AGE,
    _MODE,
)


def _claimed(claim: PersistentVolumeClaim) -> str:
    return _storage(claim.status.capacity) if claim.spec.volume_name else ""


def _claimed_modes(claim: PersistentVolumeClaim) -> str:
    return _access_modes(claim.status.access_modes) if claim.spec.volume_name else ""


PERSISTENT_VOLUME_CLAIM_COLUMNS: Final = (
    NAME,
    _STATUS,
    text("Volume", "spec.volume_name", "The volume that it is bound to."),
    TableColumn("Capacity", _claimed, doc="How much the volume holds."),
    TableColumn("Access Modes", _claimed_modes, doc="How the volume can be mounted."),
    _CLASS,
    _ATTRIBUTES_CLASS,
    AGE,
    _MODE,
)


def _named_with_default(annotations: Sequence[str]) -> TableColumn:
    def cell(obj: Any) -> str:
        default = any(obj.metadata.annotations.get(key) == "true" for key in annotations)
        return f"{obj.metadata.name} (default)" if default else str(obj.metadata.name)

    return TableColumn("Name", cell, format="name", doc=NAME.doc)


STORAGE_CLASS_COLUMNS: Final = (
    _named_with_default(DEFAULT_ANNOTATIONS),
    text("Provisioner", "provisioner", "Who makes the volumes."),
    text("ReclaimPolicy", "reclaim_policy", "What becomes of volumes after their claims.", absent="Delete"),
    text("VolumeBindingMode", "volume_binding_mode", "When volumes are bound.", absent="Immediate"),
    # Go calls this column a string and puts a truth into it.
    TableColumn("AllowVolumeExpansion", lambda obj: bool(obj.allow_volume_expansion), doc="Whether volumes can grow."),
    AGE,
)
VOLUME_ATTRIBUTES_CLASS_COLUMNS: Final = (
    _named_with_default(DEFAULT_ATTRIBUTES_ANNOTATIONS),
    text("DriverName", "driver_name", "The CSI driver."),
    AGE,
)


def _audiences(driver: CSIDriver) -> str:
    return ",".join(request.audience for request in driver.spec.token_requests) or UNSET


CSI_DRIVER_COLUMNS: Final = (
    NAME,
    boolean("AttachRequired", "spec.attach_required", "Whether volumes have to be attached.", absent=True),
    boolean("PodInfoOnMount", "spec.pod_info_on_mount", "Whether the driver is told of the pod."),
    boolean("StorageCapacity", "spec.storage_capacity", "Whether the driver tells how much is left."),
    TableColumn("TokenRequests", _audiences, doc="For whom the tokens are that the driver wants."),
    boolean("RequiresRepublish", "spec.requires_republish", "Whether volumes are published again and again."),
    TableColumn(
        "Modes",
        lambda driver: ",".join(driver.spec.volume_lifecycle_modes) or NONE,
        doc="The kinds of volumes it has.",
    ),
    AGE,
)
CSI_NODE_COLUMNS: Final = (
    NAME,
    integer("Drivers", lambda node: len(node.spec.drivers), "How many CSI drivers the node has."),
    AGE,
)
CSI_STORAGE_CAPACITY_COLUMNS: Final = (
    NAME,
    text("StorageClassName", "storage_class_name", "The class."),
    TableColumn("Capacity", lambda obj: UNSET if obj.capacity is None else str(obj.capacity), doc="How much is left."),
)
VOLUME_ATTACHMENT_COLUMNS: Final = (
    NAME,
    TableColumn("Attacher", "spec.attacher", format="name", doc="The driver that attaches it."),
    text("PV", "spec.source.persistent_volume_name", "The volume."),
    text("Node", "spec.node_name", "The node."),
    boolean("Attached", "status.attached", "Whether it is attached."),
    AGE,
)
