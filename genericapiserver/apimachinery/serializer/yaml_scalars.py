"""What a plain YAML scalar means to go-yaml v2: YAML 1.1 without base-60 numbers (yaml.v2 resolve.go, encode.go).

The same question decides reading and writing: a string that would read back as something else is written in quotes.
"""

import datetime as dt
import re
from typing import Any

from genericapiserver.apimachinery.go import format_float as format_shortest
from genericapiserver.apimachinery.serializer.json import format_float


def _spellings(*words: str) -> list[str]:
    return [spelling for word in words for spelling in {word: 1, word.capitalize(): 1, word.upper(): 1}]


_WORDS: dict[str, Any] = {
    **dict.fromkeys(_spellings("y", "yes", "on", "true"), True),
    **dict.fromkeys(_spellings("n", "no", "off", "false"), False),
    **dict.fromkeys(["", "~", *_spellings("null")], None),
    **dict.fromkeys([".nan", ".NaN", ".NAN"], float("nan")),
    **dict.fromkeys([".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"], float("inf")),
    **dict.fromkeys(["-.inf", "-.Inf", "-.INF"], float("-inf")),
}
_NUMBER_STARTS = frozenset("+-.0123456789")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:[Tt]([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,][0-9]+)?(?:Z|[-+][0-9]{2}:[0-9]{2})"
    r"| ([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,][0-9]+)?)?"
)


def resolve(text: str) -> Any:
    """The value of a plain scalar: None, a bool, an int, a float, or the text itself. Timestamps are texts."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS:
        return text
    if text[0] == ".":
        # This branch alone wants underscores to stand between digits.
        return _float(re.sub("(?<=[0-9])_(?=[0-9])", "", text), text)
    if is_timestamp(text):
        return text
    plain = text.replace("_", "")
    number = _integer(plain)
    return _float(plain, text) if number is None else number


def reads_as_string(text: str) -> bool:
    """Whether *text* may be written without quotes, as far as its meaning goes."""
    return isinstance(resolve(text), str) and not is_timestamp(text) and _BASE_60.fullmatch(text) is None


def is_timestamp(text: str) -> bool:
    """Whether go-yaml takes *text* for a date or a time."""
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return False
    year, month, day, *times = (0 if part is None else int(part) for part in match.groups())
    hour, minute, second = times[:3] if match.group(4) else times[3:]
    try:
        # Go has a year 0, a leap year.
        dt.datetime(year or 2000, month, day, hour, minute, second, tzinfo=dt.UTC)
    except ValueError:
        return False
    return True


def _integer(text: str) -> int | None:
    match = _INTEGER.fullmatch(text)
    if match is None:
        return None
    sign, sixteen, two, eight, ten = match.groups()
    digits, base = (sixteen, 16) if sixteen else (two, 2) if two else (eight, 8) if eight else (ten, 10)
    if len(digits) > 64:
        return None
    number = int(sign + digits, base)
    # What int64 and uint64 cannot hold is a float, if it is decimal.
    return number if -(1 << 63) <= number < 1 << 64 and not (sign and number >= 1 << 63) else None


def _float(plain: str, text: str) -> Any:
    if _FLOAT.fullmatch(plain) is None:
        return text
    number = float(plain)
    return number if number - number == 0 else text


def json_number(number: float) -> int | float:
    """A YAML float as the JSON in between makes it: `1.0` becomes `1`. Raises ValueError for what JSON has not."""
    text = format_float(number)
    return number if "." in text or "e" in text else int(text)


def number_text(number: float) -> str:
    """How a JSON number is written in YAML: integers as they are, others with few digits and Go's `%v` exponents."""
    if isinstance(number, float):
        text = format_float(number)
        if "." in text or "e" in text:
            return format_shortest(number)
        number = int(text)
    return str(number) if -(1 << 63) <= number < 1 << 64 else format_shortest(float(number))


def sort_key(text: str) -> "_NaturalKey":
    """Orders keys as go-yaml does: `a2` before `a10`, punctuation before letters."""
    return _NaturalKey(text)


class _NaturalKey:
    """Compares two keys at their first difference (keyList.Less in yaml.v2 sorter.go)."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __lt__(self, other: "_NaturalKey") -> bool:
        a, b = self.text, other.text
        for at, (left, right) in enumerate(zip(a, b, strict=False)):
            if left == right:
                continue
            if left.isalpha() and right.isalpha():
                return left < right
            if left.isalpha() or right.isalpha():
                return right.isalpha()
            # A digit of zero after a number that is not only zeros belongs to that number.
            start = 1 if "0" in (left, right) and a[:at].rstrip("0")[-1:].isdecimal() else 0
            a_number, a_end = _digits_from(a, at, start)
            b_number, b_end = _digits_from(b, at, start)
            return (a_number, a_end, left) < (b_number, b_end, right)
        return len(a) < len(b)


def _digits_from(text: str, at: int, number: int) -> tuple[int, int]:
    end = at
    while end < len(text) and text[end].isdecimal():
        end += 1
    return int(str(number) + text[at:end]), end
