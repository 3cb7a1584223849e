"""Texts as Go's standard library prints and reads them, because they reach clients inside messages.

Lives here: `%q` and `%v`, strconv's parsers with their errors, durations, RFC 3339 times. Imports nothing.
"""

from genericapiserver.apimachinery.go.numbers import NumError, parse_bool, parse_float, parse_int, parse_uint
from genericapiserver.apimachinery.go.text import format_float, format_value, quote, string_slice_literal
from genericapiserver.apimachinery.go.times import (
    RFC3339,
    DurationError,
    TimeParseError,
    format_duration,
    format_time,
    parse_duration,
    parse_time,
)

__all__ = [
    "RFC3339",
    "DurationError",
    "NumError",
    "TimeParseError",
    "format_duration",
    "format_float",
    "format_time",
    "format_value",
    "parse_bool",
    "parse_duration",
    "parse_float",
    "parse_int",
    "parse_time",
    "parse_uint",
    "quote",
    "string_slice_literal",
]
