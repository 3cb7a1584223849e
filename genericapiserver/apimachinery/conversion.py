"""Conversion between types that have the same fields: between a version and the hub, most fields do.

scheme.add_conversion_func(v1alpha1.Flunder, Flunder, lambda old: convert_fields(old, Flunder))
"""

from typing import Any, TypeVar

from genericapiserver.apimachinery.describe import Kind, TypeRef, describe
from genericapiserver.apimachinery.serializer.decoder import new

T = TypeVar("T")


def convert_fields(source: Any, target: type[T], **values: Any) -> T:
    """A *target* with the fields of *source* that both types have by the same attribute, and *values* for the others.

    Structs are converted likewise where the types differ, and shared where they do not. Fields that *source* has not
    keep their empty value.
    """
    converted = new(target)
    description = describe(target)
    for name in values.keys() - description.by_attribute.keys():
        raise TypeError(f"{target.__name__} has no field {name}")
    for field in describe(type(source)).fields:
        counterpart = description.by_attribute.get(field.attribute)
        if counterpart is not None and field.attribute not in values:
            value = _convert(getattr(source, field.attribute), field.type, counterpart.type)
            setattr(converted, field.attribute, value)
    for name, value in values.items():
        setattr(converted, name, value)
    result: T = converted
    return result


def _convert(value: Any, source: TypeRef, target: TypeRef) -> Any:
    if value is None or source == target:
        return value
    if source.kind is not target.kind:
        raise TypeError(f"a {source.go_name} does not convert to a {target.go_name} by itself")
    match target.kind:
        case Kind.OBJECT:
            return convert_fields(value, target.object_type)
        case Kind.LIST:
            return [_convert(item, source.item, target.item) for item in value]
        case Kind.MAP:
            return {key: _convert(item, source.item, target.item) for key, item in value.items()}
    return value
