"""Durations and RFC 3339 times as Go's time package reads and prints them (Go's time/format.go, time/time.go)."""

import datetime as dt
import re
from collections.abc import Callable

RFC3339 = "2006-01-02T15:04:05Z07:00"
"""The layout as Go spells it; it is part of the error texts."""

_NANOSECOND_UNITS = {
    "ns": 1,
    "us": 1_000,
    "\u00b5s": 1_000,  # micro sign
    "\u03bcs": 1_000,  # Greek letter mu
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_DURATION_PART = re.compile(r"([0-9]*)(?:(\.)([0-9]*))?([^0-9.]*)")
_MAX_NANOSECONDS = (1 << 63) - 1


class DurationError(ValueError):
    """A text that is no duration."""


class TimeParseError(ValueError):
    """A text that is no RFC 3339 time."""


def parse_duration(text: str) -> float:
    """time.ParseDuration, in seconds: `1h30m`, `-1.5s`, `300ms`, `0`. Raises DurationError with Go's text."""
    return parse_duration_nanoseconds(text) / 1e9


def parse_duration_nanoseconds(text: str) -> int:
    """time.ParseDuration, exactly. Raises DurationError with Go's text."""
    invalid = f"time: invalid duration {quote_bytes(text)}"
    negative = text.startswith("-")
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return 0
    if not rest:
        raise DurationError(invalid)
    total = 0
    position = 0
    while position < len(rest):
        match = _DURATION_PART.match(rest, position)
        assert match is not None
        whole, point, fraction, unit = match.groups()
        if not whole and not fraction:
            raise DurationError(invalid)
        if len(whole) > 40 or int(whole or "0") > _MAX_NANOSECONDS + 1:
            raise DurationError(invalid)
        if not unit:
            # `1.2.3s` ends here as well: a second point is no unit either.
            raise DurationError(f"time: missing unit in duration {quote_bytes(text)}")
        scale = _NANOSECOND_UNITS.get(unit)
        if scale is None:
            raise DurationError(f"time: unknown unit {quote_bytes(unit)} in duration {quote_bytes(text)}")
        total += int(whole or "0") * scale
        if point and fraction:
            # Go's own precision: digits beyond the eighteenth cannot matter.
            digits = fraction[:18]
            total += int(int(digits) * (scale / 10 ** len(digits)))
        if total > _MAX_NANOSECONDS + 1:
            raise DurationError(invalid)
        position = match.end()
    if negative:
        return -total
    if total > _MAX_NANOSECONDS:
        raise DurationError(invalid)
    return total


def format_duration(seconds: float) -> str:
    """time.Duration.String of *seconds*, to the nanosecond: `1h0m0s`, `1.5s`, `300ms`, `0s`."""
    nanoseconds = round(seconds * 1e9)
    sign = "-" if nanoseconds < 0 else ""
    nanoseconds = abs(nanoseconds)
    if nanoseconds == 0:
        return "0s"
    if nanoseconds < 1_000:
        return f"{sign}{nanoseconds}ns"
    if nanoseconds < 1_000_000:
        return f"{sign}{_decimal(nanoseconds, 1_000)}\u00b5s"
    if nanoseconds < 1_000_000_000:
        return f"{sign}{_decimal(nanoseconds, 1_000_000)}ms"
    minutes, rest = divmod(nanoseconds, 60_000_000_000)
    text = _decimal(rest, 1_000_000_000) + "s"
    if minutes:
        hours, minutes = divmod(minutes, 60)
        text = f"{minutes}m{text}"
        if hours:
            text = f"{hours}h{text}"
    return sign + text


def _decimal(value: int, scale: int) -> str:
    whole, rest = divmod(value, scale)
    if not rest:
        return str(whole)
    return f"{whole}." + str(rest).rjust(len(str(scale)) - 1, "0").rstrip("0")


def parse_time(text: str) -> dt.datetime:
    """time.Parse(time.RFC3339, text), in UTC; what is finer than a microsecond is dropped.

    Like Go it takes one digit for the hour, and a comma before fractional seconds. Raises TimeParseError with Go's
    text; the year 0, which datetime has not, counts as out of range.
    """
    return _TimeParser(text).parse()


def format_time(moment: dt.datetime) -> str:
    """RFC 3339 in UTC with whole seconds, the fraction cut off: `2026-11-20T09:49:32Z`."""
    utc = moment.astimezone(dt.UTC)
    return f"{utc.year:04d}-{utc.month:02d}-{utc.day:02d}T{utc.hour:02d}:{utc.minute:02d}:{utc.second:02d}Z"


_USUAL_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


class _TimeParser:
    """Walks the layout's elements over the text, one method a kind of element."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.rest = text

    def parse(self) -> dt.datetime:
        if _USUAL_TIME.fullmatch(self.text):
            try:
                return dt.datetime.fromisoformat(self.text)
            except ValueError:
                pass  # the walk below names the element that is wrong
        year = self._number("2006", self._year)
        self._literal("-")
        month = self._number("01", self._two_digits)
        if not 1 <= month <= 12:
            raise self._out_of_range("month")
        self._literal("-")
        day = self._number("02", self._two_digits)
        self._literal("T")
        hour = self._number("15", self._one_or_two_digits)
        if hour > 23:
            raise self._out_of_range("hour")
        self._literal(":")
        minute = self._number("04", self._two_digits)
        if minute > 59:
            raise self._out_of_range("minute")
        self._literal(":")
        second = self._number("05", self._two_digits)
        if second > 59:
            raise self._out_of_range("second")
        microsecond = self._fraction()
        offset = self._number("Z07:00", self._offset)
        if self.rest:
            raise TimeParseError(f"parsing time {quote_bytes(self.text)}: extra text: {quote_bytes(self.rest)}")
        if day < 1 or (month == 2 and day > 29) or day > _days_in(month, year):
            raise self._out_of_range("day")
        try:
            local = dt.datetime(year, month, day, hour, minute, second, microsecond, tzinfo=dt.UTC)
            return local - dt.timedelta(minutes=offset)
        except (ValueError, OverflowError):
            raise self._out_of_range("year") from None

    def _out_of_range(self, what: str) -> TimeParseError:
        return TimeParseError(f"parsing time {quote_bytes(self.text)}: {what} out of range")

    def _cannot_parse(self, rest: str, element: str) -> TimeParseError:
        return TimeParseError(
            f"parsing time {quote_bytes(self.text)} as {quote_bytes(RFC3339)}: "
            f"cannot parse {quote_bytes(rest)} as {quote_bytes(element)}"
        )

    def _literal(self, literal: str) -> None:
        if not self.rest.startswith(literal):
            raise self._cannot_parse(self.rest, literal)
        self.rest = self.rest[1:]

    def _number(self, element: str, read: Callable[[], int | None]) -> int:
        before = self.rest
        value = read()
        if value is None:
            raise self._cannot_parse(before, element)
        return value

    def _take(self, length: int) -> int | None:
        digits = self.rest[:length]
        if len(digits) < length or not (digits.isascii() and digits.isdigit()):
            return None
        self.rest = self.rest[length:]
        return int(digits)

    def _year(self) -> int | None:
        return self._take(4)

    def _two_digits(self) -> int | None:
        return self._take(2)

    def _one_or_two_digits(self) -> int | None:
        two = self._take(2)
        return self._take(1) if two is None else two

    def _fraction(self) -> int:
        match = re.match(r"[.,]([0-9]+)", self.rest, re.ASCII)
        if match is None:
            return 0
        self.rest = self.rest[match.end() :]
        return int(match[1][:6].ljust(6, "0"))

    def _offset(self) -> int | None:
        """Minutes east of Greenwich."""
        if self.rest.startswith("Z"):
            self.rest = self.rest[1:]
            return 0
        match = re.match(r"(.)([0-9]{2}):([0-9]{2})", self.rest, re.ASCII)
        if match is None:
            return None
        hours, minutes = int(match[2]), int(match[3])
        # Go takes 24 hours and 60 minutes of offset: some people write them.
        if hours > 24:
            self.rest = self.rest[6:]
            raise self._out_of_range("time zone offset hour")
        if minutes > 60:
            self.rest = self.rest[6:]
            raise self._out_of_range("time zone offset minute")
        if match[1] not in "+-":
            return None
        self.rest = self.rest[6:]
        total = hours * 60 + minutes
        return -total if match[1] == "-" else total


def _days_in(month: int, year: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def quote_bytes(text: str) -> str:
    """The quoting of Go's time package, which escapes every byte that is not printable ASCII as `\\x00`."""
    parts = ['"']
    try:
        data = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        data = text.encode("utf-8", "replace")
    for byte in data:
        if byte in (0x22, 0x5C):
            parts.append("\\" + chr(byte))
        elif byte < 0x20 or byte >= 0x80:
            parts.append(f"\\x{byte:02x}")
        else:
            parts.append(chr(byte))
    parts.append('"')
    return "".join(parts)
