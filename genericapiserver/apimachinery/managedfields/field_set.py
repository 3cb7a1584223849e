"""The paths of a value: what one who applies it owns (structured-merge-diff typed/tofieldset.go)."""

from genericapiserver.apimachinery.managedfields.elements import JSON, PathElement, field_element
from genericapiserver.apimachinery.managedfields.list_items import item_element_if_any
from genericapiserver.apimachinery.managedfields.path_set import PathSet
from genericapiserver.apimachinery.managedfields.schema import ListSchema, MapSchema, ScalarSchema, Schema, resolve


def field_set(schema: Schema, value: JSON) -> PathSet:
    """Every leaf of *value*, the items of its lists, and the keys of its free-form maps.

    Leaves are scalars and atomic containers; nulls and empty maps count as such. Containers besides these are not in the
    set: it is what they hold that is owned.
    """
    below = PathSet()
    _collect(schema, value, below)
    return below


def _collect(schema: Schema, value: JSON, below: PathSet) -> bool:
    """Put what *value* holds into *below*; True when *value* is a leaf itself."""
    actual = resolve(schema, value)
    if isinstance(actual, ScalarSchema) or actual.atomic:
        return True
    if isinstance(actual, ListSchema):
        if isinstance(value, list):
            _collect_items(actual, value, below)
    elif isinstance(value, dict):
        _collect_fields(actual, value, below)
    return False


def _collect_items(schema: ListSchema, items: list[JSON], below: PathSet) -> None:
    elements = [item_element_if_any(schema, item) for item in items]
    below.members.update(elements)
    if len(below.members) == len(elements):
        for element, item in zip(elements, items, strict=True):
            _descend(schema.element, item, below, element)
        return
    for element, item in zip(elements, items, strict=True):
        if elements.count(element) == 1:  # duplicates are one unit
            _descend(schema.element, item, below, element)


def _collect_fields(schema: MapSchema, value: dict[str, JSON], below: PathSet) -> None:
    for name, item in value.items():
        declared = schema.fields.get(name)
        if declared is not None:
            if _descend(declared.schema, item, below, declared.element) or item is None or item == {}:
                below.members.add(declared.element)
        elif schema.element is not None:
            element = field_element(name)
            _descend(schema.element, item, below, element)
            below.members.add(element)


def _descend(schema: Schema, value: JSON, below: PathSet, element: PathElement) -> bool:
    child = PathSet()
    leaf = _collect(schema, value, child)
    if child:
        below.children[element] = child
    return leaf
