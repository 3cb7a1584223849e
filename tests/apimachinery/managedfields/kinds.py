"""The kinds of the sample servers, as far as managed fields can tell them apart, and a type with every sort of list."""

from genericapiserver.apimachinery.conversion import convert_fields
from genericapiserver.apimachinery.meta import Condition, Object
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.types import Int32, Int64, IntOrString, Quantity, RawJSON, Time, api_type, field


@api_type
class FlunderStatus:
    """FlunderStatus is empty."""


@api_type
class FlunderV1Alpha1Spec:
    reference: str = field(default="")
    reference_type: str | None = field(default=None)


@api_type
class FlunderV1Alpha1(Object):
    spec: FlunderV1Alpha1Spec = field(factory=FlunderV1Alpha1Spec)
    status: FlunderStatus = field(factory=FlunderStatus)


@api_type
class FlunderV1Beta1Spec:
    flunder_reference: str = field(default="")
    fischer_reference: str = field(default="")
    reference_type: str = field(default="")


@api_type
class FlunderV1Beta1(Object):
    spec: FlunderV1Beta1Spec = field(factory=FlunderV1Beta1Spec)
    status: FlunderStatus = field(factory=FlunderStatus)


@api_type
class FlunderSpec:
    flunder_reference: str = field(default="")
    fischer_reference: str = field(default="")
    reference_type: str = field(default="")


@api_type
class Flunder(Object):
    """The hub."""

    spec: FlunderSpec = field(factory=FlunderSpec)
    status: FlunderStatus = field(factory=FlunderStatus)


@api_type
class Fischer(Object):
    disallowed_flunders: list[str] = field(factory=list)


@api_type
class Part:
    name: str
    count: Int64 = field(default=0)
    labels: dict[str, str] = field(factory=dict)


@api_type
class Limits:
    low: Int64 = field(default=0)
    high: Int64 = field(default=0)


@api_type
class WidgetSpec:
    replicas: Int32 | None = field(default=None)
    selector: str = field(default="")
    color: str
    parts: list[Part] = field(
        factory=list, list_type="map", list_map_keys=["name"], patch_strategy="merge", patch_merge_key="name"
    )
    tags: list[str] = field(factory=list, list_type="set", patch_strategy="merge")
    order: list[str] = field(factory=list, list_type="atomic")
    options: dict[str, str] = field(factory=dict)
    limits: Limits | None = field(default=None, map_type="atomic")
    size: Quantity | None = field(default=None)
    port: IntOrString | None = field(default=None)
    start: Time | None = field(default=None)
    weight: float = field(default=0.0)
    paused: bool = field(default=False)
    payload: bytes = field(default=b"")


@api_type
class WidgetStatus:
    phase: str = field(default="")
    replicas: Int32
    observed_generation: Int64 = field(default=0)
    conditions: list[Condition] = field(
        factory=list, list_type="map", list_map_keys=["type"], patch_strategy="merge", patch_merge_key="type"
    )


@api_type
class Widget(Object):
    spec: WidgetSpec = field(factory=lambda: WidgetSpec(color=""))
    status: WidgetStatus = field(factory=lambda: WidgetStatus(replicas=0))


@api_type
class Node:
    """A type that holds itself."""

    name: str = field(default="")
    children: list["Node"] = field(factory=list, list_type="map", list_map_keys=["name"])


@api_type
class Port:
    port: Int32
    protocol: str = field(default="TCP")
    hint: str = field(default="")
    family: str = field(default="", key_default="IPv4")


@api_type
class Assorted:
    """One field of every shape."""

    text: str = field(default="")
    number: Int64 = field(default=0)
    flag: bool = field(default=False)
    either: IntOrString | None = field(default=None)
    set: list[str] = field(factory=list, list_type="set")
    numbers: list[Int64] = field(factory=list, list_type="set")
    keyed: list[Part] = field(factory=list, list_type="map", list_map_keys=["name"])
    ports: list[Port] = field(factory=list, list_type="map", list_map_keys=["port", "protocol"])
    hinted: list[Port] = field(factory=list, list_type="map", list_map_keys=["hint"])
    atomic: list[str] = field(factory=list)
    map: dict[str, str] = field(factory=dict)
    parts: dict[str, Part] = field(factory=dict)
    sealed: dict[str, str] = field(factory=dict, map_type="atomic")
    limits: Limits | None = field(default=None)
    whole: Limits | None = field(default=None, map_type="atomic")
    any: RawJSON = field(default=None)
    nested: "Assorted | None" = field(default=None)


WARDLE = "wardle.example.com"
V1ALPHA1 = GroupVersion(WARDLE, "v1alpha1")
V1BETA1 = GroupVersion(WARDLE, "v1beta1")
DEMO = GroupVersion("demo.example.com", "v1")


def _from_v1alpha1(old: FlunderV1Alpha1) -> Flunder:
    spec = FlunderSpec()
    # As in the sample server: without a type nothing is known of the reference.
    if old.spec.reference_type == "Flunder":
        spec = FlunderSpec(reference_type="Flunder", flunder_reference=old.spec.reference)
    elif old.spec.reference_type == "Fischer":
        spec = FlunderSpec(reference_type="Fischer", fischer_reference=old.spec.reference)
    return Flunder(metadata=old.metadata, spec=spec, status=old.status)


def _to_v1alpha1(hub: Flunder) -> FlunderV1Alpha1:
    spec = FlunderV1Alpha1Spec()
    if hub.spec.reference_type == "Flunder":
        spec = FlunderV1Alpha1Spec(reference_type="Flunder", reference=hub.spec.flunder_reference)
    elif hub.spec.reference_type == "Fischer":
        spec = FlunderV1Alpha1Spec(reference_type="Fischer", reference=hub.spec.fischer_reference)
    return FlunderV1Alpha1(metadata=hub.metadata, spec=spec, status=hub.status)


def _default_v1alpha1(flunder: FlunderV1Alpha1) -> None:
    if not flunder.spec.reference_type and flunder.spec.reference:
        flunder.spec.reference_type = "Flunder"


def _default_widget(widget: Widget) -> None:
    if widget.spec.replicas is None:
        widget.spec.replicas = 1
    for part in widget.spec.parts:
        part.count = part.count or 1


def wardle_scheme() -> Scheme:
    """Flunders in two versions with a hub, fischers in one that is its own hub."""
    scheme = Scheme("wardle")
    scheme.add_known_type_with_name(V1ALPHA1.with_kind("Flunder"), FlunderV1Alpha1)
    scheme.add_known_type_with_name(V1BETA1.with_kind("Flunder"), FlunderV1Beta1)
    scheme.add_known_type_with_name(GroupVersion(WARDLE, INTERNAL_VERSION).with_kind("Flunder"), Flunder)
    scheme.add_known_type_with_name(V1ALPHA1.with_kind("Fischer"), Fischer)
    scheme.add_known_type_with_name(GroupVersion(WARDLE, INTERNAL_VERSION).with_kind("Fischer"), Fischer)
    scheme.add_conversion_func(FlunderV1Alpha1, Flunder, _from_v1alpha1)
    scheme.add_conversion_func(Flunder, FlunderV1Alpha1, _to_v1alpha1)
    scheme.add_conversion_func(FlunderV1Beta1, Flunder, lambda old: convert_fields(old, Flunder))
    scheme.add_conversion_func(Flunder, FlunderV1Beta1, lambda hub: convert_fields(hub, FlunderV1Beta1))
    scheme.add_defaulting_func(FlunderV1Alpha1, _default_v1alpha1)
    return scheme


def widget_scheme() -> Scheme:
    """Widgets in one version that is its own hub."""
    scheme = Scheme("widgets")
    scheme.add_known_types(DEMO, Widget)
    scheme.add_known_types(GroupVersion(DEMO.group, INTERNAL_VERSION), Widget)
    scheme.add_defaulting_func(Widget, _default_widget)
    return scheme
