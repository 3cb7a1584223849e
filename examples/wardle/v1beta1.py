"""wardle.example.com/v1beta1: the version that is preferred. A flunder has a field for each kind of reference."""

from examples.wardle import types as hub
from genericapiserver.apimachinery.meta import Object
from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.types import api_type, field

GROUP_VERSION = GroupVersion("wardle.example.com", "v1beta1")
MODELS = "io.k8s.sample-apiserver.pkg.apis.wardle.v1beta1"


@api_type(model_name=f"{MODELS}.FlunderSpec")
class FlunderSpec:
    """FlunderSpec is the specification of a Flunder."""

    flunder_reference: str = field(
        default="", doc="A name of another flunder, mutually exclusive to the FischerReference."
    )
    fischer_reference: str = field(default="", doc="A name of a fischer, mutually exclusive to the FlunderReference.")
    reference_type: str = field(default="", doc="The reference type.")


@api_type(model_name=f"{MODELS}.FlunderStatus")
class FlunderStatus:
    """FlunderStatus is the status of a Flunder."""


@api_type(model_name=f"{MODELS}.Flunder")
class Flunder(Object):
    """Flunder is an example type with a spec and a status."""

    spec: FlunderSpec = field(factory=FlunderSpec)
    status: FlunderStatus = field(factory=FlunderStatus)


def add_to_scheme(scheme: Scheme) -> None:
    """Register the version: kinds, and conversions to and from the hub, which has the same fields."""
    scheme.add_known_types(GROUP_VERSION, Flunder)
    scheme.add_conversion_func(Flunder, hub.Flunder, flunder_to_hub)
    scheme.add_conversion_func(hub.Flunder, Flunder, flunder_from_hub)


def flunder_to_hub(obj: Flunder) -> hub.Flunder:
    spec = hub.FlunderSpec(
        flunder_reference=obj.spec.flunder_reference,
        fischer_reference=obj.spec.fischer_reference,
        reference_type=obj.spec.reference_type,
    )
    return hub.Flunder(metadata=obj.metadata, spec=spec)


def flunder_from_hub(obj: hub.Flunder) -> Flunder:
    spec = FlunderSpec(
        flunder_reference=obj.spec.flunder_reference,
        fischer_reference=obj.spec.fischer_reference,
        reference_type=obj.spec.reference_type,
    )
    return Flunder(metadata=obj.metadata, spec=spec)
