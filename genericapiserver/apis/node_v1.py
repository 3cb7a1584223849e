"""node.k8s.io/v1: RuntimeClass.

Source: k8s.io/api/node/v1/types.go.
"""

from genericapiserver.apimachinery.meta import Object
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme, add_to_group_version
from genericapiserver.apimachinery.types import Quantity, api_type, field
from genericapiserver.apis.core_v1.placement import Toleration

GROUP_VERSION = GroupVersion("node.k8s.io", "v1")
MODEL_PACKAGE = "io.k8s.api.node.v1"


@api_type
class Overhead:
    """Overhead is what running a pod costs beside its containers."""

    pod_fixed: dict[str, Quantity] = field(factory=dict, doc="What each pod costs.")


@api_type
class Scheduling:
    """Scheduling is on which nodes a RuntimeClass can be had."""

    node_selector: dict[str, str] = field(factory=dict, map_type="atomic", doc="The labels of these nodes.")
    tolerations: list[Toleration] = field(
        factory=list, list_type="atomic", doc="The taints of these nodes that pods tolerate."
    )


@api_type
class RuntimeClass(Object):
    """RuntimeClass is a way of running containers that pods can ask for."""

    handler: str = field(doc="The name of the handler in the configuration of the nodes.")
    overhead: Overhead | None = field(default=None, doc="What running a pod this way costs.")
    scheduling: Scheduling | None = field(default=None, doc="On which nodes it can be had.")


def add_to_scheme(scheme: Scheme) -> None:
    """Register the kind, its own hub, and what a version carries beside its kinds."""
    for version in (GROUP_VERSION, GroupVersion(GROUP_VERSION.group, INTERNAL_VERSION)):
        scheme.add_known_types(version, RuntimeClass)
    add_to_group_version(scheme, GROUP_VERSION)
    scheme.set_version_priority(GROUP_VERSION)
