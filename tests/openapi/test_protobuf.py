"""Documents in protobuf, read by the library with gnostic's own definitions (tests/support/gnostic.py)."""

import copy
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genericapiserver.aio.slices import at_once
from genericapiserver.openapi import V2, V3, ProtobufFormat
from tests.openapi.full_documents import DOCUMENT_V2, DOCUMENT_V3, SCHEMA_V3
from tests.support import gnostic

FULL = pytest.mark.parametrize(("format_", "document"), [(V2, DOCUMENT_V2), (V3, DOCUMENT_V3)], ids=["v2", "v3"])


def encode(format_: ProtobufFormat, document: Any) -> bytes:
    return at_once(format_.steps(msgspec.json.encode(document)))


def read_back(format_: ProtobufFormat, document: Any) -> Any:
    return gnostic.plain(gnostic.parse(format_.version, encode(format_, document)))


@FULL
def test_what_a_document_says_can_be_read_again(format_: ProtobufFormat, document: dict[str, Any]) -> None:
    assert read_back(format_, document) == document


@pytest.mark.parametrize("format_", [V2, V3], ids=["v2", "v3"])
def test_the_tables_are_those_of_gnostic(format_: ProtobufFormat) -> None:
    table = {name: re.sub(r"\S+\?| \| nothing", "", line) for name, line in format_.table.items()}
    assert table == {name: line for name, line in gnostic.table(format_.version).items() if name not in UNUSED}


UNUSED = {"Any", "VendorExtension", "SpecificationExtension", "Default", "Object"}
"""What fields of other messages hold already, or no field is of."""


@FULL
def test_the_bytes_are_those_of_every_library(format_: ProtobufFormat, document: dict[str, Any]) -> None:
    encoded = encode(format_, document)
    assert gnostic.serialize(gnostic.parse(format_.version, encoded)) == encoded


def test_names_stand_in_the_order_of_the_document() -> None:
    message = gnostic.parse("v2", encode(V2, DOCUMENT_V2))
    assert [entry.name for entry in message.paths.path] == ["/b", "/a"]
    assert [entry.name for entry in message.definitions.additional_properties] == ["z", "a"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([{"group": "", "kind": "K", "version": "v1"}], '- group: ""\n  kind: K\n  version: v1\n'),
        ("map", "map\n"),
        ("true", '"true"\n'),
        (True, "true\n"),
        (None, "null\n"),
        (["a", "b"], "- a\n- b\n"),
        (1.5, "1.5\n"),
        ({}, "{}\n"),
    ],
)
def test_extensions_are_yaml_as_go_writes_it(value: Any, text: str) -> None:
    message = gnostic.parse("v2", encode(V2, {"x-y": value}))
    assert message.vendor_extension[0].value.yaml == text


@pytest.mark.parametrize(
    "document",
    [
        {"swagger": 2.0, "info": [], "paths": None, "schemes": "https", "definitions": 1, "tags": {}},
        {"info": {"title": 1, "version": None, "unknown": {}, "contact": "me"}},
        {"paths": {"/a": {"get": None, "trace": {}, "parameters": [1, None, {"in": "cookie"}, []]}, "b": []}},
        {"definitions": {"a": {"maxLength": 2**63, "minLength": 1.5, "maximum": "x", "uniqueItems": 1, "type": 5}}},
        {"definitions": {"a": {"maximum": 10**400, "additionalProperties": "yes", "properties": [], "items": 0}}},
        {"definitions": {"a": {"nullable": True, "oneOf": [{}], "": 1, "{}": 1, "=": 1, "x-": 1, "string": 1}}},
    ],
)
def test_what_has_no_place_is_left_out_and_the_rest_stays(document: dict[str, Any]) -> None:
    for format_ in (V2, V3):
        kept = read_back(format_, {**document, "externalDocs": {"url": "here"}})
        assert kept["externalDocs"] == {"url": "here"}


def test_a_schema_that_nests_too_deeply_is_left_out() -> None:
    deep: dict[str, Any] = {}
    for _ in range(600):
        deep = {"additionalProperties": deep}
    schemas: dict[str, Any] = {"a": {"type": "string"}, "b": deep, "c": {}}
    assert read_back(V2, {"definitions": schemas}) == {"definitions": {"a": {"type": "string"}, "b": {}, "c": {}}}
    assert read_back(V3, {"components": {"schemas": schemas}})["components"]["schemas"].keys() == {"a", "c"}


@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'""', b"", b"{"])
def test_what_is_no_document_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="an OpenAPI document in JSON is an object, not "):
        at_once(V2.steps(body))
    assert at_once(V2.steps(b"{}")) == b""


def test_work_can_be_interrupted_at_each_path_and_each_schema() -> None:
    document = copy.deepcopy(DOCUMENT_V3)
    document["components"]["schemas"] = {str(number): SCHEMA_V3 for number in range(100)}
    assert sum(1 for _ in V3.steps(msgspec.json.encode(document))) > 100


KEYS = (
    "paths definitions components schemas /a get parameters in body schema items type properties x-y $ref responses 200 "
    "additionalProperties default enum"
)
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*KEYS.split(), ""]), inner, max_size=5)
    ),
    max_leaves=30,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(("paths", "definitions", "components", "x-y", "tags")), JSON_VALUES))
def test_whatever_a_document_says_the_message_can_be_read(document: dict[str, Any]) -> None:
    for format_ in (V2, V3):
        encoded = encode(format_, document)
        message = gnostic.parse(format_.version, encoded)
        assert gnostic.serialize(message) == encoded
        gnostic.plain(message)
