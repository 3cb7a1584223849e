"""What is wrong with a document, in Go's words and in the order of the document (sigs.k8s.io/json).

The compiled decoders only notice that something is. This walk is slower and runs only then. Two sorts of findings:

- `mismatch`: the first value that does not fit, which makes the document unusable. Go goes on after a plain mismatch
  and reports the first, but stops at once where a type reads itself (times, quantities); that error then comes first.
- `strict`: unknown and duplicate fields. At most 100, each text once. Below an unknown key nothing is looked at.
"""

import re
from collections.abc import Iterable
from typing import Any

from genericapiserver.apimachinery.describe import FieldDescription, Kind, TypeRef, describe
from genericapiserver.apimachinery.go import TimeParseError, quote
from genericapiserver.apimachinery.quantity import Quantity, QuantityError
from genericapiserver.apimachinery.serializer.decoder import INTEGER_RANGES
from genericapiserver.apimachinery.serializer.errors import TypeMismatchError
from genericapiserver.apimachinery.serializer.json import (
    NumberLiteral,
    Pairs,
    encode_json,
    format_float,
    without_literals,
)
from genericapiserver.apimachinery.time import parse_micro_time

MAX_STRICT_ERRORS = 100

_TYPE_META = ("kind", "apiVersion")
_STRING = TypeRef(Kind.STRING)
_UINT8 = TypeRef(Kind.INTEGER, "uint8")
_RANGES = {**INTEGER_RANGES, "uint8": (0, 255)}


def find_problems(cls: type[Any], value: Any) -> list[str]:
    """The unknown and duplicate fields of *value*, meant for the API type *cls*.

    *value* holds dicts, or Pairs where duplicates count. Raises TypeMismatchError if a value does not fit at all.
    """
    walk = _Walk()
    walk.object(cls, value, root=True)
    if walk.mismatch is not None:
        raise TypeMismatchError(walk.mismatch)
    return walk.strict


class _Walk:
    def __init__(self) -> None:
        self.strict: list[str] = []
        self.mismatch: str | None = None
        self.struct = ""
        self.fields: list[str] = []
        """JSON names of the struct fields above, which is the path that mismatches print."""

    def value(self, ref: TypeRef, value: Any, path: str) -> None:
        if value is None:
            return
        match ref.kind:
            case Kind.OBJECT:
                self.object(ref.object_type, value, path)
            case Kind.LIST:
                self.sequence(ref, value, path)
            case Kind.MAP:
                self.mapping(ref, value, path)
            case Kind.STRING if type(value) is not str:
                self.refuse(value, "string")
            case Kind.BOOLEAN if type(value) is not bool:
                self.refuse(value, "bool")
            case Kind.INTEGER:
                self.integer(value, ref.format)
            case Kind.NUMBER:
                self.number(value)
            case Kind.BYTES:
                self.base64(value)
            case Kind.TIME | Kind.MICRO_TIME:
                self.time(value)
            case Kind.QUANTITY:
                self.quantity(value)
            case Kind.INT_OR_STRING if type(value) is not str:
                self.integer(value, "int32", fatal=True)

    def sequence(self, ref: TypeRef, value: Any, path: str) -> None:
        if type(value) is not list:
            self.refuse(value, ref.go_name)
            return
        for index, item in enumerate(value):
            self.value(ref.item, item, f"{path}[{index}]")

    def mapping(self, ref: TypeRef, value: Any, path: str) -> None:
        if type(value) is not dict and type(value) is not Pairs:
            self.refuse(value, ref.go_name)
            return
        seen: set[str] = set()
        for key, item in _items(value):
            child = _join(path, key)
            if key in seen:
                self.note("duplicate", child)
            seen.add(key)
            self.value(ref.item, item, child)

    def object(self, cls: type[Any], value: Any, path: str = "", *, root: bool = False) -> None:
        description = describe(cls)
        if value is None:
            return
        if type(value) is not dict and type(value) is not Pairs:
            self.refuse(value, description.go_name)
            return
        outer = self.struct
        self.struct = cls.__name__
        seen: set[str] = set()
        for key, item in _items(value):
            child = _join(path, key)
            field: FieldDescription | None = description.by_json_name.get(key)
            if field is None and not (key in _TYPE_META and (root or description.root)):
                self.note("unknown", child)
                continue
            if key in seen:
                self.note("duplicate", child)
            seen.add(key)
            self.fields.append(key)
            self.value(_STRING if field is None else field.type, item, child)
            self.fields.pop()
        self.struct = outer

    def integer(self, value: Any, format: str, *, fatal: bool = False) -> None:
        low, high = _RANGES[format]
        if type(value) is not int or not low <= value <= high:
            self.refuse(value, format, literal=True, fatal=fatal)

    def number(self, value: Any) -> None:
        if type(value) is int or type(value) is float or type(value) is NumberLiteral:
            try:
                finite = float(value) - float(value) == 0
            except OverflowError:
                finite = False
            if finite:
                return
        self.refuse(value, "float64", literal=True)

    def base64(self, value: Any) -> None:
        if type(value) is list:
            for item in value:
                self.value(_UINT8, item, "")
        elif type(value) is not str:
            self.refuse(value, "[]uint8")
        elif (offset := _corrupt_base64_at(value)) is not None:
            self.fault(f"illegal base64 data at input byte {offset}")

    def time(self, value: Any) -> None:
        if type(value) is not str:
            self.refuse(value, "string", fatal=True)
        try:
            parse_micro_time(value)
        except TimeParseError as error:
            raise TypeMismatchError(str(error)) from None

    def quantity(self, value: Any) -> None:
        try:
            if type(value) is str:
                Quantity.parse(value.strip())
            else:
                Quantity.parse(_literal(value) or encode_json(without_literals(value)).decode())
        except QuantityError as error:
            raise TypeMismatchError(str(error)) from None

    def refuse(self, value: Any, go_type: str, *, literal: bool = False, fatal: bool = False) -> None:
        """Note a value of the wrong type. Numbers are printed only where a number was wanted (*literal*)."""
        what = _json_type(value)
        if literal and what == "number":
            what = f"number {_literal(value)}"
        where = f"struct field {self.struct}.{'.'.join(self.fields)}" if self.fields else "value"
        self.fault(f"json: cannot unmarshal {what} into Go {where} of type {go_type}", fatal=fatal)

    def fault(self, text: str, *, fatal: bool = False) -> None:
        if fatal:
            raise TypeMismatchError(text)
        if self.mismatch is None:
            self.mismatch = text

    def note(self, sort: str, path: str) -> None:
        text = f"{sort} field {quote(path)}"
        if len(self.strict) < MAX_STRICT_ERRORS and text not in self.strict:
            self.strict.append(text)


def _items(value: Any) -> Iterable[tuple[str, Any]]:
    items: Iterable[tuple[str, Any]] = value.items() if type(value) is dict else value
    return items


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _json_type(value: Any) -> str:
    if type(value) is bool:
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if type(value) is str:
        return "string"
    return "array" if type(value) is list else "object"


def _literal(value: Any) -> str:
    """How a number was written, as far as that is known; empty for other values."""
    if type(value) is NumberLiteral:
        return value.text
    if type(value) is int:
        return str(value)
    return format_float(value) if type(value) is float else ""


_BASE64_RUN = re.compile(r"[A-Za-z0-9+/\r\n]*")


def _corrupt_base64_at(text: str) -> int | None:
    """Where Go's base64.StdEncoding stops reading *text*, or None if it does not."""
    run = _BASE64_RUN.match(text)
    assert run is not None
    end = run.end()
    digits = sum(character not in "\r\n" for character in text[:end])
    padding = "".join(character for character in text[end:] if character not in "\r\n")
    wanted = -digits % 4
    if not padding:
        # The last, unfinished group is what Go points at.
        return None if not wanted else len(text.encode()) - (4 - wanted)
    if padding != "=" * wanted or wanted == 3:
        prefix = 0 if wanted == 3 else min(wanted, len(padding) - len(padding.lstrip("=")))
        return len(text[:end].encode()) + prefix
    return None
