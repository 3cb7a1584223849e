"""The shape of an API type, compiled once from its declaration.

Go takes the way round by the published OpenAPI document (apimachinery pkg/util/managedfields/internal/typeconverter.go,
structured-merge-diff's and kube-openapi's schemaconv). The rules are those of that way:

- lists are atomic unless `list_type` says otherwise, or `patch_strategy="merge"` does (with a merge key: keyed, else a set);
- structs and maps are granular unless `map_type="atomic"`, where a field's word goes before that of its type;
- a struct without fields takes anything; so does RawJSON;
- times, quantities, int-or-strings and strings with a format take any scalar;
- a list key that is always written defaults to its empty value, so an item without it is still told apart.
"""

from typing import Any

from genericapiserver.apimachinery.describe import FieldDescription, Kind, TypeDescription, TypeRef, describe
from genericapiserver.apimachinery.managedfields.elements import JSON
from genericapiserver.apimachinery.managedfields.schema import (
    BOOLEAN,
    DEDUCED,
    NUMERIC,
    STRING,
    TEXTUAL,
    UNTYPED,
    FieldSchema,
    ListKind,
    ListSchema,
    MapSchema,
    Schema,
)

_schemas: dict[type[Any], MapSchema] = {}

_SCALARS: dict[Kind, Schema] = {
    Kind.STRING: STRING,
    Kind.BOOLEAN: BOOLEAN,
    Kind.INTEGER: NUMERIC,
    Kind.NUMBER: NUMERIC,
    Kind.BYTES: STRING,
    Kind.TIME: TEXTUAL,
    Kind.MICRO_TIME: TEXTUAL,
    Kind.QUANTITY: TEXTUAL,
    Kind.INT_OR_STRING: UNTYPED,
    Kind.RAW: DEDUCED,
}

_EMPTY: dict[Kind, JSON] = {Kind.STRING: "", Kind.BOOLEAN: False, Kind.INTEGER: 0, Kind.NUMBER: 0}


def schema_for(cls: type[Any]) -> MapSchema:
    """The shape of an API type, always the same object for one class. Raises TypeError when *cls* is none."""
    return _schemas.get(cls) or _compile(cls)


def _compile(cls: type[Any]) -> MapSchema:
    description = describe(cls)
    # A type may hold itself: its schema has to be known before those of its fields are made.
    schema = _schemas[cls] = _empty_struct(description)
    if description.root:
        for name in ("apiVersion", "kind"):
            schema.fields[name] = FieldSchema.named(name, STRING)
    for field in description.fields:
        schema.fields[field.json_name] = FieldSchema.named(
            field.json_name, _of_field(field), default=_key_default(field)
        )
    return schema


def _empty_struct(description: TypeDescription) -> MapSchema:
    anything = not description.fields and not description.root
    return MapSchema(element=DEDUCED if anything else None, atomic=description.map_type == "atomic")


def _of_field(field: FieldDescription) -> Schema:
    ref = field.type
    match ref.kind:
        case Kind.LIST:
            kind, keys = _list_kind(field)
            return ListSchema(kind, _of_ref(ref.item), keys)
        case Kind.MAP:
            return MapSchema(element=_of_ref(ref.item), atomic=field.map_type == "atomic")
        case Kind.OBJECT if field.map_type is not None:
            schema = schema_for(ref.object_type)
            atomic = field.map_type == "atomic"
            if atomic == schema.atomic:
                return schema
            return MapSchema(schema.fields, schema.element, atomic)
        case Kind.STRING if field.format not in ("", "byte"):
            return TEXTUAL
    return _of_ref(ref)


def _of_ref(ref: TypeRef) -> Schema:
    match ref.kind:
        case Kind.LIST:
            return ListSchema(ListKind.ATOMIC, _of_ref(ref.item))
        case Kind.MAP:
            return MapSchema(element=_of_ref(ref.item))
        case Kind.OBJECT:
            return schema_for(ref.object_type)
    return _SCALARS[ref.kind]


def _list_kind(field: FieldDescription) -> tuple[ListKind, tuple[str, ...]]:
    if field.list_type is not None:
        kind = ListKind(field.list_type)
        return kind, field.list_map_keys if kind is ListKind.MAP else ()
    if field.patch_strategy in ("merge", "merge,retainKeys"):
        if field.patch_merge_key:
            return ListKind.MAP, (field.patch_merge_key,)
        return ListKind.SET, ()
    return ListKind.ATOMIC, ()


def _key_default(field: FieldDescription) -> JSON:
    if field.key_default is not None:
        return field.key_default
    if field.has_default and field.default is not None and not field.omit_empty:
        return field.default
    if field.optional or field.omit_empty:
        return None
    return _EMPTY.get(field.type.kind)
