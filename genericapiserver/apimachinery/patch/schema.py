"""What strategic merge has to know about a type: its fields, and how each of them merges."""

from collections.abc import Callable
from typing import Any

import attrs

from genericapiserver.apimachinery.types import FieldDescription, Kind, TypeRef, describe


@attrs.frozen
class PatchField:
    """A field: the schema of its value, its patch strategy (`merge`, `replace`, `retainKeys`, ...) and merge key."""

    schema: "PatchSchema"
    strategy: str = ""
    merge_key: str = ""


def _no_field(_name: str) -> PatchField | None:
    return None


@attrs.frozen(eq=False)
class PatchSchema:
    """The shape of a value as strategic merge sees it.

    `kind` is `struct`, `map`, `slice` or anything else for scalars, in Go's words because error texts print it. A struct
    has a `name` and finds its fields by JSON name; a slice has an `item`.
    """

    kind: str
    name: str = ""
    find_field: Callable[[str], PatchField | None] = _no_field
    item: "PatchSchema | None" = None


_schemas: dict[type[Any], PatchSchema] = {}


def patch_schema_for(cls: type[Any]) -> PatchSchema:
    """The schema of an API type, from its declaration. Made once per class, and for its fields when they are met."""
    schema = _schemas.get(cls)
    if schema is None:
        description = describe(cls)
        by_name = {one.json_name: one for one in description.fields}
        folded = {one.json_name.lower(): one for one in reversed(description.fields)}
        found: dict[str, PatchField] = {}

        def find_field(name: str) -> PatchField | None:
            # Go prefers the exact name and then takes one of other case.
            described = by_name.get(name) or folded.get(name.lower())
            if described is None:
                return None
            known = found.get(described.json_name)
            if known is None:
                known = found[described.json_name] = _field(described)
            return known

        schema = _schemas[cls] = PatchSchema("struct", name=cls.__name__, find_field=find_field)
    return schema


def _field(described: FieldDescription) -> PatchField:
    return PatchField(_schema_of(described.type), described.patch_strategy or "", described.patch_merge_key or "")


_SCALAR_KINDS = {
    Kind.STRING: "string",
    Kind.BOOLEAN: "bool",
    Kind.NUMBER: "float64",
    Kind.INTEGER: "int64",
}


def _schema_of(ref: TypeRef) -> PatchSchema:
    match ref.kind:
        case Kind.OBJECT:
            return patch_schema_for(ref.object_type)
        case Kind.LIST:
            return PatchSchema("slice", item=_schema_of(ref.item))
        case Kind.MAP:
            return PatchSchema("map")
        case Kind.RAW:
            return PatchSchema("interface")
    # Times and quantities are structs to Go, of fields that no JSON can name.
    return PatchSchema(_SCALAR_KINDS.get(ref.kind, "struct"))
