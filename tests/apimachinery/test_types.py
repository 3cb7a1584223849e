from __future__ import annotations

import datetime as dt
from typing import Literal, NewType

import pytest

from genericapiserver.apimachinery import meta
from genericapiserver.apimachinery.conversion import convert_fields
from genericapiserver.apimachinery.meta import Object, ObjectList
from genericapiserver.apimachinery.shapes import go_name_of
from genericapiserver.apimachinery.types import (
    Int32,
    IntOrString,
    Kind,
    Quantity,
    RawJSON,
    Time,
    api_type,
    camel_case,
    deep_copy,
    describe,
    field,
    list_of,
)
from tests.apimachinery.declared import Assorted, Part, Widget, WidgetSpec, WidgetStatus

Color = NewType("Color", str)


@pytest.mark.parametrize(
    ("attribute", "json_name"),
    [
        ("name", "name"),
        ("api_version", "apiVersion"),
        ("deletion_grace_period_seconds", "deletionGracePeriodSeconds"),
        ("uid", "uid"),
        ("owner_uid", "ownerUID"),
        ("pod_ip", "podIP"),
        ("pod_ips", "podIPs"),
        ("client_cidr", "clientCIDR"),
        ("server_address_by_client_cidrs", "serverAddressByClientCIDRs"),
        ("insecure_skip_tls_verify", "insecureSkipTLSVerify"),
        ("request_uri", "requestURI"),
        ("non_resource_urls", "nonResourceURLs"),
        ("from_", "from"),
    ],
)
def test_attributes_become_camel_case(attribute: str, json_name: str) -> None:
    assert camel_case(attribute) == json_name


def test_a_declaration_is_described() -> None:
    description = describe(Widget)
    assert description.name == "Widget"
    assert description.doc == "Widget is a thing with parts."
    assert description.model_name == "com.example.demo.v1.Widget"
    assert description.go_name == "v1.Widget"
    assert description.root
    assert [field.json_name for field in description.fields] == ["metadata", "spec", "status"]

    parts = describe(WidgetSpec).by_json_name["parts"]
    assert (parts.list_type, parts.list_map_keys) == ("map", ("name",))
    assert (parts.patch_strategy, parts.patch_merge_key) == ("merge", "name")
    assert parts.type.kind is Kind.LIST
    assert parts.type.item.object_type is Part


@pytest.mark.parametrize(
    ("cls", "name", "kind", "omitted", "required"),
    [
        (WidgetSpec, "replicas", Kind.INTEGER, True, False),
        (WidgetSpec, "color", Kind.STRING, False, True),
        (WidgetSpec, "parts", Kind.LIST, True, False),
        (WidgetSpec, "options", Kind.MAP, True, False),
        (WidgetSpec, "limits", Kind.OBJECT, True, False),
        (WidgetSpec, "size", Kind.QUANTITY, True, False),
        (WidgetSpec, "port", Kind.INT_OR_STRING, True, False),
        (WidgetSpec, "start", Kind.TIME, True, False),
        (WidgetSpec, "weight", Kind.NUMBER, True, False),
        (WidgetSpec, "payload", Kind.BYTES, True, False),
        (WidgetStatus, "replicas", Kind.INTEGER, False, True),
        (Widget, "spec", Kind.OBJECT, False, False),
        (Assorted, "always", Kind.STRING, False, True),
        (Assorted, "anything", Kind.RAW, True, False),
        (meta.Condition, "lastTransitionTime", Kind.TIME, False, True),
        (meta.Table, "rows", Kind.LIST, False, True),
    ],
)
def test_what_is_left_out_when_empty_follows_from_the_default(
    cls: type, name: str, kind: Kind, omitted: bool, required: bool
) -> None:
    described = describe(cls).by_json_name[name]
    assert (described.type.kind, described.omit_empty, described.required) == (kind, omitted, required)


def test_a_default_that_is_not_empty_is_always_written() -> None:
    @api_type
    class Cup:
        handles: Int32 = 1
        lid: bool = False

    assert not describe(Cup).by_attribute["handles"].omit_empty
    assert describe(Cup).by_attribute["lid"].omit_empty


def test_types_of_fields_are_resolved() -> None:
    @api_type
    class Saucer:
        """Declared in a function, with a reference to itself."""

        color: Color = Color("")
        shape: Literal["round", "square"] = "round"
        when: dt.datetime | None = None
        inner: Saucer | None = None
        others: list[Saucer] = field(factory=list)
        extra: dict[str, RawJSON] = field(factory=dict)
        mode: str = field(default="", enum=["a", "b"], format="mode")

    fields = describe(Saucer).by_attribute
    assert fields["color"].type.kind is Kind.STRING
    assert fields["shape"].enum == ("round", "square")
    assert fields["when"].type.kind is Kind.TIME
    assert fields["inner"].type.cls is Saucer
    assert fields["others"].type.item.cls is Saucer
    assert fields["extra"].type.item.kind is Kind.RAW
    assert (fields["mode"].enum, fields["mode"].format) == (("a", "b"), "mode")


def test_go_names_of_types() -> None:
    fields = describe(Assorted).by_attribute
    assert fields["amounts"].type.go_name == "map[string]resource.Quantity"
    assert fields["matrix"].type.go_name == "[][]int32"
    assert fields["parts"].type.go_name == "map[string]v1.Part"
    assert go_name_of(meta.ObjectMeta) == "v1.ObjectMeta"


def test_a_module_called_types_is_no_package() -> None:
    @api_type(model_name="examples.wardle.types.Flunder")
    class Flunder:
        pass

    assert go_name_of(Flunder) == "wardle.Flunder"


def test_constructors_take_keywords_only_and_demand_what_has_no_default() -> None:
    assert Part(name="x").count == 0
    with pytest.raises(TypeError):
        Part()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Part("x")  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        Part(name="x").colour = "red"  # type: ignore[attr-defined]


def test_a_shared_default_is_refused() -> None:
    with pytest.raises(TypeError, match="use factory="):

        @api_type
        class Bag:
            items: list[str] = []  # noqa: RUF012

    with pytest.raises(TypeError, match="not both"):
        field(default="", factory=str)  # type: ignore[call-overload]


def test_a_field_that_json_cannot_hold_is_refused_when_it_is_described() -> None:
    @api_type
    class Odd:
        value: set[str] = field(factory=set)

    with pytest.raises(TypeError, match=r"Odd\.value: .* cannot be a field of an API type"):
        describe(Odd)

    @api_type
    class Holes:
        values: list[str | None] = field(factory=list)

    with pytest.raises(TypeError, match="items of lists and maps cannot be None"):
        describe(Holes)
    with pytest.raises(TypeError, match="not declared with @api_type"):
        describe(str)


def test_list_of_makes_the_list_class_once() -> None:
    widgets = list_of(Widget)
    assert widgets is list_of(Widget)
    assert widgets.__name__ == "WidgetList"
    assert describe(widgets).model_name == "com.example.demo.v1.WidgetList"
    assert describe(widgets).by_attribute["items"].type.item.cls is Widget
    assert widgets(items=[Widget()]).items[0].metadata.name == ""
    assert issubclass(widgets, ObjectList)


def test_a_list_that_is_declared_by_hand_is_the_list_of_its_items() -> None:
    @api_type
    class Knob(Object):
        pass

    @api_type
    class KnobList(ObjectList[Knob]):
        pass

    assert list_of(Knob) is KnobList
    assert describe(KnobList).by_attribute["items"].type.item.cls is Knob
    assert list_of(meta.PartialObjectMetadata) is meta.PartialObjectMetadataList


def test_objects_compare_by_value() -> None:
    assert Part(name="x", labels={"a": "b"}) == Part(name="x", labels={"a": "b"})
    assert Part(name="x") != Part(name="y")


def test_a_deep_copy_shares_nothing_that_can_change() -> None:
    original = Assorted(
        always="x",
        anything={"a": [1, {"b": 2}]},
        matrix=[[1], [2]],
        index={"a": ["b"]},
        parts={"p": Part(name="p", labels={"l": "1"})},
        children=[Assorted(always="child")],
        next=Assorted(always="next"),
        amounts={"q": Quantity.parse("1Gi")},
    )
    copy = deep_copy(original)
    assert copy == original
    copy.anything["a"][1]["b"] = 3
    copy.matrix[0].append(9)
    copy.index["a"].append("c")
    copy.parts["p"].labels["l"] = "2"
    copy.children[0].always = "changed"
    assert copy.next is not None
    copy.next.always = "changed"
    assert original == Assorted(
        always="x",
        anything={"a": [1, {"b": 2}]},
        matrix=[[1], [2]],
        index={"a": ["b"]},
        parts={"p": Part(name="p", labels={"l": "1"})},
        children=[Assorted(always="child")],
        next=Assorted(always="next"),
        amounts={"q": Quantity.parse("1Gi")},
    )


def test_deep_copy_refuses_what_is_no_api_object() -> None:
    with pytest.raises(TypeError):
        deep_copy([1])


def test_convert_fields_follows_equal_names() -> None:
    @api_type
    class OldSpec:
        color: str = ""
        size: Int32 = 0

    @api_type
    class Old(Object):
        spec: OldSpec = field(factory=OldSpec)
        parts: list[OldSpec] = field(factory=list)
        gone: str = ""

    @api_type
    class NewSpec:
        color: str = ""
        size: Int32 = 0
        weight: Int32 = 0

    @api_type
    class New(Object):
        spec: NewSpec = field(factory=NewSpec)
        parts: list[NewSpec] = field(factory=list)
        fresh: str = ""

    old = Old(metadata=meta.ObjectMeta(name="a"), spec=OldSpec(color="red", size=2), parts=[OldSpec(size=3)], gone="x")
    assert convert_fields(old, New, fresh="y") == New(
        metadata=old.metadata, spec=NewSpec(color="red", size=2), parts=[NewSpec(size=3)], fresh="y"
    )
    with pytest.raises(TypeError, match="New has no field old"):
        convert_fields(old, New, old=1)


def test_a_struct_with_a_default_is_written_and_not_required_whatever_its_kind() -> None:
    @api_type
    class Disk:
        size: Quantity = field(factory=Quantity)
        port: IntOrString = field(factory=IntOrString)
        least: Quantity = field()

    described = describe(Disk).by_json_name
    assert [described[name].omit_empty for name in ("size", "port", "least")] == [False, False, False]
    assert [described[name].required for name in ("size", "port", "least")] == [False, False, True]


def test_a_declaration_can_say_whether_a_field_is_required() -> None:
    @api_type
    class Probe:
        seen: Time | None = field(default=None, omit_empty=False, required=False)
        target: Part = field(factory=lambda: Part(name=""), required=True)

    described = describe(Probe).by_json_name
    assert (described["seen"].required, described["target"].required) == (False, True)


class TestValues:
    """Comparing and showing values is as attrs has it, though neither is made before somebody needs it."""

    def test_equal_values_are_of_one_class_and_equal_in_every_field(self) -> None:
        @api_type
        class Size:
            width: int = field(default=0)
            names: list[str] = field(factory=list)

        @api_type
        class Box(Size):
            depth: int = field(default=0)

        @api_type
        class Nothing:
            pass

        assert Size(width=1, names=["a"]) == Size(width=1, names=["a"])
        assert Size(width=1) != Size(width=2)
        assert Box(width=1, depth=2) == Box(width=1, depth=2)
        assert Box(depth=1) != Box(depth=2)
        assert Size() != Box()
        other: object = {"width": 0, "names": []}
        assert Size() != other
        assert Nothing() == Nothing()
        assert Size.__eq__ is not Box.__eq__, "each class has its own from then on"

    def test_values_cannot_be_keys(self) -> None:
        with pytest.raises(TypeError, match="unhashable"):
            hash(WidgetSpec())

    def test_a_class_keeps_what_it_defines_itself(self) -> None:
        @api_type
        class Text:
            text: str = field(default="")

            def __eq__(self, other: object) -> bool:
                return isinstance(other, Text) and other.text.lower() == self.text.lower()

            def __repr__(self) -> str:
                return self.text

        assert Text(text="a") == Text(text="A")
        assert repr(Text(text="a")) == "a"

    def test_a_value_shows_its_fields(self) -> None:
        @api_type
        class Size:
            width: int = field(default=0)
            name: str | None = field(default=None)

        assert repr([Size(width=1)]).endswith("Size(width=1, name=None)]")
