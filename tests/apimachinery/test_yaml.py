"""YAML as go-yaml v2 reads and writes it. The tables were taken from kubectl, which carries that code."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genericapiserver.apimachinery.serializer import yaml
from genericapiserver.apimachinery.serializer.errors import DecodeError, YAMLSyntaxError
from genericapiserver.apimachinery.serializer.json import MAX_DEPTH
from genericapiserver.apimachinery.serializer.yaml import encode_yaml, parse_yaml


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        *[(word, True) for word in ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON")],
        *[(word, False) for word in ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF")],
        *[(word, None) for word in ("~", "null", "Null", "NULL", "")],
        *[(word, word) for word in ("tRue", "yEs", "nUll", "nan", "NaN", "=", "-a", "e3", "1e", "1.2.3", "...x", "-.")],
        ("0x1F", 31),
        ("0X1F", 31),
        ("-0x1", -1),
        ("0b11", 3),
        ("-0b11", -3),
        ("+0b11", 3),
        ("0o10", 8),
        ("-0o7", -7),
        ("010", 8),
        ("-010", -8),
        ("08", 8),
        ("00", 0),
        ("1_000", 1000),
        ("1__0", 10),
        ("0_", 0),
        ("_1", "_1"),
        ("+5", 5),
        ("-0", 0),
        ("0xg", "0xg"),
        ("0o8", "0o8"),
        ("0b2", "0b2"),
        ("0x", "0x"),
        ("0x" + "f" * 17, "0x" + "f" * 17),
        ("9223372036854775808", 9223372036854775808),
        ("1e3", 1000),
        ("1E5", 100000),
        (".5", 0.5),
        ("+.5", 0.5),
        ("5.", 5),
        ("1.0", 1),
        ("1.10", 1.1),
        ("1.5e+3", 1500),
        ("1e21", 1e21),
        ("1e-7", 1e-7),
        ("1e400", "1e400"),
        (".11_1", 0.111),
        ("._1", "._1"),
        ("1.5_0", 1.5),
        ("12:30:45", "12:30:45"),
        ("190:20:30.15", "190:20:30.15"),
        ("2020-01-01", "2020-01-01"),
        ("2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"),
        ("'5'", "5"),
        ('"\\x41\\u263a"', "A\u263a"),
        ("!!str 5", "5"),
        ("!!int '5'", 5),
        ("!!float 5", 5),
        ("!!bool yes", True),
        ("!!binary aGk=", "hi"),
        ("!!timestamp 2020-01-01", "2020-01-01"),
        ("!foo bar", "bar"),
        ("! 5", "5"),
        ("{}", {}),
        ("[a, b, 1]", ["a", "b", 1]),
        ("{a: 1, 2: b, yes: c, 1.5: d, ~x: e}", {"a": 1, "2": "b", "true": "c", "1.5": "d", "~x": "e"}),
        ("|\n    x\n    y\n", "x\ny\n"),
        (">\n    x\n    y\n", "x y\n"),
        ("&anchor 5", 5),
        ("<<", "<<"),
        ("[<<]", ["<<"]),
    ],
)
def test_what_a_value_means(scalar: str, value: object) -> None:
    parsed = parse_yaml(f"v: {scalar}\nw: 1\n".encode())
    assert json.dumps(parsed.value) == json.dumps({"v": value, "w": 1})
    assert parsed.duplicate_text == ""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# nothing\n", None),
        ("---\n", None),
        ("a: 1\n---\nb: [\n", {"a": 1}),
        ("- a\n- b: 1\n", ["a", {"b": 1}]),
        ('{"a": [1, {"b": null}]}', {"a": [1, {"b": None}]}),
        ("<<: {a: 1, b: 2}\nb: 3\n", {"a": 1, "b": 3}),
        ("<<: [{a: 1}, {a: 2, b: 2}]\n", {"a": 1, "b": 2}),
    ],
)
def test_documents(text: str, value: object) -> None:
    assert parse_yaml(text.encode()).value == value


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a: 'x", "yaml: found unexpected end of stream"),
        ("a:\nb: 'x\n", "yaml: line 3: found unexpected end of stream"),
        ("a:\nb:\n  v: - 1\n", "yaml: line 3: block sequence entries are not allowed in this context"),
        ("a:\nb: @\n", "yaml: line 2: found character that cannot start any token"),
        ("a:\nb: c: d\n", "yaml: line 2: mapping values are not allowed in this context"),
        ("a:\nb:\n  v: {1\n  w: 1\n", "yaml: line 3: did not find expected ',' or '}'"),
        ("a:\nb: ]\n", "yaml: line 1: did not find expected node content"),
        ("a: !!int x\n", "yaml: cannot decode !!str `x` as a !!int"),
        ("a: !!binary '@'\n", "yaml: !!binary value contains invalid base64 data"),
        ("a: .inf\n", "json: unsupported value: +Inf"),
        ("a: -.inf\n", "json: unsupported value: -Inf"),
        ("a: .nan\n", "json: unsupported value: NaN"),
        ("<<: 5\n", "yaml: map merge requires map or sequence of maps as the value"),
        ("a: \x01\n", "yaml: control characters are not allowed"),
        ("~: 1\n", "yaml: unsupported map key of type: null"),
        ("? [a]\n: 1\n", "yaml: invalid map key: a mapping or sequence"),
    ],
)
def test_what_is_no_yaml_is_refused(text: str, error: str) -> None:
    with pytest.raises(DecodeError) as caught:
        parse_yaml(text.encode())
    assert str(caught.value) == error


def test_bytes_that_are_no_utf_8_are_refused() -> None:
    with pytest.raises(YAMLSyntaxError, match=r"^yaml: "):
        parse_yaml(b"a: \xff\n")


def test_repeated_keys_are_reported_with_the_line_of_the_value_and_the_last_one_counts() -> None:
    parsed = parse_yaml(b'a: 1\nb:\n  c: 1\n  c: 2\n1: x\na:\n  d: 1\n1: y\n"1": z\n')
    assert parsed.value == {"a": {"d": 1}, "b": {"c": 2}, "1": "z"}
    assert parsed.duplicate_text == (
        "yaml: unmarshal errors:\n"
        '  line 4: key "c" already set in map\n'
        '  line 7: key "a" already set in map\n'
        "  line 8: key 1 already set in map"
    )


def test_aliases_are_refused() -> None:
    bomb = b"a: &a [x]\nb: [*a, *a]\n"
    with pytest.raises(YAMLSyntaxError, match="line 2: aliases are not accepted"):
        parse_yaml(bomb)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ("{a: ", "}")])
def test_nesting_is_limited(opening: str, closing: str) -> None:
    parse_yaml((opening * MAX_DEPTH + closing * MAX_DEPTH).encode())
    with pytest.raises(YAMLSyntaxError, match="exceeded max depth"):
        parse_yaml((opening * (MAX_DEPTH + 1) + closing * (MAX_DEPTH + 1)).encode())
    with pytest.raises(YAMLSyntaxError):
        parse_yaml((opening * 5000).encode())


def test_the_number_of_nodes_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml, "MAX_NODES", 100)
    parse_yaml(b"- a\n" * 99)
    with pytest.raises(YAMLSyntaxError, match="more than 100 nodes"):
        parse_yaml(b"- a\n" * 101)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *[
            (plain, plain)
            for plain in ("a", "a b", "a:b", "a#b", "1e", "e3", "0xg", "2020-13-01", "<<", "=", "é", "?a", "-y")
        ],
        *[
            (quoted, f'"{quoted}"')
            for quoted in (
                "y",
                "No",
                "ON",
                "true",
                "~",
                "null",
                ".nan",
                "1",
                "08",
                "0x1F",
                "0b11",
                "0o10",
                "1_000",
                "1e3",
            )
        ],
        *[(quoted, f'"{quoted}"') for quoted in (".5", "5.", "+5", "", "12:30:45", "1:59", "190:20:30.15", "+12:30")],
        *[
            (quoted, f'"{quoted}"')
            for quoted in ("2020-01-01", "2020-1-1", "2020-01-01T00:00:00Z", "2020-01-01 00:00:00")
        ],
        *[
            (quoted, f"'{quoted}'")
            for quoted in ("a: b", "#x", "a #b", "- x", " lead", "trail ", "@a", "`a", "%a", "&a", "*a")
        ],
        *[
            (quoted, f"'{quoted}'")
            for quoted in ("!a", "|a", ">a", "[a", "{a", ",a", '"a"', "? a", "---", ":", "a:", ": a")
        ],
        ("'a'", "'''a'''"),
        ("\u2603", "\u2603"),
        ("\U0001f600", '"\\U0001F600"'),
        ("a\tb", '"a\\tb"'),
        ("\x1b[0m", '"\\e[0m"'),
        ("\x01", '"\\x01"'),
        ("a\rb", '"a\\rb"'),
        ("\u00a0", "\u00a0"),
        ("a\nb", "|-\n  a\n  b"),
        ("a\nb\n", "|\n  a\n  b"),
        ("a\n\n", "|+\n  a\n"),
        (" a\nb", "|2-\n   a\n  b"),
        ("a \nb", '"a \\nb"'),
        ("ab cd " * 20 + "end", "ab cd " * 13 + "ab\n  " + "cd ab " * 6 + "cd end"),
        ("a" * 100, "a" * 100),
    ],
)
def test_how_a_string_is_written(value: str, text: str) -> None:
    assert encode_yaml({"v": value}).decode() == f"v: {text}\n"
    assert parse_yaml(encode_yaml({"v": value})).value == {"v": value}


@pytest.mark.parametrize("value", [False, [], "<<", {"b": 1}])
def test_a_key_that_looks_like_a_merge_is_no_merge_on_its_way_back(value: object) -> None:
    whole = {"<<": value, "a": "<<"}
    assert encode_yaml(whole).startswith(b'"<<":')
    assert parse_yaml(encode_yaml(whole)).value == whole


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (-5, "-5"),
        (9223372036854775807, "9223372036854775807"),
        (18446744073709551616, "1.8446744073709552e+19"),
        (1.0, "1"),
        (1.5, "1.5"),
        (1e20, "1e+20"),
        (1e21, "1e+21"),
        (1e-7, "1e-07"),
        (1e-5, "1e-05"),
        (0.0001, "0.0001"),
        (123456789.123, "1.23456789123e+08"),
        (1000000.5, "1.0000005e+06"),
        (100000.0, "100000"),
    ],
)
def test_how_a_number_is_written(number: float, text: str) -> None:
    assert encode_yaml({"v": number}).decode() == f"v: {text}\n"


def test_the_layout_of_collections() -> None:
    value = {
        "spec": {"list": ["a", {"k": 1, "j": None}, ["x", []], {}], "empty": {}, "none": []},
        "kind": "Thing",
        "flag": True,
        "f:spec": {".": {}, "f:a": {}, 'k:{"name":"x"}': {}},
    }
    assert encode_yaml(value).decode() == (
        'f:spec:\n  .: {}\n  f:a: {}\n  k:{"name":"x"}: {}\nflag: true\nkind: Thing\nspec:\n  empty: {}\n  list:\n'
        "  - a\n  - j: null\n    k: 1\n  - - x\n    - []\n  - {}\n  none: []\n"
    )


def test_keys_are_in_natural_order_and_quoted_like_values() -> None:
    keys = ["b", "a10", "a2", "a", "-", "1", "y", "B", "_", "a b", "#"]
    text = encode_yaml(dict.fromkeys(keys, 1)).decode()
    assert [line.rsplit(":", 1)[0] for line in text.splitlines()] == [
        "'#'",
        "'-'",
        "_",
        '"1"',
        "B",
        "a",
        "a b",
        "a2",
        "a10",
        "b",
        '"y"',
    ]


@settings(deadline=None)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(1 << 63), (1 << 64) - 1)
        | st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126), max_size=6),
                inner,
                max_size=3,
            )
        ),
    )
)
def test_what_is_written_reads_back(value: object) -> None:
    assert json.dumps(parse_yaml(encode_yaml({"v": value})).value, sort_keys=True) == json.dumps(
        {"v": value}, sort_keys=True
    )
