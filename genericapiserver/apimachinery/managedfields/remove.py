"""Taking paths out of a value, or nothing but them (structured-merge-diff typed/remove.go)."""

from genericapiserver.apimachinery.managedfields.elements import JSON, field_element
from genericapiserver.apimachinery.managedfields.list_items import item_element_if_any
from genericapiserver.apimachinery.managedfields.path_set import PathSet
from genericapiserver.apimachinery.managedfields.schema import ListSchema, MapSchema, ScalarSchema, Schema, resolve


def remove(schema: Schema, value: JSON, paths: PathSet) -> JSON:
    """*value* without the map keys and list items that are in *paths*.

    A granular container that has nothing left becomes null, and so does an atomic one that *paths* looks into.
    """
    actual = resolve(schema, value)
    if isinstance(actual, ScalarSchema):
        return value
    if actual.atomic:
        return None
    if isinstance(actual, MapSchema):
        return _remove_fields(actual, value, paths) if isinstance(value, dict) else None
    return _remove_items(actual, value, paths) if isinstance(value, list) else None


def _remove_fields(schema: MapSchema, value: dict[str, JSON], paths: PathSet) -> JSON:
    left = {}
    for name, item in value.items():
        element = field_element(name)
        if element in paths.members:
            continue
        below = paths.children.get(element)
        child = schema.child(name)
        left[name] = item if below is None or child is None else remove(child, item, below)
    return left or None


def _remove_items(schema: ListSchema, items: list[JSON], paths: PathSet) -> JSON:
    left = []
    for item in items:
        element = item_element_if_any(schema, item)
        if element in paths.members:
            continue
        below = paths.children.get(element)
        left.append(item if below is None else remove(schema.element, item, below))
    return left or None


def extract(schema: Schema, value: JSON, paths: PathSet) -> JSON:
    """Only what is in *paths*, with the containers that lead there; atomic containers come whole.

    A container that is in *paths* itself, but nothing of what it holds, comes out as null (a list item: as it is).
    """
    actual = resolve(schema, value)
    if isinstance(actual, ScalarSchema) or actual.atomic or not value:
        return value
    if isinstance(actual, MapSchema):
        return _extract_fields(actual, value, paths) if isinstance(value, dict) else None
    return _extract_items(actual, value, paths) if isinstance(value, list) else None


def _extract_fields(schema: MapSchema, value: dict[str, JSON], paths: PathSet) -> JSON:
    taken = {}
    for name, item in value.items():
        element = field_element(name)
        below = paths.children.get(element)
        if below is None and element not in paths.members:
            continue
        child = schema.child(name)
        taken[name] = item if child is None else extract(child, item, below if below is not None else PathSet())
    return taken or None


def _extract_items(schema: ListSchema, items: list[JSON], paths: PathSet) -> JSON:
    taken = []
    for item in items:
        element = item_element_if_any(schema, item)
        below = paths.children.get(element)
        if below is not None:
            taken.append(extract(schema.element, item, below))
        elif element in paths.members:
            taken.append(item)
    return taken or None
