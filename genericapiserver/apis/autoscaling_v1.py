"""autoscaling/v1: Scale, the common face of everything that has a number of replicas.

Only what the scale subresource needs. Source: k8s.io/api/autoscaling/v1/types.go and the validation of
k8s.io/kubernetes/pkg/apis/autoscaling.
"""

from genericapiserver.apimachinery.field import FieldError, Path
from genericapiserver.apimachinery.meta import Object
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.types import Int32, api_type, field
from genericapiserver.apimachinery.validation.object_meta import validate_non_negative

GROUP_VERSION = GroupVersion("autoscaling", "v1")
MODEL_PACKAGE = "io.k8s.api.autoscaling.v1"


@api_type
class ScaleSpec:
    """ScaleSpec is what is wanted of something that scales."""

    replicas: Int32 = field(default=0, doc="How many replicas there should be.")


@api_type
class ScaleStatus:
    """ScaleStatus is what was observed of something that scales."""

    replicas: Int32 = field(default=0, omit_empty=False, doc="How many replicas there are.")
    selector: str = field(default="", doc="A label selector, as text, of the pods that are counted.")


@api_type
class Scale(Object):
    """Scale is how many replicas of something are wanted and how many there are."""

    spec: ScaleSpec = field(factory=ScaleSpec, doc="What is wanted.")
    status: ScaleStatus = field(factory=ScaleStatus, doc="What was observed. Read-only.")


def add_to_scheme(scheme: Scheme) -> None:
    """Register Scale, its own hub, so that a server can have scale subresources."""
    scheme.add_known_types(GROUP_VERSION, Scale)
    scheme.add_known_types(GroupVersion(GROUP_VERSION.group, INTERNAL_VERSION), Scale)


def validate_scale(scale: Scale) -> list[FieldError]:
    """Nobody has fewer than no replicas."""
    return validate_non_negative(scale.spec.replicas, Path("spec", "replicas"))
