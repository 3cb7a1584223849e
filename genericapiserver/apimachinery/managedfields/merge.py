"""Merging an applied configuration into a live value (structured-merge-diff typed/merge.go).

The configuration wins on leaves, atomic containers are replaced whole, maps and associative lists are united. Nothing is
removed here. Results share parts with the values they were made of: treat all three as read-only.
"""

from collections import deque

from genericapiserver.apimachinery.managedfields.elements import JSON, PathElement
from genericapiserver.apimachinery.managedfields.list_items import ItemError, item_element
from genericapiserver.apimachinery.managedfields.schema import (
    ListSchema,
    MapSchema,
    ScalarSchema,
    Schema,
    as_container,
    resolve,
)
from genericapiserver.apimachinery.managedfields.values import ABSENT, Value


def merge(schema: Schema, live: JSON, config: JSON) -> JSON:
    """*live* with what *config* says. Null or an empty container against one that holds something changes nothing.

    Raises ItemError for items that cannot be told apart, and for duplicates in *config*.
    """
    if live is ABSENT:
        return config
    if config is ABSENT:
        return live
    actual = resolve(schema, config)
    if isinstance(actual, ScalarSchema):
        return config
    ours, theirs = as_container(actual, live), as_container(actual, config)
    if actual.atomic or (not ours and not theirs):
        return config
    if isinstance(actual, MapSchema):
        return _merge_maps(actual, ours, theirs)
    return _merge_lists(actual, ours, theirs)


def _merge_maps(schema: MapSchema, live: dict[str, JSON], config: dict[str, JSON]) -> dict[str, JSON]:
    merged = dict(live)
    for name, value in config.items():
        child = schema.child(name)
        merged[name] = merge(child, live.get(name, ABSENT), value) if child is not None else value
    return merged


def _merge_lists(schema: ListSchema, live: list[JSON], config: list[JSON]) -> list[JSON]:
    """Live and configured items, each once, in an order that both would recognise.

    Items that both have come in the order of *config*; items only in *live* stay near their old neighbours, and new ones
    come where *config* has them.
    """
    config_elements, configured = _index_config(schema, config)
    live_elements, stored = _index_live(schema, live)
    shared = deque(element for element in config_elements if element in stored)

    def next_shared() -> PathElement | None:
        return shared.popleft() if shared else None

    def merged_item(element: PathElement) -> JSON:
        return merge(schema.element, stored.get(element, ABSENT), configured[element])

    wanted = next_shared()
    emitted: set[PathElement] = set()
    merged: list[JSON] = []
    i = j = 0
    while i < len(live_elements) or j < len(config_elements):
        if i < len(live_elements) and j < len(config_elements):
            element = live_elements[i]
            if element == config_elements[j]:
                emitted.add(element)
                merged.append(merged_item(element))
                i += 1
                j += 1
                wanted = next_shared()
                continue
            if element in configured and wanted is not None and wanted != element:
                i += 1  # shared, but not its turn
                continue
        if i < len(live_elements):
            element = live_elements[i]
            if element not in configured:
                merged.append(live[i])  # by its place: duplicates that the configuration does not name are kept
                i += 1
                continue
            if element in emitted:
                i += 1
        if j < len(config_elements):
            element = config_elements[j]
            emitted.add(element)
            merged.append(merged_item(element))
            j += 1
            if element == wanted:
                wanted = next_shared()
    return merged


def _index_config(schema: ListSchema, items: list[JSON]) -> tuple[list[PathElement], dict[PathElement, JSON]]:
    elements = _elements(schema, items)
    index = dict(zip(elements, items, strict=True))
    if len(index) != len(elements):
        raise ItemError("duplicate entries in an applied list")  # validation has refused them before
    return elements, index


def _index_live(schema: ListSchema, items: list[JSON]) -> tuple[list[PathElement], dict[PathElement, Value]]:
    elements = _elements(schema, items)
    index: dict[PathElement, Value] = {}
    for element, item in zip(elements, items, strict=True):
        # Duplicates are not merged into: where the configuration names one, its item stands alone.
        index[element] = None if element in index else item
    return elements, index


def _elements(schema: ListSchema, items: list[JSON]) -> list[PathElement]:
    return [item_element(schema, item) for item in items]
