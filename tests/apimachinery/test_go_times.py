"""Durations and RFC 3339 times."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genericapiserver.apimachinery.go import (
    DurationError,
    TimeParseError,
    format_duration,
    format_time,
    parse_duration,
    parse_time,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("+0", 0.0),
        ("34s", 34.0),
        ("1h15m30.918s", 4530.918),
        ("-1.5h", -5400.0),
        ("100ms", 0.1),
        ("5us", 5e-6),
        ("5\u00b5s", 5e-6),
        ("5\u03bcs", 5e-6),
        ("7ns", 7e-9),
        (".5s", 0.5),
        ("1.s", 1.0),
        ("0.3333333333333333333h", 1200.0),
        ("-9223372036854775808ns", -9223372036.854776),
    ],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'time: invalid duration ""'),
        ("abc", 'time: invalid duration "abc"'),
        ("-", 'time: invalid duration "-"'),
        (".s", 'time: invalid duration ".s"'),
        ("+.s", 'time: invalid duration "+.s"'),
        ("60", 'time: missing unit in duration "60"'),
        ("1.2.3s", 'time: missing unit in duration "1.2.3s"'),
        ("1x", 'time: unknown unit "x" in duration "1x"'),
        ("1h2d", 'time: unknown unit "d" in duration "1h2d"'),
        ("3000000h", 'time: invalid duration "3000000h"'),
        ("9223372036854775808ns", 'time: invalid duration "9223372036854775808ns"'),
        ("9" * 50 + "s", f'time: invalid duration "{"9" * 50}s"'),
        ("99999999999999999999s", 'time: invalid duration "99999999999999999999s"'),
        ("\u00e9", r'time: invalid duration "\xc3\xa9"'),
        ('a"\\', r'time: invalid duration "a\"\\"'),
        ("\udcff", r'time: invalid duration "\xff"'),
        ("\ud800", 'time: invalid duration "?"'),
    ],
)
def test_durations_are_refused_with_go_texts(text: str, message: str) -> None:
    with pytest.raises(DurationError) as caught:
        parse_duration(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0s"),
        (1.0, "1s"),
        (60.0, "1m0s"),
        (3600.0, "1h0m0s"),
        (90061.5, "25h1m1.5s"),
        (0.1, "100ms"),
        (0.0015, "1.5ms"),
        (1.5e-6, "1.5\u00b5s"),
        (1e-9, "1ns"),
        (-2.25, "-2.25s"),
    ],
)
def test_durations_are_printed(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_a_printed_duration_reads_back(microseconds: int) -> None:
    seconds = microseconds / 1e6
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-20T09:49:32Z", dt.datetime(2026, 11, 20, 9, 49, 32, tzinfo=dt.UTC)),
        ("2026-11-20T09:49:32.123456789Z", dt.datetime(2026, 11, 20, 9, 49, 32, 123456, tzinfo=dt.UTC)),
        ("2026-11-20T09:49:32,5Z", dt.datetime(2026, 11, 20, 9, 49, 32, 500000, tzinfo=dt.UTC)),
        ("2026-11-20T01:49:32+02:30", dt.datetime(2026, 11, 19, 23, 19, 32, tzinfo=dt.UTC)),
        ("2026-11-20T09:49:32-24:00", dt.datetime(2026, 11, 21, 9, 49, 32, tzinfo=dt.UTC)),
        ("2026-11-20T9:49:32Z", dt.datetime(2026, 11, 20, 9, 49, 32, tzinfo=dt.UTC)),
        ("2024-02-29T00:00:00Z", dt.datetime(2024, 2, 29, tzinfo=dt.UTC)),
        ("0001-01-01T00:00:00Z", dt.datetime(1, 1, 1, tzinfo=dt.UTC)),
    ],
)
def test_times_are_read_in_utc(text: str, moment: dt.datetime) -> None:
    assert parse_time(text) == moment
    assert parse_time(text).tzinfo is dt.UTC


def _cannot(text: str, rest: str, element: str) -> str:
    return f'parsing time "{text}" as "2006-01-02T15:04:05Z07:00": cannot parse "{rest}" as "{element}"'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bad", _cannot("bad", "bad", "2006")),
        ("", _cannot("", "", "2006")),
        ("2026", _cannot("2026", "", "-")),
        ("2026-1-01T00:00:00Z", _cannot("2026-1-01T00:00:00Z", "1-01T00:00:00Z", "01")),
        ("2026-01-01", _cannot("2026-01-01", "", "T")),
        ("2026-01-01t00:00:00Z", _cannot("2026-01-01t00:00:00Z", "t00:00:00Z", "T")),
        ("2026-01-01T00:00:00", _cannot("2026-01-01T00:00:00", "", "Z07:00")),
        ("2026-01-01T00:00:00z", _cannot("2026-01-01T00:00:00z", "z", "Z07:00")),
        ("2026-01-01T00:00:00+0100", _cannot("2026-01-01T00:00:00+0100", "+0100", "Z07:00")),
        ("2026-01-01T00:00:00*01:00", _cannot("2026-01-01T00:00:00*01:00", "*01:00", "Z07:00")),
        ("2026-13-01T00:00:00Z", 'parsing time "2026-13-01T00:00:00Z": month out of range'),
        ("2026-02-30T00:00:00Z", 'parsing time "2026-02-30T00:00:00Z": day out of range'),
        ("2025-02-29T00:00:00Z", 'parsing time "2025-02-29T00:00:00Z": day out of range'),
        ("2026-04-31T00:00:00Z", 'parsing time "2026-04-31T00:00:00Z": day out of range'),
        ("2026-01-01T24:00:00Z", 'parsing time "2026-01-01T24:00:00Z": hour out of range'),
        ("2026-01-01T00:60:00Z", 'parsing time "2026-01-01T00:60:00Z": minute out of range'),
        ("2026-01-01T00:00:60Z", 'parsing time "2026-01-01T00:00:60Z": second out of range'),
        ("2026-01-01T00:00:00+25:00", 'parsing time "2026-01-01T00:00:00+25:00": time zone offset hour out of range'),
        ("2026-01-01T00:00:00+00:61", 'parsing time "2026-01-01T00:00:00+00:61": time zone offset minute out of range'),
        ("2026-01-01T00:00:00Zx", 'parsing time "2026-01-01T00:00:00Zx": extra text: "x"'),
        ("0000-01-01T00:00:00Z", 'parsing time "0000-01-01T00:00:00Z": year out of range'),
        ("9999-12-31T23:00:00-02:00", 'parsing time "9999-12-31T23:00:00-02:00": year out of range'),
    ],
)
def test_times_are_refused_with_go_texts(text: str, message: str) -> None:
    with pytest.raises(TimeParseError) as caught:
        parse_time(text)
    assert str(caught.value) == message


@given(st.datetimes(timezones=st.just(dt.UTC)))
def test_a_printed_time_reads_back_to_the_second(moment: dt.datetime) -> None:
    assert parse_time(format_time(moment)) == moment.replace(microsecond=0)
