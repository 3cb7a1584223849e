"""Types that use every kind of field, and a scheme with two versions of a kind."""

from __future__ import annotations

from genericapiserver.apimachinery import meta
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme, add_meta_to_scheme, add_to_group_version
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apimachinery.types import (
    Int32,
    Int64,
    IntOrString,
    MicroTime,
    Quantity,
    RawJSON,
    Time,
    api_type,
    field,
)

MODEL_PACKAGE = "com.example.demo.v1"

DEMO = GroupVersion("demo.example.com", "v1")
WIDGET = DEMO.with_kind("Widget")


@api_type
class Part:
    """Part is one part of a widget."""

    name: str = field(doc="Unique in the widget.")
    count: Int64 = field(default=0, doc="How many of them.")
    labels: dict[str, str] = field(factory=dict, doc="Labels of the part.")


@api_type
class Limits:
    """Limits of a widget."""

    low: Int64 = field(default=0)
    high: Int64 = field(default=0)


@api_type
class WidgetSpec:
    """WidgetSpec says what is wanted of a widget."""

    replicas: Int32 | None = field(default=None, doc="How many there should be.")
    selector: str = field(default="", doc="Which pods belong to it, as a string selector.")
    color: str = field(default="", omit_empty=False, doc="The color: red, green or blue.")
    parts: list[Part] = field(
        factory=list,
        doc="The parts, by name.",
        list_type="map",
        list_map_keys=["name"],
        patch_strategy="merge",
        patch_merge_key="name",
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
    """WidgetStatus says what was observed of a widget."""

    phase: str = field(default="")
    replicas: Int32 = field(default=0, omit_empty=False)
    conditions: list[meta.Condition] = field(factory=list)


@api_type
class Widget(meta.Object):
    """Widget is a thing with parts."""

    spec: WidgetSpec = field(factory=WidgetSpec, doc="What is wanted.")
    status: WidgetStatus = field(factory=WidgetStatus, doc="What was observed.")


@api_type
class Assorted:
    """Assorted has the shapes that Widget has not."""

    always: str
    flag: bool | None = None
    ratio: float | None = None
    data: bytes | None = None
    beat: MicroTime | None = None
    anything: RawJSON = None
    amounts: dict[str, Quantity] = field(factory=dict)
    ports: list[IntOrString] = field(factory=list)
    times: list[Time] = field(factory=list)
    numbers: list[float] = field(factory=list)
    switches: dict[str, bool] = field(factory=dict)
    matrix: list[list[Int32]] = field(factory=list)
    index: dict[str, list[str]] = field(factory=dict)
    parts: dict[str, Part] = field(factory=dict)
    children: list[Assorted] = field(factory=list)
    next: Assorted | None = None


@api_type
class Gadget(meta.Object):
    """Gadget is what the older version of the kind looks like."""

    colour: str = ""
    size: Int32 = 0


@api_type
class HubGadget(meta.Object):
    """HubGadget is what the server works with."""

    color: str = ""
    size: Int32 = 0


def new_scheme() -> Scheme:
    """Widget at one version; Gadget at v1 with a hub type of its own."""
    scheme = Scheme("demo")
    add_to_group_version(scheme, DEMO)
    add_meta_to_scheme(scheme)
    hub = GroupVersion(DEMO.group, INTERNAL_VERSION)
    scheme.add_known_types(DEMO, Widget, Gadget)
    scheme.add_known_types(hub, Widget)
    scheme.add_known_type_with_name(hub.with_kind("Gadget"), HubGadget)
    scheme.add_conversion_func(
        Gadget, HubGadget, lambda old: HubGadget(metadata=old.metadata, color=old.colour, size=old.size)
    )
    scheme.add_conversion_func(
        HubGadget, Gadget, lambda new: Gadget(metadata=new.metadata, colour=new.color, size=new.size)
    )
    scheme.add_defaulting_func(Gadget, default_gadget)
    return scheme


def default_gadget(gadget: Gadget) -> None:
    """A gadget without a colour is grey."""
    gadget.colour = gadget.colour or "grey"


def new_codecs() -> CodecFactory:
    """Codecs of a fresh scheme."""
    return CodecFactory(new_scheme())
