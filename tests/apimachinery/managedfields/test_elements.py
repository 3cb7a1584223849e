import pytest

from genericapiserver.apimachinery.managedfields.elements import (
    FieldsError,
    canonical_json,
    element_text,
    index_element,
    key_element,
    make_path,
    parse_element,
    path_text,
    sorted_elements,
    value_element,
)


@pytest.mark.parametrize(
    ("text", "element"),
    [
        ("f:spec", "f:spec"),
        ("f:", "f:"),
        ("f:a/b:c", "f:a/b:c"),
        ('k:{"name":"x"}', 'k:{"name":"x"}'),
        ('k:{ "protocol": "TCP", "port" : 80.0 }', 'k:{"port":80,"protocol":"TCP"}'),
        ('v:"a"', 'v:"a"'),
        ("v: 1e2", "v:100"),
        ("v:1.50", "v:1.5"),
        ("v:true", "v:true"),
        ("i:07", "i:7"),
        ("i:-1", "i:-1"),
        ("z:later", None),
        ("0:", None),
    ],
)
def test_elements_are_read_into_one_spelling(text: str, element: str | None) -> None:
    assert parse_element(text) == element


@pytest.mark.parametrize("text", ["", "f", "fx", "spec", "v:", "v:{", "v:NaN", 'k:"a"', "k:[1]", "i:a", "i:", "i:1.5"])
def test_what_is_no_element_is_refused(text: str) -> None:
    with pytest.raises(FieldsError):
        parse_element(text)


def test_equal_keys_are_one_element() -> None:
    assert key_element({"b": 1.0, "a": "x"}) == key_element({"a": "x", "b": 1})
    assert value_element(1) != value_element(True)
    assert value_element("1") != value_element(1)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", '"a"'),
        ("<&>", '"\\u003c\\u0026\\u003e"'),
        ("\b\f\n\t\x00", '"\\u0008\\u000c\\n\\t\\u0000"'),
        ("é\u2028", '"é\\u2028"'),
        ('q"\\', '"q\\"\\\\"'),
        (1, "1"),
        (1.0, "1"),
        (-0.0, "0"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1e-7, "1e-7"),
        (0.000001, "0.000001"),
        (0.00001, "0.00001"),
        ([1, None, False], "[1,null,false]"),
        ({"b": 1, "a": {}}, '{"a":{},"b":1}'),
    ],
)
def test_values_have_one_spelling(value: object, text: str) -> None:
    assert canonical_json(value) == text


def test_fields_come_before_keys_before_values_before_indexes() -> None:
    expected = [
        "f:A",
        "f:a",
        "f:é",
        key_element({"name": "a"}),
        key_element({"name": "a b"}),
        key_element({"name": "b", "port": 9}),
        key_element({"name": "b", "port": 10}),
        key_element({"port": 1}),
        value_element(2),
        value_element(10),
        value_element('"'),
        value_element("a"),
        value_element("a b"),
        value_element(False),
        value_element(True),
        index_element(2),
        index_element(10),
    ]
    assert sorted_elements(reversed(expected)) == expected


@pytest.mark.parametrize(
    ("element", "text"),
    [
        ("f:spec", ".spec"),
        (
            key_element({"port": 80, "name": 'a"b', "on": True, "none": None}),
            '[name="a\\"b",none=null,on=true,port=80]',
        ),
        (value_element("a\n"), '[="a\\n"]'),
        (value_element(1.5), "[=1.5]"),
        (value_element(1000000), "[=1e+06]"),
        (value_element([1, {"a": "b"}]), '[=[1,a="b"]]'),
        (index_element(3), "[3]"),
    ],
)
def test_elements_are_printed_as_in_messages(element: str, text: str) -> None:
    assert element_text(element) == text


def test_paths_are_printed_without_separators() -> None:
    path = (*make_path("spec", "parts"), key_element({"name": "x"}), "f:count")
    assert path_text(path) == '.spec.parts[name="x"].count'
