from typing import Any

import pytest

from genericapiserver.apimachinery.meta import Object, ObjectMeta
from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.scheme import FieldLabelError, Scheme
from genericapiserver.apimachinery.types import api_type, field
from genericapiserver.registry.selectable_fields import add_field_labels, fields_at, selectable_attributes

LAMPS = GroupVersion("things.example.com", "v1").with_kind("Lamp")


@api_type
class LampSpec:
    color: str = ""
    is_on: bool = False
    max_watts: int | None = None


@api_type
class Lamp(Object):
    spec: LampSpec = field(factory=LampSpec)
    spare: LampSpec | None = None


FIELDS = fields_at("spec.color", "spec.is_on", "spec.max_watts", "spare.color")


@pytest.mark.parametrize(
    ("label", "lamp", "value"),
    [
        ("spec.color", Lamp(spec=LampSpec(color="red")), "red"),
        ("spec.color", Lamp(), ""),
        ("spec.isOn", Lamp(spec=LampSpec(is_on=True)), "true"),
        ("spec.isOn", Lamp(), "false"),
        ("spec.maxWatts", Lamp(spec=LampSpec(max_watts=0)), "0"),
        ("spec.maxWatts", Lamp(), ""),
        ("spare.color", Lamp(), ""),
        ("spare.color", Lamp(spare=LampSpec(color="blue")), "blue"),
    ],
)
def test_a_field_is_selected_by_its_text(label: str, lamp: Lamp, value: str) -> None:
    assert FIELDS[label](lamp) == value


@pytest.mark.parametrize(
    ("namespaced", "metadata"),
    [(True, {"metadata.name": "a", "metadata.namespace": "ns"}), (False, {"metadata.name": "a"})],
)
def test_the_metadata_can_be_selected_too(namespaced: bool, metadata: Any) -> None:
    attributes = selectable_attributes(fields_at("spec.color"), namespaced=namespaced)
    lamp = Lamp(metadata=ObjectMeta(name="a", namespace="ns", labels={"k": "v"}), spec=LampSpec(color="red"))
    assert attributes(lamp).labels == {"k": "v"}
    assert attributes(lamp).fields == {**metadata, "spec.color": "red"}


def test_another_label_is_refused_by_name() -> None:
    scheme = Scheme("test")
    add_field_labels(scheme, LAMPS, FIELDS)
    for label in ("spec.color", "spec.isOn", "metadata.name", "metadata.namespace"):
        assert scheme.convert_field_label(LAMPS, label, "x") == (label, "x")
    with pytest.raises(FieldLabelError, match=r"^field label not supported: spec.is_on$"):
        scheme.convert_field_label(LAMPS, "spec.is_on", "x")
