"""JSON merge patch: the examples of RFC 7386, and the reference's own ways."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genericapiserver.apimachinery.errors import BadRequestError
from genericapiserver.apimachinery.patch.merge_patch import MergePatch, create_merge_patch, merge


@pytest.mark.parametrize(
    ("original", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_the_examples_of_rfc_7386(original: Any, patch: Any, result: Any) -> None:
    assert merge(original, patch) == result


def test_the_example_of_rfc_7386_section_3() -> None:
    original = {
        "title": "Goodbye!",
        "author": {"givenName": "John", "familyName": "Doe"},
        "tags": ["example", "sample"],
        "content": "This will be unchanged",
    }
    patch = {"title": "Hello!", "phoneNumber": "+01-123-456-7890", "author": {"familyName": None}, "tags": ["example"]}
    assert merge(original, patch) == {
        "title": "Hello!",
        "author": {"givenName": "John"},
        "tags": ["example"],
        "content": "This will be unchanged",
        "phoneNumber": "+01-123-456-7890",
    }


@pytest.mark.parametrize(
    ("original", "patch", "result"),
    [
        pytest.param({}, {"a": [{"b": None, "c": 1}, None]}, {"a": [{"c": 1}, None]}, id="items of a new list"),
        pytest.param({"a": [1]}, {"a": [{"b": None}]}, {"a": [{}]}, id="items of a list for a list"),
        pytest.param({"a": {"x": 1}}, {"a": [{"b": None}]}, {"a": [{"b": None}]}, id="not of a list for an object"),
        pytest.param({"a": None}, {"a": {"b": None}}, {"a": {}}, id="an object for null"),
    ],
)
def test_nulls_are_pruned_inside_what_is_added(original: Any, patch: Any, result: Any) -> None:
    assert merge(original, patch) == result


def test_keys_are_sorted_where_the_patch_went_and_nowhere_else() -> None:
    original = {"b": {"z": 1, "a": {"y": 1, "x": 2}}, "a": {"d": 1, "c": 2}}
    result = MergePatch.parse(b'{"b":{"m":{"q":1,"p":2}}}').apply(original)
    assert json.dumps(result, separators=(",", ":")) == (
        '{"a":{"d":1,"c":2},"b":{"a":{"y":1,"x":2},"m":{"p":2,"q":1},"z":1}}'
    )


@pytest.mark.parametrize(
    ("data", "strict", "message"),
    [
        (b"", True, "error decoding patch: unexpected end of JSON input"),
        (b"{", True, "error decoding patch: unexpected end of JSON input"),
        (
            b"[]",
            True,
            "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}",
        ),
        (
            b"5",
            True,
            "error decoding patch: json: cannot unmarshal number into Go value of type map[string]interface {}",
        ),
        (
            b'{"a":[1e400]}',
            True,
            "error decoding patch: json: cannot unmarshal number 1e400 into Go value of type float64",
        ),
        (b"null", True, "Invalid JSON Patch"),
        (b"null", False, "Invalid JSON Patch"),
        (b"5", False, "Invalid JSON Patch"),
        (b"{", False, "Invalid JSON Patch"),
    ],
)
def test_documents_that_are_no_patch_are_400(data: bytes, strict: bool, message: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        MergePatch.parse(data, strict=strict)
    assert str(caught.value) == message


def test_unchecked_a_list_takes_the_place_of_the_object() -> None:
    assert MergePatch.parse(b'[{"a":null}]').apply({"b": 1}) == [{}]


def test_strict_reading_finds_repeated_fields() -> None:
    data = b'{"spec":{"reference":"r","reference":"s"},"a":[{"b":1,"b":2}]}'
    assert MergePatch.parse(data, strict=True).findings == [
        'duplicate field "spec.reference"',
        'duplicate field "a[0].b"',
    ]
    assert MergePatch.parse(data).findings == []


def test_numbers_keep_their_spelling() -> None:
    value = MergePatch.parse(b'{"a":1.0}').apply({})["a"]
    assert isinstance(value, float)


@pytest.mark.parametrize(
    ("original", "modified", "patch"),
    [
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1}, {}, {"a": None}),
        ({}, {"a": 1}, {"a": 1}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, {"a": {"c": 3}}),
        ({"a": {"b": 1}}, {"a": {}}, {"a": {"b": None}}),
        ({"a": [1]}, {"a": [1, 2]}, {"a": [1, 2]}),
        ({"a": 1}, {"a": True}, {"a": True}),
    ],
)
def test_the_smallest_patch_is_made(original: Any, modified: Any, patch: Any) -> None:
    assert create_merge_patch(original, modified) == patch


_values = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)
_objects = st.dictionaries(st.text(max_size=2), _values, max_size=4)


@given(_objects, _objects)
def test_a_made_patch_leads_from_one_to_the_other(original: dict[str, Any], modified: dict[str, Any]) -> None:
    before = copy.deepcopy((original, modified))
    patch = create_merge_patch(original, modified)
    assert merge(original, patch) == modified
    assert (original, modified) == before
    assert merge(merge(original, patch), patch) == modified
