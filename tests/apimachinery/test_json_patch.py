"""JSON patch: the examples of RFC 6902, and where the reference goes beyond them."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genericapiserver.apimachinery.errors import (
    BadRequestError,
    GenericServerResponseError,
    RequestEntityTooLargeError,
)
from genericapiserver.apimachinery.patch.json_patch import JSONPatch, JSONPatchError, apply_operations


def patched(document: Any, *operations: dict[str, Any]) -> Any:
    return apply_operations(document, list(operations))


@pytest.mark.parametrize(
    ("document", "operations", "result"),
    [
        pytest.param(
            {"foo": "bar"},
            [{"op": "add", "path": "/baz", "value": "qux"}],
            {"baz": "qux", "foo": "bar"},
            id="A.1 adding an object member",
        ),
        pytest.param(
            {"foo": ["bar", "baz"]},
            [{"op": "add", "path": "/foo/1", "value": "qux"}],
            {"foo": ["bar", "qux", "baz"]},
            id="A.2 adding an array element",
        ),
        pytest.param(
            {"baz": "qux", "foo": "bar"},
            [{"op": "remove", "path": "/baz"}],
            {"foo": "bar"},
            id="A.3 removing an object member",
        ),
        pytest.param(
            {"foo": ["bar", "qux", "baz"]},
            [{"op": "remove", "path": "/foo/1"}],
            {"foo": ["bar", "baz"]},
            id="A.4 removing an array element",
        ),
        pytest.param(
            {"baz": "qux", "foo": "bar"},
            [{"op": "replace", "path": "/baz", "value": "boo"}],
            {"baz": "boo", "foo": "bar"},
            id="A.5 replacing a value",
        ),
        pytest.param(
            {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
            [{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}],
            {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}},
            id="A.6 moving a value",
        ),
        pytest.param(
            {"foo": ["all", "grass", "cows", "eat"]},
            [{"op": "move", "from": "/foo/1", "path": "/foo/3"}],
            {"foo": ["all", "cows", "eat", "grass"]},
            id="A.7 moving an array element",
        ),
        pytest.param(
            {"baz": "qux", "foo": ["a", 2, "c"]},
            [{"op": "test", "path": "/baz", "value": "qux"}, {"op": "test", "path": "/foo/1", "value": 2}],
            {"baz": "qux", "foo": ["a", 2, "c"]},
            id="A.8 testing a value: success",
        ),
        pytest.param(
            {"baz": "qux"}, [{"op": "test", "path": "/baz", "value": "bar"}], None, id="A.9 testing a value: error"
        ),
        pytest.param(
            {"foo": "bar"},
            [{"op": "add", "path": "/child", "value": {"grandchild": {}}}],
            {"foo": "bar", "child": {"grandchild": {}}},
            id="A.10 adding a nested member object",
        ),
        pytest.param(
            {"foo": "bar"},
            [{"op": "add", "path": "/baz", "value": "qux", "xyz": 123}],
            {"foo": "bar", "baz": "qux"},
            id="A.11 ignoring unrecognized elements",
        ),
        pytest.param(
            {"foo": "bar"},
            [{"op": "add", "path": "/baz/bat", "value": "qux"}],
            None,
            id="A.12 adding to a nonexistent target",
        ),
        pytest.param(
            {"/": 9, "~1": 10},
            [{"op": "test", "path": "/~01", "value": 10}],
            {"/": 9, "~1": 10},
            id="A.14 ~ escape ordering",
        ),
        pytest.param(
            {"/": 9, "~1": 10},
            [{"op": "test", "path": "/~01", "value": "10"}],
            None,
            id="A.15 comparing strings and numbers",
        ),
        pytest.param(
            {"foo": ["bar"]},
            [{"op": "add", "path": "/foo/-", "value": ["abc", "def"]}],
            {"foo": ["bar", ["abc", "def"]]},
            id="A.16 adding an array value",
        ),
    ],
)
def test_the_examples_of_rfc_6902(document: Any, operations: list[dict[str, Any]], result: Any) -> None:
    if result is None:
        with pytest.raises(JSONPatchError):
            patched(document, *operations)
    else:
        assert patched(document, *operations) == result


def test_of_a_repeated_member_the_last_counts() -> None:
    """RFC 6902 A.13: an invalid document; decoders that take the last `op` find nothing to remove."""
    data = b'[{"op": "add", "path": "/baz", "value": "qux", "op": "remove"}]'
    with pytest.raises(GenericServerResponseError):
        JSONPatch.parse(data).apply({"foo": "bar"})


@pytest.mark.parametrize(
    ("document", "operation", "result"),
    [
        pytest.param({}, {"op": "replace", "path": "/a", "value": 1}, {"a": 1}, id="replace of a missing member adds"),
        pytest.param([1, 2], {"op": "add", "path": "/-1", "value": 3}, [1, 2, 3], id="adding at -1 appends"),
        pytest.param([1, 2], {"op": "add", "path": "/-3", "value": 0}, [0, 1, 2], id="adding at the other end"),
        pytest.param([1, 2], {"op": "remove", "path": "/-1"}, [1], id="removing from the end"),
        pytest.param([1, 2], {"op": "replace", "path": "/-2", "value": 0}, [0, 2], id="replacing from the end"),
        pytest.param([1, 2], {"op": "replace", "path": "/01", "value": 0}, [1, 0], id="leading zeros"),
        pytest.param([], {"op": "add", "path": "/-", "value": 1}, [1], id="appending to nothing"),
        pytest.param([1], {"op": "add", "path": "/1", "value": 2}, [1, 2], id="adding behind the last"),
        pytest.param({}, {"op": "add", "path": "/a"}, {"a": None}, id="a missing value is null"),
        pytest.param({}, {"op": "test", "path": "/a"}, {}, id="a missing member is null"),
        pytest.param({}, {"op": "test", "path": "/a", "value": None}, {}, id="a missing member equals null"),
        pytest.param({"a": None}, {"op": "test", "path": "/a", "value": None}, {"a": None}, id="null equals null"),
        pytest.param({}, {"op": "copy", "from": "/a", "path": "/b"}, {"b": None}, id="copying nothing makes null"),
        pytest.param({"a": 1}, {"op": "replace", "path": "", "value": {"b": 2}}, {"b": 2}, id="replacing everything"),
        pytest.param({"a": 1}, {"op": "replace", "path": "", "value": [1]}, [1], id="replacing by an array"),
        pytest.param({"a": 1}, {"op": "test", "path": "", "value": {"a": 1}}, {"a": 1}, id="testing everything"),
        pytest.param({"a": 1}, {"op": "add", "path": "a/b", "value": 2}, {"a": 1, "b": 2}, id="before the first slash"),
        pytest.param({}, {"op": "add", "path": "/", "value": 1}, {"": 1}, id="the empty member"),
        pytest.param(
            {"a": {"b": [1, {"c": True}]}},
            {"op": "test", "path": "/a", "value": {"b": [1, {"c": True}]}},
            ...,
            id="deep",
        ),
    ],
)
def test_what_the_reference_accepts(document: Any, operation: dict[str, Any], result: Any) -> None:
    assert patched(document, operation) == (document if result is ... else result)


@pytest.mark.parametrize(
    ("document", "operation"),
    [
        pytest.param({}, {"op": "nope", "path": "/a"}, id="unknown op"),
        pytest.param({}, {"path": "/a"}, id="no op"),
        pytest.param({}, {"op": 5, "path": "/a"}, id="an op that is no text"),
        pytest.param({}, {"op": ["add"], "path": "/a"}, id="an op that is a list"),
        pytest.param({}, {}, id="nothing"),
        pytest.param({}, {"op": "add", "value": 1}, id="no path"),
        pytest.param({}, {"op": "add", "path": "", "value": {}}, id="adding everything"),
        pytest.param({}, {"op": "add", "path": "a", "value": 1}, id="no slash"),
        pytest.param({"a": 1}, {"op": "remove", "path": ""}, id="removing everything"),
        pytest.param({"a": 1}, {"op": "move", "from": "", "path": "/b"}, id="moving everything"),
        pytest.param({}, {"op": "remove", "path": "/a"}, id="removing nothing"),
        pytest.param({}, {"op": "move", "from": "/a", "path": "/b"}, id="moving nothing"),
        pytest.param({"a": {}}, {"op": "move", "from": "/a", "path": "/a/b"}, id="moving into itself"),
        pytest.param({"a": 1}, {"op": "move", "path": "/b"}, id="no from"),
        pytest.param({"a": 1}, {"op": "add", "path": "/a/b", "value": 1}, id="into a scalar"),
        pytest.param({"a": None}, {"op": "add", "path": "/a/b", "value": 1}, id="into null"),
        pytest.param([1], {"op": "add", "path": "/2", "value": 1}, id="index too large"),
        pytest.param([1], {"op": "add", "path": "/-3", "value": 1}, id="index too small"),
        pytest.param([1], {"op": "remove", "path": "/1"}, id="removing behind the last"),
        pytest.param([1], {"op": "remove", "path": "/-2"}, id="removing before the first"),
        pytest.param([1], {"op": "remove", "path": "/-"}, id="removing at the dash"),
        pytest.param([1], {"op": "replace", "path": "/1", "value": 0}, id="replacing behind the last"),
        pytest.param([1], {"op": "replace", "path": "/x", "value": 0}, id="no index"),
        pytest.param([1], {"op": "add", "path": "/1e0", "value": 0}, id="an index like a float"),
        pytest.param([1], {"op": "test", "path": "/1", "value": None}, id="testing behind the last"),
        pytest.param({"a": {}}, {"op": "test", "path": "/a", "value": None}, id="an empty object is not null"),
        pytest.param({"a": True}, {"op": "test", "path": "/a", "value": 1}, id="true is not 1"),
        pytest.param({"a": [1]}, {"op": "test", "path": "/a", "value": [1, 2]}, id="arrays of other length"),
        pytest.param({"a": [1]}, {"op": "test", "path": "/a", "value": 1}, id="an array is no scalar"),
        pytest.param({"a": {"b": 1}}, {"op": "test", "path": "/a", "value": {"c": 1}}, id="other members"),
        pytest.param({"a": 1}, {"op": "replace", "path": "", "value": 1}, id="a document that is a scalar"),
        pytest.param({"a": 1}, {"op": "replace", "path": ""}, id="a document that is nothing"),
    ],
)
def test_every_failure_is_the_same_422(document: Any, operation: dict[str, Any]) -> None:
    with pytest.raises(JSONPatchError):
        patched(document, operation)
    with pytest.raises(GenericServerResponseError) as caught:
        JSONPatch([operation]).apply(document)
    assert caught.value.code == 422
    assert str(caught.value) == "the server rejected our request due to an error in our request"
    assert caught.value.details is not None


@pytest.mark.parametrize(
    ("live", "sent", "same"),
    [
        ("1", "1", True),
        ("1", "1.0", False),
        ("1.0", "1.0", True),
        ("1.0", "1.00", False),
        ("1e3", "1000", False),
        ("100", "1e2", False),
        ("1.5", "1.5", True),
        ('"a"', r'"\u0061"', True),
    ],
)
def test_numbers_are_compared_as_they_are_written(live: str, sent: str, same: bool) -> None:
    document = JSONPatch.parse(f'[{{"op": "add", "path": "/a", "value": {live}}}]'.encode()).apply({})
    test = JSONPatch.parse(f'[{{"op": "test", "path": "/a", "value": {sent}}}]'.encode())
    if same:
        assert test.apply(document) == document
    else:
        with pytest.raises(GenericServerResponseError):
            test.apply(document)


def test_a_float_of_the_encoder_is_compared_as_it_would_be_written() -> None:
    assert JSONPatch.parse(b'[{"op": "test", "path": "/a", "value": 2}]').apply({"a": 2.0}) == {"a": 2.0}


@pytest.mark.parametrize("strict", [True, False])
def test_a_null_patch_does_nothing(strict: bool) -> None:
    assert JSONPatch.parse(b"null", strict=strict).apply({"a": 1}) == {"a": 1}


STRICT = "error decoding patch: "


@pytest.mark.parametrize(
    ("data", "strict", "message"),
    [
        (b"{}", True, STRICT + "json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"),
        (b'"x"', True, STRICT + "json: cannot unmarshal string into Go value of type []handlers.jsonPatchOp"),
        (b"[1]", True, STRICT + "json: cannot unmarshal number into Go value of type handlers.jsonPatchOp"),
        (b"[[]]", True, STRICT + "json: cannot unmarshal array into Go value of type handlers.jsonPatchOp"),
        (
            b'[{"op":1}]',
            True,
            STRICT + "json: cannot unmarshal number into Go struct field jsonPatchOp.op of type string",
        ),
        (
            b'[{"path":true}]',
            True,
            STRICT + "json: cannot unmarshal bool into Go struct field jsonPatchOp.path of type string",
        ),
        (
            b'[{"op":"add","path":"/a","value":1e400}]',
            True,
            STRICT + "json: cannot unmarshal number 1e400 into Go struct field jsonPatchOp.value of type float64",
        ),
        (b"", True, STRICT + "unexpected end of JSON input"),
        (b"", False, "unexpected end of JSON input"),
        (b"{}", False, "json: cannot unmarshal object into Go value of type jsonpatch.Patch"),
        (b"[1]", False, "json: cannot unmarshal number into Go value of type jsonpatch.Operation"),
    ],
)
def test_documents_that_are_no_patch_are_400(data: bytes, strict: bool, message: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        JSONPatch.parse(data, strict=strict)
    assert str(caught.value) == message


def test_null_operations_fail_when_applied() -> None:
    patch = JSONPatch.parse(b"[null]", strict=True)
    with pytest.raises(GenericServerResponseError):
        patch.apply({})


@pytest.mark.parametrize("strict", [True, False])
def test_ten_thousand_operations_are_enough(strict: bool) -> None:
    operation = b'{"op":"test","path":"/a"}'
    JSONPatch.parse(b"[" + b",".join([operation] * 10000) + b"]", strict=strict).apply({})
    with pytest.raises(RequestEntityTooLargeError) as caught:
        JSONPatch.parse(b"[" + b",".join([operation] * 10001) + b"]", strict=strict)
    assert str(caught.value) == (
        "Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001"
    )


@pytest.mark.parametrize(
    ("data", "findings"),
    [
        (b'[{"op":"add","path":"/a","value":1}]', []),
        (b'[{"op":"add","path":"/a","foo":1}]', ['json patch unknown field "[0].foo"']),
        (b'[{"op":"add","path":"/a","value":1,"value":2}]', ['json patch duplicate field "[0].value"']),
        (
            b'[{},{"zed":{"a":1,"a":2},"value":[{"x":1,"x":2}],"Op":"add","value":{"y":{"z":1,"z":1}}}]',
            [
                'json patch unknown field "[1].zed"',
                'json patch duplicate field "[1].value[0].x"',
                'json patch unknown field "[1].Op"',
                'json patch duplicate field "[1].value"',
                'json patch duplicate field "[1].value.y.z"',
            ],
        ),
        (b'[{"a":1,"a":2}]', ['json patch unknown field "[0].a"']),
        (b"[null]", []),
    ],
)
def test_strict_reading_finds_unknown_and_repeated_members(data: bytes, findings: list[str]) -> None:
    assert JSONPatch.parse(data, strict=True).findings == findings
    assert JSONPatch.parse(data).findings == []


def test_at_most_a_hundred_findings_are_kept() -> None:
    data = json.dumps([{"foo": 1}] * 150).encode()
    assert len(JSONPatch.parse(data, strict=True).findings) == 100


def test_copies_have_a_budget() -> None:
    document = {"a": "x" * 98, "b": "<"}
    copies = [{"op": "copy", "from": "/a", "path": f"/c{index}"} for index in range(3)]
    apply_operations(document, copies, max_copy_bytes=300)
    apply_operations(document, copies, max_copy_bytes=0)
    with pytest.raises(JSONPatchError, match="is 300, exceeding the limit 299"):
        apply_operations(document, copies, max_copy_bytes=299)
    with pytest.raises(JSONPatchError, match="is 8, exceeding"):
        apply_operations(document, [{"op": "copy", "from": "/b", "path": "/c"}], max_copy_bytes=7)


def test_a_patch_cannot_double_a_document_without_end() -> None:
    operations: list[dict[str, Any]] = [{"op": "add", "path": "/a", "value": ["x" * 100]}]
    operations += [{"op": "copy", "from": "/a", "path": "/a/-"}] * 40
    with pytest.raises(JSONPatchError, match="accumulated size"):
        apply_operations({}, operations)


def test_neither_the_document_nor_the_patch_is_changed() -> None:
    document = {"a": {"b": [1, {"c": 2}]}, "z": {"y": 1}}
    operations: list[dict[str, Any]] = [
        {"op": "add", "path": "/new", "value": {"deep": {"list": []}}},
        {"op": "add", "path": "/new/deep/list/-", "value": 1},
        {"op": "replace", "path": "/a/b/1/c", "value": 3},
        {"op": "copy", "from": "/a", "path": "/copied"},
        {"op": "add", "path": "/copied/b/-", "value": 4},
        {"op": "move", "from": "/z", "path": "/a/z"},
        {"op": "remove", "path": "/a/z/y"},
    ]
    before = copy.deepcopy((document, operations))
    first = apply_operations(document, operations)
    assert (document, operations) == before
    assert first == {
        "a": {"b": [1, {"c": 3}], "z": {}},
        "copied": {"b": [1, {"c": 3}, 4]},
        "new": {"deep": {"list": [1]}},
    }
    assert apply_operations(document, operations) == first


def test_keys_are_sorted_where_the_patch_went_and_nowhere_else() -> None:
    document = {"b": {"z": 1, "a": {"y": 1, "x": 2}}, "a": {"d": 1, "c": 2}}
    result = apply_operations(document, [{"op": "add", "path": "/b/m", "value": {"q": 1, "p": 2}}])
    assert json.dumps(result, separators=(",", ":")) == (
        '{"a":{"d":1,"c":2},"b":{"a":{"y":1,"x":2},"m":{"q":1,"p":2},"z":1}}'
    )


def test_escaped_keys_are_found() -> None:
    document = {"options": {"a~b/c": "1"}}
    assert patched(document, {"op": "test", "path": "/options/a~0b~1c", "value": "1"}) == document


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=2), _json, max_size=4), st.text(max_size=2), _json)
def test_what_was_added_can_be_tested_and_removed(document: dict[str, Any], key: str, value: Any) -> None:
    path = "/" + key.replace("~", "~0").replace("/", "~1")
    added = patched(document, {"op": "add", "path": path, "value": value}, {"op": "test", "path": path, "value": value})
    assert added == {**document, key: value}
    removed = patched(added, {"op": "remove", "path": path})
    assert removed == {name: item for name, item in document.items() if name != key}
