"""Go's words for texts that are no JSON, and agreement with the standard library about which texts those are."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from genericapiserver.apimachinery.serializer.errors import JSONSyntaxError
from genericapiserver.apimachinery.serializer.json import parse_json
from genericapiserver.apimachinery.serializer.scanner import find_syntax_error


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "unexpected end of JSON input"),
        ("  ", "unexpected end of JSON input"),
        ("{", "unexpected end of JSON input"),
        ('{"a"', "unexpected end of JSON input"),
        ('{"a":', "unexpected end of JSON input"),
        ('"abc', "unexpected end of JSON input"),
        ('{"a":"\\', "invalid character ' ' in string escape code"),
        ('{"a":"\\u12', "invalid character ' ' in \\u hexadecimal character escape"),
        ("tru", "invalid character ' ' in literal true (expecting 'e')"),
        ("nul", "invalid character ' ' in literal null (expecting 'l')"),
        ("1e", "invalid character ' ' in exponent of numeric literal"),
        ("1.", "invalid character ' ' after decimal point in numeric literal"),
        ("-", "invalid character ' ' in numeric literal"),
        ("z", "invalid character 'z' looking for beginning of value"),
        ("'", "invalid character '\\'' looking for beginning of value"),
        ("[1,]", "invalid character ']' looking for beginning of value"),
        ("[,", "invalid character ',' looking for beginning of value"),
        ("NaN", "invalid character 'N' looking for beginning of value"),
        ("Infinity", "invalid character 'I' looking for beginning of value"),
        ("+1", "invalid character '+' looking for beginning of value"),
        (".5", "invalid character '.' looking for beginning of value"),
        ("{1", "invalid character '1' looking for beginning of object key string"),
        ('{"a":1,}', "invalid character '}' looking for beginning of object key string"),
        ("{a:1}", "invalid character 'a' looking for beginning of object key string"),
        ('{"a"}', "invalid character '}' after object key"),
        ('{"a" 1}', "invalid character '1' after object key"),
        ('{"a":1 "b"', "invalid character '\"' after object key:value pair"),
        ('{"a":1]', "invalid character ']' after object key:value pair"),
        ("[1 2]", "invalid character '2' after array element"),
        ("[1}", "invalid character '}' after array element"),
        ("{} x", "invalid character 'x' after top-level value"),
        ("01", "invalid character '1' after top-level value"),
        ("1.x", "invalid character 'x' after decimal point in numeric literal"),
        ("1ex", "invalid character 'x' in exponent of numeric literal"),
        ("1e+x", "invalid character 'x' in exponent of numeric literal"),
        ("-x", "invalid character 'x' in numeric literal"),
        ("-Infinity", "invalid character 'I' in numeric literal"),
        ("trux", "invalid character 'x' in literal true (expecting 'e')"),
        ("fx", "invalid character 'x' in literal false (expecting 'a')"),
        ("nulx", "invalid character 'x' in literal null (expecting 'l')"),
        ('"\n"', "invalid character '\\n' in string literal"),
        ('"\x00"', "invalid character '\\x00' in string literal"),
        ('"\\x"', "invalid character 'x' in string escape code"),
        ('"\\u00g0"', "invalid character 'g' in \\u hexadecimal character escape"),
        ("\\", "invalid character '\\\\' looking for beginning of value"),
        ("\x7f", "invalid character '\\x7f' looking for beginning of value"),
    ],
)
def test_a_fault_is_named_as_go_names_it(text: str, error: str) -> None:
    assert find_syntax_error(text.encode()) == error
    with pytest.raises(JSONSyntaxError) as caught:
        parse_json(text.encode(), find_duplicates=True)
    assert str(caught.value) == error
    with pytest.raises(JSONSyntaxError):
        parse_json(text.encode())


@pytest.mark.parametrize(
    ("data", "character"),
    [(b"\x81", "\\u0081"), (b"\xc3\xa9", "Ã"), (b"\xef\xbb\xbf{}", "ï"), (b"\xad", "\\u00ad"), (b"\xa0", "\\u00a0")],
)
def test_the_offending_byte_is_shown_as_a_latin_1_character(data: bytes, character: str) -> None:
    assert find_syntax_error(data) == f"invalid character '{character}' looking for beginning of value"


def test_ten_thousand_levels_are_the_limit_of_the_scanner() -> None:
    assert find_syntax_error(b"[" * 10_000 + b"]" * 10_000) is None
    assert find_syntax_error(b"[" * 10_001) == "invalid character '[' exceeded max depth"
    assert find_syntax_error(b'{"a":' * 10_001) == "invalid character '{' exceeded max depth"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", None),
        ("[", "unexpected end of JSON input"),
        ('{"a', "unexpected end of JSON input"),
        ("z", "invalid character 'z' looking for beginning of value"),
        ("[1,]", "invalid character ']' looking for beginning of value"),
        ("{a:1}", "invalid character 'a' looking for beginning of object key string"),
        ('{"a"}', "invalid character '}' after object key"),
        ('{"a":1 "b":2}', "invalid character '\"' after object key:value pair"),
        ('"\n"', "invalid character '\\n' in string literal"),
        ('"\\x"', "invalid character 'x' in string escape code"),
    ],
)
def test_a_fault_far_into_a_long_text_is_found_quickly(text: str, error: str | None) -> None:
    start = '{"x":[' + '"some text \u00e9",' * 30_000 + "1]"
    if not text:
        assert find_syntax_error(f"{start}}}".encode()) is None
        return
    with pytest.raises(JSONSyntaxError) as caught:
        parse_json(f'{start},"y":{text}'.encode(), find_duplicates=True)
    assert str(caught.value) == error
    assert find_syntax_error(f"{start}}} x".encode()) == "invalid character 'x' after top-level value"
    assert find_syntax_error(b"[" * 300_000) == "exceeded max depth"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)


@settings(deadline=None)
@given(json_values)
def test_the_scanner_accepts_every_document(value: object) -> None:
    assert find_syntax_error(json.dumps(value).encode()) is None
    assert find_syntax_error(json.dumps(value, indent=1, ensure_ascii=False).encode("utf-8", "surrogatepass")) is None


@settings(deadline=None)
@given(json_values, st.data())
def test_the_scanner_and_the_standard_library_refuse_the_same_texts(value: object, data: st.DataObject) -> None:
    text = json.dumps(value)
    at = data.draw(st.integers(0, len(text)))
    length = data.draw(st.integers(0, 2))
    patch = data.draw(st.text('{}[],:"\\ 019.eE+-truefalsn\nu', max_size=2))
    changed = text[:at] + patch + text[at + length :]
    try:
        json.loads(changed, parse_constant=lambda _: json.loads("?"))
        valid = True
    except ValueError:
        valid = False
    assert (find_syntax_error(changed.encode()) is None) == valid


@settings(deadline=None)
@given(st.binary(max_size=30))
@example(b'"\xff"')
@example(b'{"\xe2\x82":"\xf0\x9f"}')
def test_any_bytes_are_a_document_or_a_syntax_error(data: bytes) -> None:
    try:
        parse_json(data, find_duplicates=True)
    except JSONSyntaxError:
        assert find_syntax_error(data) is not None
    else:
        assert find_syntax_error(data) is None
