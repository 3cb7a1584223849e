"""Checking a value against its shape, with the reference's messages (structured-merge-diff typed/validate.go)."""

from collections.abc import Callable, Iterable

from genericapiserver.apimachinery.go import format_value, quote
from genericapiserver.apimachinery.managedfields.elements import JSON, element_text, field_element, index_element
from genericapiserver.apimachinery.managedfields.list_items import ItemError, item_element
from genericapiserver.apimachinery.managedfields.schema import (
    ListKind,
    ListSchema,
    MapSchema,
    ScalarKind,
    ScalarSchema,
    Schema,
    resolve,
)


class ValidationError(ValueError):
    """A value that does not fit its shape; `problems` are all that was found, each `<path>: <what>`."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        if len(self.problems) == 1:
            text = self.problems[0]
        else:
            text = "\n".join(["errors:", *(f"  {problem}" for problem in self.problems)])
        super().__init__(text)


def validate(schema: Schema, value: JSON, *, allow_duplicates: bool = False) -> None:
    """Raise ValidationError unless *value* fits. Null fits everywhere but in lists whose items must be told apart.

    Duplicates in sets and keyed lists are refused, unless allowed.
    """
    problems: list[str] = []
    _Validator(problems, allow_duplicates).visit(schema, value, "")
    if problems:
        raise ValidationError(problems)


class _Validator:
    def __init__(self, problems: list[str], allow_duplicates: bool) -> None:
        self.problems = problems
        self.allow_duplicates = allow_duplicates

    def report(self, path: str, message: str) -> None:
        self.problems.append(f"{path}: {message}" if path else message)

    def visit(self, schema: Schema, value: JSON, path: str) -> None:
        actual = resolve(schema, value)
        if value is None:
            return
        if isinstance(actual, ScalarSchema):
            if not _FITS[actual.kind](value):
                self.report(path, _WANTED[actual.kind](value))
        elif isinstance(actual, MapSchema):
            if isinstance(value, dict):
                self.visit_fields(actual, value, path)
            else:
                self.report(path, f"expected map, got {_pointer(value)}")
        elif isinstance(value, list):
            self.visit_items(actual, value, path)
        else:
            self.report(path, f"expected list, got {_pointer(value)}")

    def visit_fields(self, schema: MapSchema, value: dict[str, JSON], path: str) -> None:
        for name, item in value.items():
            child = schema.child(name)
            here = path + element_text(field_element(name))
            if child is None:
                self.report(here, "field not declared in schema")
                return  # one is enough of an object
            self.visit(child, item, here)

    def visit_items(self, schema: ListSchema, items: list[JSON], path: str) -> None:
        seen = set()
        for index, item in enumerate(items):
            if schema.kind is ListKind.ATOMIC:
                element = index_element(index)
            else:
                try:
                    element = item_element(schema, item)
                except ItemError as error:
                    self.report(path, f"element {index}: {error}")
                    return
                if element in seen and not self.allow_duplicates:
                    self.report(path, f"duplicate entries for key {element_text(element)}")
                seen.add(element)
            self.visit(schema.element, item, path + element_text(element))


def _is_number(value: JSON) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_FITS: dict[ScalarKind, Callable[[JSON], bool]] = {
    ScalarKind.STRING: lambda value: isinstance(value, str),
    ScalarKind.NUMERIC: _is_number,
    ScalarKind.BOOLEAN: lambda value: isinstance(value, bool),
    ScalarKind.UNTYPED: lambda value: isinstance(value, str | int | float),
}

_WANTED: dict[ScalarKind, Callable[[JSON], str]] = {
    # Go prints the reflection of its own wrapper here, and people search the web for exactly these texts.
    ScalarKind.STRING: lambda value: f"expected string, got &value.valueUnstructured{{Value:{_go_literal(value)}}}",
    ScalarKind.NUMERIC: lambda value: f"expected numeric (int or float), got {_go_type(value)}",
    ScalarKind.BOOLEAN: lambda value: f"expected boolean, got {_pointer(value)}",
    ScalarKind.UNTYPED: lambda value: f"expected any scalar, got {_pointer(value)}",
}


def _pointer(value: JSON) -> str:
    """`%v` of Go's pointer to the struct that wraps a value."""
    return f"&{{{format_value(_with_floats(value))}}}"


def _with_floats(value: JSON) -> JSON:
    """*value* as Go reads it from a document, where every number is a float and prints as one."""
    if isinstance(value, dict):
        return {name: _with_floats(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_floats(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _go_type(value: JSON) -> str:
    """`%T`."""
    if isinstance(value, dict):
        return "map[string]interface {}"
    if isinstance(value, list):
        return "[]interface {}"
    return "bool" if isinstance(value, bool) else "string"


def _go_literal(value: JSON) -> str:
    """`%#v`."""
    if isinstance(value, dict):
        return (
            "map[string]interface {}{" + ", ".join(f"{quote(k)}:{_go_literal(value[k])}" for k in sorted(value)) + "}"
        )
    if isinstance(value, list):
        return "[]interface {}{" + ", ".join(map(_go_literal, value)) + "}"
    if value is None:
        return "interface {}(nil)"
    return quote(value) if isinstance(value, str) else format_value(_with_floats(value))
