"""Comparing two values of one type (structured-merge-diff typed/compare.go).

The result names, as sets of paths, what was removed, modified and added. Leaves are scalars, atomic containers, and
containers that are empty or null on both sides. A granular container that is only on one side counts as added or removed
itself, besides what is in it: that is how an Update comes to own the `.` of a map it made.
"""

import attrs

from genericapiserver.apimachinery.managedfields.elements import JSON, PathElement, field_element
from genericapiserver.apimachinery.managedfields.list_items import item_element
from genericapiserver.apimachinery.managedfields.path_set import PathSet
from genericapiserver.apimachinery.managedfields.schema import (
    ListSchema,
    MapSchema,
    ScalarSchema,
    Schema,
    as_container,
    plainly_comparable,
    resolve,
)
from genericapiserver.apimachinery.managedfields.values import ABSENT, Value, values_equal


@attrs.frozen
class Comparison:
    """What leads from one value to the other."""

    removed: PathSet
    modified: PathSet
    added: PathSet

    def without(self, fields: PathSet) -> "Comparison":
        """The same without *fields* and everything below them."""
        if not fields:
            return self
        return Comparison(
            self.removed.recursive_difference(fields),
            self.modified.recursive_difference(fields),
            self.added.recursive_difference(fields),
        )


def compare(schema: Schema, left: JSON, right: JSON) -> Comparison:
    """What has to be removed, modified and added to come from *left* to *right*, two values of this shape.

    Raises ItemError for list items that cannot be told apart.
    """
    level = _Level()
    _compare(schema, left, right, level, None)
    return Comparison(*(below if below is not None else PathSet() for below in level.below))


_REMOVED, _MODIFIED, _ADDED = range(3)


class _Level:
    """The three sets of one node, made when they are needed."""

    __slots__ = ("below",)

    def __init__(self) -> None:
        self.below: list[PathSet | None] = [None, None, None]

    def add(self, verdict: int, element: PathElement | None) -> None:
        if element is None:
            return  # the whole object is nobody's
        below = self.below[verdict]
        if below is None:
            below = self.below[verdict] = PathSet()
        below.members.add(element)

    def attach(self, element: PathElement | None, level: "_Level") -> None:
        for verdict in (_REMOVED, _MODIFIED, _ADDED):
            child = level.below[verdict]
            if child is None:
                continue
            if element is None:
                self.below[verdict] = child
                continue
            below = self.below[verdict]
            if below is None:
                below = self.below[verdict] = PathSet()
            before = below.children.get(element)
            below.children[element] = child if before is None else before.union(child)


def _compare(schema: Schema, left: Value, right: Value, level: _Level, element: PathElement | None) -> None:
    """Note in *level*, under *element*, how *left* and *right* differ."""
    if left is right or (left == right and plainly_comparable(schema)):
        return
    if isinstance(schema, ScalarSchema):
        _leaf(left, right, level, element)
        return
    on_left, on_right = resolve(schema, left), resolve(schema, right)
    # A side that is not there takes the shape of the other.
    if right is ABSENT:
        on_right = on_left
    elif left is not ABSENT and on_left is not on_right:
        # What was deduced changed from one shape to another: each is looked at in its own.
        _compare_as(on_left, left, right, level, element)
    _compare_as(on_right, left, right, level, element)


def _compare_as(
    schema: ScalarSchema | ListSchema | MapSchema, left: Value, right: Value, level: _Level, element: PathElement | None
) -> None:
    if isinstance(schema, ScalarSchema):
        _leaf(left, right, level, element)
        return
    old, new = as_container(schema, left), as_container(schema, right)
    if schema.atomic or (not old and not new):
        _leaf(left, right, level, element)
        return
    inner = _Level()
    if isinstance(schema, MapSchema):
        _compare_maps(schema, old, new, inner)
    else:
        _compare_lists(schema, old, new, inner)
    level.attach(element, inner)
    if left is ABSENT:
        level.add(_ADDED, element)
    elif right is ABSENT:
        level.add(_REMOVED, element)


def _leaf(left: Value, right: Value, level: _Level, element: PathElement | None) -> None:
    if left is ABSENT:
        level.add(_ADDED, element)
    elif right is ABSENT:
        level.add(_REMOVED, element)
    elif not values_equal(left, right):
        level.add(_MODIFIED, element)


def _compare_maps(schema: MapSchema, left: dict[str, JSON], right: dict[str, JSON], level: _Level) -> None:
    for name in left if left.keys() == right.keys() else left | right:
        before, after = left.get(name, ABSENT), right.get(name, ABSENT)
        declared = schema.fields.get(name)
        if declared is not None:
            _compare(declared.schema, before, after, level, declared.element)
        elif schema.element is not None:
            _compare(schema.element, before, after, level, field_element(name))


def _compare_lists(schema: ListSchema, left: list[JSON], right: list[JSON], level: _Level) -> None:
    old, new = _by_element(schema, left), _by_element(schema, right)
    for element in old | new:
        before, after = old.get(element, []), new.get(element, [])
        if len(before) <= 1 and len(after) <= 1:
            _compare(schema.element, before[0] if before else ABSENT, after[0] if after else ABSENT, level, element)
        elif len(before) > 1 and len(after) > 1:
            if len(before) != len(after) or not all(map(values_equal, before, after)):
                level.add(_MODIFIED, element)
        elif len(before) > 1:
            # No longer duplicated: the mark of the duplicates goes, what is left counts as new.
            if after:
                _compare(schema.element, ABSENT, after[0], level, element)
            level.add(_REMOVED, element)
        else:
            if before:
                _compare(schema.element, before[0], ABSENT, level, element)
            level.add(_ADDED, element)


def _by_element(schema: ListSchema, items: list[JSON]) -> dict[PathElement, list[JSON]]:
    found: dict[PathElement, list[JSON]] = {}
    for item in items:
        found.setdefault(item_element(schema, item), []).append(item)
    return found
