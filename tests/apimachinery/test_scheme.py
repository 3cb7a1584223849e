import pytest

from genericapiserver.apimachinery import meta
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupVersion, GroupVersionKind
from genericapiserver.apimachinery.scheme import (
    ConversionError,
    FieldLabelError,
    NotRegisteredError,
    Scheme,
    SchemeError,
    add_to_group_version,
)
from genericapiserver.apimachinery.types import api_type, list_of
from tests.apimachinery.declared import DEMO, WIDGET, Assorted, Gadget, HubGadget, Widget, new_scheme

HUB = GroupVersion(DEMO.group, INTERNAL_VERSION)
SCHEME = new_scheme()


def test_a_registered_type_is_found_by_its_kind_and_the_kind_by_the_type() -> None:
    assert SCHEME.type_for(WIDGET) is Widget
    assert SCHEME.new(WIDGET) == Widget()
    assert SCHEME.recognizes(WIDGET)
    assert not SCHEME.recognizes(DEMO.with_kind("Other"))
    assert SCHEME.object_kinds(Widget()) == [WIDGET, HUB.with_kind("Widget")]
    assert SCHEME.object_kinds(HubGadget) == [HUB.with_kind("Gadget")]
    assert SCHEME.known_types(HUB)["Gadget"] is HubGadget


def test_an_object_brings_its_list() -> None:
    assert SCHEME.type_for(DEMO.with_kind("WidgetList")) is list_of(Widget)
    assert SCHEME.object_kinds(list_of(Gadget))[0] == DEMO.with_kind("GadgetList")


def test_a_list_that_is_registered_by_hand_replaces_the_automatic_one() -> None:
    # By another name than the class for it, or list_of(Widget) would be this class from now on.
    @api_type
    class Widgets(meta.ObjectList[Widget]):
        pass

    kind = DEMO.with_kind("WidgetList")
    before, after = Scheme(), Scheme()
    before.add_known_type_with_name(kind, Widgets)
    for scheme in (before, after):
        scheme.add_known_types(DEMO, Widget)
    after.add_known_type_with_name(kind, Widgets)
    for scheme in (before, after):
        assert scheme.type_for(kind) is Widgets
        assert scheme.object_kinds(Widgets) == [kind]


def test_one_kind_has_one_type() -> None:
    scheme = Scheme("x")
    scheme.add_known_types(DEMO, Widget)
    scheme.add_known_types(DEMO, Widget)
    with pytest.raises(ValueError, match="Double registration of different types for"):
        scheme.add_known_type_with_name(WIDGET, Gadget)
    with pytest.raises(ValueError, match="version is required"):
        scheme.add_known_types(GroupVersion("g", ""), Widget)
    with pytest.raises(TypeError):
        scheme.add_known_types(DEMO, int)


@pytest.mark.parametrize(
    ("gvk", "text"),
    [
        (GroupVersionKind("", "v1", "Pod"), 'no kind "Pod" is registered for version "v1" in scheme "demo"'),
        (GroupVersionKind("g", "v2", "Pod"), 'no kind "Pod" is registered for version "g/v2" in scheme "demo"'),
        (GroupVersionKind("g", "v2", ""), 'no version "g/v2" has been registered in scheme "demo"'),
        (
            GroupVersionKind("g", INTERNAL_VERSION, "Pod"),
            'no kind "Pod" is registered for the internal version of group "g" in scheme "demo"',
        ),
    ],
)
def test_what_is_not_registered_is_said_so(gvk: GroupVersionKind, text: str) -> None:
    with pytest.raises(NotRegisteredError) as caught:
        SCHEME.new(gvk)
    assert str(caught.value) == text


def test_a_type_that_is_not_registered() -> None:
    with pytest.raises(NotRegisteredError) as caught:
        SCHEME.object_kinds(Assorted(always=""))
    assert str(caught.value) == 'no kind is registered for the type v1.Assorted in scheme "demo"'


def test_unversioned_types_belong_to_every_version() -> None:
    assert SCHEME.new(GroupVersionKind("any", "v7", "Status")) == meta.Status()
    assert SCHEME.is_unversioned(meta.Status())
    assert not SCHEME.is_unversioned(Widget)
    status = meta.Status(message="x")
    assert SCHEME.convert_to_version(status, DEMO) is status
    assert SCHEME.kind_for(status, DEMO) == GroupVersionKind("", "v1", "Status")


def test_every_version_has_the_options_and_watch_events() -> None:
    for kind in (
        "ListOptions",
        "GetOptions",
        "DeleteOptions",
        "CreateOptions",
        "UpdateOptions",
        "PatchOptions",
        "WatchEvent",
    ):
        assert SCHEME.recognizes(DEMO.with_kind(kind))
    scheme = Scheme()
    add_to_group_version(scheme, GroupVersion("a", "v1"), GroupVersion("b", "v1"))
    assert [gvk.group for gvk in scheme.object_kinds(meta.DeleteOptions)] == ["a", "b"]


def test_conversion_goes_by_registered_functions() -> None:
    gadget = Gadget(colour="red", size=3)
    assert SCHEME.convert_to_version(gadget, HUB) == HubGadget(color="red", size=3)
    assert SCHEME.convert_to_version(HubGadget(color="red", size=3), DEMO) == gadget
    assert SCHEME.convert(gadget, HubGadget).color == "red"


def test_a_type_that_is_its_own_hub_is_not_converted() -> None:
    widget = Widget()
    assert SCHEME.convert_to_version(widget, HUB) is widget
    assert SCHEME.convert_to_version(widget, DEMO) is widget


def test_lists_convert_item_by_item() -> None:
    gadgets = list_of(Gadget)(metadata=meta.ListMeta(resource_version="5"), items=[Gadget(colour="red")])
    hub = SCHEME.convert(gadgets, list_of(HubGadget))
    assert hub == list_of(HubGadget)(metadata=meta.ListMeta(resource_version="5"), items=[HubGadget(color="red")])


def test_a_conversion_that_nobody_registered() -> None:
    with pytest.raises(ConversionError) as caught:
        SCHEME.convert(Gadget(), Widget)
    assert str(caught.value) == "converting (v1.Gadget) to (v1.Widget): unknown conversion"
    with pytest.raises(SchemeError, match='is not suitable for converting to "other/v1" in scheme "demo"'):
        SCHEME.convert_to_version(Gadget(), GroupVersion("other", "v1"))


def test_the_kind_for_a_version_is_its_own_or_one_of_the_group() -> None:
    assert SCHEME.kind_for(Widget, DEMO) == WIDGET
    assert SCHEME.kind_for(HubGadget(), DEMO) == DEMO.with_kind("Gadget")


def test_a_later_defaulting_function_replaces_an_earlier_one() -> None:
    scheme = new_scheme()
    scheme.add_defaulting_func(Gadget, lambda gadget: setattr(gadget, "colour", "pink"))
    gadgets = list_of(Gadget)(items=[Gadget(), Gadget()])
    scheme.default(gadgets)
    scheme.default(Widget())
    assert [gadget.colour for gadget in gadgets.items] == ["pink", "pink"]


def test_versions_come_in_the_order_of_priority_then_of_registration() -> None:
    scheme = Scheme()
    versions = [GroupVersion("g", version) for version in ("v1alpha1", "v1", "v1beta1")]
    for version in [*versions, GroupVersion("g", INTERNAL_VERSION), GroupVersion("", "v1")]:
        scheme.add_known_types(version, Widget)
    assert scheme.prioritized_versions_for_group("g") == versions
    scheme.set_version_priority(GroupVersion("g", "v1"), GroupVersion("g", "v9"))
    assert [version.version for version in scheme.prioritized_versions_for_group("g")] == ["v1", "v1alpha1", "v1beta1"]
    assert [str(version) for version in scheme.prioritized_versions_all_groups()] == [
        "g/v1",
        "g/v1alpha1",
        "g/v1beta1",
        "v1",
    ]
    assert scheme.is_group_registered("g")
    assert not scheme.is_group_registered("other")
    assert scheme.is_version_registered(GroupVersion("g", "v1"))
    assert not scheme.is_version_registered(GroupVersion("g", INTERNAL_VERSION))


@pytest.mark.parametrize(
    ("versions", "text"),
    [
        ([GroupVersion("g", INTERNAL_VERSION)], "internal versions cannot be prioritized: g/__internal"),
        ([GroupVersion("b", "v1"), GroupVersion("a", "v1")], "must register versions for exactly one group: a, b"),
        ([], "must register versions for exactly one group: "),
    ],
)
def test_priorities_are_of_one_group(versions: list[GroupVersion], text: str) -> None:
    with pytest.raises(ValueError) as caught:
        Scheme().set_version_priority(*versions)
    assert str(caught.value) == text


def test_field_labels_are_names_only_unless_a_function_says_otherwise() -> None:
    scheme = new_scheme()
    assert scheme.convert_field_label(WIDGET, "metadata.name", "x") == ("metadata.name", "x")
    with pytest.raises(FieldLabelError) as caught:
        scheme.convert_field_label(WIDGET, "spec.x", "y")
    assert str(caught.value) == ('"spec.x" is not a known field selector: only "metadata.name", "metadata.namespace"')
    scheme.add_field_label_conversion_func(WIDGET, lambda label, value: (label.removeprefix("old."), value.upper()))
    assert scheme.convert_field_label(WIDGET, "old.spec.x", "y") == ("spec.x", "Y")
