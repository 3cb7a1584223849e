import pytest

from genericapiserver.apimachinery.managedfields.fields_v1 import decode_fields, encode_fields
from genericapiserver.apimachinery.managedfields.schema import (
    DEDUCED,
    NUMERIC,
    STRING,
    TEXTUAL,
    UNTYPED,
    ListKind,
    ListSchema,
    MapSchema,
    plainly_comparable,
)
from genericapiserver.apimachinery.managedfields.schema_sets import collapse_atomic, with_named_fields
from genericapiserver.apimachinery.managedfields.type_schema import schema_for
from tests.apimachinery.managedfields.kinds import Assorted, Flunder, FlunderStatus, Node, Widget, WidgetSpec


def test_one_schema_is_made_per_class() -> None:
    assert schema_for(Widget) is schema_for(Widget)
    assert schema_for(Widget).child("spec") is schema_for(WidgetSpec)


def test_a_type_may_hold_itself() -> None:
    node = schema_for(Node)
    children = node.child("children")
    assert isinstance(children, ListSchema)
    assert children.element is node
    assert plainly_comparable(node)


def test_kinds_carry_their_type() -> None:
    assert schema_for(Widget).child("kind") is STRING
    assert schema_for(Widget).child("apiVersion") is STRING
    assert schema_for(WidgetSpec).child("kind") is None


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("replicas", NUMERIC),
        ("selector", STRING),
        ("size", TEXTUAL),
        ("start", TEXTUAL),
        ("port", UNTYPED),
        ("payload", STRING),
        ("weight", NUMERIC),
    ],
)
def test_scalars(name: str, schema: object) -> None:
    assert schema_for(WidgetSpec).child(name) is schema


@pytest.mark.parametrize(
    ("name", "kind", "keys"),
    [
        ("finalizers", ListKind.SET, ()),
        ("ownerReferences", ListKind.MAP, ("uid",)),
        ("managedFields", ListKind.ATOMIC, ()),
    ],
)
def test_lists_of_object_meta(name: str, kind: ListKind, keys: tuple[str, ...]) -> None:
    metadata = schema_for(Widget).child("metadata")
    assert isinstance(metadata, MapSchema)
    schema = metadata.child(name)
    assert isinstance(schema, ListSchema)
    assert (schema.kind, schema.keys) == (kind, keys)


def test_owner_references_are_atomic_items_whose_key_defaults_to_empty() -> None:
    metadata = schema_for(Widget).child("metadata")
    assert isinstance(metadata, MapSchema)
    owners = metadata.child("ownerReferences")
    assert isinstance(owners, ListSchema)
    assert isinstance(owners.element, MapSchema)
    assert owners.element.atomic
    assert owners.key_default("uid") == ""


def test_key_defaults() -> None:
    ports = schema_for(Assorted).child("ports")
    assert isinstance(ports, ListSchema)
    keys = ("port", "protocol", "hint", "family", "nothing")
    assert [ports.key_default(key) for key in keys] == [0, "TCP", None, "IPv4", None]


def test_labels_are_granular_and_what_is_declared_atomic_is_not() -> None:
    metadata, spec = schema_for(Widget).child("metadata"), schema_for(WidgetSpec)
    assert isinstance(metadata, MapSchema)
    labels, limits = metadata.child("labels"), spec.child("limits")
    assert isinstance(labels, MapSchema)
    assert isinstance(limits, MapSchema)
    assert (labels.atomic, limits.atomic) == (False, True)
    assert labels.child("anything") is STRING


def test_a_struct_without_fields_takes_anything() -> None:
    assert schema_for(FlunderStatus).child("anything") is DEDUCED


def test_values_of_deduced_shape_are_not_compared_by_python_alone() -> None:
    assert not plainly_comparable(schema_for(Assorted))
    assert not plainly_comparable(schema_for(Widget))
    assert not plainly_comparable(schema_for(Flunder))


def test_named_fields_that_lead_to_a_path_join_it() -> None:
    paths = decode_fields(
        {"f:spec": {"f:parts": {'k:{"name":"x"}': {"f:labels": {"f:l": {}}}}}, "f:metadata": {"f:labels": {"f:a": {}}}}
    )
    assert encode_fields(with_named_fields(paths, schema_for(Widget))) == {
        "f:metadata": {".": {}, "f:labels": {".": {}, "f:a": {}}},
        "f:spec": {".": {}, "f:parts": {".": {}, 'k:{"name":"x"}': {"f:labels": {".": {}, "f:l": {}}}}},
    }


def test_named_fields_stop_where_the_type_knows_nothing() -> None:
    paths = decode_fields({"f:status": {"f:x": {"f:y": {}}}, "f:gone": {"f:z": {}}})
    assert encode_fields(with_named_fields(paths, schema_for(Flunder))) == {
        "f:gone": {"f:z": {}},
        "f:status": {".": {}, "f:x": {"f:y": {}}},
    }


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"f:spec": {"f:limits": {"f:low": {}}}}, {"f:spec": {"f:limits": {}}}),
        ({"f:spec": {"f:limits": {".": {}, "f:low": {}}}}, {"f:spec": {"f:limits": {}}}),
        ({"f:spec": {"f:order": {"v:1": {}}, "f:color": {}}}, {"f:spec": {"f:color": {}, "f:order": {}}}),
        (
            {"f:metadata": {"f:ownerReferences": {'k:{"uid":"u"}': {"f:name": {}}}}},
            {"f:metadata": {"f:ownerReferences": {'k:{"uid":"u"}': {}}}},
        ),
        ({"f:spec": {"f:limits": {}, "f:color": {}}}, {"f:spec": {"f:color": {}, "f:limits": {}}}),
        (
            {"f:gone": {"f:x": {}}, "f:spec": {"f:color": {"f:x": {}}}},
            {"f:gone": {"f:x": {}}, "f:spec": {"f:color": {"f:x": {}}}},
        ),
    ],
)
def test_paths_into_what_is_atomic_by_now_end_at_it(before: dict[str, object], after: dict[str, object]) -> None:
    assert encode_fields(collapse_atomic(decode_fields(before), schema_for(Widget))) == after
