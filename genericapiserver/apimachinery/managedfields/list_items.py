"""Telling list items apart: the step that leads to an item of a set or of a keyed list (typed/helpers.go)."""

from genericapiserver.apimachinery.managedfields.elements import JSON, PathElement, key_element, value_element
from genericapiserver.apimachinery.managedfields.schema import ListSchema


class ItemError(ValueError):
    """An item that cannot be told from others."""


def item_element(schema: ListSchema, item: JSON) -> PathElement:
    """The step to *item* in a list of this shape, which is not atomic. Raises ItemError."""
    if schema.keys:
        return _keyed(schema, item)
    if isinstance(item, dict):
        raise ItemError("associative list without keys has an element that's a map type")
    if isinstance(item, list):
        raise ItemError("not supported: associative list with lists as elements")
    if item is None:
        raise ItemError("associative list without keys has an element that's an explicit null")
    return value_element(item)


NO_ELEMENT: PathElement = ""
"""Stands for an item that has no step; no document has it."""


def item_element_if_any(schema: ListSchema, item: JSON) -> PathElement:
    """The step to *item*, or NO_ELEMENT: what is removed from an item may be the very keys it is known by."""
    try:
        return item_element(schema, item)
    except ItemError:
        return NO_ELEMENT


def _keyed(schema: ListSchema, item: JSON) -> PathElement:
    if item is None:
        raise ItemError("associative list with keys may not have a null element")
    if not isinstance(item, dict):
        raise ItemError("associative list with keys may not have non-map elements")
    keys = {}
    for key in schema.keys:
        if key in item:
            keys[key] = item[key]
        elif (default := schema.key_default(key)) is not None:
            keys[key] = default
        # A key that is neither there nor defaulted is left out: its absence is what tells the item from others.
    if not keys:
        names = " ".join(f'"{key}"' for key in schema.keys)
        raise ItemError(
            f"associative list with keys has an element that omits all key fields [{names}] "
            "(and doesn't have default values for any key fields)"
        )
    return key_element(keys)
