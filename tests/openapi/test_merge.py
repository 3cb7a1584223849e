"""Merging v2 documents: what each path needs is what it needed before, whatever the others call theirs."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genericapiserver.aio.slices import at_once
from genericapiserver.openapi.cycles import in_order_of_need
from genericapiserver.openapi.merge import KINDS, merge_specifications
from genericapiserver.openapi.specification import (
    Specification,
    SpecificationError,
    only_below,
    read_specification,
    replace_references,
)
from tests.openapi.specifications import specification, written
from tests.properties.widgets import QUICK


def merged(*specifications: Specification) -> Any:
    return written(at_once(merge_specifications(specifications)))


def text(kind: str = "string") -> dict[str, Any]:
    return {"type": kind}


def used_for(kinds: Any) -> dict[str, Any]:
    return {"type": "string", KINDS: kinds}


def reference(name: str) -> dict[str, Any]:
    return {"type": "object", "properties": {"x": {"$ref": f"#/definitions/{name}"}}}


def needed_by(document: Any, path: str) -> list[str]:
    return [
        each["schema"]["$ref"].removeprefix("#/definitions/") for each in document["paths"][path]["get"]["parameters"]
    ]


def test_only_the_paths_of_a_version_are_kept_with_what_they_need() -> None:
    whole = specification(
        {"/apis/a/v1/things": ["Thing"], "/apis/a/v1beta1/things": ["Old"], "/apis/a/v1": ["Thing"]},
        {"Thing": reference("Shared"), "Old": reference("Shared"), "Shared": text(), "Never": text()},
        info={"title": "x"},
    )
    kept = written(only_below(whole, "/apis/a/v1/"))
    assert list(kept["paths"]) == ["/apis/a/v1/things"]
    assert sorted(kept["definitions"]) == ["Never", "Shared", "Thing"]  # nobody needed `Never` before either
    assert kept["info"] == {"title": "x"}
    assert sorted(written(whole)["definitions"]) == ["Never", "Old", "Shared", "Thing"]


def test_the_first_document_keeps_a_path_and_gives_the_head() -> None:
    first = specification({"/a": ["Thing"]}, {"Thing": text()}, info={"title": "first"})
    second = specification({"/a": ["Other"], "/b": ["Thing"]}, {"Other": text(), "Thing": text()}, info={"title": "2"})
    found = merged(first, second)
    assert found["info"] == {"title": "first"}
    assert needed_by(found, "/a") == ["Thing"]
    assert sorted(found["definitions"]) == ["Thing"]  # `Other` served only the path that lost


def test_a_document_without_new_paths_adds_nothing() -> None:
    first = specification({"/a": []}, {})
    assert "definitions" not in merged(first, specification({"/a": ["X"]}, {"X": text()}))
    assert "definitions" not in merged(first, specification(None, {"X": text()}))
    assert merged(specification(None, {"X": text()})) == {"swagger": "2.0"}


def test_a_definition_that_clashes_is_renamed_and_an_equal_one_is_shared() -> None:
    first = specification({"/a": ["Thing"]}, {"Thing": text(), "Same": text()})
    second = specification({"/b": ["Thing", "Same"]}, {"Thing": text("integer"), "Same": text()})
    third = specification({"/c": ["Thing"]}, {"Thing": text("integer")})
    fourth = specification({"/d": ["Thing"]}, {"Thing": text("boolean")})
    found = merged(first, second, third, fourth)
    assert {name: each["type"] for name, each in found["definitions"].items()} == {
        "Same": "string",
        "Thing": "string",
        "Thing_v2": "integer",
        "Thing_v3": "boolean",
    }
    assert [needed_by(found, path) for path in ["/a", "/b", "/c", "/d"]] == [
        ["Thing"],
        ["Thing_v2", "Same"],
        ["Thing_v2"],
        ["Thing_v3"],
    ]


def test_a_new_name_is_none_that_the_document_has_itself() -> None:
    first = specification({"/a": ["Thing"]}, {"Thing": text()})
    second = specification({"/b": ["Thing", "Thing_v2"]}, {"Thing": text("integer"), "Thing_v2": text("number")})
    assert needed_by(merged(first, second), "/b") == ["Thing_v3", "Thing_v2"]


def test_what_refers_to_a_renamed_definition_is_renamed_though_it_reads_the_same() -> None:
    first = specification({"/a": ["Outer"]}, {"Outer": reference("Inner"), "Inner": text()})
    second = specification({"/b": ["Outer"]}, {"Outer": reference("Inner"), "Inner": text("integer")})
    found = merged(first, second)
    assert needed_by(found, "/b") == ["Outer_v2"]
    assert found["definitions"]["Outer_v2"] == reference("Inner_v2")
    assert found["definitions"]["Outer"] == reference("Inner")


def test_equal_definitions_are_used_for_the_kinds_of_both() -> None:
    one, two = {"group": "b", "version": "v1", "kind": "X"}, {"group": "a", "version": "v1", "kind": "X"}
    first = specification({"/a": ["X"]}, {"X": used_for([one])})
    second = specification({"/b": ["X"]}, {"X": used_for([two, one])})
    assert merged(first, second)["definitions"] == {"X": used_for([two, one])}


@pytest.mark.parametrize("kinds", ["text", [1], {"group": "a"}, None])
def test_malformed_kinds_of_one_document_do_not_harm_another(kinds: Any) -> None:
    good = {"group": "b", "version": "v1", "kind": "X"}
    first = specification({"/a": ["X"]}, {"X": used_for([good])})
    second = specification({"/b": ["X"]}, {"X": used_for(kinds)})
    assert merged(first, second)["definitions"] == {"X": used_for([good])}


def test_parameters_and_responses_are_renamed_like_definitions() -> None:
    path = {"get": {"parameters": [{"$ref": "#/parameters/p"}], "responses": {"200": {"$ref": "#/responses/r"}}}}
    first = specification({"/a": path}, {}, parameters={"p": {"type": "string"}}, responses={"r": {"description": "1"}})
    second = specification(
        {"/b": path}, {}, parameters={"p": {"type": "number"}}, responses={"r": {"description": "2"}}
    )
    found = merged(first, second)
    assert sorted(found["parameters"]) == ["p", "p_v2"]
    assert found["paths"]["/b"] == {
        "get": {"parameters": [{"$ref": "#/parameters/p_v2"}], "responses": {"200": {"$ref": "#/responses/r_v2"}}}
    }


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"", "truncated"),
        (b"[]", "Expected `object`"),
        (b'{"paths": 1}', "paths: Expected `object`"),
        (b'{"paths": {"/a": {"x": "\xff"}}}', "not UTF-8"),
        (b'{"definitions": {"X": {' * 1 + b'"a":' + b"[" * 100000 + b"]" * 100000 + b"}}}", "recursion"),
        (b'{"paths": {"/a": {"x": 01}}}', "invalid number"),
    ],
)
def test_what_is_no_document_is_refused(body: bytes, complaint: str) -> None:
    with pytest.raises(SpecificationError, match=complaint):
        at_once(read_specification(body))


NAMES = ("A", "B", "C", "A_v2")


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A document whose definitions refer to each other in any way."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1))
    definitions = {
        name: {
            "type": draw(st.sampled_from(("object", "string"))),
            "items": [
                {"$ref": f"#/definitions/{other}"} for other in draw(st.lists(st.sampled_from(names), max_size=2))
            ],
        }
        for name in names
    }
    paths = draw(st.lists(st.sampled_from(("/a", "/b", "/c")), unique=True))
    return {
        "paths": {path: {"$ref": f"#/definitions/{draw(st.sampled_from(names))}"} for path in paths},
        "definitions": definitions,
    }


def unfolded(document: Any, value: Any, depth: int = 5) -> Any:
    """*value* with what it refers to in its place, so that names do not matter."""
    if isinstance(value, dict):
        if "$ref" in value:
            name = value["$ref"].removeprefix("#/definitions/")
            return ["..."] if not depth else unfolded(document, document["definitions"][name], depth - 1)
        return {key: unfolded(document, each, depth) for key, each in value.items()}
    return [unfolded(document, each, depth) for each in value] if isinstance(value, list) else value


@QUICK
@given(st.lists(documents(), max_size=4))
def test_every_path_means_what_it_meant_in_the_first_document_that_has_it(given_documents: list[Any]) -> None:
    specifications = [at_once(read_specification(msgspec.json.encode(each))) for each in given_documents]
    found = merged(*specifications)
    expected: dict[str, Any] = {}
    for document in given_documents:
        for path, value in document["paths"].items():
            expected.setdefault(path, unfolded(document, value))
    assert {path: unfolded(found, value) for path, value in found.get("paths", {}).items()} == expected
    assert found == merged(*specifications)


@QUICK
@given(documents())
def test_a_document_merged_with_itself_is_itself(document: dict[str, Any]) -> None:
    one = at_once(read_specification(msgspec.json.encode(document)))
    other = at_once(read_specification(msgspec.json.encode({**document, "paths": {"/other": {}}})))
    if document["paths"]:
        assert merged(one, one) == written(one)
        assert merged(one, other)["definitions"] == document["definitions"]


@QUICK
@given(st.dictionaries(st.integers(0, 6).map(str), st.lists(st.integers(0, 6).map(str))))
def test_what_is_needed_comes_first_and_what_needs_each_other_together(graph: dict[str, list[str]]) -> None:
    needs = {key: [each for each in values if each in graph] for key, values in graph.items()}

    def reached(key: str) -> set[str]:
        found: set[str] = set()
        ahead = [key]
        while ahead:
            for each in needs[ahead.pop()]:
                if each not in found:
                    found.add(each)
                    ahead.append(each)
        return found

    named: set[str] = set()
    for together in in_order_of_need(needs):
        for key in together:
            assert reached(key) <= named | set(together)
            assert all(other in reached(key) for other in together if other != key)
        named |= set(together)
    assert named == set(graph)


def test_references_are_replaced_wherever_they_stand() -> None:
    value = {
        "$ref": "#/definitions/A",
        "list": [{"$ref": "#/definitions/B"}],
        "properties": {"$ref": {"type": "string"}},
    }
    assert replace_references(value, {"#/definitions/A": "#/definitions/Z"}) == {**value, "$ref": "#/definitions/Z"}
