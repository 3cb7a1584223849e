"""The kind of demo.example.com/v1 and its defaults."""

from genericapiserver.apimachinery.meta import Condition, Object
from genericapiserver.apimachinery.types import Int32, IntOrString, Quantity, Time, api_type, field

MODEL_PACKAGE = "com.example.demo.v1"
COLORS = ("red", "green", "blue")


@api_type
class Part:
    """Part is one part of a widget."""

    name: str = field(doc="Unique in the widget.")
    count: int = field(default=0, doc="How many of them.")
    labels: dict[str, str] = field(factory=dict, doc="Labels of the part.")


@api_type
class Limits:
    """Limits of a widget."""

    low: int = 0
    high: int = 0


@api_type
class WidgetSpec:
    """WidgetSpec says what is wanted of a widget."""

    replicas: Int32 | None = field(default=None, doc="How many there should be.")
    selector: str = field(default="", doc="Which pods belong to it, as a string selector.")
    color: str = field(doc="The color: red, green or blue.")
    parts: list[Part] = field(
        factory=list,
        list_type="map",
        list_map_keys=["name"],
        patch_strategy="merge",
        patch_merge_key="name",
        doc="The parts, by name.",
    )
    tags: list[str] = field(factory=list, list_type="set", patch_strategy="merge", doc="A set of tags.")
    order: list[str] = field(factory=list, list_type="atomic", doc="An ordered list that is replaced as a whole.")
    options: dict[str, str] = field(factory=dict, doc="Free options.")
    limits: Limits | None = field(default=None, map_type="atomic", doc="Limits, replaced as a whole.")
    size: Quantity | None = field(default=None, doc="How big it is.")
    port: IntOrString | None = field(default=None, doc="A port by number or by name.")
    start: Time | None = field(default=None, doc="When it starts.")
    weight: float = field(default=0.0, doc="How heavy it is.")
    paused: bool = field(default=False, doc="Whether it rests.")
    payload: bytes = field(default=b"", doc="Raw bytes.")


@api_type
class WidgetStatus:
    """WidgetStatus says what was observed of a widget."""

    phase: str = field(default="", doc="A word for its state.")
    replicas: Int32 = field(doc="How many there are.")
    observed_generation: int = field(default=0, doc="The generation that was observed.")
    conditions: list[Condition] = field(
        factory=list, list_type="map", list_map_keys=["type"], patch_strategy="merge", patch_merge_key="type"
    )


@api_type
class Widget(Object):
    """Widget is a thing with parts."""

    spec: WidgetSpec = field(factory=lambda: WidgetSpec(color=""), doc="What is wanted.")
    status: WidgetStatus = field(factory=lambda: WidgetStatus(replicas=0), doc="What was observed.")


def set_defaults(widget: Widget) -> None:
    """One widget, and one of each part, unless it says more."""
    if widget.spec.replicas is None:
        widget.spec.replicas = 1
    for part in widget.spec.parts:
        part.count = part.count or 1
