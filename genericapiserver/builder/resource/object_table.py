"""Tables that a kind makes itself, one for a list or a row for each object."""

from typing import Any

from genericapiserver.apimachinery.meta import ObjectList, Table, TableOptions, TableRow
from genericapiserver.apimachinery.serializer.decoder import new
from genericapiserver.builder.resource.hooks import bound
from genericapiserver.registry.table import table_items, table_list_meta
from genericapiserver.request import RequestContext


class ObjectTable:
    """Tables as the class of the list, or else of its objects, makes them (`resourcestrategy.TableConverter`)."""

    def __init__(self, object_type: type[Any], list_type: type[Any]) -> None:
        """Raises TypeError for a method with other parameters."""
        self._object_type = object_type
        self._list_type = list_type
        self._whole = bound(list_type, "convert_to_table", ("options",))
        self._row = bound(object_type, "convert_to_table", ("options",))

    def __bool__(self) -> bool:
        """Whether one of the classes makes tables; otherwise that is left to columns."""
        return self._whole is not None or self._row is not None

    def convert_to_table(self, context: RequestContext, obj: Any, options: TableOptions | None) -> Table:
        is_list = isinstance(obj, ObjectList)
        if self._whole is not None and (is_list or self._row is None):
            table: Table = self._whole(context, obj if is_list else self._list_type(items=[obj]), options)
            return table
        assert self._row is not None, "there is one of the two"
        items = list(table_items(obj))
        tables = [self._row(context, item, options) for item in items]
        # Without any object an empty one has the columns.
        columns = (tables or [self._row(context, new(self._object_type), options)])[0].column_definitions
        rows = [self._shown(row, item) for table, item in zip(tables, items, strict=True) for row in table.rows]
        return Table(metadata=table_list_meta(obj), column_definitions=list(columns), rows=rows)

    @staticmethod
    def _shown(row: TableRow, item: Any) -> TableRow:
        """kubectl wants the object, which is easily forgotten."""
        return TableRow(cells=row.cells, conditions=row.conditions, object=item if row.object is None else row.object)
