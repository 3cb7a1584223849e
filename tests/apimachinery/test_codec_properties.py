"""Everything that can be declared survives the way out and back, in each form."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genericapiserver.apimachinery import meta
from genericapiserver.apimachinery.describe import Kind, TypeRef, describe
from genericapiserver.apimachinery.serializer.codec import YAML_MEDIA_TYPE
from genericapiserver.apimachinery.serializer.encoder import Flavour, encoder_for
from genericapiserver.apimachinery.time import ZERO_TIME
from genericapiserver.apimachinery.types import IntOrString, Quantity, deep_copy, is_api_type, list_of
from tests.apimachinery.declared import DEMO, WIDGET, Assorted, Gadget, Widget, new_codecs, new_scheme

SCHEME = new_scheme()
SCHEME.add_known_types(DEMO, Assorted)
CODECS = new_codecs()
CODECS.scheme = SCHEME
ASSORTED = DEMO.with_kind("Assorted")

# libyaml refuses control characters, as go-yaml does; JSON takes them all.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
PRINTABLE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"], exclude_characters="\ufeff"), max_size=8)
TIMES = st.datetimes(min_value=dt.datetime(2, 1, 1), timezones=st.just(dt.UTC))  # noqa: DTZ001


def raw_values(text: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    leaves = st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | text
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3))


def values_of(ref: TypeRef, text: st.SearchStrategy[str], depth: int) -> st.SearchStrategy[Any]:
    match ref.kind:
        case Kind.LIST | Kind.MAP if depth <= 0:
            return st.builds(list if ref.kind is Kind.LIST else dict)
        case Kind.STRING:
            return text
        case Kind.BOOLEAN:
            return st.booleans()
        case Kind.INTEGER:
            bits = 31 if ref.format == "int32" else 63
            return st.integers(-(1 << bits), (1 << bits) - 1)
        case Kind.NUMBER:
            # -0.0 is written as in Go, and read as 0.
            return st.floats(allow_nan=False, allow_infinity=False).map(lambda number: number + 0.0)
        case Kind.BYTES:
            return st.binary(max_size=8)
        case Kind.TIME:
            return TIMES.map(lambda time: time.replace(microsecond=0))
        case Kind.MICRO_TIME:
            return TIMES
        case Kind.QUANTITY:
            return st.sampled_from(["0", "1", "100m", "1.5Gi", "1e3", "12E", "-5k"]).map(Quantity.parse)
        case Kind.INT_OR_STRING:
            return (st.integers(-(1 << 31), (1 << 31) - 1) | text).map(IntOrString)
        case Kind.LIST:
            return st.lists(values_of(ref.item, text, depth - 1), max_size=2)
        case Kind.MAP:
            return st.dictionaries(text, values_of(ref.item, text, depth - 1), max_size=2)
        case Kind.OBJECT:
            return objects_of(ref.object_type, text, depth - 1)
        case Kind.RAW:
            return raw_values(text)


def objects_of(cls: type[Any], text: st.SearchStrategy[str] = TEXT, depth: int = 3) -> st.SearchStrategy[Any]:
    """Objects of an API type, with every field that is not too deep."""
    fields: dict[str, st.SearchStrategy[Any]] = {}
    for field in describe(cls).fields:
        if field.optional and depth <= 0:
            fields[field.attribute] = st.none()
            continue
        values = values_of(field.type, text, depth)
        if field.optional and field.type.kind is Kind.LIST:
            # Empty and absent lists are the same on the wire.
            values = st.lists(values_of(field.type.item, text, depth - 1), min_size=1, max_size=2)
        if field.optional or field.type.kind is Kind.RAW:
            values = st.none() | values
        fields[field.attribute] = values
    return st.builds(cls, **fields)


@settings(deadline=None)
@given(objects_of(Assorted))
def test_every_kind_of_field_survives_json(obj: Assorted) -> None:
    data = CODECS.encode(obj, ASSORTED)
    decoded = CODECS.decode(data, strict=True)
    assert decoded.object == obj
    assert decoded.strict_errors == []
    assert CODECS.decode(CODECS.encode(obj, ASSORTED, pretty=True)).object == obj
    assert CODECS.encode(decoded.object, ASSORTED) == data


@settings(deadline=None)
@given(objects_of(Widget))
def test_objects_survive_json_and_the_storage(obj: Widget) -> None:
    assert CODECS.decode(CODECS.encode(obj, WIDGET), strict=True).object == obj
    storage = CODECS.storage_codec(DEMO, Widget)
    stored = storage.encode(obj)
    obj.metadata.resource_version = obj.metadata.self_link = ""
    assert storage.decode(stored) == obj
    assert storage.encode(storage.decode(stored)) == stored


@settings(deadline=None)
@given(objects_of(Assorted))
def test_objects_survive_as_plain_values(obj: Assorted) -> None:
    plain = CODECS.to_unstructured(obj, ASSORTED)
    back, problems = CODECS.from_unstructured(plain, Assorted, strict=True)
    assert back == obj
    assert problems == []


@settings(deadline=None)
@given(objects_of(Assorted, PRINTABLE, depth=2))
def test_objects_survive_yaml(obj: Assorted) -> None:
    data = CODECS.encode(obj, ASSORTED, media_type=YAML_MEDIA_TYPE)
    decoded = CODECS.decode(data, media_type=YAML_MEDIA_TYPE, strict=True)
    assert CODECS.to_unstructured(decoded.object, ASSORTED) == CODECS.to_unstructured(obj, ASSORTED)
    assert decoded.strict_errors == []


@settings(deadline=None)
@given(objects_of(Assorted))
def test_copies_are_equal(obj: Assorted) -> None:
    assert deep_copy(obj) == obj


META_TYPES = [cls for cls in vars(meta).values() if is_api_type(cls)]


@pytest.mark.parametrize("cls", META_TYPES, ids=lambda cls: cls.__name__)
@settings(max_examples=20, deadline=None)
@given(st.data())
def test_the_meta_types_survive(cls: type[Any], data: st.DataObject) -> None:
    obj = data.draw(objects_of(cls, depth=2))
    plain = encoder_for(cls, Flavour.PLAIN)(obj, {})
    assert CODECS.from_unstructured(plain, cls, strict=True) == (obj, [])


@settings(deadline=None)
@given(st.lists(objects_of(Gadget, depth=1), max_size=3), objects_of(meta.ListMeta))
def test_joined_items_are_the_encoded_list(items: list[Gadget], list_meta: meta.ListMeta) -> None:
    gvk = DEMO.with_kind("GadgetList")
    joined = CODECS.encode_list(gvk, list_meta, [CODECS.encode_item(item, DEMO.with_kind("Gadget")) for item in items])
    assert joined == CODECS.encode(list_of(Gadget)(metadata=list_meta, items=items), gvk)


def test_the_zero_time_is_not_kept() -> None:
    assert CODECS.from_unstructured({"times": [None]}, Assorted)[0].times == [ZERO_TIME]
