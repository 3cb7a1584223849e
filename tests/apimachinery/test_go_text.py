"""What Go prints: `%q`, `%v`, `%#v`."""

import pytest

from genericapiserver.apimachinery.go import format_value, quote, string_slice_literal


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("", '""'),
        ("plain text", '"plain text"'),
        ('say "hi"', r'"say \"hi\""'),
        ("back\\slash", r'"back\\slash"'),
        ("\a\b\f\n\r\t\v", r'"\a\b\f\n\r\t\v"'),
        ("\0\x1f\x7f", r'"\x00\x1f\x7f"'),
        ("\u0081", r'"\u0081"'),
        ("caf\u00e9 \u4f60\u597d", '"caf\u00e9 \u4f60\u597d"'),
        ("\u00a0", r'"\u00a0"'),
        ("\u2028\u200b", r'"\u2028\u200b"'),
        ("\U0001f600", '"\U0001f600"'),
        ("\U000e0001", r'"\U000e0001"'),
        ("\ufffd", '"\ufffd"'),
        (b"\xff\x80".decode("utf-8", "surrogateescape"), r'"\xff\x80"'),
        ("\ud800", r'"\ufffd"'),
    ],
)
def test_quote_escapes_what_does_not_print(text: str, quoted: str) -> None:
    assert quote(text) == quoted


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "<nil>"),
        (True, "true"),
        (False, "false"),
        (5, "5"),
        ("a b", "a b"),
        ([], "[]"),
        (["a", 1, None], "[a 1 <nil>]"),
        ([["a"]], "[[a]]"),
        ({}, "map[]"),
        ({"b": 1, "a": {"x": [True]}}, "map[a:map[x:[true]] b:1]"),
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (1.5, "1.5"),
        (100000.0, "100000"),
        (1000000.0, "1e+06"),
        (1234567.0, "1.234567e+06"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (1e100, "1e+100"),
        (-2.5e-7, "-2.5e-07"),
        (float("inf"), "+Inf"),
        (float("-inf"), "-Inf"),
        (float("nan"), "NaN"),
    ],
)
def test_format_value_prints_as_percent_v(value: object, text: str) -> None:
    assert format_value(value) == text


def test_a_string_slice_prints_as_its_literal() -> None:
    assert string_slice_literal(["y.io/g", 'q"']) == r'[]string{"y.io/g", "q\""}'
    assert string_slice_literal([]) == "[]string{}"
