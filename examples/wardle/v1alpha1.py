"""wardle.example.com/v1alpha1: the version that is stored. One reference, whose kind the type says."""

from examples.wardle import types as hub
from genericapiserver.apimachinery.meta import Object
from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.types import api_type, field
from genericapiserver.endpoints.deprecation import api_lifecycle

GROUP_VERSION = GroupVersion("wardle.example.com", "v1alpha1")
MODELS = "io.k8s.sample-apiserver.pkg.apis.wardle.v1alpha1"

lifecycle = api_lifecycle(introduced="1.0", deprecated="1.3", removed="1.10")


@api_type(model_name=f"{MODELS}.FlunderSpec")
class FlunderSpec:
    reference: str = field(default="", doc="A name of another flunder or fischer, depending on the reference type.")
    reference_type: str | None = field(
        default=None, doc='The reference type, defaults to "Flunder" if reference is set.'
    )


@api_type(model_name=f"{MODELS}.FlunderStatus")
class FlunderStatus:
    pass


@lifecycle
@api_type(model_name=f"{MODELS}.Flunder")
class Flunder(Object):
    spec: FlunderSpec = field(factory=FlunderSpec)
    status: FlunderStatus = field(factory=FlunderStatus)


@lifecycle
@api_type(model_name=f"{MODELS}.Fischer")
class Fischer(Object):
    disallowed_flunders: list[str] = field(
        factory=list, list_type="atomic", doc="DisallowedFlunders holds a list of Flunder.Names that are disallowed."
    )


def add_to_scheme(scheme: Scheme) -> None:
    """Register the version: kinds, defaults, conversions to and from the hub."""
    scheme.add_known_types(GROUP_VERSION, Flunder, Fischer)
    scheme.add_defaulting_func(Flunder, set_defaults)
    scheme.add_conversion_func(Flunder, hub.Flunder, flunder_to_hub)
    scheme.add_conversion_func(hub.Flunder, Flunder, flunder_from_hub)
    scheme.add_conversion_func(Fischer, hub.Fischer, fischer_to_hub)
    scheme.add_conversion_func(hub.Fischer, Fischer, fischer_from_hub)


def set_defaults(obj: Flunder) -> None:
    """A reference without a type is one to a flunder."""
    if obj.spec.reference and not obj.spec.reference_type:
        obj.spec.reference_type = hub.FLUNDER


def flunder_to_hub(obj: Flunder) -> hub.Flunder:
    """The type says which of the two references it is; a type that nobody knows is dropped with its reference."""
    spec = hub.FlunderSpec()
    if obj.spec.reference_type == hub.FLUNDER:
        spec = hub.FlunderSpec(flunder_reference=obj.spec.reference, reference_type=hub.FLUNDER)
    elif obj.spec.reference_type == hub.FISCHER:
        spec = hub.FlunderSpec(fischer_reference=obj.spec.reference, reference_type=hub.FISCHER)
    return hub.Flunder(metadata=obj.metadata, spec=spec)


def flunder_from_hub(obj: hub.Flunder) -> Flunder:
    spec = FlunderSpec()
    if obj.spec.reference_type == hub.FLUNDER:
        spec = FlunderSpec(reference=obj.spec.flunder_reference, reference_type=hub.FLUNDER)
    elif obj.spec.reference_type == hub.FISCHER:
        spec = FlunderSpec(reference=obj.spec.fischer_reference, reference_type=hub.FISCHER)
    return Flunder(metadata=obj.metadata, spec=spec)


def fischer_to_hub(obj: Fischer) -> hub.Fischer:
    return hub.Fischer(metadata=obj.metadata, disallowed_flunders=obj.disallowed_flunders)


def fischer_from_hub(obj: hub.Fischer) -> Fischer:
    return Fischer(metadata=obj.metadata, disallowed_flunders=obj.disallowed_flunders)
