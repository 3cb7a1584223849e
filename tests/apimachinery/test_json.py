import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genericapiserver.apimachinery.serializer.errors import JSONSyntaxError
from genericapiserver.apimachinery.serializer.json import (
    MAX_DEPTH,
    NumberLiteral,
    decode_utf8,
    encode_json,
    format_float,
    indent_json,
    parse_json,
    parse_literals,
)


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ('{"a":1,"a":2}', ("a",)),
        ('{"a":1,"b":{"c":1,"d":[{"e":1,"e":2}],"c":3},"a":2}', ("b.d[0].e", "b.c", "a")),
        ('{"a":1,"a":2,"a":3}', ("a", "a")),
        ('[{"x":{},"x":{}}]', ("[0].x",)),
        ('{"a":{"a":1},"b":[1,1]}', ()),
    ],
)
def test_duplicates_are_found_in_the_order_of_the_document(text: str, paths: tuple[str, ...]) -> None:
    parsed = parse_json(text.encode(), find_duplicates=True)
    assert parsed.duplicates == paths
    assert parsed.value == json.loads(text)
    assert parse_json(text.encode()).duplicates == ()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"caf\xc3\xa9", "café"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"a\xe2\x82b", "a\ufffd\ufffdb"),
        (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),
        (b"\xf0\x9f\x98", "\ufffd\ufffd\ufffd"),
    ],
)
def test_each_bad_byte_becomes_one_replacement_character(data: bytes, text: str) -> None:
    assert decode_utf8(data) == text
    assert parse_json(b'"' + data + b'"').value == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"\ud800"', "\ufffd"),
        (r'"\ud800\ud800x"', "\ufffd\ufffdx"),
        (r'"\udc00\ud800"', "\ufffd\ufffd"),
        (r'"\ud83d\ude00"', "\U0001f600"),
        (r'{"\ud800":["\udfff"]}', {"\ufffd": ["\ufffd"]}),
        (r'"\\ud800"', "\\ud800"),
    ],
)
def test_lone_surrogates_are_replaced(text: str, value: object) -> None:
    assert parse_json(text.encode()).value == value
    assert parse_json(text.encode(), find_duplicates=True).value == value


def test_numbers_keep_their_kind() -> None:
    assert [type(number) for number in parse_json(b"[1, 1.0, 1e0, -0, 18446744073709551616]").value] == [
        int,
        float,
        float,
        int,
        int,
    ]
    huge = parse_json(b"9" * 5000, find_duplicates=True).value
    assert huge == float("inf")
    literal = parse_literals(b"[1.50]")[0]
    assert type(literal) is NumberLiteral
    assert (literal, literal.text) == (1.5, "1.50")


@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_nesting_is_limited(brackets: str) -> None:
    opening, closing = ("[", "]") if brackets == "[]" else ('{"a":', "}")

    def nested(depth: int) -> bytes:
        return (opening * (depth - 1) + brackets + closing * (depth - 1)).encode()

    parse_json(nested(MAX_DEPTH))
    parse_json(b"[" + b",".join([b"[[]]"] * 1000) + b"]")
    for depth in (MAX_DEPTH + 1, 5000, 200_000):
        for find_duplicates in (False, True):
            with pytest.raises(JSONSyntaxError, match="exceeded max depth"):
                parse_json(nested(depth), find_duplicates=find_duplicates)


def test_html_characters_are_escaped_everywhere() -> None:
    assert encode_json({"<a>": ["&", "\u2028\u2029\u2027"]}) == (
        b'{"\\u003ca\\u003e":["\\u0026","\\u2028\\u2029\xe2\x80\xa7"]}'
    )


def test_control_characters_are_escaped_as_in_go() -> None:
    assert encode_json('\x00\x1f\b\f\n\r\t"\\\x7f/') == b'"\\u0000\\u001f\\b\\f\\n\\r\\t\\"\\\\\x7f/"'


def test_lone_surrogates_are_written_as_replacement_characters() -> None:
    assert encode_json({"a": "\ud800"}) == '{"a":"\ufffd"}'.encode()


def test_indentation_keeps_empty_containers_on_their_line() -> None:
    assert indent_json(b'{"a":[],"b":{},"c":[1,{"d":"\\u003c"}]}').decode() == (
        '{\n  "a": [],\n  "b": {},\n  "c": [\n    1,\n    {\n      "d": "\\u003c"\n    }\n  ]\n}'
    )


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_read_back(number: float) -> None:
    assert float(format_float(number)) == number


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_json_has_no_infinity(number: float) -> None:
    with pytest.raises(ValueError, match="unsupported value"):
        format_float(number)


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda children: st.lists(children) | st.dictionaries(st.text(), children),
        max_leaves=20,
    )
)
def test_valid_documents_are_read_as_the_standard_library_does(value: object) -> None:
    data = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    expected = json.loads(data.decode("utf-8", "surrogatepass"))
    assert parse_json(json.dumps(value).encode()).value == expected
    assert parse_json(data, find_duplicates=True).value == expected
    assert parse_json(encode_json(value)).value == expected
