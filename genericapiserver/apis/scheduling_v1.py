"""scheduling.k8s.io/v1: PriorityClass.

Source: k8s.io/api/scheduling/v1/types.go.
"""

from genericapiserver.apimachinery.meta import Object
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme, add_to_group_version
from genericapiserver.apimachinery.types import Int32, api_type, field

GROUP_VERSION = GroupVersion("scheduling.k8s.io", "v1")
MODEL_PACKAGE = "io.k8s.api.scheduling.v1"


@api_type
class PriorityClass(Object):
    """PriorityClass gives a name to how important pods are."""

    value: Int32 = field(
        default=0,
        omit_empty=False,
        required=False,
        doc="The priority of pods of this class; the higher the more important.",
    )
    global_default: bool = field(default=False, doc="Whether pods without a class are of this one.")
    description: str = field(default="", doc="When to use it.")
    preemption_policy: str | None = field(
        default=None,
        enum=["PreemptLowerPriority", "Never"],
        doc="Never, or PreemptLowerPriority to push less important pods aside.",
    )


def add_to_scheme(scheme: Scheme) -> None:
    """Register the kind, its own hub, and what a version carries beside its kinds."""
    for version in (GROUP_VERSION, GroupVersion(GROUP_VERSION.group, INTERNAL_VERSION)):
        scheme.add_known_types(version, PriorityClass)
    add_to_group_version(scheme, GROUP_VERSION)
    scheme.set_version_priority(GROUP_VERSION)
