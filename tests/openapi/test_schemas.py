"""Schemas of declared types, against those that the reference's generators made of the same types in Go."""

from collections.abc import Iterable
from typing import Any

import pytest

from genericapiserver.apimachinery.meta import Condition, Object
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupVersion, GroupVersionKind
from genericapiserver.apimachinery.types import Int32, IntOrString, Quantity, RawJSON, Time, api_type, field, list_of
from genericapiserver.openapi.schemas import API_VERSION_DOC, KIND_DOC, DefinitionNameError, SchemaSet, to_v2

MODEL_PACKAGE = "com.example.demo.v1"
GROUP = "demo.example.com"
META = "io.k8s.apimachinery.pkg.apis.meta.v1"


@api_type
class Part:
    """Part is one part of a widget."""

    name: str = field(doc="Unique in the widget.")
    count: int = field(default=0, doc="How many of them.")
    labels: dict[str, str] = field(factory=dict, doc="Labels of the part.")
    parts: list["Part"] = field(factory=list)


@api_type
class Limits:
    """Limits of a widget."""

    low: int = 0
    high: int = 0


@api_type(map_type="atomic")
class Address:
    """Address is replaced as a whole wherever it stands."""

    host: str = ""


@api_type
class WidgetSpec:
    """WidgetSpec says what is wanted of a widget."""

    replicas: Int32 | None = field(default=None, doc="How many there should be.")
    color: str = field(doc="The color: red, green or blue.")
    size_class: str = field(default="", enum=["small", "large"])
    parts: list[Part] = field(
        factory=list,
        list_type="map",
        list_map_keys=["name"],
        patch_strategy="merge",
        patch_merge_key="name",
        doc="The parts, by name.",
    )
    tags: list[str] = field(factory=list, list_type="set", patch_strategy="merge", doc="A set of tags.")
    ports: list[IntOrString] = field(factory=list)
    counts: dict[str, Int32] = field(factory=dict)
    options: dict[str, str] = field(factory=dict, doc="Free options.")
    limits: Limits | None = field(default=None, map_type="atomic", doc="Limits, replaced as a whole.")
    plain_limits: Limits | None = None
    address: Address = field(factory=Address)
    size: Quantity | None = field(default=None, doc="How big it is.")
    port: IntOrString | None = field(default=None, doc="A port by number or by name.")
    start: Time | None = field(default=None, doc="When it starts.")
    undescribed_start: Time | None = None
    weight: float = field(default=0.0, doc="How heavy it is.")
    paused: bool = field(default=False, doc="Whether it rests.")
    payload: bytes = field(default=b"", doc="Raw bytes.")
    extra: RawJSON = None


@api_type
class WidgetStatus:
    """WidgetStatus says what was observed of a widget."""

    replicas: Int32 = field(doc="How many there are.")
    conditions: list[Condition] = field(
        factory=list, list_type="map", list_map_keys=["type"], patch_strategy="merge", patch_merge_key="type"
    )


@api_type
class Widget(Object):
    """Widget is a thing with parts."""

    spec: WidgetSpec = field(factory=lambda: WidgetSpec(color=""), doc="What is wanted.")
    status: WidgetStatus = field(factory=lambda: WidgetStatus(replicas=0), doc="What was observed.")


def kinds_of(cls: type[Any]) -> Iterable[GroupVersionKind]:
    versions = (GroupVersion(GROUP, "v1"), GroupVersion(GROUP, INTERNAL_VERSION))
    return [version.with_kind(cls.__name__) for version in versions]


def schemas_of(cls: type[Any]) -> dict[str, Any]:
    schemas = SchemaSet(kinds_of)
    schemas.reference(cls)
    return schemas.schemas


V3 = schemas_of(Widget)


def v3(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def v2(name: str) -> dict[str, str]:
    return {"$ref": f"#/definitions/{name}"}


TEXT = {"type": "string"}
DEFAULT_TEXT = {"type": "string", "default": ""}
MERGED_BY_NAME = {
    "x-kubernetes-list-map-keys": ["name"],
    "x-kubernetes-list-type": "map",
    "x-kubernetes-patch-merge-key": "name",
    "x-kubernetes-patch-strategy": "merge",
}
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"

PROPERTIES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "replicas",
        {"description": "How many there should be.", "type": "integer", "format": "int32"},
        {"description": "How many there should be.", "type": "integer", "format": "int32"},
    ),
    (
        "color",
        {"description": "The color: red, green or blue.", **DEFAULT_TEXT},
        {"description": "The color: red, green or blue.", **TEXT},
    ),
    ("sizeClass", {**TEXT, "enum": ["large", "small"]}, {**TEXT, "enum": ["large", "small"]}),
    (
        "parts",
        {
            "description": "The parts, by name.",
            "type": "array",
            "items": {"default": {}, "allOf": [v3("com.example.demo.v1.Part")]},
            **MERGED_BY_NAME,
        },
        {
            "description": "The parts, by name.",
            "type": "array",
            "items": v2("com.example.demo.v1.Part"),
            **MERGED_BY_NAME,
        },
    ),
    (
        "tags",
        {
            "description": "A set of tags.",
            "type": "array",
            "items": DEFAULT_TEXT,
            "x-kubernetes-list-type": "set",
            "x-kubernetes-patch-strategy": "merge",
        },
        {
            "description": "A set of tags.",
            "type": "array",
            "items": TEXT,
            "x-kubernetes-list-type": "set",
            "x-kubernetes-patch-strategy": "merge",
        },
    ),
    ("ports", {"type": "array", "items": v3(INT_OR_STRING)}, {"type": "array", "items": v2(INT_OR_STRING)}),
    (
        "counts",
        {"type": "object", "additionalProperties": {"type": "integer", "format": "int32", "default": 0}},
        {"type": "object", "additionalProperties": {"type": "integer", "format": "int32"}},
    ),
    (
        "options",
        {"description": "Free options.", "type": "object", "additionalProperties": DEFAULT_TEXT},
        {"description": "Free options.", "type": "object", "additionalProperties": TEXT},
    ),
    (
        "limits",
        {
            "description": "Limits, replaced as a whole.",
            "allOf": [v3("com.example.demo.v1.Limits")],
            "x-kubernetes-map-type": "atomic",
        },
        {
            "description": "Limits, replaced as a whole.",
            **v2("com.example.demo.v1.Limits"),
            "x-kubernetes-map-type": "atomic",
        },
    ),
    ("plainLimits", v3("com.example.demo.v1.Limits"), v2("com.example.demo.v1.Limits")),
    (
        "address",
        {"default": {}, "allOf": [v3("com.example.demo.v1.Address")], "x-kubernetes-map-type": "atomic"},
        {**v2("com.example.demo.v1.Address"), "x-kubernetes-map-type": "atomic"},
    ),
    (
        "size",
        {"description": "How big it is.", "allOf": [v3(QUANTITY)]},
        {"description": "How big it is.", **v2(QUANTITY)},
    ),
    (
        "port",
        {"description": "A port by number or by name.", "allOf": [v3(INT_OR_STRING)]},
        {"description": "A port by number or by name.", **v2(INT_OR_STRING)},
    ),
    (
        "start",
        {"description": "When it starts.", "allOf": [v3(f"{META}.Time")]},
        {"description": "When it starts.", **v2(f"{META}.Time")},
    ),
    ("undescribedStart", v3(f"{META}.Time"), v2(f"{META}.Time")),
    (
        "weight",
        {"description": "How heavy it is.", "type": "number", "format": "double"},
        {"description": "How heavy it is.", "type": "number", "format": "double"},
    ),
    (
        "paused",
        {"description": "Whether it rests.", "type": "boolean"},
        {"description": "Whether it rests.", "type": "boolean"},
    ),
    (
        "payload",
        {"description": "Raw bytes.", "type": "string", "format": "byte"},
        {"description": "Raw bytes.", "type": "string", "format": "byte"},
    ),
    ("extra", {"x-kubernetes-preserve-unknown-fields": True}, {"x-kubernetes-preserve-unknown-fields": True}),
]


@pytest.mark.parametrize(("name", "expected", "expected_v2"), PROPERTIES, ids=[row[0] for row in PROPERTIES])
def test_a_field_is_described(name: str, expected: dict[str, Any], expected_v2: dict[str, Any]) -> None:
    schema = V3["com.example.demo.v1.WidgetSpec"]
    assert schema["properties"][name] == expected
    assert to_v2(schema)["properties"][name] == expected_v2


def test_every_field_of_the_type_is_in_the_table() -> None:
    assert sorted(row[0] for row in PROPERTIES) == list(V3["com.example.demo.v1.WidgetSpec"]["properties"])


def test_what_is_always_written_is_required() -> None:
    assert V3["com.example.demo.v1.WidgetSpec"]["required"] == ["color"]
    assert V3["com.example.demo.v1.WidgetStatus"]["required"] == ["replicas"]
    assert "required" not in V3["com.example.demo.v1.Limits"]


def test_a_small_type_is_described_as_a_whole() -> None:
    assert V3["com.example.demo.v1.Limits"] == {
        "description": "Limits of a widget.",
        "type": "object",
        "properties": {
            "high": {"type": "integer", "format": "int64"},
            "low": {"type": "integer", "format": "int64"},
        },
    }


def test_a_type_without_fields_has_no_properties() -> None:
    @api_type
    class Nothing:
        """Nothing has no fields."""

    [schema] = schemas_of(Nothing).values()
    assert schema == {"description": "Nothing has no fields.", "type": "object"}


def test_a_type_may_contain_itself() -> None:
    assert V3["com.example.demo.v1.Part"]["properties"]["parts"]["items"] == {
        "default": {},
        "allOf": [v3("com.example.demo.v1.Part")],
    }


def test_a_root_type_lists_its_kinds_and_its_structs_have_defaults() -> None:
    reference = {"description": "What is wanted.", "default": {}, "allOf": [v3("com.example.demo.v1.WidgetSpec")]}
    observed = {"description": "What was observed.", "default": {}, "allOf": [v3("com.example.demo.v1.WidgetStatus")]}
    expected = {
        "description": "Widget is a thing with parts.",
        "type": "object",
        "properties": {
            "apiVersion": {"description": API_VERSION_DOC, "type": "string"},
            "kind": {"description": KIND_DOC, "type": "string"},
            "metadata": {"default": {}, "allOf": [v3(f"{META}.ObjectMeta")]},
            "spec": reference,
            "status": observed,
        },
        "x-kubernetes-group-version-kind": [
            {"group": GROUP, "kind": "Widget", "version": INTERNAL_VERSION},
            {"group": GROUP, "kind": "Widget", "version": "v1"},
        ],
    }
    assert V3["com.example.demo.v1.Widget"] == expected
    assert to_v2(V3["com.example.demo.v1.Widget"])["properties"] == {
        "apiVersion": {"description": API_VERSION_DOC, "type": "string"},
        "kind": {"description": KIND_DOC, "type": "string"},
        "metadata": v2(f"{META}.ObjectMeta"),
        "spec": {"description": "What is wanted.", **v2("com.example.demo.v1.WidgetSpec")},
        "status": {"description": "What was observed.", **v2("com.example.demo.v1.WidgetStatus")},
    }


def test_a_list_requires_its_items() -> None:
    [schema] = [schema for name, schema in schemas_of(list_of(Widget)).items() if name.endswith(".WidgetList")]
    assert schema["required"] == ["items"]
    assert schema["properties"]["items"] == {
        "type": "array",
        "items": {"default": {}, "allOf": [v3("com.example.demo.v1.Widget")]},
    }
    assert schema["properties"]["metadata"] == {"default": {}, "allOf": [v3(f"{META}.ListMeta")]}


@pytest.mark.parametrize(
    ("name", "shape", "shape_v2"),
    [
        (
            QUANTITY,
            {"oneOf": [{"type": "string"}, {"type": "number"}]},
            {"type": "string"},
        ),
        (
            INT_OR_STRING,
            {"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]},
            {"format": "int-or-string", "type": "string"},
        ),
        (f"{META}.Time", {"type": "string", "format": "date-time"}, {"type": "string", "format": "date-time"}),
    ],
)
def test_values_with_a_form_of_their_own(name: str, shape: dict[str, Any], shape_v2: dict[str, Any]) -> None:
    def without_doc(schema: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in schema.items() if key != "description"}

    assert without_doc(V3[name]) == shape
    assert without_doc(to_v2(V3[name])) == shape_v2


def test_the_fields_of_conditions_are_required() -> None:
    condition = V3[f"{META}.Condition"]
    assert condition["required"] == ["lastTransitionTime", "message", "reason", "status", "type"]
    assert condition["properties"]["lastTransitionTime"]["allOf"] == [v3(f"{META}.Time")]


def test_a_field_may_be_called_like_a_keyword() -> None:
    @api_type
    class Schema:
        """Schema is a type whose fields are called like words of schemas."""

        default: str = field(default="", doc="The default.")
        one_of: list[str] = field(factory=list)

    [schema] = schemas_of(Schema).values()
    assert list(to_v2(schema)["properties"]) == ["default", "oneOf"]


def test_what_a_key_counts_as_when_it_is_left_out_is_published() -> None:
    @api_type
    class Port:
        """Port is a port."""

        protocol: str = field(default="", key_default="TCP")

    [schema] = schemas_of(Port).values()
    assert schema["properties"]["protocol"] == {"type": "string", "default": "TCP"}
    assert "required" not in schema


def renamed(name: str) -> str:
    return name.replace("com.example.demo", "io.short")


def test_definitions_and_references_have_the_names_that_the_program_gives() -> None:
    schemas = SchemaSet(lambda cls: (), definition_name=renamed)
    assert schemas.reference(Part) == {"$ref": "#/components/schemas/io.short.v1.Part"}
    assert list(schemas.schemas) == ["io.short.v1.Part"]
    parts = schemas.schemas["io.short.v1.Part"]["properties"]["parts"]
    assert parts["items"]["allOf"] == [{"$ref": "#/components/schemas/io.short.v1.Part"}]


def test_two_definitions_cannot_have_one_name() -> None:
    schemas = SchemaSet(lambda cls: (), definition_name=lambda name: "same")
    schemas.reference(Limits)
    with pytest.raises(DefinitionNameError) as raised:
        schemas.reference(Address)
    assert str(raised.value) == (
        f"the definitions of {MODEL_PACKAGE}.Limits and of {MODEL_PACKAGE}.Address would both be called same"
    )
