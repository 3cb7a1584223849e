"""The two columns every resource can show: its name and when it was made. Go: pkg/registry/rest/table.go."""

import datetime as dt
from collections.abc import Iterable
from typing import Any, Final

from genericapiserver.apimachinery.errors import NotAcceptableError
from genericapiserver.apimachinery.go import format_time
from genericapiserver.apimachinery.meta import (
    ListMeta,
    ObjectList,
    ObjectMeta,
    Table,
    TableColumnDefinition,
    TableOptions,
    TableRow,
)
from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.request.context import RequestContext
from genericapiserver.storage.stored import StoredList, StoredObject

_ZERO_TIME: Final = "0001-01-01T00:00:00Z"
"""What Go prints for a time that was never set; the row of a bookmark shows it."""


_COLUMNS: Final = (
    TableColumnDefinition(
        name="Name",
        type="string",
        format="name",
        description=(
            "Name must be unique within a namespace. Is required when creating resources, although some resources may "
            "allow a client to request the generation of an appropriate name automatically. Name is primarily intended "
            "for creation idempotence and configuration definition. Cannot be updated. More info: "
            "https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names"
        ),
    ),
    TableColumnDefinition(
        name="Created At",
        type="date",
        description=(
            "CreationTimestamp is a timestamp representing the server time when this object was created. It is not "
            "guaranteed to be set in happens-before order across separate operations. Clients may not set this value. "
            "It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. "
            "More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata"
        ),
    ),
)
"""The descriptions are wire texts: those of the two fields in the reference's ObjectMeta."""


def table_columns() -> list[TableColumnDefinition]:
    """The default columns in a new list; the definitions in it are shared."""
    return list(_COLUMNS)


def table_time(moment: dt.datetime | None) -> str:
    """A cell of type date."""
    return _ZERO_TIME if moment is None else format_time(moment)


def table_list_meta(obj: Any) -> ListMeta:
    """The metadata of a table of *obj*: where a list stands and how it goes on, or the version of one object."""
    if isinstance(obj, StoredList):
        return ListMeta(
            resource_version=str(obj.resource_version),
            continue_token=obj.continue_token,
            remaining_item_count=obj.remaining_item_count,
        )
    if isinstance(obj, StoredObject):
        return ListMeta(resource_version=str(obj.revision) if obj.revision else "")
    metadata = obj.metadata
    if isinstance(obj, ObjectList):
        return ListMeta(
            resource_version=metadata.resource_version,
            continue_token=metadata.continue_token,
            remaining_item_count=metadata.remaining_item_count,
        )
    return ListMeta(resource_version=metadata.resource_version)


def table_items(obj: Any) -> Iterable[Any]:
    """The objects of a list, or the one object itself, stored or not as they came."""
    if isinstance(obj, StoredList):
        return obj.items
    if isinstance(obj, ObjectList):
        return obj.items
    return (obj,)


class DefaultTableConvertor:
    """Name and creation time of anything with metadata."""

    def __init__(self, resource: GroupResource) -> None:
        self._resource = resource

    def convert_to_table(self, context: RequestContext, obj: Any, options: TableOptions | None) -> Table:
        """Raises NotAcceptableError for an object without metadata."""
        rows = []
        for item in table_items(obj):
            metadata = getattr(item.shared if isinstance(item, StoredObject) else item, "metadata", None)
            if not isinstance(metadata, ObjectMeta):
                raise NotAcceptableError(f"the resource {self._resource} does not support being converted to a Table")
            rows.append(TableRow(cells=[metadata.name, table_time(metadata.creation_timestamp)], object=item))
        return Table(metadata=table_list_meta(obj), column_definitions=table_columns(), rows=rows)
