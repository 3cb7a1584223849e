"""Time and MicroTime as JSON has them. Values are aware datetimes in UTC."""

import datetime as dt

from genericapiserver.apimachinery.go import parse_time as _parse_any

ZERO_TIME = dt.datetime(1, 1, 1, tzinfo=dt.UTC)
"""Go's zero time, which means that there is none: it is read as None where a field may be None, and written as null."""

_UTC = dt.UTC


def parse_time(text: str) -> dt.datetime:
    """Read RFC 3339 with any offset; fractions of a second are dropped. Raises TimeParseError with Go's text."""
    return _parse(text).replace(microsecond=0)


def parse_micro_time(text: str) -> dt.datetime:
    """Read RFC 3339 with any offset, to the microsecond. Raises TimeParseError with Go's text."""
    return _parse(text)


def format_time(time: dt.datetime) -> str | None:
    """`2026-11-20T09:49:32Z`; None for the zero time."""
    if time.tzinfo is not _UTC:
        time = _to_utc(time)
    return None if time == ZERO_TIME else time.isoformat(timespec="seconds")[:19] + "Z"


def format_micro_time(time: dt.datetime) -> str | None:
    """`2026-11-20T09:49:32.000000Z`; None for the zero time."""
    if time.tzinfo is not _UTC:
        time = _to_utc(time)
    return None if time == ZERO_TIME else time.isoformat(timespec="microseconds")[:26] + "Z"


def _parse(text: str) -> dt.datetime:
    # What servers write is read by C code; it takes other shapes too, so the shape is checked first.
    if len(text) == 20 and text[4] == text[7] == "-" and text[10::9] == "TZ" and text[13] == text[16] == ":":
        try:
            return dt.datetime.fromisoformat(text)
        except ValueError:
            pass
    return _parse_any(text)


def _to_utc(time: dt.datetime) -> dt.datetime:
    """The same moment in UTC; a datetime without a zone is taken to be in UTC already."""
    return time.replace(tzinfo=_UTC) if time.tzinfo is None else time.astimezone(_UTC)
