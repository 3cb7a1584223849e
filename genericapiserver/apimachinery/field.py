"""Paths to fields and what is wrong with them (k8s.io/apimachinery pkg/util/validation/field).

A validation function returns a list of FieldError; `InvalidError` of errors.py turns the list into a 422. The texts are
part of the wire: clients show them, tests compare them.
"""

import enum
import json
from collections.abc import Iterable, Mapping, Sequence

import attrs

from genericapiserver.apimachinery.go import format_value, quote


class Path:
    """Where a field is: `Path("spec").child("parts").index(0).key("x")` prints `spec.parts[0][x]`. Immutable."""

    __slots__ = ("_name", "_parent", "_subscript")

    def __init__(self, name: str, *more: str) -> None:
        *above, last = (name, *more)
        self._name: str = last
        self._subscript: str | None = None
        self._parent: Path | None = Path(*above) if above else None

    def child(self, name: str, *more: str) -> "Path":
        """The field *name* in here, or one deeper down."""
        path = self
        for one in (name, *more):
            path = path._below(one, None)
        return path

    def index(self, index: int) -> "Path":
        """The list item *index*."""
        return self._below("", str(index))

    def key(self, key: str) -> "Path":
        """The map entry *key*."""
        return self._below("", key)

    @property
    def root(self) -> "Path":
        path = self
        while path._parent is not None:
            path = path._parent
        return path

    def _below(self, name: str, subscript: str | None) -> "Path":
        path = object.__new__(Path)
        path._name = name
        path._subscript = subscript
        path._parent = self
        return path

    def __str__(self) -> str:
        own = self._name if self._subscript is None else f"[{self._subscript}]"
        if self._parent is None:
            return own
        return f"{self._parent}{own}" if self._subscript is not None else f"{self._parent}.{own}"

    def __repr__(self) -> str:
        return f"Path({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, Path) else NotImplemented

    def __hash__(self) -> int:
        return hash(str(self))


class ErrorType(enum.StrEnum):
    """The cause types on the wire."""

    NOT_FOUND = "FieldValueNotFound"
    REQUIRED = "FieldValueRequired"
    DUPLICATE = "FieldValueDuplicate"
    INVALID = "FieldValueInvalid"
    NOT_SUPPORTED = "FieldValueNotSupported"
    FORBIDDEN = "FieldValueForbidden"
    TOO_LONG = "FieldValueTooLong"
    TOO_MANY = "FieldValueTooMany"
    INTERNAL = "InternalError"
    TYPE_INVALID = "FieldValueTypeInvalid"

    @property
    def text(self) -> str:
        return _TYPE_TEXTS[self]


_TYPE_TEXTS = {
    ErrorType.NOT_FOUND: "Not found",
    ErrorType.REQUIRED: "Required value",
    ErrorType.DUPLICATE: "Duplicate value",
    ErrorType.INVALID: "Invalid value",
    ErrorType.NOT_SUPPORTED: "Unsupported value",
    ErrorType.FORBIDDEN: "Forbidden",
    ErrorType.TOO_LONG: "Too long",
    ErrorType.TOO_MANY: "Too many",
    ErrorType.INTERNAL: "Internal error",
    ErrorType.TYPE_INVALID: "Invalid value",
}
_WITHOUT_VALUE = {ErrorType.REQUIRED, ErrorType.FORBIDDEN, ErrorType.TOO_LONG, ErrorType.INTERNAL}


@attrs.frozen
class FieldError:
    """One thing wrong with one field; str() is `<field>: <body>`."""

    type: ErrorType
    field: str
    bad_value: object = None
    detail: str = ""

    @property
    def body(self) -> str:
        """The text without the field: `Invalid value: "x": must be y`."""
        text = self.type.text
        if self.type not in _WITHOUT_VALUE:
            text += f": {_format_bad_value(self.bad_value)}"
        return f"{text}: {self.detail}" if self.detail else text

    def __str__(self) -> str:
        return f"{self.field}: {self.body}"


def _format_bad_value(value: object) -> str:
    if isinstance(value, str):
        return quote(str(value))
    if isinstance(value, bool | int | float):
        return format_value(value)
    # As json.Marshal: compact, and what could be HTML escaped. A dict keeps its order, for it may stand for a struct.
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_jsonable)
    for character, escaped in _HTML_ESCAPES:
        text = text.replace(character, escaped)
    return text


_HTML_ESCAPES = (
    ("<", "\\u003c"),
    (">", "\\u003e"),
    ("&", "\\u0026"),
    ("\u2028", "\\u2028"),
    ("\u2029", "\\u2029"),
)


def _jsonable(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return list(value)
    return str(value)


def _text(path: Path | None) -> str:
    # What Go prints of a path that is not there; clients see it in label selector errors.
    return "<nil>" if path is None else str(path)


def required(path: Path | None, detail: str = "") -> FieldError:
    """A value is missing."""
    return FieldError(ErrorType.REQUIRED, _text(path), "", detail)


def invalid(path: Path | None, value: object, detail: str) -> FieldError:
    """A value is malformed or out of bounds."""
    return FieldError(ErrorType.INVALID, _text(path), value, detail)


def type_invalid(path: Path | None, value: object, detail: str) -> FieldError:
    """A value is not of the type that the field has."""
    return FieldError(ErrorType.TYPE_INVALID, _text(path), value, detail)


def not_supported(path: Path | None, value: object, supported: Iterable[str]) -> FieldError:
    """A value is none of the *supported* ones, which are listed in the order given."""
    names = ", ".join(quote(str(one)) for one in supported)
    return FieldError(ErrorType.NOT_SUPPORTED, _text(path), value, f"supported values: {names}" if names else "")


def forbidden(path: Path | None, detail: str) -> FieldError:
    """A value may not be here, under these conditions."""
    return FieldError(ErrorType.FORBIDDEN, _text(path), "", detail)


def too_long(path: Path | None, max_bytes: int) -> FieldError:
    """A value has more than *max_bytes* bytes. The value itself is left out."""
    unit = "byte" if max_bytes == 1 else "bytes"
    detail = f"may not be more than {max_bytes} {unit}" if max_bytes >= 0 else "value is too long"
    return FieldError(ErrorType.TOO_LONG, _text(path), "<value omitted>", detail)


def too_many(path: Path | None, count: int, max_items: int) -> FieldError:
    """A list has *count* items, more than *max_items*."""
    unit = "item" if max_items == 1 else "items"
    return FieldError(ErrorType.TOO_MANY, _text(path), count, f"must have at most {max_items} {unit}")


def duplicate(path: Path | None, value: object) -> FieldError:
    """A value that must be unique is not."""
    return FieldError(ErrorType.DUPLICATE, _text(path), value)


def not_found(path: Path | None, value: object) -> FieldError:
    """A value refers to something that is not there."""
    return FieldError(ErrorType.NOT_FOUND, _text(path), value)


def internal(path: Path | None, error: BaseException | str) -> FieldError:
    """The check itself failed."""
    return FieldError(ErrorType.INTERNAL, _text(path), None, str(error))


def aggregate(errors: Iterable[FieldError | str]) -> str:
    """The text of several errors: repeated ones once, one bare, several as `[a, b]`, none as the empty text."""
    texts = list(dict.fromkeys(map(str, errors)))
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]" if texts else ""
