"""Metadata of objects and of lists, and the base classes that carry it."""

from typing import Generic, TypeVar

from genericapiserver.apimachinery.types import Int64, RawJSON, Time, api_type, field

MODEL_PACKAGE = "io.k8s.apimachinery.pkg.apis.meta.v1"

T = TypeVar("T")


@api_type(map_type="atomic")
class OwnerReference:
    """OwnerReference identifies an object that owns this one, in the same namespace or without any."""

    api_version: str = field(number=5, doc="API version of the owner.")
    kind: str = field(number=1, doc="Kind of the owner.")
    name: str = field(doc="Name of the owner.")
    uid: str = field(doc="UID of the owner.")
    controller: bool | None = field(default=None, number=6, doc="Whether the owner is the managing controller.")
    block_owner_deletion: bool | None = field(
        default=None,
        number=7,
        doc="Whether the owner cannot be deleted in the foreground before this reference is gone.",
    )


@api_type
class ManagedFieldsEntry:
    """ManagedFieldsEntry says which fields one manager set, by which operation and at which version."""

    manager: str = field(default="", doc="Who manages these fields.")
    operation: str = field(default="", doc="The operation that made this entry: Apply or Update.")
    api_version: str = field(default="", doc="The version of the object that the fields are named by.")
    time: Time | None = field(default=None, doc="When the entry was made or its set of fields last changed.")
    fields_type: str = field(default="", number=6, doc="The format of fieldsV1: always FieldsV1.")
    fields_v1: RawJSON = field(
        default=None, number=7, name="fieldsV1", format="FieldsV1", doc="The fields, as a tree in the FieldsV1 format."
    )
    subresource: str = field(
        default="", number=8, doc="The subresource that was written, or empty for the object itself."
    )


@api_type
class ObjectMeta:
    """ObjectMeta is metadata that every persisted object has."""

    name: str = field(default="", doc="Unique name within a namespace. Cannot be updated.")
    generate_name: str = field(default="", doc="A prefix from which the server makes a unique name when name is empty.")
    namespace: str = field(default="", doc="The space in which the name is unique. Cannot be updated.")
    self_link: str = field(default="", doc="Deprecated: no longer filled by servers.")
    uid: str = field(default="", doc="Unique in time and space, set by the server on creation. Read-only.")
    resource_version: str = field(
        default="",
        doc="An opaque value for the version of this object, for optimistic concurrency and watches. Read-only.",
    )
    generation: Int64 = field(default=0, doc="Number of the generation of the desired state. Read-only.")
    creation_timestamp: Time | None = field(default=None, doc="When the object was created. Read-only.")
    deletion_timestamp: Time | None = field(default=None, doc="When the object will be deleted. Read-only.")
    deletion_grace_period_seconds: Int64 | None = field(
        default=None, doc="Seconds that the object may take to end before it is removed. Read-only."
    )
    labels: dict[str, str] = field(factory=dict, doc="Keys and values to organize and select objects with.")
    annotations: dict[str, str] = field(factory=dict, doc="Keys and values that tools keep with the object.")
    owner_references: list[OwnerReference] = field(
        factory=list,
        doc="Objects that this one depends on; when all of them are gone it is garbage collected.",
        list_type="map",
        list_map_keys=["uid"],
        patch_strategy="merge",
        patch_merge_key="uid",
    )
    finalizers: list[str] = field(
        factory=list,
        doc="What has to be done before the object is removed; who does it removes its entry.",
        list_type="set",
        patch_strategy="merge",
    )
    # None is absent, an empty list is a request to stop tracking; neither is written.
    managed_fields: list[ManagedFieldsEntry] | None = field(
        default=None,
        number=17,
        doc="Which manager set which fields. Kept by the server for server-side apply.",
        list_type="atomic",
    )


@api_type
class ListMeta:
    """ListMeta is metadata of a list and of other answers that are no objects."""

    self_link: str = field(default="", doc="Deprecated: no longer filled by servers.")
    resource_version: str = field(default="", doc="The version of the store that the list was read at. Read-only.")
    continue_token: str = field(
        default="", name="continue", doc="Set when there are more items: the token to ask for them with."
    )
    remaining_item_count: Int64 | None = field(
        default=None, doc="How many items follow this chunk, where that is known."
    )


@api_type(root=True)
class Object:
    """The base of everything with a name: gives `metadata`, and `kind` and `apiVersion` on the wire."""

    metadata: ObjectMeta = field(factory=ObjectMeta)


@api_type(root=True)
class ObjectList(Generic[T]):
    """The base of lists: `metadata` and `items`. `list_of(Flunder)` makes the concrete class."""

    metadata: ListMeta = field(factory=ListMeta)
    items: list[T] = field(factory=list, omit_empty=False)


@api_type
class PartialObjectMetadata(Object):
    """PartialObjectMetadata is an object of any kind, reduced to its metadata."""


@api_type(items_carry_kind=True)
class PartialObjectMetadataList(ObjectList[PartialObjectMetadata]):
    """PartialObjectMetadataList is a list of objects, reduced to their metadata."""

    items: list[PartialObjectMetadata] = field(factory=list, omit_empty=False, null_when_empty=True)
