"""Tables, from a list of columns: those of a kind, or the two that every resource can show, name and time of creation.

    COLUMNS = (
        TableColumn("Name", "metadata.name", format="name"),
        created_at(),
        TableColumn("Lines", lambda note: len(note.lines), type="integer", priority=1),
    )

Go: pkg/registry/rest/table.go.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import attrs

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
from genericapiserver.registry.field_paths import reader
from genericapiserver.request.context import RequestContext
from genericapiserver.storage.stored import StoredList, StoredObject

_ZERO_TIME: Final = "0001-01-01T00:00:00Z"
"""What Go prints for a time that was never set; the row of a bookmark shows it."""


def table_time(moment: dt.datetime | None) -> str:
    """A cell of type date."""
    return _ZERO_TIME if moment is None else format_time(moment)


def table_age(moment: dt.datetime | None, now: dt.datetime | None = None) -> str:
    """How long ago *moment* was, as people say it: the cell of a column called Age."""
    if moment is None:
        return "<unknown>"
    return format_age((now or dt.datetime.now(dt.UTC)) - moment)


def format_age(age: dt.timedelta) -> str:
    """An age in one or two units: `90s`, `5m3s`, `7h30m`, `5d2h`, `3y12d`. Go: pkg/util/duration of apimachinery."""
    seconds = int(age.total_seconds())
    if seconds < -1:
        return "<invalid>"
    seconds = max(seconds, 0)
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    steps = (
        (seconds < 120, f"{seconds}s", 0, ""),
        (minutes < 10, f"{minutes}m", seconds % 60, "s"),
        (minutes < 180, f"{minutes}m", 0, ""),
        (hours < 8, f"{hours}h", minutes % 60, "m"),
        (hours < 48, f"{hours}h", 0, ""),
        (days < 8, f"{days}d", hours % 24, "h"),
        (days < 730, f"{days}d", 0, ""),
        (days < 2920, f"{days // 365}y", days % 365, "d"),
        (True, f"{days // 365}y", 0, ""),
    )
    whole, rest, unit = next((whole, rest, unit) for fits, whole, rest, unit in steps if fits)
    return f"{whole}{rest}{unit}" if rest else whole


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


@attrs.frozen
class TableColumn:
    """One column: its name, and the cell of an object, a JSON value: the path of an attribute, or a function.

    A column with a *priority* above 0 is shown by `kubectl get -o wide` only. The object of a bookmark is empty, and has
    cells all the same.
    """

    name: str
    cell: str | Callable[[Any], Any]
    type: str = attrs.field(default="string", kw_only=True)
    format: str = attrs.field(default="", kw_only=True)
    doc: str = attrs.field(default="", kw_only=True)
    priority: int = attrs.field(default=0, kw_only=True)

    def reader(self) -> Callable[[Any], Any]:
        """What makes the cell of an object."""
        return reader(self.cell) if isinstance(self.cell, str) else self.cell

    def definition(self) -> TableColumnDefinition:
        return TableColumnDefinition(
            name=self.name, type=self.type, format=self.format, description=self.doc, priority=self.priority
        )


_CREATED_AT_DOC: Final = (
    "CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to "
    "be set in happens-before order across separate operations. Clients may not set this value. It is represented in "
    "RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: "
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata"
)


def created_at(doc: str = _CREATED_AT_DOC) -> TableColumn:
    """The column that says when an object was made."""
    return TableColumn("Created At", lambda obj: table_time(obj.metadata.creation_timestamp), type="date", doc=doc)


def age() -> TableColumn:
    """The column that says how old an object is."""
    return TableColumn("Age", lambda obj: table_age(obj.metadata.creation_timestamp), doc=_CREATED_AT_DOC)


DEFAULT_COLUMNS: Final = (
    TableColumn(
        "Name",
        "metadata.name",
        format="name",
        doc=(
            "Name must be unique within a namespace. Is required when creating resources, although some resources may "
            "allow a client to request the generation of an appropriate name automatically. Name is primarily intended "
            "for creation idempotence and configuration definition. Cannot be updated. More info: "
            "https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names"
        ),
    ),
    created_at(),
)
"""The descriptions are wire texts: those of the two fields in the reference's ObjectMeta."""


class DefaultTableConvertor:
    """A table with *columns* of anything with metadata."""

    def __init__(self, resource: GroupResource, columns: Sequence[TableColumn] = DEFAULT_COLUMNS) -> None:
        self._resource = resource
        self._cells = [column.reader() for column in columns]
        self._definitions = [column.definition() for column in columns]

    def convert_to_table(self, context: RequestContext, obj: Any, options: TableOptions | None) -> Table:
        """Raises NotAcceptableError for an object without metadata."""
        rows = []
        for item in table_items(obj):
            shared = item.shared if isinstance(item, StoredObject) else item
            if not isinstance(getattr(shared, "metadata", None), ObjectMeta):
                raise NotAcceptableError(f"the resource {self._resource} does not support being converted to a Table")
            rows.append(TableRow(cells=[cell(shared) for cell in self._cells], object=item))
        # The list is new, the definitions in it are shared.
        return Table(metadata=table_list_meta(obj), column_definitions=list(self._definitions), rows=rows)
