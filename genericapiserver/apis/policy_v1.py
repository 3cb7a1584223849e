"""policy/v1: PodDisruptionBudget, and Eviction, which respects it.

Source: k8s.io/api/policy/v1/types.go.
"""

from genericapiserver.apimachinery.meta import Condition, DeleteOptions, LabelSelector, Object
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme, add_to_group_version
from genericapiserver.apimachinery.types import Int32, Int64, IntOrString, Time, api_type, field

GROUP_VERSION = GroupVersion("policy", "v1")
MODEL_PACKAGE = "io.k8s.api.policy.v1"


@api_type
class PodDisruptionBudgetSpec:
    """PodDisruptionBudgetSpec is how many pods may be missing."""

    min_available: IntOrString | None = field(
        default=None, doc="How many pods have to be there after an eviction, as a number or a percentage."
    )
    selector: LabelSelector | None = field(default=None, patch_strategy="replace", doc="The labels of the pods.")
    max_unavailable: IntOrString | None = field(
        default=None, doc="How many pods may be missing after an eviction, as a number or a percentage."
    )
    unhealthy_pod_eviction_policy: str | None = field(
        default=None,
        enum=["IfHealthyBudget", "AlwaysAllow"],
        doc="Whether pods that are not ready may always be evicted.",
    )


@api_type
class PodDisruptionBudgetStatus:
    """PodDisruptionBudgetStatus is what was observed of the pods of a budget."""

    observed_generation: Int64 = field(default=0, doc="The generation that was last acted on.")
    disrupted_pods: dict[str, Time] = field(factory=dict, doc="Pods that were evicted and are not gone yet, and when.")
    disruptions_allowed: Int32 = field(
        default=0, omit_empty=False, required=False, doc="How many pods may be evicted now."
    )
    current_healthy: Int32 = field(default=0, omit_empty=False, required=False, doc="How many pods are ready.")
    desired_healthy: Int32 = field(default=0, omit_empty=False, required=False, doc="How many pods have to be ready.")
    expected_pods: Int32 = field(default=0, omit_empty=False, required=False, doc="How many pods there are in all.")
    conditions: list[Condition] = field(
        factory=list,
        list_type="map",
        list_map_keys=["type"],
        patch_strategy="merge",
        patch_merge_key="type",
        doc="What was last observed.",
    )


@api_type
class PodDisruptionBudget(Object):
    """PodDisruptionBudget limits how many of a set of pods may be evicted at a time."""

    spec: PodDisruptionBudgetSpec = field(factory=PodDisruptionBudgetSpec, doc="How many pods may be missing.")
    status: PodDisruptionBudgetStatus = field(
        factory=PodDisruptionBudgetStatus, doc="What was observed of them. Read-only."
    )


@api_type
class Eviction(Object):
    """Eviction asks that a pod leave its node, if budgets allow it."""

    delete_options: DeleteOptions | None = field(default=None, doc="How the pod is deleted.")


def add_to_scheme(scheme: Scheme) -> None:
    """Register every kind, each its own hub, and what a version carries beside its kinds."""
    for version in (GROUP_VERSION, GroupVersion(GROUP_VERSION.group, INTERNAL_VERSION)):
        scheme.add_known_types(version, PodDisruptionBudget, Eviction)
    add_to_group_version(scheme, GROUP_VERSION)
    scheme.set_version_priority(GROUP_VERSION)
