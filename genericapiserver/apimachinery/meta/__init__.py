"""The types of meta/v1 that every API shares (k8s.io/apimachinery pkg/apis/meta/v1).

`meta.internal` holds the parsed list options. Nothing here imports the scheme, the codecs or the errors.
"""

from genericapiserver.apimachinery.meta.condition import (
    CONDITION_FALSE,
    CONDITION_TRUE,
    CONDITION_UNKNOWN,
    Condition,
)
from genericapiserver.apimachinery.meta.discovery import (
    APIGroup,
    APIGroupList,
    APIResource,
    APIResourceList,
    APIVersions,
    GroupVersionForDiscovery,
    ServerAddressByClientCIDR,
)
from genericapiserver.apimachinery.meta.events import Patch, WatchEvent
from genericapiserver.apimachinery.meta.objects import (
    ListMeta,
    ManagedFieldsEntry,
    Object,
    ObjectList,
    ObjectMeta,
    OwnerReference,
    PartialObjectMetadata,
    PartialObjectMetadataList,
)
from genericapiserver.apimachinery.meta.options import (
    DELETE_BACKGROUND,
    DELETE_FOREGROUND,
    DELETE_ORPHAN,
    DRY_RUN_ALL,
    FIELD_VALIDATION_IGNORE,
    FIELD_VALIDATION_STRICT,
    FIELD_VALIDATION_WARN,
    FINALIZER_DELETE_DEPENDENTS,
    FINALIZER_ORPHAN_DEPENDENTS,
    RESOURCE_VERSION_MATCH_EXACT,
    RESOURCE_VERSION_MATCH_NOT_OLDER_THAN,
    CreateOptions,
    DeleteOptions,
    GetOptions,
    ListOptions,
    PatchOptions,
    Preconditions,
    UpdateOptions,
)
from genericapiserver.apimachinery.meta.selectors import (
    FieldSelectorRequirement,
    LabelSelector,
    LabelSelectorRequirement,
)
from genericapiserver.apimachinery.meta.status import (
    STATUS_FAILURE,
    STATUS_SUCCESS,
    Status,
    StatusCause,
    StatusDetails,
)
from genericapiserver.apimachinery.meta.table import (
    INCLUDE_METADATA,
    INCLUDE_NONE,
    INCLUDE_OBJECT,
    Table,
    TableColumnDefinition,
    TableOptions,
    TableRow,
    TableRowCondition,
)
from genericapiserver.apimachinery.schema import GroupVersion

GROUP_VERSION = GroupVersion("meta.k8s.io", "v1")
"""The group that Table, PartialObjectMetadata and invalid options are named by."""

UNVERSIONED = GroupVersion("", "v1")
"""The group version that Status and the discovery types are written with, by every endpoint."""

NAMESPACE_ALL = ""
NAMESPACE_DEFAULT = "default"
NAMESPACE_SYSTEM = "kube-system"

INITIAL_EVENTS_ANNOTATION = "k8s.io/initial-events-end"
"""Marks the bookmark that ends the initial events of a watch."""

__all__ = [
    "CONDITION_FALSE",
    "CONDITION_TRUE",
    "CONDITION_UNKNOWN",
    "DELETE_BACKGROUND",
    "DELETE_FOREGROUND",
    "DELETE_ORPHAN",
    "DRY_RUN_ALL",
    "FIELD_VALIDATION_IGNORE",
    "FIELD_VALIDATION_STRICT",
    "FIELD_VALIDATION_WARN",
    "FINALIZER_DELETE_DEPENDENTS",
    "FINALIZER_ORPHAN_DEPENDENTS",
    "GROUP_VERSION",
    "INCLUDE_METADATA",
    "INCLUDE_NONE",
    "INCLUDE_OBJECT",
    "INITIAL_EVENTS_ANNOTATION",
    "NAMESPACE_ALL",
    "NAMESPACE_DEFAULT",
    "NAMESPACE_SYSTEM",
    "RESOURCE_VERSION_MATCH_EXACT",
    "RESOURCE_VERSION_MATCH_NOT_OLDER_THAN",
    "STATUS_FAILURE",
    "STATUS_SUCCESS",
    "UNVERSIONED",
    "APIGroup",
    "APIGroupList",
    "APIResource",
    "APIResourceList",
    "APIVersions",
    "Condition",
    "CreateOptions",
    "DeleteOptions",
    "FieldSelectorRequirement",
    "GetOptions",
    "GroupVersionForDiscovery",
    "LabelSelector",
    "LabelSelectorRequirement",
    "ListMeta",
    "ListOptions",
    "ManagedFieldsEntry",
    "Object",
    "ObjectList",
    "ObjectMeta",
    "OwnerReference",
    "PartialObjectMetadata",
    "PartialObjectMetadataList",
    "Patch",
    "PatchOptions",
    "Preconditions",
    "ServerAddressByClientCIDR",
    "Status",
    "StatusCause",
    "StatusDetails",
    "Table",
    "TableColumnDefinition",
    "TableOptions",
    "TableRow",
    "TableRowCondition",
    "UpdateOptions",
    "WatchEvent",
]
