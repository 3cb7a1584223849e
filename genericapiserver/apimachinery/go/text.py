"""`%q`, `%v` and `%#v` of Go's fmt, for the values that JSON has."""

import re
from collections.abc import Iterable, Mapping

# Everything that strconv.Quote leaves as it is among the ASCII characters.
_PLAIN = re.compile(r"[ !#-\[\]-~]*")

_NAMED_ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
}


def quote(text: str) -> str:
    """*text* in double quotes as `%q` and strconv.Quote write it.

    Printable characters stay, ASCII control characters become `\\x00`, other unprintable ones `\\u0081` or
    `\\U000e0001`. Bytes that were no UTF-8, kept by the `surrogateescape` error handler, become `\\x80`.
    """
    if _PLAIN.fullmatch(text):
        return f'"{text}"'
    return '"' + "".join(map(_escape, text)) + '"'


def _escape(character: str) -> str:
    if character in _NAMED_ESCAPES:
        return _NAMED_ESCAPES[character]
    # Python and Go agree on what prints: letters, marks, numbers, punctuation, symbols and the ASCII blank.
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x80:
        return f"\\x{code:02x}"
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if 0xD800 <= code <= 0xDFFF:
        return "\\ufffd"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def string_slice_literal(texts: Iterable[str]) -> str:
    """`%#v` of a []string: `[]string{"a", "b"}`."""
    return "[]string{" + ", ".join(map(quote, texts)) + "}"


def format_value(value: object) -> str:
    """`%v` of a decoded JSON value: `[a b]`, `map[k:v]` with sorted keys, `<nil>`, `true`, `1e+06` for a float."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format_float(value)
    if isinstance(value, Mapping):
        return "map[" + " ".join(f"{key}:{format_value(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, list | tuple):
        return "[" + " ".join(map(format_value, value)) + "]"
    return str(value)


def format_float(value: float) -> str:
    """`%v` of a float64: the shortest digits that read back, with an exponent below 1e-4 and from 1e6 up (1e+06)."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    sign, digits, point = _shortest_digits(value)
    exponent = point - 1
    if exponent < -4 or exponent >= 6:
        mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
        return f"{sign}{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if len(digits) <= point:
        return sign + digits + "0" * (point - len(digits))
    return f"{sign}{digits[:point]}.{digits[point:]}"


def _shortest_digits(value: float) -> tuple[str, str, int]:
    """Sign, digits without outer zeros, and the number of digits before the decimal point (0 for 0.1, 1 for 1)."""
    text = repr(value)
    sign = "-" if text.startswith("-") else ""
    mantissa, _, exponent = text.lstrip("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = whole + fraction
    point = len(whole) + int(exponent or "0")
    stripped = digits.lstrip("0")
    if not stripped:
        return sign, "0", 1
    point -= len(digits) - len(stripped)
    return sign, stripped.rstrip("0"), point
