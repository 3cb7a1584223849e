"""What stores need to turn into something else: errors, list options, objects into tables.

Source: pkg/ext/utils.go of rancher/steve.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from genericapiserver.apimachinery import fields, labels
from genericapiserver.apimachinery.errors import BadRequestError, InternalError, InvalidError, StatusError
from genericapiserver.apimachinery.field import Path, invalid
from genericapiserver.apimachinery.meta import (
    ListOptions,
    ObjectMeta,
    Table,
    TableColumnDefinition,
    TableOptions,
    TableRow,
)
from genericapiserver.apimachinery.meta import internal as internalversion
from genericapiserver.apimachinery.schema import GroupKind, GroupResource
from genericapiserver.apimachinery.scheme import type_name
from genericapiserver.apimachinery.validation.names import path_segment_name
from genericapiserver.registry.table import DefaultTableConvertor, table_items
from genericapiserver.request import RequestContext
from genericapiserver.storage.stored import StoredObject

logger = logging.getLogger(__name__)

T = TypeVar("T")


def convert_error(error: Exception) -> StatusError:
    """*error* itself if it has a status, else a 500 that says `Internal error occurred: ...` and what *error* says.

    Clients are shown that text, as the reference shows it: a store whose errors must not be shown raises StatusErrors.
    """
    if isinstance(error, StatusError):
        return error
    logger.error("an error that is no StatusError is answered with 500: %s", error, exc_info=error)
    return InternalError(str(error) or type(error).__name__)


@contextlib.contextmanager
def converted_errors() -> Iterator[None]:
    """Have what the block raises come out as `convert_error` has it."""
    try:
        yield
    except StatusError:
        raise
    except Exception as error:
        raise convert_error(error) from error


def check_type(obj: Any, expected: type[T]) -> T:
    """*obj*, which has to be an *expected*. Raises InternalError."""
    if not isinstance(obj, expected):
        raise InternalError(f"object was of type {_name(type(obj))}, not of expected type {_name(expected)}")
    return obj


def check_name(metadata: ObjectMeta, kind: GroupKind) -> None:
    """Raise InvalidError for a new object's name that fits into no path: nobody could read or delete the object."""
    name = metadata.name
    if name and (problems := path_segment_name(name)):
        raise InvalidError(kind, name, [invalid(Path("metadata", "name"), name, each) for each in problems])


# ---- options


def convert_list_options(options: internalversion.ListOptions) -> ListOptions:
    """The options of a list or a watch as clients send them, selectors as texts. Raises InternalError for others."""
    if not isinstance(options, internalversion.ListOptions):
        raise InternalError(
            f"converting list options: expected {internalversion.ListOptions.__name__} but got {_name(type(options))}"
        )
    return ListOptions(
        label_selector=str(options.label_selector),
        field_selector=str(options.field_selector),
        watch=options.watch,
        allow_watch_bookmarks=options.allow_watch_bookmarks,
        resource_version=options.resource_version,
        resource_version_match=options.resource_version_match,
        timeout_seconds=options.timeout_seconds,
        limit=options.limit,
        continue_token=options.continue_token,
        send_initial_events=options.send_initial_events,
    )


def selector(options: ListOptions) -> Callable[[Any], bool]:
    """Whether an object is one of those that *options* select, by labels, name and namespace.

    For stores that have no better way to select. Raises BadRequestError for selectors that cannot be read.
    """
    try:
        by_labels, by_fields = labels.parse(options.label_selector), fields.parse(options.field_selector)
    except ValueError as error:
        raise BadRequestError(str(error)) from error

    def selects(obj: Any) -> bool:
        metadata = obj.metadata
        return by_labels.matches(metadata.labels) and by_fields.matches(
            {"metadata.name": metadata.name, "metadata.namespace": metadata.namespace}
        )

    return selects


# ---- tables


def convert_to_table_default(
    context: RequestContext, obj: Any, options: TableOptions | None, *, resource: GroupResource
) -> Table:
    """*obj*, an object or a list, with the columns `Name` and `Created At`. Raises NotAcceptableError without metadata."""
    return DefaultTableConvertor(resource).convert_to_table(context, obj, options)


def convert_to_table(
    context: RequestContext,
    obj: Any,
    options: TableOptions | None,
    *,
    resource: GroupResource,
    object_type: type[T],
    columns: Sequence[TableColumnDefinition] | None = None,
    cells: Callable[[T], Sequence[str]] | None = None,
) -> Table:
    """*obj*, an object or a list, with *columns*, a row's cells being what *cells* makes of an *object_type*.

    Without *columns*, or without *cells*, the table is the default one. Raises InternalError for an object of another type
    and for rows that do not have a cell for each column.
    """
    table = convert_to_table_default(context, obj, options, resource=resource)
    if columns is None or cells is None:
        return table
    if table.column_definitions:  # whoever asked for none gets none
        table.column_definitions = list(columns)
    table.rows = [_row(item, object_type, len(columns), cells) for item in table_items(obj)]
    return table


def _row(item: Any, object_type: type[T], columns: int, cells: Callable[[T], Sequence[str]]) -> TableRow:
    shared = item.shared if isinstance(item, StoredObject) else item
    if not isinstance(shared, object_type):
        raise InternalError(f"expected {_name(object_type)} but got {_name(type(shared))}")
    made = list(cells(shared))
    if len(made) != columns:
        raise InternalError(f"defined {columns} columns but got {len(made)} cells")
    return TableRow(cells=made, object=item)


def _name(cls: type[Any]) -> str:
    return type_name(cls)
