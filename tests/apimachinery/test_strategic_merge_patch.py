"""Strategic merge patch: every directive, the order of merged lists, and the table of errors."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genericapiserver.apimachinery.errors import BadRequestError, GenericServerResponseError, StatusError
from genericapiserver.apimachinery.meta import Object, ObjectMeta
from genericapiserver.apimachinery.patch import StrategicMergePatch, patch_schema_for
from genericapiserver.apimachinery.patch.schema import PatchField, PatchSchema
from genericapiserver.apimachinery.types import RawJSON, api_type, field


@api_type
class Limits:
    """Limits are a plain struct."""

    low: int = field(default=0)
    high: int = field(default=0)


@api_type
class Port:
    """Port is an item of a merged list inside an item of a merged list."""

    number: int = field()
    protocol: str = field(default="")


@api_type
class Part:
    """Part is an item of a merged list."""

    name: str = field()
    count: int = field(default=0)
    labels: dict[str, str] = field(factory=dict)
    ports: list[Port] = field(factory=list, patch_strategy="merge", patch_merge_key="number")


@api_type
class WidgetSpec:
    """WidgetSpec has a field of every kind that merges in its own way."""

    color: str = field(default="")
    parts: list[Part] = field(factory=list, patch_strategy="merge", patch_merge_key="name")
    tags: list[str] = field(factory=list, patch_strategy="merge")
    order: list[str] = field(factory=list)
    numbers: list[int] = field(factory=list, patch_strategy="merge")
    options: dict[str, str] = field(factory=dict)
    limits: Limits | None = field(default=None)
    replaced: Limits | None = field(default=None, patch_strategy="replace")
    retained: Limits | None = field(default=None, patch_strategy="retainKeys")
    both: list[Part] = field(factory=list, patch_strategy="merge,retainKeys", patch_merge_key="name")
    keyless: list[Limits] = field(factory=list, patch_strategy="merge")
    nested: list[list[str]] = field(factory=list, patch_strategy="merge")
    strange: list[str] = field(factory=list, patch_strategy="merge,replace")
    raw: RawJSON = field(default=None)


@api_type
class Widget(Object):
    """Widget is an object with such a spec."""

    spec: WidgetSpec = field(factory=WidgetSpec)


SPEC = patch_schema_for(WidgetSpec)


def merged(live: dict[str, Any], patch: dict[str, Any], schema: PatchSchema = SPEC) -> dict[str, Any]:
    return StrategicMergePatch.parse(json.dumps(patch).encode()).apply(live, schema)


XYZ = [{"name": "x", "count": 1}, {"name": "y", "count": 2}, {"name": "z", "count": 3}]


@pytest.mark.parametrize(
    ("live", "patch", "result"),
    [
        pytest.param({"color": "red"}, {}, {"color": "red"}, id="nothing"),
        pytest.param({"color": "red"}, {"color": "blue"}, {"color": "blue"}, id="a scalar"),
        pytest.param({"color": "red"}, {"color": None}, {}, id="null deletes"),
        pytest.param({}, {"color": None}, {}, id="null of nothing"),
        pytest.param({"limits": {"low": 1}}, {"limits": {"high": 2}}, {"limits": {"low": 1, "high": 2}}, id="a struct"),
        pytest.param({"limits": {"low": 1}}, {"limits": {"low": None}}, {"limits": {}}, id="null inside"),
        pytest.param({}, {"limits": {"low": 1, "high": None}}, {"limits": {"low": 1}}, id="nulls of something new"),
        pytest.param({"options": {"a": "1"}}, {"options": {"b": "2"}}, {"options": {"a": "1", "b": "2"}}, id="a map"),
        pytest.param({"options": {"a": "1"}}, {"options": "x"}, {"options": "x"}, id="another type"),
        pytest.param({"order": ["1"]}, {"order": ["2"]}, {"order": ["2"]}, id="an atomic list"),
        pytest.param(
            {"replaced": {"low": 1}}, {"replaced": {"high": 2}}, {"replaced": {"high": 2}}, id="strategy replace"
        ),
        pytest.param(
            {"retained": {"low": 1}}, {"retained": {"high": 2}}, {"retained": {"low": 1, "high": 2}}, id="retainKeys"
        ),
        pytest.param({"raw": {"a": 1}}, {"raw": 5}, {"raw": 5}, id="any value"),
        pytest.param({"color": "red"}, {"Color": "blue"}, {"color": "red", "Color": "blue"}, id="another case"),
        pytest.param({"color": "red"}, {"unknown": {"a": [1]}}, {"color": "red", "unknown": {"a": [1]}}, id="unknown"),
    ],
)
def test_members_merge(live: dict[str, Any], patch: dict[str, Any], result: dict[str, Any]) -> None:
    assert merged(live, patch) == result


@pytest.mark.parametrize(
    ("live", "patch", "result"),
    [
        pytest.param(
            {"limits": {"low": 1}}, {"limits": {"$patch": "replace", "high": 2}}, {"limits": {"high": 2}}, id="replace"
        ),
        pytest.param({"limits": {"low": 1}}, {"limits": {"$patch": "delete"}}, {"limits": {}}, id="delete"),
        pytest.param({}, {"limits": {"$patch": "replace", "high": 2}}, {}, id="nothing to replace"),
        pytest.param({"limits": 5}, {"limits": {"$patch": "delete"}}, {}, id="another type"),
        pytest.param(
            {"color": "red", "order": []}, {"$patch": "replace", "color": "blue"}, {"color": "blue"}, id="the root"
        ),
        pytest.param(
            {},
            {"raw": {"a": {"$patch": "delete"}, "b": [{"$patch": "x"}, 1]}},
            {"raw": {"b": [1]}},
            id="inside something new",
        ),
        pytest.param(
            {"color": "red", "order": ["1"], "tags": ["a"]},
            {"$retainKeys": ["color", "tags"], "color": "blue"},
            {"color": "blue", "tags": ["a"]},
            id="retainKeys drops what is not listed",
        ),
        pytest.param({"color": "red"}, {"$retainKeys": []}, {}, id="retainKeys of nothing"),
        pytest.param({"color": "red"}, {"$retainKeys": [], "color": None}, {}, id="nulls need not be listed"),
        pytest.param(
            {"tags": ["a", "b"], "color": "red"},
            {"$retainKeys": ["tags"], "$deleteFromPrimitiveList/tags": ["a"]},
            {"tags": ["b"]},
            id="directives need not be listed",
        ),
        pytest.param(
            {"tags": ["a", "b", "a"]},
            {"$deleteFromPrimitiveList/tags": ["a"]},
            {"tags": ["b"]},
            id="delete from a list",
        ),
        pytest.param(
            {"order": ["a", "b"]}, {"$deleteFromPrimitiveList/order": ["a"]}, {"order": ["b"]}, id="from an atomic list"
        ),
        pytest.param({"tags": ["a"]}, {"$deleteFromPrimitiveList/tags": "a"}, {"tags": ["a"]}, id="not a list"),
        pytest.param({"tags": ["a"]}, {"$deleteFromPrimitiveList/tags": ["b"]}, {"tags": ["a"]}, id="not in the list"),
        pytest.param({}, {"$deleteFromPrimitiveList/tags": ["b"]}, {}, id="no list"),
        pytest.param({"tags": []}, {"$deleteFromPrimitiveList/tags": []}, {"tags": []}, id="empty lists"),
        pytest.param(
            {"parts": [{"name": "x", "count": 1}]},
            {"$deleteFromPrimitiveList/parts": [{"name": "x", "$patch": "delete"}]},
            {"parts": []},
            id="a list of objects is merged",
        ),
        pytest.param(
            {"numbers": [1, 2]}, {"numbers": [2, 3], "order": []}, {"numbers": [1, 2, 3], "order": []}, id="numbers"
        ),
        pytest.param({"tags": ["a"]}, {"$deleteFromPrimitiveList/tags": None}, {}, id="null deletes the list"),
        pytest.param(
            {"tags": ["a", "b"]},
            {"$setElementOrder/tags": ["c", "b"], "$deleteFromPrimitiveList/tags": ["a"], "tags": ["c"]},
            {"tags": ["c", "b"]},
            id="all that kubectl sends",
        ),
    ],
)
def test_directives(live: dict[str, Any], patch: dict[str, Any], result: dict[str, Any]) -> None:
    assert merged(live, patch) == result


@pytest.mark.parametrize(
    ("live", "patch", "result"),
    [
        (["a", "b", "c"], ["d"], ["d", "a", "b", "c"]),
        (["a", "b", "c"], ["c", "n"], ["a", "b", "c", "n"]),
        (["a", "b", "c"], ["c", "a"], ["b", "c", "a"]),
        (["a", "b"], ["c"], ["c", "a", "b"]),
        (["a", "b"], [], ["a", "b"]),
        ([], ["b", "a"], ["b", "a"]),
        ([], [], []),
        (["a"], ["a", "a"], ["a"]),
        (["ex.com/a", "ex.com/b"], ["ex.com/c"], ["ex.com/c", "ex.com/a", "ex.com/b"]),
    ],
)
def test_lists_of_scalars_are_merged_in_order(live: list[str], patch: list[str], result: list[str]) -> None:
    assert merged({"tags": live}, {"tags": patch}) == {"tags": result}


@pytest.mark.parametrize(
    ("live", "order", "patch", "result"),
    [
        (["a", "b", "c"], ["c", "b"], None, ["a", "c", "b"]),
        (["a", "b", "c"], ["c", "a", "b"], None, ["c", "a", "b"]),
        (["a", "b", "c"], ["x"], None, ["a", "b", "c"]),
        (["a", "b", "c"], [], None, ["a", "b", "c"]),
        (["a", "b"], ["b", "c"], ["c"], ["a", "b", "c"]),
        (["a", "b"], ["c", "a"], ["c"], ["c", "a", "b"]),
        (None, ["b", "a"], ["b", "a"], ["b", "a"]),
        (["a"], ["b"], ["b"], ["b", "a"]),
    ],
)
def test_set_element_order_arranges(live: Any, order: list[str], patch: Any, result: list[str]) -> None:
    document = {} if live is None else {"tags": live}
    sent = {"$setElementOrder/tags": order} | ({} if patch is None else {"tags": patch})
    assert merged(document, sent) == {"tags": result}


def test_an_order_for_a_list_that_nobody_has_does_nothing() -> None:
    assert merged({"color": "red"}, {"$setElementOrder/tags": ["a"]}) == {"color": "red"}


def test_an_order_for_an_atomic_list_arranges_what_replaces_it() -> None:
    assert merged({"order": ["a", "b"]}, {"$setElementOrder/order": ["c", "a"], "order": ["c", "a"]}) == {
        "order": ["c", "a"]
    }


@pytest.mark.parametrize(
    ("patch", "result"),
    [
        pytest.param([{"name": "y", "count": 9}], [("x", 1), ("y", 9), ("z", 3)], id="an item that is there"),
        pytest.param([{"name": "n", "count": 9}], [("n", 9), ("x", 1), ("y", 2), ("z", 3)], id="a new item"),
        pytest.param(
            [{"name": "z"}, {"name": "n", "count": 9}], [("x", 1), ("y", 2), ("z", 3), ("n", 9)], id="behind one"
        ),
        pytest.param([{"name": "x", "$patch": "delete"}], [("y", 2), ("z", 3)], id="delete"),
        pytest.param([{"name": "q", "$patch": "delete"}], [("x", 1), ("y", 2), ("z", 3)], id="delete of nothing"),
        pytest.param([{"$patch": "replace"}, {"name": "only", "count": 5}], [("only", 5)], id="replace"),
        pytest.param(
            [{"name": "b", "count": 1}, {"$patch": "replace"}, {"name": "a", "count": 2}],
            [("b", 1), ("a", 2)],
            id="replace among items",
        ),
        pytest.param([{"$patch": "replace"}], [], id="replace by nothing"),
        pytest.param(
            [{"name": "y", "$patch": "delete"}, {"name": "y", "count": 7}],
            [("y", 7), ("x", 1), ("z", 3)],
            id="delete and add",
        ),
    ],
)
def test_lists_of_objects_merge_by_key(patch: list[Any], result: list[tuple[str, int]]) -> None:
    parts = merged({"parts": copy.deepcopy(XYZ)}, {"parts": patch})["parts"]
    assert [(part["name"], part["count"]) for part in parts] == result


def test_all_live_items_of_a_key_are_deleted_and_the_first_is_merged() -> None:
    twice = [{"name": "x", "count": 1}, {"name": "y"}, {"name": "x", "count": 2}]
    assert merged({"parts": twice}, {"parts": [{"name": "x", "$patch": "delete"}]}) == {"parts": [{"name": "y"}]}
    result = merged({"parts": twice}, {"parts": [{"name": "x", "labels": {"a": "b"}}]})["parts"]
    assert [part.get("labels") for part in result if part["name"] == "x"] == [{"a": "b"}, None]


def test_items_merge_deeply() -> None:
    live = {"parts": [{"name": "x", "labels": {"a": "1"}, "ports": [{"number": 80, "protocol": "TCP"}]}]}
    patch = {
        "parts": [
            {"name": "x", "labels": {"a": None, "b": "2"}, "ports": [{"number": 81}, {"number": 80, "protocol": "UDP"}]}
        ]
    }
    assert merged(live, patch) == {
        "parts": [{"name": "x", "labels": {"b": "2"}, "ports": [{"number": 81}, {"number": 80, "protocol": "UDP"}]}]
    }


def test_even_an_object_can_be_a_key() -> None:
    live = {"parts": [{"name": {"a": 1}, "count": 1}]}
    assert merged(live, {"parts": [{"name": {"a": 1}, "count": 2}]}) == {"parts": [{"name": {"a": 1}, "count": 2}]}


def test_items_can_retain_keys() -> None:
    live = {"both": [{"name": "x", "count": 1, "labels": {"a": "1"}}]}
    assert merged(live, {"both": [{"name": "x", "$retainKeys": ["name", "labels"]}]}) == {
        "both": [{"name": "x", "labels": {"a": "1"}}]
    }


def test_items_need_no_key_where_there_is_no_live_list() -> None:
    patch = {"parts": [{"count": 1, "labels": None}, {"name": "x", "$patch": "delete"}]}
    assert merged({}, patch) == {"parts": [{"count": 1}]}


@pytest.mark.parametrize(
    ("order", "patch", "names"),
    [
        (["z", "y"], [{"name": "z", "count": 7}], ["x", "z", "y"]),
        (["z", "y", "x"], None, ["z", "y", "x"]),
        (["n", "z"], [{"name": "n"}, {"name": "x", "$patch": "delete"}], ["y", "n", "z"]),
        (["n"], [{"$patch": "replace"}, {"name": "n"}], ["n"]),
    ],
)
def test_set_element_order_arranges_objects(order: list[str], patch: Any, names: list[str]) -> None:
    sent: dict[str, Any] = {"$setElementOrder/parts": [{"name": name} for name in order]}
    if patch is not None:
        sent["parts"] = patch
    parts = merged({"parts": copy.deepcopy(XYZ)}, sent)["parts"]
    assert [part["name"] for part in parts] == names


def test_a_new_item_beside_a_deleted_one_counts_as_the_last_live_item() -> None:
    sent = {"$setElementOrder/parts": [{"name": "n"}], "parts": [{"name": "n"}, {"name": "x", "$patch": "delete"}]}
    parts = merged({"parts": copy.deepcopy(XYZ)}, sent)["parts"]
    assert [part["name"] for part in parts] == ["y", "z", "n"]


def test_without_deletions_a_new_item_stands_before_its_live_successor() -> None:
    sent = {"$setElementOrder/parts": [{"name": "n"}, {"name": "z"}], "parts": [{"name": "n"}]}
    parts = merged({"parts": copy.deepcopy(XYZ)}, sent)["parts"]
    assert [part["name"] for part in parts] == ["n", "x", "y", "z"]


def test_whole_objects_merge_through_their_metadata() -> None:
    live = {
        "metadata": {"name": "a", "finalizers": ["x.y/a"], "ownerReferences": [{"uid": "1", "name": "p"}]},
        "spec": {"color": "red"},
    }
    patch = {
        "metadata": {
            "labels": {"a": "b", "c": None},
            "finalizers": ["x.y/b"],
            "ownerReferences": [{"uid": "2", "name": "q"}, {"uid": "1", "kind": "Pod"}],
        },
        "spec": {"tags": ["t"]},
    }
    assert merged(live, patch, patch_schema_for(Widget)) == {
        "metadata": {
            "name": "a",
            "labels": {"a": "b"},
            "finalizers": ["x.y/b", "x.y/a"],
            "ownerReferences": [{"uid": "2", "name": "q"}, {"uid": "1", "name": "p", "kind": "Pod"}],
        },
        "spec": {"color": "red", "tags": ["t"]},
    }


@pytest.mark.parametrize(
    ("live", "patch", "message"),
    [
        pytest.param(
            {"limits": {}},
            {"limits": {"$patch": "zap", "q": 1}},
            "unknown patch type: zap in map: map[$patch:zap q:1]",
            id="zap",
        ),
        pytest.param({}, {"$patch": "merge"}, "unknown patch type: merge in map: map[$patch:merge]", id="merge"),
        pytest.param(
            {"parts": XYZ},
            {"parts": [{"$patch": "merge"}]},
            "merging lists cannot yet be specified in the patch",
            id="merge item",
        ),
        pytest.param(
            {"parts": XYZ},
            {"parts": [{"$patch": "zap", "name": "x"}]},
            "unknown patch type: zap in map: map[$patch:zap name:x]",
            id="zap item",
        ),
        pytest.param(
            {"parts": XYZ},
            {"parts": [{"$patch": "delete"}]},
            "map: map[$patch:delete] does not contain declared merge key: name",
            id="delete without key",
        ),
        pytest.param(
            {"parts": XYZ},
            {"parts": [{"count": 1}]},
            "map: map[count:1] does not contain declared merge key: name",
            id="item without key",
        ),
        pytest.param(
            {"parts": [{"count": 5}]},
            {"parts": [{"name": "x"}]},
            "map: map[count:5] does not contain declared merge key: name",
            id="live item without key",
        ),
        pytest.param(
            {"tags": ["a"]},
            {"$setElementOrder/tags": ["x"], "tags": ["y"]},
            "The order in patch list:\n[y]\n doesn't match $setElementOrder list:\n[x]\n",
            id="order mismatch",
        ),
        pytest.param(
            {"parts": XYZ},
            {"$setElementOrder/parts": [{"name": "x"}, {"name": "y"}], "parts": [{"name": "y"}, {"name": "x"}]},
            "The order in patch list:\n[map[name:y] map[name:x]]\n"
            " doesn't match $setElementOrder list:\n[map[name:x] map[name:y]]\n",
            id="order of objects mismatch",
        ),
        pytest.param(
            {"tags": ["a"]},
            {"$setElementOrder/tags": "a"},
            "expected a []interface {}, but received a string",
            id="order is text",
        ),
        pytest.param(
            {"tags": {}},
            {"$setElementOrder/tags": []},
            "expected a []interface {}, but received a map[string]interface {}",
            id="live",
        ),
        pytest.param(
            {},
            {"$setElementOrder/tags": [], "tags": 1},
            "expected a []interface {}, but received a int64",
            id="patch is a number",
        ),
        pytest.param(
            {},
            {"$setElementOrder/tags": [], "tags": 1.5},
            "expected a []interface {}, but received a float64",
            id="patch is a float",
        ),
        pytest.param(
            {},
            {"$setElementOrder/tags": [], "tags": True},
            "expected a []interface {}, but received a bool",
            id="patch is a bool",
        ),
        pytest.param(
            {},
            {"$setElementOrder/tags": None},
            "expected a []interface {}, but received a %!s(<nil>)",
            id="order is null",
        ),
        pytest.param(
            {"parts": XYZ},
            {"$setElementOrder/parts": ["x"], "parts": [{"name": "x"}]},
            "expected a map[string]interface {}, but received a string",
            id="order of scalars for objects",
        ),
        pytest.param(
            {"parts": XYZ},
            {"$setElementOrder/parts": [{"name": "x"}], "parts": ["x"]},
            "expected a map[string]interface {}, but received a string",
            id="scalars for objects",
        ),
        pytest.param(
            {"parts": XYZ},
            {"$setElementOrder/parts": ["x"]},
            "expected a map[string]interface {}, but received a string",
            id="order of scalars",
        ),
        pytest.param(
            {"parts": [{"name": {"a": 1}}]},
            {"parts": [{"name": {"a": 1}, "$patch": "zap"}]},
            "unknown patch type: zap in map: map[$patch:zap name:map[a:1]]",
            id="an object as key",
        ),
        pytest.param(
            {"parts": XYZ},
            {"$setElementOrder/parts": [{"count": 1}], "parts": [{"name": "x"}]},
            "map: map[count:1] does not contain declared merge key: name",
            id="order without key",
        ),
        pytest.param(
            {},
            {"$setElementOrder/f": ["a"]},
            'unable to find api field in struct WidgetSpec for the json field "f"',
            id="unknown",
        ),
        pytest.param(
            {"f": {}},
            {"f": {}},
            'unable to find api field in struct WidgetSpec for the json field "f"',
            id="unknown map",
        ),
        pytest.param(
            {"tags": []},
            {"$setElementOrder/tags": ["a"]},
            "no elements in any of the given slices",
            id="empty on both sides",
        ),
        pytest.param(
            {"tags": ["a.b/c"]},
            {"tags": [["a"]]},
            "list element types are not identical: [[a.b/c] [[a]]]",
            id="mixed types",
        ),
        pytest.param(
            {"tags": ["a"]}, {"tags": [None]}, "list element types are not identical: [[a] [<nil>]]", id="null item"
        ),
        pytest.param(
            {"keyless": [{"low": 1}]},
            {"keyless": [{}]},
            "cannot merge lists without merge key for struct",
            id="no merge key",
        ),
        pytest.param(
            {"color": []}, {"color": ["a"]}, "expected slice or array type, but got: struct", id="a scalar as a list"
        ),
        pytest.param({"nested": []}, {"nested": ["a"]}, "unexpected slice of slice", id="slice of slice"),
        pytest.param(
            {"strange": ["a"]}, {"strange": ["b"]}, "unexpected patch strategy: [merge replace]", id="two strategies"
        ),
        pytest.param(
            {"options": {"a": {}}},
            {"options": {"a": {}}},
            "merging an object in json but data type is not struct, instead is: map",
            id="an object in a map",
        ),
    ],
)
def test_most_errors_are_500_without_a_reason(live: dict[str, Any], patch: dict[str, Any], message: str) -> None:
    with pytest.raises(StatusError) as caught:
        merged(live, patch)
    assert (caught.value.code, caught.value.reason, str(caught.value)) == (500, "", message)


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ({"$retainKeys": "color"}, "invalid patch format of retainKeys"),
        ({"$retainKeys": ["order"], "color": "red"}, "invalid patch format of retainKeys"),
        ({"$setElementOrder": []}, "invalid patch format of setElementOrder list"),
        ({"$setElementOrderX/tags": []}, "invalid patch format of setElementOrder list"),
        ({"$deleteFromPrimitiveList": []}, "invalid patch format of primitive list"),
        ({"$deleteFromPrimitiveListX/tags": []}, "invalid patch format of primitive list"),
    ],
)
def test_bad_directives_are_400(patch: dict[str, Any], message: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        merged({"color": "red"}, patch)
    assert str(caught.value) == message


def test_lists_of_lists_are_422() -> None:
    schema = PatchSchema(
        "struct",
        name="T",
        find_field=lambda _: PatchField(PatchSchema("slice", item=PatchSchema("interface")), "merge"),
    )
    with pytest.raises(GenericServerResponseError) as caught:
        merged({"f": [["a"]]}, {"f": [["b"]]}, schema)
    assert caught.value.code == 422


@pytest.mark.parametrize(
    ("data", "strict", "message"),
    [
        (b"", True, "unexpected end of JSON input"),
        (b"{", False, "unexpected end of JSON input"),
        (b"[]", True, "json: cannot unmarshal array into Go value of type map[string]interface {}"),
        (b'"x"', False, "json: cannot unmarshal string into Go value of type map[string]interface {}"),
        (b'{"a":-1e400}', True, "json: cannot unmarshal number -1e400 into Go value of type float64"),
    ],
)
def test_documents_that_are_no_patch_are_400(data: bytes, strict: bool, message: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        StrategicMergePatch.parse(data, strict=strict)
    assert str(caught.value) == message


def test_null_is_a_patch_that_does_nothing() -> None:
    assert StrategicMergePatch.parse(b"null", strict=True).apply({"color": "red"}, SPEC) == {"color": "red"}


def test_whole_numbers_are_integers_however_they_are_written() -> None:
    result = StrategicMergePatch.parse(b'{"limits":{"low":1.0,"high":2e3},"raw":[1.5,1e30]}').apply({}, SPEC)
    assert json.dumps(result) == '{"limits": {"low": 1, "high": 2000}, "raw": [1.5, 1e+30]}'


def test_strict_reading_finds_repeated_fields() -> None:
    data = b'{"spec":{"a":1,"a":2}}'
    assert StrategicMergePatch.parse(data, strict=True).findings == ['duplicate field "spec.a"']
    assert StrategicMergePatch.parse(data).findings == []


def test_a_patch_prints_as_go_prints_a_map() -> None:
    assert (
        str(StrategicMergePatch.parse(b'{"spec":{"reference":5,"a":[null,"x"]}}'))
        == "map[spec:map[a:[<nil> x] reference:5]]"
    )


def test_neither_the_document_nor_the_patch_is_changed() -> None:
    live = {"parts": copy.deepcopy(XYZ), "tags": ["a", "b"], "limits": {"low": 1}, "color": "red"}
    value = {
        "$setElementOrder/parts": [{"name": "n"}, {"name": "y"}],
        "parts": [{"name": "n", "labels": {"a": None}}, {"name": "x", "$patch": "delete"}],
        "$deleteFromPrimitiveList/tags": ["a"],
        "limits": {"$patch": "replace", "high": 2},
        "$retainKeys": ["parts", "tags", "limits"],
    }
    patch = StrategicMergePatch(value)
    before = copy.deepcopy((live, value))
    first = patch.apply(live, SPEC)
    assert (live, value) == before
    assert patch.apply(live, SPEC) == first
    assert first == {
        "parts": [{"name": "z", "count": 3}, {"name": "n", "labels": {"a": None}}, {"name": "y", "count": 2}],
        "tags": ["b"],
        "limits": {"high": 2},
    }


def test_schemas_are_made_once_per_class() -> None:
    assert patch_schema_for(WidgetSpec) is SPEC
    assert SPEC.find_field("PARTS") is SPEC.find_field("parts")
    assert SPEC.find_field("nothing") is None
    assert PatchSchema("map").find_field("x") is None
    metadata = patch_schema_for(Widget).find_field("metadata")
    assert metadata is not None
    assert metadata.schema is patch_schema_for(ObjectMeta)


_words = st.lists(st.sampled_from("abcdef"), max_size=5, unique=True)


@given(_words, _words)
def test_a_merged_list_keeps_the_order_of_both(live: list[str], patch: list[str]) -> None:
    result = merged({"tags": live}, {"tags": patch})["tags"]
    assert sorted(result) == sorted(set(live) | set(patch))
    assert [item for item in result if item in patch] == patch
    assert [item for item in result if item not in patch] == [item for item in live if item not in patch]


@given(_words, _words)
def test_objects_are_arranged_as_scalars_are(live: list[str], patch: list[str]) -> None:
    scalars = merged({"tags": live}, {"tags": patch})["tags"]
    objects = merged({"parts": [{"name": name} for name in live]}, {"parts": [{"name": name} for name in patch]})[
        "parts"
    ]
    assert [item["name"] for item in objects] == scalars
