"""strconv's parsers: what they take, and the text of what they refuse (Go's strconv/atoi.go, atob.go, atof.go)."""

import re

from genericapiserver.apimachinery.go.text import quote

_SIGNED = re.compile(r"[+-]?[0-9]+")
_UNSIGNED = re.compile(r"[0-9]+")
_DECIMAL_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_HEX_FLOAT = re.compile(r"[+-]?0[xX]([0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?[0-9]+")
_SPECIAL_FLOATS = {"inf", "infinity", "nan"}

_TRUE = {"1", "t", "T", "TRUE", "true", "True"}
_FALSE = {"0", "f", "F", "FALSE", "false", "False"}

# More digits than any 64-bit number has, leading zeros included, without letting int() work on megabytes.
_MAX_DIGITS = 4000


class NumError(ValueError):
    """`strconv.<function>: parsing "<text>": <problem>`."""

    def __init__(self, function: str, text: str, problem: str) -> None:
        super().__init__(f"strconv.{function}: parsing {quote(text)}: {problem}")
        self.function = function
        self.text = text
        self.problem = problem

    @classmethod
    def syntax(cls, function: str, text: str) -> "NumError":
        return cls(function, text, "invalid syntax")

    @classmethod
    def range(cls, function: str, text: str) -> "NumError":
        return cls(function, text, "value out of range")


def parse_int(text: str, *, bits: int = 64, function: str = "ParseInt") -> int:
    """strconv.ParseInt(text, 10, bits); with function="Atoi" the error is strconv.Atoi's. Raises NumError."""
    if not _SIGNED.fullmatch(text):
        raise NumError.syntax(function, text)
    limit = 1 << (bits - 1)
    value = _to_int(function, text)
    if not -limit <= value < limit:
        raise NumError.range(function, text)
    return value


def parse_uint(text: str, *, bits: int = 64) -> int:
    """strconv.ParseUint(text, 10, bits), which takes no sign. Raises NumError."""
    if not _UNSIGNED.fullmatch(text):
        raise NumError.syntax("ParseUint", text)
    value = _to_int("ParseUint", text)
    if value >= 1 << bits:
        raise NumError.range("ParseUint", text)
    return value


def _to_int(function: str, text: str) -> int:
    if len(text) > _MAX_DIGITS:
        digits = text.lstrip("+-").lstrip("0")
        if len(digits) > _MAX_DIGITS:
            raise NumError.range(function, text)
        return -int(digits or "0") if text.startswith("-") else int(digits or "0")
    return int(text)


def parse_bool(text: str) -> bool:
    """strconv.ParseBool: 1, t, T, true, True, TRUE and their opposites. Raises NumError."""
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise NumError.syntax("ParseBool", text)


def parse_float(text: str) -> float:
    """strconv.ParseFloat(text, 64): decimal, hexadecimal with a `p` exponent, inf and nan. Raises NumError.

    Underscores, which Go takes after a base prefix, are refused.
    """
    if _DECIMAL_FLOAT.fullmatch(text):
        value = float(text)
    elif _HEX_FLOAT.fullmatch(text):
        try:
            value = float.fromhex(text)
        except OverflowError:
            raise NumError.range("ParseFloat", text) from None
    elif text.lower().lstrip("+-") in _SPECIAL_FLOATS and len(text) - len(text.lstrip("+-")) <= 1:
        return float(text)
    else:
        raise NumError.syntax("ParseFloat", text)
    if value in (float("inf"), float("-inf")):
        raise NumError.range("ParseFloat", text)
    return value
