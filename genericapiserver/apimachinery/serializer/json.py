"""JSON in and out, as Go's encoding/json reads and writes it.

In: the standard library's scanner, because it can report duplicate keys and keep literals; msgspec where neither is
wanted. A text that they refuse is walked once more for Go's words about it. Out: msgspec, then the escapes that Go adds.
"""

import binascii
import json
import re
from collections.abc import Callable
from typing import Any, NoReturn, Self

import attrs
import msgspec

from genericapiserver.apimachinery.serializer.errors import JSONSyntaxError
from genericapiserver.apimachinery.serializer.scanner import find_syntax_error

MAX_DEPTH = 250
"""Go stops at 10000. What nests deeper than this is refused at once, so that no later step runs out of stack."""

# A longer number than this is kept as text: int() would refuse it, or take its time.
_MAX_INTEGER_DIGITS = 4000


class NumberLiteral(float):
    """A number with a fraction or an exponent, which still knows how it was written; huge integers are one too."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        number = super().__new__(cls, text)
        number.text = text
        return number


class Pairs(list[tuple[str, Any]]):
    """A JSON object as its pairs, in the order of the document, duplicates included."""


@attrs.frozen
class ParsedDocument:
    """A JSON document. `duplicates` are the paths of keys that were there already, in the document's order."""

    value: Any
    duplicates: tuple[str, ...] = ()


def parse_json(data: bytes, *, find_duplicates: bool = False) -> ParsedDocument:
    """Read one JSON document; of duplicate keys the last counts. Raises JSONSyntaxError with Go's text."""
    if not find_duplicates:
        return ParsedDocument(parse_plain(data))
    value, duplicated = parse_noting_duplicates(data)
    return ParsedDocument(value, find_duplicate_paths(parse_pairs(data)) if duplicated else ())


def parse_plain(data: bytes) -> Any:
    """The value of *data*, the fast way. Raises JSONSyntaxError."""
    try:
        value = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # Among these are texts that Go takes: bytes that are no UTF-8, numbers out of range.
        return _parse(data, None)
    _check_depth(data, value)
    return value


def parse_noting_duplicates(data: bytes) -> tuple[Any, bool]:
    """The value of *data*, and whether any of its objects has a key twice. Raises JSONSyntaxError."""
    duplicated = False

    def to_dict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal duplicated
        made = dict(pairs)
        if len(made) != len(pairs):
            duplicated = True
        return made

    return _parse(data, to_dict), duplicated


def parse_literals(data: bytes) -> Any:
    """The value of *data* with a NumberLiteral for each number that is no plain integer. Raises JSONSyntaxError."""
    return _parse(data, None, literals=True)


def parse_pairs(data: bytes) -> Any:
    """The value of *data* with Pairs for objects and NumberLiterals. Raises JSONSyntaxError."""
    return _parse(data, Pairs, literals=True)


def find_duplicate_paths(value: Any) -> tuple[str, ...]:
    """The paths of the repeated keys in a value of `parse_pairs`, in the order of the document."""
    found: list[str] = []

    def walk(value: Any, path: str) -> None:
        if type(value) is Pairs:
            seen = set()
            for key, item in value:
                child = f"{path}.{key}" if path else key
                if key in seen:
                    found.append(child)
                seen.add(key)
                walk(item, child)
        elif type(value) is list:
            for index, item in enumerate(value):
                walk(item, f"{path}[{index}]")

    walk(value, "")
    return tuple(found)


def _parse(data: bytes, object_pairs_hook: Callable[[Any], Any] | None, *, literals: bool = False) -> Any:
    text = decode_utf8(data)
    options: dict[str, Any] = {"object_pairs_hook": object_pairs_hook, "parse_constant": _refuse_constant}
    if literals:
        options |= {"parse_float": NumberLiteral, "parse_int": _parse_integer}
    try:
        value = json.loads(text, **options)
    except RecursionError:
        raise JSONSyntaxError(find_syntax_error(data) or "exceeded max depth") from None
    except ValueError as error:
        problem = find_syntax_error(data)
        if problem is None and not literals:
            # Only int() refuses valid JSON: a number of thousands of digits.
            return without_literals(_parse(data, object_pairs_hook, literals=True))
        raise JSONSyntaxError(problem or f"json: {error}") from None
    _check_depth(data, value)
    return _without_lone_surrogates(value) if "\\ud" in text or "\\uD" in text else value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _parse_integer(text: str) -> int | NumberLiteral:
    return int(text) if len(text) < _MAX_INTEGER_DIGITS else NumberLiteral(text)


def _check_depth(data: bytes, value: Any) -> None:
    """Refuse deep nesting. The level-by-level walk is left out for documents that have too few brackets for it."""
    if data.count(b"{") + data.count(b"[") <= MAX_DEPTH:
        return
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in _children(parent) if type(child) in _CONTAINERS]
        if not level:
            return
    raise JSONSyntaxError("exceeded max depth")


_CONTAINERS = frozenset({dict, list, Pairs})


def _children(value: Any) -> Any:
    if type(value) is dict:
        return value.values()
    if type(value) is Pairs:
        return [item for _, item in value]
    return value if type(value) is list else ()


_SURROGATE = re.compile("[\ud800-\udfff]")


def decode_utf8(data: bytes) -> str:
    """*data* as text, U+FFFD for each byte that is no UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        # This handler makes one lone surrogate of each bad byte.
        return _SURROGATE.sub("\ufffd", data.decode(errors="surrogateescape"))


_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")


def decode_base64(text: str) -> bytes:
    """The bytes of padded standard base64; line ends are ignored, as Go does. Raises ValueError."""
    digits = text.replace("\r", "").replace("\n", "")
    if len(digits) % 4 or _BASE64.fullmatch(digits) is None:
        raise ValueError("illegal base64 data")
    return binascii.a2b_base64(digits)


def _without_lone_surrogates(value: Any) -> Any:
    return _map_leaves(value, lambda leaf: _SURROGATE.sub("\ufffd", leaf) if type(leaf) is str else leaf)


def without_literals(value: Any) -> Any:
    """A value of `parse_literals` or `parse_pairs` with plain floats."""
    return _map_leaves(value, lambda leaf: float(leaf) if type(leaf) is NumberLiteral else leaf)


def sort_keys(value: Any) -> Any:
    """*value* with the keys of its dicts in order."""
    if type(value) is dict:
        return {key: sort_keys(value[key]) for key in sorted(value)}
    return [sort_keys(item) for item in value] if type(value) is list else value


def _map_leaves(value: Any, change: Callable[[Any], Any]) -> Any:
    if type(value) is dict:
        return {change(key): _map_leaves(item, change) for key, item in value.items()}
    if type(value) is Pairs:
        return Pairs((change(key), _map_leaves(item, change)) for key, item in value)
    if type(value) is list:
        return [_map_leaves(item, change) for item in value]
    return change(value)


def format_float(number: float) -> str:
    """A float as encoding/json writes it: shortest digits, an exponent below 1e-6 and from 1e21 on."""
    if number != number or number in (float("inf"), float("-inf")):
        raise ValueError(f"json: unsupported value: {number}")
    mantissa, _, exponent = repr(number).partition("e")
    if not exponent:
        return mantissa.removesuffix(".0")
    power = int(exponent)
    sign, digits = ("-", mantissa[1:]) if mantissa.startswith("-") else ("", mantissa)
    whole, _, fraction = digits.partition(".")
    # Python turns to exponents below 1e-4 and from 1e16 on, Go later.
    if 0 < power < 21:
        return f"{sign}{whole}{fraction}{'0' * (power - len(fraction))}"
    if -7 < power < 0:
        return f"{sign}0.{'0' * (-power - 1)}{whole}{fraction}"
    return f"{mantissa}e{'-' if power < 0 else '+'}{abs(power)}"


_encode = msgspec.json.Encoder().encode


def encode_json(value: Any) -> bytes:
    """*value* as compact JSON with Go's escapes, without a newline. Floats that stand in it are written by msgspec."""
    try:
        data = _encode(value)
    except UnicodeEncodeError:
        data = _encode(_without_lone_surrogates(value))
    return escape_html(data)


def _literal(value: Any) -> msgspec.Raw:
    if isinstance(value, NumberLiteral):
        return msgspec.Raw(value.text.encode("ascii"))
    raise TypeError(f"{type(value).__name__} is no JSON value")


_encode_literals = msgspec.json.Encoder(enc_hook=_literal).encode


def encode_with_literals(value: Any) -> bytes:
    """Compact JSON of a value with NumberLiterals, which come out as they were written."""
    return escape_html(_encode_literals(value))


def escape_html(data: bytes) -> bytes:
    """JSON with `< > &` and U+2028, U+2029 as escapes: they can only stand inside strings."""
    if b"<" in data:
        data = data.replace(b"<", b"\\u003c")
    if b">" in data:
        data = data.replace(b">", b"\\u003e")
    if b"&" in data:
        data = data.replace(b"&", b"\\u0026")
    if b"\xe2\x80" in data:
        data = data.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
    return data


def indent_json(data: bytes) -> bytes:
    """Compact JSON with two blanks a level, as Go's json.Indent; without a newline at the end."""
    return msgspec.json.format(data, indent=2)
