"""Options of requests, as they stand in queries and bodies. `meta.internal.ListOptions` holds the parsed form."""

from genericapiserver.apimachinery.types import Int64, api_type, field

MODEL_PACKAGE = "io.k8s.apimachinery.pkg.apis.meta.v1"

DRY_RUN_ALL = "All"

DELETE_BACKGROUND = "Background"
DELETE_FOREGROUND = "Foreground"
DELETE_ORPHAN = "Orphan"

FINALIZER_ORPHAN_DEPENDENTS = "orphan"
FINALIZER_DELETE_DEPENDENTS = "foregroundDeletion"

FIELD_VALIDATION_IGNORE = "Ignore"
FIELD_VALIDATION_WARN = "Warn"
FIELD_VALIDATION_STRICT = "Strict"

RESOURCE_VERSION_MATCH_EXACT = "Exact"
RESOURCE_VERSION_MATCH_NOT_OLDER_THAN = "NotOlderThan"

_DRY_RUN = "The stages of processing that are only tried, not persisted: All or nothing."
_FIELD_MANAGER = "The name of the actor that makes the change, of at most 128 printable characters."
_FIELD_VALIDATION = "What to do about unknown and duplicate fields: Ignore, Warn or Strict."


@api_type
class Preconditions:
    """Preconditions must hold before an operation is carried out."""

    uid: str | None = field(default=None, doc="The UID that the object must have.")
    resource_version: str | None = field(default=None, doc="The resourceVersion that the object must have.")


@api_type(root=True)
class GetOptions:
    """GetOptions are the options of reading one object."""

    resource_version: str = field(default="", doc="Which version of the object may be served.")


@api_type(root=True)
class ListOptions:
    """ListOptions are the options of lists and watches."""

    label_selector: str = field(default="", doc="Selects objects by their labels. Everything by default.")
    field_selector: str = field(default="", doc="Selects objects by their fields. Everything by default.")
    watch: bool = field(default=False, doc="Whether to stream changes instead of returning a list.")
    allow_watch_bookmarks: bool = field(default=False, number=9, doc="Whether the watch may contain BOOKMARK events.")
    resource_version: str = field(
        default="", number=4, doc="Which version the list may be served from, or the watch starts after."
    )
    resource_version_match: str = field(default="", number=10, doc="How resourceVersion constrains a list.")
    timeout_seconds: Int64 | None = field(default=None, number=5, doc="Ends the call after so many seconds.")
    limit: Int64 = field(default=0, number=7, doc="The largest number of items to return at once.")
    continue_token: str = field(default="", name="continue", number=8, doc="The token of the previous chunk of a list.")
    send_initial_events: bool | None = field(
        default=None, number=11, doc="Whether a watch starts with what exists, closed by an annotated bookmark."
    )


@api_type(root=True)
class DeleteOptions:
    """DeleteOptions are the options of deleting objects."""

    grace_period_seconds: Int64 | None = field(default=None, doc="Seconds before the object is deleted; 0 is at once.")
    preconditions: Preconditions | None = field(default=None, doc="What must hold before anything is deleted.")
    orphan_dependents: bool | None = field(default=None, doc="Deprecated: use propagationPolicy.")
    propagation_policy: str | None = field(
        default=None, doc="What happens to dependents: Orphan, Background or Foreground."
    )
    dry_run: list[str] = field(factory=list, doc=_DRY_RUN, list_type="atomic")
    ignore_store_read_error_with_cluster_breaking_potential: bool | None = field(
        default=None, doc="Whether to delete an object that can no longer be read. Unsafe."
    )


@api_type(root=True)
class CreateOptions:
    """CreateOptions are the options of creating an object."""

    dry_run: list[str] = field(factory=list, doc=_DRY_RUN, list_type="atomic")
    field_manager: str = field(default="", number=3, doc=_FIELD_MANAGER)
    field_validation: str = field(default="", number=4, doc=_FIELD_VALIDATION)


@api_type(root=True)
class UpdateOptions:
    """UpdateOptions are the options of replacing an object."""

    dry_run: list[str] = field(factory=list, doc=_DRY_RUN, list_type="atomic")
    field_manager: str = field(default="", doc=_FIELD_MANAGER)
    field_validation: str = field(default="", doc=_FIELD_VALIDATION)


@api_type(root=True)
class PatchOptions:
    """PatchOptions are the options of patching an object."""

    dry_run: list[str] = field(factory=list, doc=_DRY_RUN, list_type="atomic")
    force: bool | None = field(default=None, doc="Whether to take over fields of other managers. Apply only.")
    field_manager: str = field(default="", doc=f"{_FIELD_MANAGER} Required for apply.")
    field_validation: str = field(default="", doc=_FIELD_VALIDATION)
