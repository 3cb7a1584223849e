"""What a selector pins: the values that one label or one field of an object must have for the object to be selected.

A facet is a label or a field by its name, as the reference writes it: `l:app`, `f:spec.nodeName`. An object has at most one
value of each. Lists (`cache_index`) and watches (`cache_dispatch`) that pin a facet look only at objects with such a value.

Source: k8s.io/apiserver pkg/storage/selection_predicate.go (MatcherIndex), pkg/storage/cacher/cacher.go (indexedTrigger).
There the facets of a resource are declared and a trigger takes one value; here any equality and `in` counts.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple, TypeAlias

from genericapiserver.apimachinery.labels import Operator
from genericapiserver.storage.errors import CorruptObjectError
from genericapiserver.storage.selection import SelectionPredicate
from genericapiserver.storage.stored import ObjectAttributes, StoredObject

Facet: TypeAlias = str
"""`l:` and the name of a label, or `f:` and that of a field."""

MAX_VALUES: Final = 64
"""A requirement of more values pins nothing: it is looked up no faster than all objects are looked at."""

_ONE_OF: Final = (Operator.EQUALS, Operator.DOUBLE_EQUALS, Operator.IN)
_LAST: Final = "f:metadata.namespace"
"""Its values have the most objects."""


class Pin(NamedTuple):
    """Objects that are selected have one of *values* in *facet*."""

    facet: Facet
    values: tuple[str, ...]


def pins(predicate: SelectionPredicate) -> list[Pin]:
    """What *predicate* pins, what promises to select the fewest objects first: fields before labels, one value before
    several."""
    found = list(_pins(predicate))
    found.sort(key=lambda pin: (pin.facet == _LAST, len(pin.values)))
    return found


def _pins(predicate: SelectionPredicate) -> Iterator[Pin]:
    if predicate.field is not None:
        for one in predicate.field.requirements:
            if not one.negated:
                yield Pin(f"f:{one.field}", (one.value,))
    if predicate.label is not None:
        for requirement in predicate.label.requirements:
            values = tuple(dict.fromkeys(requirement.values))
            if requirement.operator in _ONE_OF and len(values) <= MAX_VALUES:
                yield Pin(f"l:{requirement.key}", values)


def value_of(facet: Facet, attributes: ObjectAttributes) -> str | None:
    """The value of an object in *facet*; None for a label that it has not. A field that it has not counts as empty."""
    if facet[0] == "l":
        return attributes.labels.get(facet[2:])
    return attributes.fields.get(facet[2:], "")


def attributes_of(stored: StoredObject[Any] | None) -> ObjectAttributes | None:
    """The attributes; None without an object, and for one that no selector selects. Raises CorruptObjectError for one that
    cannot be decoded."""
    if stored is None or not stored.readable:
        return None
    try:
        return stored.attributes
    except CorruptObjectError:
        raise
    except Exception:  # noqa: BLE001  as in SelectionPredicate.matches
        return None
