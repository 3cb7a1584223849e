"""Columns and cells that many kinds have."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from genericapiserver.apimachinery import labels
from genericapiserver.apimachinery.meta import LabelSelector
from genericapiserver.apis.core_v1.containers import Container
from genericapiserver.apis.core_v1.pods import PodTemplateSpec
from genericapiserver.registry.field_paths import reader
from genericapiserver.registry.table import DEFAULT_COLUMNS, TableColumn, age, created_at, table_age

NONE: Final = "<none>"
UNSET: Final = "<unset>"
UNKNOWN: Final = "<unknown>"
NAME: Final = DEFAULT_COLUMNS[0]
AGE: Final = age()
CREATED_AT: Final = created_at()
WIDE: Final = 1
"""The priority of columns that only `kubectl get -o wide` shows."""
MOST_LISTED: Final = 3


def integer(name: str, cell: str | Callable[[Any], int], doc: str = "", *, priority: int = 0) -> TableColumn:
    """A column of numbers; an absent one is 0."""
    read = reader(cell) if isinstance(cell, str) else cell
    return TableColumn(name, lambda obj: read(obj) or 0, type="integer", doc=doc, priority=priority)


def boolean(name: str, cell: str, doc: str = "", *, absent: bool = False) -> TableColumn:
    """A column of truths; an absent one is *absent*."""
    read = reader(cell)

    def value(obj: Any) -> bool:
        found = read(obj)
        return absent if found is None else bool(found)

    return TableColumn(name, value, type="boolean", doc=doc)


def text(name: str, cell: str, doc: str = "", *, absent: str = "", priority: int = 0) -> TableColumn:
    """A column of texts; an empty or absent one is shown as *absent*."""
    read = reader(cell)
    return TableColumn(name, lambda obj: str(read(obj) or absent), doc=doc, priority=priority)


def container_columns(template: Callable[[Any], PodTemplateSpec | None]) -> tuple[TableColumn, TableColumn]:
    """The names and the images of the containers that a controller's pods have."""

    def joined(attribute: str) -> Callable[[Any], str]:
        return lambda obj: ",".join(getattr(container, attribute) for container in containers_of(template(obj)))

    return (
        TableColumn("Containers", joined("name"), doc="The names of the template's containers.", priority=WIDE),
        TableColumn("Images", joined("image"), doc="The images of the template's containers.", priority=WIDE),
    )


def containers_of(template: PodTemplateSpec | None) -> Sequence[Container]:
    return () if template is None else template.spec.containers


def selector_column(cell: Callable[[Any], str]) -> TableColumn:
    return TableColumn("Selector", cell, doc="Which pods belong to it.", priority=WIDE)


def labels_text(values: Mapping[str, str]) -> str:
    """Labels as they are selected by: `a=b,c=d`."""
    return ",".join(f"{key}={value}" for key, value in sorted(values.items())) or NONE


def selector_text(selector: LabelSelector | None) -> str:
    """A label selector as kubectl takes it."""
    try:
        return str(labels.from_label_selector(selector)) or NONE
    except ValueError:
        return "<error>"


def since(moment: dt.datetime | None, absent: str = UNKNOWN) -> str:
    """How long ago *moment* was."""
    return absent if moment is None else table_age(moment)


def listed(items: Sequence[str], empty: str) -> str:
    """The first three of *items*, and how many follow."""
    if not items:
        return empty
    shown = ",".join(items[:MOST_LISTED])
    return shown if len(items) <= MOST_LISTED else f"{shown} + {len(items) - MOST_LISTED} more..."


def condition_status(conditions: Sequence[Any], type: str) -> str | None:
    """The status of the condition of *type*, None where there is none."""
    return next((condition.status for condition in conditions if condition.type == type), None)
