"""What structured merge knows of a type: which values are one unit, and how the items of lists are told apart.

The shapes are those of structured-merge-diff's schema/elements.go: scalars, lists (atomic, sets, keyed), maps (structs
with declared fields, free-form maps; granular or atomic), and values whose shape is deduced from what is found. One graph
of these objects is made per type; types that hold themselves make it cyclic.
"""

import enum
from typing import Any, Final

import attrs

from genericapiserver.apimachinery.managedfields.elements import JSON, PathElement, field_element
from genericapiserver.apimachinery.managedfields.values import ABSENT, Value


class ScalarKind(enum.StrEnum):
    """Which scalars fit."""

    STRING = "string"
    NUMERIC = "numeric"
    BOOLEAN = "boolean"
    UNTYPED = "untyped"


class ListKind(enum.StrEnum):
    """How a list is merged (`x-kubernetes-list-type`)."""

    ATOMIC = "atomic"
    SET = "set"
    MAP = "map"


@attrs.define(eq=False)
class ScalarSchema:
    """A string, number, boolean, or any of them.

    `numbers_and_booleans` says that both may be found here, which Python's `==` would mix up.
    """

    kind: ScalarKind
    numbers_and_booleans: bool = False


@attrs.define(eq=False)
class ListSchema:
    """A list: one unit (atomic), a set of scalars, or items known by their `keys`."""

    kind: ListKind
    element: "Schema"
    keys: tuple[str, ...] = ()
    _comparable: bool | None = attrs.field(default=None, init=False, repr=False)

    @property
    def atomic(self) -> bool:
        return self.kind is ListKind.ATOMIC

    def key_default(self, key: str) -> JSON:
        """The value that an item without this key counts as having; None when there is none."""
        element = self.element
        if isinstance(element, MapSchema) and (declared := element.fields.get(key)) is not None:
            return declared.default
        return None


@attrs.define(eq=False)
class FieldSchema:
    """A declared field of a struct: its step, its shape, and its default when it is the key of a list item."""

    element: PathElement
    schema: "Schema"
    default: JSON = None

    @classmethod
    def named(cls, name: str, schema: "Schema", *, default: JSON = None) -> "FieldSchema":
        return cls(field_element(name), schema, default)


@attrs.define(eq=False)
class MapSchema:
    """A struct (declared `fields`), a free-form map (`element`), or both; `atomic` ones are one unit."""

    fields: dict[str, FieldSchema] = attrs.field(factory=dict)
    element: "Schema | None" = None
    atomic: bool = False
    _comparable: bool | None = attrs.field(default=None, init=False, repr=False)

    def child(self, name: str) -> "Schema | None":
        """The shape of what is under this key; None when the type has no such field."""
        declared = self.fields.get(name)
        return self.element if declared is None else declared.schema


@attrs.define(eq=False)
class DeducedSchema:
    """A value of which nothing was declared: maps are granular, lists atomic, scalars what they are."""

    scalar: ScalarSchema
    list: ListSchema
    map: MapSchema


Schema = ScalarSchema | ListSchema | MapSchema | DeducedSchema

STRING: Final = ScalarSchema(ScalarKind.STRING)
NUMERIC: Final = ScalarSchema(ScalarKind.NUMERIC)
BOOLEAN: Final = ScalarSchema(ScalarKind.BOOLEAN)
UNTYPED: Final = ScalarSchema(ScalarKind.UNTYPED, numbers_and_booleans=True)
"""Any scalar."""
TEXTUAL: Final = ScalarSchema(ScalarKind.UNTYPED)
"""Any scalar may be applied, a string is what the type is encoded as: times, quantities."""


def _deduced() -> DeducedSchema:
    map_schema = MapSchema()
    schema = DeducedSchema(UNTYPED, ListSchema(ListKind.ATOMIC, UNTYPED), map_schema)
    map_schema.element = schema
    # Items of a list that is one unit are never looked into, but they are validated.
    schema.list.element = schema
    return schema


DEDUCED: Final = _deduced()
"""Anything (x-kubernetes-preserve-unknown-fields, an object without properties)."""


def resolve(schema: Schema, value: Value) -> ScalarSchema | ListSchema | MapSchema:
    """The shape that counts for *value*: a deduced one by what is found. Null and nothing are taken for maps there."""
    if not isinstance(schema, DeducedSchema):
        return schema
    if value is None or value is ABSENT or isinstance(value, dict):
        return schema.map
    return schema.list if isinstance(value, list) else schema.scalar


def as_container(schema: ListSchema | MapSchema, value: Value) -> Any:
    """*value* if it is the dict or list that *schema* is about, else an empty one (for null, nothing, other types)."""
    if isinstance(schema, MapSchema):
        return value if isinstance(value, dict) else {}
    return value if isinstance(value, list) else []


def plainly_comparable(schema: Schema) -> bool:
    """Whether Python's `==` is right for values of this shape: nowhere may a boolean meet a number."""
    if isinstance(schema, ScalarSchema):
        return not schema.numbers_and_booleans
    if isinstance(schema, DeducedSchema):
        return False
    if schema._comparable is None:
        schema._comparable = all(not scalar.numbers_and_booleans for scalar in _scalars(schema, set()))
    return schema._comparable


def _scalars(schema: Schema, seen: set[int]) -> list[ScalarSchema]:
    if isinstance(schema, ScalarSchema):
        return [schema]
    if isinstance(schema, DeducedSchema):
        return [schema.scalar]
    if id(schema) in seen:
        return []
    seen.add(id(schema))
    if isinstance(schema, ListSchema):
        return _scalars(schema.element, seen)
    parts = [declared.schema for declared in schema.fields.values()]
    if schema.element is not None:
        parts.append(schema.element)
    return [scalar for part in parts for scalar in _scalars(part, seen)]
