"""Deep copies of API objects, by a function compiled from each type's declaration.

Values that cannot change (texts, numbers, times, quantities) are shared between a copy and its original.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from genericapiserver.apimachinery.compiled import compile_function
from genericapiserver.apimachinery.describe import Kind, TypeRef, describe

T = TypeVar("T")

_copiers: dict[type[Any], Callable[[Any], Any]] = {}


def deep_copy(obj: T) -> T:
    """A copy of an API object that shares nothing changeable with it. Raises TypeError for other objects."""
    copier = _copiers.get(type(obj)) or _copier(type(obj))
    copy: T = copier(obj)
    return copy


def copy_json(value: Any) -> Any:
    """A copy of a decoded JSON value."""
    if type(value) is dict:
        return {key: copy_json(item) for key, item in value.items()}
    if type(value) is list:
        return [copy_json(item) for item in value]
    return value


def _copier(cls: type[Any]) -> Callable[[Any], Any]:
    description = describe(cls)
    namespace: dict[str, Any] = {"new": object.__new__, "cls": cls, "copy_json": copy_json}
    body = ["copy = new(cls)"]
    for field in description.fields:
        value = f"obj.{field.attribute}"
        expression = _expression(field.type, value, namespace)
        if field.optional and expression != value:
            expression = f"None if {value} is None else {expression}"
        body.append(f"copy.{field.attribute} = {expression}")
    body.append("return copy")
    copier = _copiers[cls] = compile_function(f"copy_{cls.__name__}", "obj", body, namespace)
    return copier


def _expression(ref: TypeRef, value: str, namespace: dict[str, Any], depth: int = 0) -> str:
    match ref.kind:
        case Kind.RAW:
            return f"copy_json({value})"
        case Kind.OBJECT:
            name = f"copy_{len(namespace)}"
            namespace[name] = _copiers.get(ref.object_type, deep_copy)
            return f"{name}({value})"
        case Kind.LIST:
            item = f"item{depth}"
            expression = _expression(ref.item, item, namespace, depth + 1)
            return f"[*{value}]" if expression == item else f"[{expression} for {item} in {value}]"
        case Kind.MAP:
            item = f"item{depth}"
            expression = _expression(ref.item, item, namespace, depth + 1)
            if expression == item:
                return f"{{**{value}}}"
            return f"{{key{depth}: {expression} for key{depth}, {item} in {value}.items()}}"
    return value
