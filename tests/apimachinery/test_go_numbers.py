"""strconv: what it takes and how it refuses."""

import math

import pytest

from genericapiserver.apimachinery.go import NumError, parse_bool, parse_float, parse_int, parse_uint


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("-0", 0),
        ("+7", 7),
        ("007", 7),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("0" * 5000 + "1", 1),
        ("-" + "0" * 5000 + "1", -1),
    ],
)
def test_parse_int_reads_base_ten(text: str, value: int) -> None:
    assert parse_int(text) == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "invalid syntax"),
        ("abc", "invalid syntax"),
        (" 1", "invalid syntax"),
        ("1_000", "invalid syntax"),
        ("1.0", "invalid syntax"),
        ("--1", "invalid syntax"),
        ("\u0661", "invalid syntax"),
        ("1\n", "invalid syntax"),
        ("9223372036854775808", "value out of range"),
        ("-9223372036854775809", "value out of range"),
        ("9" * 5000, "value out of range"),
    ],
)
def test_parse_int_refuses_with_the_text_of_strconv(text: str, problem: str) -> None:
    with pytest.raises(NumError) as caught:
        parse_int(text)
    assert str(caught.value) == f'strconv.ParseInt: parsing "{text}": {problem}'.replace("\n", "\\n")


def test_parse_int_knows_other_widths_and_names() -> None:
    assert parse_int("2147483647", bits=32) == 2147483647
    with pytest.raises(NumError, match="value out of range"):
        parse_int("2147483648", bits=32)
    with pytest.raises(NumError, match=r'^strconv\.Atoi: parsing "x": invalid syntax$'):
        parse_int("x", function="Atoi")


def test_parse_uint_takes_no_sign() -> None:
    assert parse_uint("18446744073709551615") == 2**64 - 1
    for text, problem in [
        ("+5", "invalid syntax"),
        ("-5", "invalid syntax"),
        ("18446744073709551616", "value out of range"),
    ]:
        with pytest.raises(NumError) as caught:
            parse_uint(text)
        assert str(caught.value) == f'strconv.ParseUint: parsing "{text}": {problem}'


@pytest.mark.parametrize("text", ["1", "t", "T", "TRUE", "true", "True"])
def test_parse_bool_true(text: str) -> None:
    assert parse_bool(text) is True


@pytest.mark.parametrize("text", ["0", "f", "F", "FALSE", "false", "False"])
def test_parse_bool_false(text: str) -> None:
    assert parse_bool(text) is False


@pytest.mark.parametrize("text", ["", "yes", "tRUE", " 1"])
def test_parse_bool_refuses_the_rest(text: str) -> None:
    with pytest.raises(NumError) as caught:
        parse_bool(text)
    assert str(caught.value) == f'strconv.ParseBool: parsing "{text}": invalid syntax'


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1.0),
        ("-1.5e3", -1500.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("+Inf", math.inf),
        ("infinity", math.inf),
        ("0x1p-2", 0.25),
    ],
)
def test_parse_float_reads_go_syntax(text: str, value: float) -> None:
    assert parse_float(text) == value


def test_parse_float_reads_nan() -> None:
    assert math.isnan(parse_float("NaN"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "invalid syntax"),
        ("1_0", "invalid syntax"),
        (".", "invalid syntax"),
        ("--inf", "invalid syntax"),
        ("1e400", "value out of range"),
        ("0x1p5000", "value out of range"),
    ],
)
def test_parse_float_refuses_with_the_text_of_strconv(text: str, problem: str) -> None:
    with pytest.raises(NumError) as caught:
        parse_float(text)
    assert str(caught.value) == f'strconv.ParseFloat: parsing "{text}": {problem}'
