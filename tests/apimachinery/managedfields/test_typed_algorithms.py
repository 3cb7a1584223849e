"""Comparing, merging, removing, extracting and validating, on one type with every shape."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genericapiserver.apimachinery.managedfields.elements import path_text
from genericapiserver.apimachinery.managedfields.fields_v1 import decode_fields
from genericapiserver.apimachinery.managedfields.list_items import ItemError
from genericapiserver.apimachinery.managedfields.path_set import PathSet
from genericapiserver.apimachinery.managedfields.type_schema import schema_for
from genericapiserver.apimachinery.managedfields.typed import TypedValue
from genericapiserver.apimachinery.managedfields.validate import ValidationError
from tests.apimachinery.managedfields.kinds import Assorted

SCHEMA = schema_for(Assorted)


def typed(value: Any) -> TypedValue:
    return TypedValue(value, SCHEMA, "v1")


def texts(paths: PathSet) -> list[str]:
    return sorted(map(path_text, paths))


@pytest.mark.parametrize(
    ("value", "owned"),
    [
        ({}, []),
        ({"text": "a", "number": 1, "flag": False}, [".flag", ".number", ".text"]),
        ({"text": None}, [".text"]),
        ({"set": ["a", "b"]}, ['.set[="a"]', '.set[="b"]']),
        ({"set": []}, []),
        ({"set": None}, [".set"]),
        ({"keyed": []}, []),
        (
            {"keyed": [{"name": "x", "count": 1}]},
            ['.keyed[name="x"]', '.keyed[name="x"].count', '.keyed[name="x"].name'],
        ),
        ({"keyed": [{}]}, ['.keyed[name=""]']),
        ({"keyed": [{"name": "x", "count": 1}, {"name": "x", "count": 2}]}, ['.keyed[name="x"]']),
        ({"set": ["a", "a", "a"]}, ['.set[="a"]']),
        ({"ports": [{"port": 80}]}, ['.ports[port=80,protocol="TCP"]', '.ports[port=80,protocol="TCP"].port']),
        ({"atomic": ["a", "b"]}, [".atomic"]),
        ({"atomic": []}, [".atomic"]),
        ({"map": {"a": "1", "b.c/d": "2"}}, [".map.a", ".map.b.c/d"]),
        ({"map": {}}, [".map"]),
        ({"parts": {"a": {"name": "n"}}}, [".parts.a", ".parts.a.name"]),
        ({"parts": {"a": {}}}, [".parts.a"]),
        ({"sealed": {"a": "1"}}, [".sealed"]),
        ({"sealed": {}}, [".sealed"]),
        ({"limits": {"low": 1}}, [".limits.low"]),
        ({"limits": {}}, [".limits"]),
        ({"whole": {"low": 1}}, [".whole"]),
        ({"any": {"a": [1, {"b": 2}], "c": {"d": None}}}, [".any.a", ".any.c", ".any.c.d"]),
        ({"any": 1}, [".any"]),
        ({"any": [1]}, [".any"]),
        ({"nested": {"text": "a", "set": ["x"]}}, ['.nested.set[="x"]', ".nested.text"]),
    ],
)
def test_an_applied_value_owns(value: Any, owned: list[str]) -> None:
    assert texts(typed(value).field_set()) == owned


@pytest.mark.parametrize(
    ("left", "right", "removed", "modified", "added"),
    [
        ({}, {}, [], [], []),
        ({"text": "a"}, {"text": "a"}, [], [], []),
        ({"text": "a"}, {"text": "b"}, [], [".text"], []),
        ({"text": "a"}, {}, [".text"], [], []),
        ({}, {"text": "a"}, [], [], [".text"]),
        ({"text": None}, {}, [".text"], [], []),
        ({"text": None}, {"text": ""}, [], [".text"], []),
        ({"number": 1}, {"number": 1.0}, [], [], []),
        ({"either": 1}, {"either": True}, [], [".either"], []),
        ({}, {"map": {"a": "1"}}, [], [], [".map", ".map.a"]),
        ({"map": {"a": "1"}}, {"map": {"b": "1"}}, [".map.a"], [], [".map.b"]),
        ({"map": {"a": "1"}}, {"map": {}}, [".map.a"], [], []),
        ({"map": {"a": "1"}}, {}, [".map", ".map.a"], [], []),
        ({"map": {}}, {"map": None}, [], [".map"], []),
        ({"map": {}}, {}, [".map"], [], []),
        ({"map": None}, {"map": {"a": "1"}}, [], [], [".map.a"]),
        ({}, {"limits": {}}, [], [], [".limits"]),
        ({"limits": {}}, {"limits": {"low": 1}}, [], [], [".limits.low"]),
        ({"sealed": {"a": "1"}}, {"sealed": {"a": "1", "b": "2"}}, [], [".sealed"], []),
        ({"whole": {"low": 1}}, {"whole": {"low": 2}}, [], [".whole"], []),
        ({"atomic": ["a", "b"]}, {"atomic": ["b", "a"]}, [], [".atomic"], []),
        ({}, {"atomic": ["a"]}, [], [], [".atomic"]),
        ({"set": ["a", "b"]}, {"set": ["b", "a"]}, [], [], []),
        ({"set": ["a", "b"]}, {"set": ["c", "a"]}, ['.set[="b"]'], [], ['.set[="c"]']),
        ({}, {"set": ["a"]}, [], [], [".set", '.set[="a"]']),
        ({"set": []}, {"set": ["a"]}, [], [], ['.set[="a"]']),
        (
            {"keyed": [{"name": "x", "count": 1}, {"name": "y"}]},
            {"keyed": [{"name": "x", "count": 2}, {"name": "z"}]},
            ['.keyed[name="y"]', '.keyed[name="y"].name'],
            ['.keyed[name="x"].count'],
            ['.keyed[name="z"]', '.keyed[name="z"].name'],
        ),
        # Duplicates on both sides are one unit; where they come or go, the item's own path marks it.
        ({"keyed": [{"name": "x"}, {"name": "x"}]}, {"keyed": [{"name": "x"}, {"name": "x"}]}, [], [], []),
        (
            {"keyed": [{"name": "x"}, {"name": "x"}]},
            {"keyed": [{"name": "x"}, {"name": "x", "count": 1}]},
            [],
            ['.keyed[name="x"]'],
            [],
        ),
        (
            {"keyed": [{"name": "x"}, {"name": "x"}]},
            {"keyed": [{"name": "x"}]},
            ['.keyed[name="x"]'],
            [],
            ['.keyed[name="x"]', '.keyed[name="x"].name'],
        ),
        (
            {"keyed": [{"name": "x"}]},
            {"keyed": [{"name": "x"}, {"name": "x"}]},
            ['.keyed[name="x"]', '.keyed[name="x"].name'],
            [],
            ['.keyed[name="x"]'],
        ),
        ({"set": ["a", "a"]}, {}, [".set", '.set[="a"]'], [], []),
        # Values whose shape is deduced.
        ({"any": {"a": 1}}, {"any": {"a": 1, "b": {"c": 2}}}, [], [], [".any.b", ".any.b.c"]),
        ({"any": {"a": 1}}, {"any": 1}, [".any.a"], [".any"], []),
        ({"any": [1]}, {"any": {"a": 1}}, [], [".any"], [".any.a"]),
        ({"any": [1]}, {"any": [2]}, [], [".any"], []),
        ({"any": 0}, {"any": False}, [], [".any"], []),
        ({"any": {"a": [0]}}, {"any": {"a": [False]}}, [], [".any.a"], []),
        ({"any": None}, {"any": [1]}, [], [".any"], []),
    ],
)
def test_comparison(left: Any, right: Any, removed: list[str], modified: list[str], added: list[str]) -> None:
    found = typed(left).compare(typed(right))
    assert (texts(found.removed), texts(found.modified), texts(found.added)) == (removed, modified, added)


def test_excluded_fields_take_what_lies_below_with_them() -> None:
    found = typed({"map": {"a": "1"}}).compare(typed({"map": {"b": "2"}, "text": "x"}))
    rest = found.without(decode_fields({"f:map": {}}))
    assert (texts(rest.removed), texts(rest.added)) == ([], [".text"])
    assert found.without(PathSet()) is found


@pytest.mark.parametrize(
    ("live", "config", "merged"),
    [
        ({"text": "a", "number": 1}, {"text": "b"}, {"text": "b", "number": 1}),
        ({"text": "a"}, {"text": None}, {"text": None}),
        ({}, {"text": None}, {"text": None}),
        ({"map": {"a": "1"}}, {"map": {"b": "2"}}, {"map": {"a": "1", "b": "2"}}),
        ({"map": {"a": "1"}}, {"map": {}}, {"map": {"a": "1"}}),
        ({"map": {"a": "1"}}, {"map": None}, {"map": {"a": "1"}}),
        ({"map": None}, {"map": {}}, {"map": {}}),
        ({"map": {"a": "1"}}, {"map": {"a": None}}, {"map": {"a": None}}),
        ({"sealed": {"a": "1"}}, {"sealed": {"b": "2"}}, {"sealed": {"b": "2"}}),
        ({"sealed": {"a": "1"}}, {"sealed": {}}, {"sealed": {}}),
        ({"atomic": ["a"]}, {"atomic": ["b"]}, {"atomic": ["b"]}),
        ({"atomic": ["a"]}, {"atomic": []}, {"atomic": []}),
        ({"set": ["a"]}, {"set": []}, {"set": ["a"]}),
        ({"set": ["a"]}, {"set": None}, {"set": ["a"]}),
        (
            {"keyed": [{"name": "x", "count": 1}]},
            {"keyed": [{"name": "x", "labels": {"l": "1"}}]},
            {"keyed": [{"name": "x", "count": 1, "labels": {"l": "1"}}]},
        ),
        ({"keyed": [{"count": 1}]}, {"keyed": [{"name": ""}]}, {"keyed": [{"count": 1, "name": ""}]}),
        # Live duplicates: kept where the configuration says nothing of them, else its one item stands alone.
        (
            {"keyed": [{"name": "x", "count": 1}, {"name": "x", "count": 2}, {"name": "y"}]},
            {"keyed": [{"name": "z"}]},
            {"keyed": [{"name": "x", "count": 1}, {"name": "x", "count": 2}, {"name": "y"}, {"name": "z"}]},
        ),
        (
            {"keyed": [{"name": "x", "count": 1}, {"name": "x", "count": 2}]},
            {"keyed": [{"name": "x"}]},
            {"keyed": [{"name": "x"}]},
        ),
        ({"any": {"a": 1}}, {"any": {"b": [1]}}, {"any": {"a": 1, "b": [1]}}),
        ({"any": {"a": 1}}, {"any": [1]}, {"any": [1]}),
        ({"any": 1}, {"any": {"a": 1}}, {"any": {"a": 1}}),
        ({"any": {"a": 1}}, {"any": None}, {"any": {"a": 1}}),
        ({"any": [1]}, {"any": None}, {"any": None}),
    ],
)
def test_merge(live: Any, config: Any, merged: Any) -> None:
    before = copy.deepcopy((live, config))
    assert typed(live).merge(typed(config)).value == merged
    assert (live, config) == before


@pytest.mark.parametrize(
    ("live", "config", "merged"),
    [
        # structured-merge-diff typed/merge_test.go, one character an item.
        ("abc", "ab", "abc"),
        ("ab", "abc", "abc"),
        ("abc", "", "abc"),
        ("", "abc", "abc"),
        ("ab", "ba", "ba"),
        ("abc", "def", "abcdef"),
        ("abc", "cdef", "abcdef"),
        ("abcgf", "cdef", "abcgdef"),
        ("abc", "defxyz", "abcdefxyz"),
        ("cdef", "ace", "acdef"),
        ("abcxyz", "def", "abcxyzdef"),
        ("abcxyz", "defxyz", "abcdefxyz"),
        ("cagf", "cfag", "cfag"),
        ("abcd", "defa", "bcdefa"),
        ("cdefghij", "2h3e4kl", "cdfg2hij3e4kl"),
        ("abcdefghij", "1b2h3e4kl", "a1bcdfg2hij3e4kl"),
        ("abb", "c", "abbc"),
        ("abb", "b", "ab"),
        ("abb", "a", "abb"),
        ("abcdec", "1b2ed", "a1bc2ecd"),
        ("abcdec", "1b2ced", "a1b2ced"),
        ("aabb", "bcd", "aabcd"),
        ("aabb", "", "aabb"),
        ("cagfca", "cfag", "cfag"),
        ("abc", "ad", "abcd"),
        ("abc", "ca", "bca"),
        ("abcde", "eca", "bdeca"),
        ("abcdef", "xcya", "bxcdefya"),
    ],
)
def test_lists_come_in_the_order_of_the_configuration_near_their_old_neighbours(
    live: str, config: str, merged: str
) -> None:
    assert typed({"set": [*live]}).merge(typed({"set": [*config]})).value == {"set": [*merged]}
    items = {"keyed": [{"name": name} for name in live]}
    config_items = {"keyed": [{"name": name} for name in config]}
    assert typed(items).merge(typed(config_items)).value == {"keyed": [{"name": name} for name in merged]}


letters = st.lists(st.sampled_from("abcdefg"), unique=True)


@given(letters, letters)
def test_merged_lists_hold_both_in_the_configurations_order(live: list[str], config: list[str]) -> None:
    merged = typed({"set": live}).merge(typed({"set": config})).value["set"]
    assert sorted(merged) == sorted({*live, *config})
    assert [item for item in merged if item in config] == config
    assert [item for item in merged if item not in config] == [item for item in live if item not in config]


@given(letters, letters)
def test_merging_the_same_again_changes_nothing(live: list[str], config: list[str]) -> None:
    once = typed({"set": live}).merge(typed({"set": config}))
    assert once.merge(typed({"set": config})).value == once.value


@pytest.mark.parametrize(
    ("value", "paths", "left"),
    [
        ({"text": "a", "number": 1}, {"f:text": {}}, {"number": 1}),
        ({"map": {"a": "1", "b": "2"}}, {"f:map": {"f:a": {}}}, {"map": {"b": "2"}}),
        ({"map": {"a": "1"}}, {"f:map": {"f:a": {}}}, {"map": None}),
        ({"map": {"a": "1"}}, {"f:map": {".": {}, "f:b": {}}}, None),
        ({"set": ["a", "b"]}, {"f:set": {'v:"a"': {}}}, {"set": ["b"]}),
        ({"set": ["a"]}, {"f:set": {'v:"a"': {}}}, {"set": None}),
        ({"keyed": [{"name": "x", "count": 1}]}, {"f:keyed": {'k:{"name":"x"}': {}}}, {"keyed": None}),
        (
            {"keyed": [{"name": "x", "count": 1}]},
            {"f:keyed": {'k:{"name":"x"}': {"f:count": {}}}},
            {"keyed": [{"name": "x"}]},
        ),
        ({"keyed": [{"count": 1}]}, {"f:keyed": {'k:{"name":""}': {}}}, {"keyed": None}),
        ({"sealed": {"a": "1"}}, {"f:sealed": {"f:a": {}}}, {"sealed": None}),
        ({"atomic": ["a"]}, {"f:atomic": {"i:0": {}}}, {"atomic": None}),
        ({"any": {"a": 1, "b": 2}}, {"f:any": {"f:a": {}}}, {"any": {"b": 2}}),
        ({"map": {"a": "1"}}, {"f:else": {}}, {"map": {"a": "1"}}),
        ({"map": None, "set": None}, {"f:map": {"f:a": {}}, "f:set": {"v:1": {}}}, {"map": None, "set": None}),
    ],
)
def test_removal(value: Any, paths: Any, left: Any) -> None:
    before = copy.deepcopy(value)
    assert typed(value).remove(decode_fields(paths)).value == left
    assert value == before


@pytest.mark.parametrize(
    ("value", "paths", "taken"),
    [
        ({"text": "a", "number": 1}, {"f:text": {}}, {"text": "a"}),
        ({"map": {"a": "1", "b": "2"}}, {"f:map": {"f:a": {}}}, {"map": {"a": "1"}}),
        ({"map": {"a": "1"}}, {"f:map": {}}, {"map": None}),
        ({"set": ["a", "b"]}, {"f:set": {'v:"a"': {}}}, {"set": ["a"]}),
        (
            {"keyed": [{"name": "x", "count": 1}, {"name": "y"}]},
            {"f:keyed": {'k:{"name":"x"}': {".": {}, "f:name": {}}}},
            {"keyed": [{"name": "x"}]},
        ),
        (
            {"keyed": [{"name": "x", "count": 1}]},
            {"f:keyed": {'k:{"name":"x"}': {}}},
            {"keyed": [{"name": "x", "count": 1}]},
        ),
        (
            {"sealed": {"a": "1"}, "atomic": ["a"]},
            {"f:sealed": {}, "f:atomic": {}},
            {"sealed": {"a": "1"}, "atomic": ["a"]},
        ),
        ({"text": "a"}, {"f:else": {}}, None),
    ],
)
def test_extraction(value: Any, paths: Any, taken: Any) -> None:
    assert typed(value).extract(decode_fields(paths)).value == taken


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"zz": 1}, ".zz: field not declared in schema"),
        ({"nested": {"zz": 1, "yy": 2}}, ".nested.zz: field not declared in schema"),
        ({"text": 5}, ".text: expected string, got &value.valueUnstructured{Value:5}"),
        ({"text": ["a"]}, '.text: expected string, got &value.valueUnstructured{Value:[]interface {}{"a"}}'),
        (
            {"text": {"a": True}},
            '.text: expected string, got &value.valueUnstructured{Value:map[string]interface {}{"a":true}}',
        ),
        ({"number": "x"}, ".number: expected numeric (int or float), got string"),
        ({"number": True}, ".number: expected numeric (int or float), got bool"),
        ({"number": {}}, ".number: expected numeric (int or float), got map[string]interface {}"),
        ({"flag": "x"}, ".flag: expected boolean, got &{x}"),
        ({"either": [1]}, ".either: expected any scalar, got &{[1]}"),
        ({"set": "x"}, ".set: expected list, got &{x}"),
        ({"set": {"b": 1, "a": None}}, ".set: expected list, got &{map[a:<nil> b:1]}"),
        ({"map": "x"}, ".map: expected map, got &{x}"),
        ({"map": {"a": 1}}, ".map.a: expected string, got &value.valueUnstructured{Value:1}"),
        ({"limits": [1.5]}, ".limits: expected map, got &{[1.5]}"),
        ({"set": ["a", "a"]}, '.set: duplicate entries for key [="a"]'),
        ({"set": [None]}, ".set: element 0: associative list without keys has an element that's an explicit null"),
        ({"set": ["a", {}]}, ".set: element 1: associative list without keys has an element that's a map type"),
        ({"set": ["a", []]}, ".set: element 1: not supported: associative list with lists as elements"),
        ({"numbers": [1, 1.0]}, ".numbers: duplicate entries for key [=1]"),
        ({"keyed": [{"name": "x"}, {"name": "x"}]}, '.keyed: duplicate entries for key [name="x"]'),
        ({"keyed": [{}, {"name": ""}]}, '.keyed: duplicate entries for key [name=""]'),
        ({"keyed": [None]}, ".keyed: element 0: associative list with keys may not have a null element"),
        ({"keyed": ["x"]}, ".keyed: element 0: associative list with keys may not have non-map elements"),
        (
            {"hinted": [{"port": 1}]},
            '.hinted: element 0: associative list with keys has an element that omits all key fields ["hint"] '
            "(and doesn't have default values for any key fields)",
        ),
        (
            {"keyed": [{"name": "x", "count": "1"}]},
            '.keyed[name="x"].count: expected numeric (int or float), got string',
        ),
        ({"atomic": ["a", 1]}, ".atomic[1]: expected string, got &value.valueUnstructured{Value:1}"),
        (
            {"text": 1, "keyed": [{"name": "x", "zz": 1}]},
            "errors:\n  .text: expected string, got &value.valueUnstructured{Value:1}\n"
            '  .keyed[name="x"].zz: field not declared in schema',
        ),
        ([], "expected map, got &{[]}"),
    ],
)
def test_values_that_do_not_fit(value: Any, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        typed(value).validate()
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "value",
    [
        {"text": None, "number": None, "flag": None, "set": None, "map": None, "keyed": None, "either": None},
        {"either": True, "number": 1.5, "any": {"a": [None, {"b": [[]]}]}},
        {"ports": [{"port": 1}, {"port": 1, "protocol": "UDP"}], "hinted": [{"hint": "a"}]},
        {"atomic": ["a", "a", None]},
    ],
)
def test_values_that_fit(value: Any) -> None:
    typed(value).validate()


def test_duplicates_may_be_allowed() -> None:
    typed({"set": ["a", "a"], "keyed": [{"name": "x"}, {"name": "x"}]}).validate(allow_duplicates=True)


def test_items_that_cannot_be_told_apart_are_neither_compared_nor_merged() -> None:
    bad = typed({"keyed": [None, {"name": "x"}]})
    for action in (bad.compare, bad.merge, lambda other: other.compare(bad), lambda other: other.merge(bad)):
        with pytest.raises(ItemError):
            action(typed({"keyed": [{"name": "y"}]}))


def test_items_may_lose_what_they_are_known_by() -> None:
    whole = typed({"keyed": [{"name": "x", "count": 1}, {"name": "y", "count": 1}]})
    left = whole.remove(
        decode_fields({"f:keyed": {f'k:{{"name":"{name}"}}': {"f:name": {}, "f:count": {}} for name in "xy"}})
    )
    assert left.value == {"keyed": [None, None]}
    assert whole.field_set().difference(left.field_set()) == whole.field_set()
    assert left.remove(whole.field_set()).value == left.value


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["", "a", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=8,
)
keyed_items = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("abc")}, optional={"count": st.integers(0, 2) | st.none()}),
    max_size=4,
)
values = st.fixed_dictionaries(
    {},
    optional={
        "text": st.sampled_from(["", "a"]) | st.none(),
        "set": st.lists(st.sampled_from("abc"), max_size=4) | st.none(),
        "keyed": keyed_items,
        "atomic": st.lists(st.sampled_from("ab"), max_size=2),
        "map": st.dictionaries(st.sampled_from("xyz"), st.sampled_from("12"), max_size=2) | st.none(),
        "sealed": st.dictionaries(st.sampled_from("xyz"), st.sampled_from("12"), max_size=2),
        "limits": st.fixed_dictionaries({}, optional={"low": st.integers(0, 1)}),
        "any": json_values,
    },
)


@given(values)
def test_nothing_differs_from_itself(value: Any) -> None:
    found = typed(value).compare(typed(copy.deepcopy(value)))
    assert [texts(found.removed), texts(found.modified), texts(found.added)] == [[], [], []]


@given(values, values)
def test_the_way_back_adds_what_the_way_there_removes(left: Any, right: Any) -> None:
    there, back = typed(left).compare(typed(right)), typed(right).compare(typed(left))
    assert (there.removed, there.modified, there.added) == (back.added, back.modified, back.removed)


@given(values)
def test_removing_all_that_a_value_holds_leaves_nothing_of_it(value: Any) -> None:
    whole = typed(value)
    left = whole.remove(whole.closure(whole.field_set())).value
    assert all(not item for item in (left or {}).values())
