"""Path elements: the steps from a value to one inside it (structured-merge-diff fieldpath/element.go, serialize-pe.go).

A step names a field (or map key), the item of a list that has these keys, the item of a set with this value, or the item
at this index. It is kept as the very text that FieldsV1 writes, in one canonical spelling, so that a set of paths costs
neither objects nor parsing:

    f:spec    k:{"name":"x","port":1}    v:"example.com/finalizer"    i:0

Two elements are the same step exactly when the texts are equal: keys are sorted and `1.0` is spelled `1`.
"""

import functools
import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final, NoReturn

from genericapiserver.apimachinery.go import format_float, parse_int, quote

PathElement = str
"""One step, as FieldsV1 writes it."""

Path = tuple[PathElement, ...]

JSON = Any
"""A decoded JSON value: dict, list, str, int, float, bool or None."""

_REMEMBERED_LENGTH: Final = 512  # characters: an item of a set may be as long as a request


class FieldsError(ValueError):
    """A text or a document that is no path element or no set of fields."""


def field_element(name: str) -> PathElement:
    """The field, or the map key, of this name."""
    return "f:" + name


def key_element(fields: Mapping[str, JSON]) -> PathElement:
    """The item of a keyed list that has these keys."""
    if len(fields) == 1:
        [(name, value)] = fields.items()
        return f"k:{{{_string(name)}:{canonical_json(value)}}}"
    items = (f"{_string(name)}:{canonical_json(fields[name])}" for name in sorted(fields))
    return "k:{" + ",".join(items) + "}"


def value_element(value: JSON) -> PathElement:
    """The item of a set that is this value."""
    return "v:" + canonical_json(value)


def index_element(index: int) -> PathElement:
    """The item at this place of a list."""
    return f"i:{index}"


def make_path(*names: str) -> Path:
    """A path of field names only."""
    return tuple("f:" + name for name in names)


def parse_element(text: str) -> PathElement | None:
    """The canonical spelling of what a FieldsV1 document has as a key; None for kinds of a future format, to be dropped.

    Raises FieldsError for a text that is none.
    """
    if text.startswith("f:"):
        return text
    return _parse_rare_element(text) if len(text) <= _REMEMBERED_LENGTH else _parse_rare_element.__wrapped__(text)


@functools.lru_cache(maxsize=4096)
def _parse_rare_element(text: str) -> PathElement | None:
    if len(text.encode("utf-8", "surrogatepass")) < 2:
        raise FieldsError("key must be 2 characters long:")
    if text[1] != ":":
        raise FieldsError(f"missing colon: {text}")
    kind, rest = text[0], text[2:]
    if kind == "v":
        return value_element(_load(rest))
    if kind == "k":
        fields = _load(rest)
        if not isinstance(fields, dict):
            raise FieldsError(f"expected an object of keys: {text}")
        return key_element(fields)
    if kind == "i":
        try:
            return index_element(parse_int(rest, function="Atoi"))
        except ValueError as error:
            raise FieldsError(str(error)) from None
    return None


def _load(text: str) -> JSON:
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise FieldsError(str(error)) from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"invalid number {constant}")


def sorted_elements(elements: Iterable[PathElement]) -> list[PathElement]:
    """Fields by their bytes, then keys, then values, then indexes."""
    return sorted(elements, key=element_order)


def element_order(element: PathElement) -> tuple[Any, ...]:
    """What elements are sorted by."""
    if element.startswith("f:"):
        return (0, element)
    return (
        _rare_element_order(element) if len(element) <= _REMEMBERED_LENGTH else _rare_element_order.__wrapped__(element)
    )


@functools.lru_cache(maxsize=4096)
def _rare_element_order(element: PathElement) -> tuple[Any, ...]:
    kind, rest = element[:1], element[2:]
    if kind == "k":
        return (1, tuple((name, value_order(value)) for name, value in json.loads(rest).items()))
    if kind == "v":
        return (2, value_order(json.loads(rest)))
    return (3, int(rest)) if kind else (4,)


def value_order(value: JSON) -> tuple[Any, ...]:
    """What JSON values are sorted by: numbers, strings, booleans, lists, maps, null (value.Compare)."""
    if isinstance(value, bool):
        return (2, value)
    if isinstance(value, int | float):
        return (0, value)
    if isinstance(value, str):
        return (1, value)
    if isinstance(value, list):
        return (3, tuple(map(value_order, value)))
    if isinstance(value, dict):
        return (4, tuple((name, value_order(value[name])) for name in sorted(value)))
    return (5,)


def path_text(path: Iterable[PathElement]) -> str:
    """A path as messages print it: `.spec.parts[name="x"].count`."""
    return "".join(map(element_text, path))


def element_text(element: PathElement) -> str:
    """One step as messages print it: `.f`, `[k="v",n=1]`, `[="v"]`, `[0]`."""
    kind, rest = element[0], element[2:]
    if kind == "f":
        return "." + rest
    if kind == "k":
        return "[" + ",".join(f"{name}={value_text(value)}" for name, value in json.loads(rest).items()) + "]"
    if kind == "v":
        return f"[={value_text(json.loads(rest))}]"
    return f"[{rest}]"


def value_text(value: JSON) -> str:
    """A value as paths in messages print it (value.ToString): strings are Go-quoted."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return format_float(float(value))  # Go reads every number of these documents as a float: 1e+06
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, list):
        return "[" + ",".join(map(value_text, value)) + "]"
    return "".join(f"{name}={value_text(item)}" for name, item in value.items())


def canonical_json(value: JSON) -> str:
    """The one spelling of a value inside an element: compact, keys sorted, `<>&` escaped as Go's encoder does."""
    if isinstance(value, str):
        return _string(value, escape_html=True)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_string(k, escape_html=True)}:{canonical_json(value[k])}" for k in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical_json, value)) + "]"
    return str(value)


def _number(value: float) -> str:
    text = repr(value)
    if 1e-6 <= abs(value) < 1e21 or value == 0:
        plain = format(Decimal(text), "f") if "e" in text else text
        plain = plain.removesuffix(".0")
        return "0" if plain == "-0" else plain
    return text.replace("e-0", "e-")


_SPECIAL = re.compile(r'[\x00-\x1f"\\<>&\u2028\u2029\ud800-\udfff]')
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_HTML = frozenset("<>&\u2028\u2029")


def _string(text: str, *, escape_html: bool = False) -> str:
    if not _SPECIAL.search(text):
        return f'"{text}"'
    return '"' + "".join(_escape(character, escape_html=escape_html) for character in text) + '"'


def _escape(character: str, *, escape_html: bool) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character < " " or (escape_html and character in _HTML):
        return f"\\u{ord(character):04x}"
    return "\\ufffd" if "\ud800" <= character <= "\udfff" else character
