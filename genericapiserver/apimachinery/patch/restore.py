"""What hinders a patched document from becoming an object, as Go's unstructured converter words it.

A strategic merge patch is decoded by that converter and not from JSON, so that a value of the wrong type is refused with
other words (apimachinery pkg/runtime/converter.go, fromUnstructured). Only run over documents that have been refused.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from genericapiserver.apimachinery.describe import describe
from genericapiserver.apimachinery.shapes import Kind, TypeRef

_Problem = str | None


def restore_problem(cls: type[Any], value: Any) -> str | None:
    """The first fault of *value* as a *cls*; None where only the JSON decoder's words are known."""
    if value is None:
        return None
    if not isinstance(value, dict):
        return f"cannot restore struct from: {_kind(value)}"
    for field in describe(cls).fields:
        problem = _of_type(field.type, value.get(field.json_name))
        if problem is not None:
            return problem
    return None


def scalar_problem(value: Any) -> str | None:
    """The fault of *value* as a text."""
    return _simple(value, str, "string")


def _of_type(ref: TypeRef, value: Any) -> _Problem:
    check = _CHECKS.get(ref.kind)
    return None if value is None or check is None else check(ref, value)


def _object(ref: TypeRef, value: Any) -> _Problem:
    return restore_problem(ref.object_type, value)


def _mapping(ref: TypeRef, value: Any) -> _Problem:
    if not isinstance(value, dict):
        return f"cannot restore map from {_kind(value)}"
    return next((problem for item in value.values() if (problem := _of_type(ref.item, item))), None)


def _sequence(ref: TypeRef, value: Any) -> _Problem:
    if not isinstance(value, list):
        return f"cannot restore slice from {_kind(value)}"
    return next((problem for item in value if (problem := _of_type(ref.item, item))), None)


def _text(ref: TypeRef, value: Any) -> _Problem:
    return scalar_problem(value)


def _boolean(ref: TypeRef, value: Any) -> _Problem:
    return _simple(value, bool, "bool")


def _integer(ref: TypeRef, value: Any) -> _Problem:
    if isinstance(value, float):
        return None if value.is_integer() else f"cannot convert float64 to {ref.format}"
    return _simple(value, int, ref.format)


def _simple(value: Any, wanted: type[Any], go_type: str) -> _Problem:
    if type(value) is wanted:
        return None
    if type(value) is int and wanted is str:  # Go could, to the character of that number, and will not
        return f"cannot convert int64 to {go_type}"
    return f"unrecognized type: {go_type}"


_CHECKS: Final[Mapping[Kind, Callable[[TypeRef, Any], _Problem]]] = {
    Kind.OBJECT: _object,
    Kind.MAP: _mapping,
    Kind.LIST: _sequence,
    Kind.STRING: _text,
    Kind.BOOLEAN: _boolean,
    Kind.INTEGER: _integer,
}
"""Types that read themselves from JSON, such as times, are not here: their own words are right."""

_KINDS: Final = ((dict, "map"), (list, "slice"), (str, "string"), (bool, "bool"), (int, "int64"), (float, "float64"))


def _kind(value: Any) -> str:
    """What Go's reflection calls a value of JSON."""
    return next(name for cls, name in _KINDS if isinstance(value, cls))
