"""From API objects to plain JSON values, by a function compiled from each type's declaration.

Two flavours: `wire` makes what is encoded at once and thrown away (it shares lists with the object and writes floats as
Go does), `plain` makes dicts that may be kept and changed. Fields come in the order of declaration, map keys sorted.
"""

import binascii
import enum
from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from genericapiserver.apimachinery.compiled import compile_function
from genericapiserver.apimachinery.deepcopy import copy_json
from genericapiserver.apimachinery.describe import FieldDescription, Kind, TypeRef, describe
from genericapiserver.apimachinery.serializer.json import format_float
from genericapiserver.apimachinery.time import format_micro_time, format_time

Encoder: TypeAlias = Callable[[Any, dict[str, Any]], dict[str, Any]]
"""Adds the fields of an object to a dict, and returns the dict."""


class Flavour(enum.Enum):
    """What the values are made for."""

    WIRE = "wire"
    PLAIN = "plain"


_encoders: dict[tuple[type[Any], Flavour], Encoder] = {}


def encoder_for(cls: type[Any], flavour: Flavour = Flavour.WIRE) -> Encoder:
    """The encoder of an API type, compiled on first use. Raises TypeError when *cls* is none."""
    return _encoders.get((cls, flavour)) or _compile(cls, flavour)


def _compile(cls: type[Any], flavour: Flavour) -> Encoder:
    compiler = _Compiler(flavour)
    body = [line for field in describe(cls).fields for line in compiler.field(field)]
    encoder = compile_function(f"encode_{cls.__name__}", "obj, into", [*body, "return into"], compiler.namespace)
    _encoders[cls, flavour] = encoder
    return encoder


class _Compiler:
    def __init__(self, flavour: Flavour) -> None:
        self.flavour = flavour
        self.namespace: dict[str, Any] = {
            "bytes_": _encode_bytes,
            "format_time": format_time,
            "format_micro_time": format_micro_time,
            "number": _wire_float if flavour is Flavour.WIRE else float,
            "raw": _wire_raw if flavour is Flavour.WIRE else _plain_raw,
            "sorted_": _sorted,
        }

    def field(self, field: FieldDescription) -> list[str]:
        expression = self.expression(field.type, "value")
        lines = [f"value = obj.{field.attribute}"]
        target = f"into[{field.json_name!r}]"
        if field.omit_empty:
            # A pointer is left out when it is nil; a list or map always when it is empty, as Go's omitempty does.
            pointer = field.optional and field.type.kind not in (Kind.LIST, Kind.MAP)
            struct = field.type.kind in (Kind.OBJECT, Kind.TIME, Kind.MICRO_TIME, Kind.QUANTITY, Kind.INT_OR_STRING)
            test = "value is not None" if pointer or struct or field.type.kind is Kind.RAW else "value"
            return [*lines, f"if {test}:", f"    {target} = {expression}"]
        if field.null_when_empty:
            return [*lines, f"{target} = {expression} if value else None"]
        if field.optional and expression != "value":
            return [*lines, f"{target} = None if value is None else {expression}"]
        return [*lines, f"{target} = {expression}"]

    def expression(self, ref: TypeRef, value: str, depth: int = 0) -> str:
        match ref.kind:
            case Kind.BYTES:
                return f"bytes_({value})"
            case Kind.TIME:
                return f"format_time({value})"
            case Kind.MICRO_TIME:
                return f"format_micro_time({value})"
            case Kind.NUMBER:
                return f"number({value})"
            case Kind.QUANTITY:
                return f"str({value})"
            case Kind.INT_OR_STRING:
                return f"{value}.value"
            case Kind.RAW:
                return f"raw({value})"
            case Kind.OBJECT:
                return self.object(ref.object_type, value)
            case Kind.LIST:
                item = f"item{depth}"
                expression = self.expression(ref.item, item, depth + 1)
                if expression == item and self.flavour is Flavour.WIRE:
                    return value
                return f"[{expression} for {item} in {value}]"
            case Kind.MAP:
                item, key = f"item{depth}", f"key{depth}"
                expression = self.expression(ref.item, item, depth + 1)
                if expression == item:
                    return f"sorted_({value})"
                return f"{{{key}: {expression} for {key}, {item} in sorted({value}.items())}}"
        return value

    def object(self, cls: type[Any], value: str) -> str:
        name = f"encode_{len(self.namespace)}"
        flavour = self.flavour
        known = _encoders.get((cls, flavour))
        # A type may hold itself, so an encoder that is not there yet is looked up when it runs.
        self.namespace[name] = known or (lambda obj, into: encoder_for(cls, flavour)(obj, into))
        return f"{name}({value}, {{}})"


def _encode_bytes(value: bytes) -> str:
    return binascii.b2a_base64(value, newline=False).decode("ascii")


def _sorted(value: dict[str, Any]) -> dict[str, Any]:
    return dict(sorted(value.items())) if len(value) > 1 else {**value}


def _wire_float(value: float) -> Any:
    return msgspec.Raw(format_float(value).encode("ascii"))


def _wire_raw(value: Any) -> Any:
    return _wire_float(value) if type(value) is float else value


def _plain_raw(value: Any) -> Any:
    return msgspec.json.decode(value) if type(value) is msgspec.Raw else copy_json(value)
