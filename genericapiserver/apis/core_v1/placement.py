"""Where pods may run: node selectors, affinity, taints and what tolerates them, spreading.

Source: k8s.io/api/core/v1/types.go.
"""

from genericapiserver.apimachinery.meta import LabelSelector
from genericapiserver.apimachinery.types import Int32, Int64, Time, api_type, field

MODEL_PACKAGE = "io.k8s.api.core.v1"


@api_type
class NodeSelectorRequirement:
    """NodeSelectorRequirement relates a label or field of a node to a set of values."""

    key: str = field(doc="The label or field.")
    operator: str = field(
        enum=["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"], doc="In, NotIn, Exists, DoesNotExist, Gt or Lt."
    )
    values: list[str] = field(
        factory=list, list_type="atomic", doc="The values for In and NotIn, one number for Gt and Lt, else none."
    )


@api_type(map_type="atomic")
class NodeSelectorTerm:
    """NodeSelectorTerm is requirements that a node has to meet all of. An empty one matches nothing."""

    match_expressions: list[NodeSelectorRequirement] = field(
        factory=list, list_type="atomic", doc="Requirements on labels of the node."
    )
    match_fields: list[NodeSelectorRequirement] = field(
        factory=list, list_type="atomic", doc="Requirements on fields of the node."
    )


@api_type(map_type="atomic")
class NodeSelector:
    """NodeSelector is terms of which a node has to match one."""

    node_selector_terms: list[NodeSelectorTerm] = field(
        factory=list, omit_empty=False, null_when_empty=True, list_type="atomic", doc="The terms."
    )


@api_type
class PreferredSchedulingTerm:
    """PreferredSchedulingTerm is nodes that are preferred, and by how much."""

    weight: Int32 = field(doc="How much it matters, from 1 to 100.")
    preference: NodeSelectorTerm = field(doc="The nodes.")


@api_type
class NodeAffinity:
    """NodeAffinity says which nodes a pod is to run on."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = field(
        default=None, doc="What a node has to match."
    )
    preferred_during_scheduling_ignored_during_execution: list[PreferredSchedulingTerm] = field(
        factory=list, list_type="atomic", doc="What is preferred, weighed."
    )


@api_type
class PodAffinityTerm:
    """PodAffinityTerm is pods to be near to or away from."""

    label_selector: LabelSelector | None = field(default=None, doc="The labels of these pods.")
    namespaces: list[str] = field(
        factory=list, list_type="atomic", doc="The namespaces of these pods; that of the pod unless given."
    )
    topology_key: str = field(doc="The label of nodes whose value says what is near.")
    namespace_selector: LabelSelector | None = field(default=None, doc="The labels of the namespaces of these pods.")
    match_label_keys: list[str] = field(
        factory=list, list_type="atomic", doc="Labels in which these pods have to be like the pod."
    )
    mismatch_label_keys: list[str] = field(
        factory=list, list_type="atomic", doc="Labels in which these pods have to be unlike the pod."
    )


@api_type
class WeightedPodAffinityTerm:
    """WeightedPodAffinityTerm is such pods, and how much it matters."""

    weight: Int32 = field(doc="How much it matters, from 1 to 100.")
    pod_affinity_term: PodAffinityTerm = field(doc="The pods.")


@api_type
class PodAffinity:
    """PodAffinity says which pods a pod is to run near to."""

    required_during_scheduling_ignored_during_execution: list[PodAffinityTerm] = field(
        factory=list, list_type="atomic", doc="What has to hold."
    )
    preferred_during_scheduling_ignored_during_execution: list[WeightedPodAffinityTerm] = field(
        factory=list, list_type="atomic", doc="What is preferred, weighed."
    )


@api_type
class PodAntiAffinity:
    """PodAntiAffinity says which pods a pod is to run away from."""

    required_during_scheduling_ignored_during_execution: list[PodAffinityTerm] = field(
        factory=list, list_type="atomic", doc="What has to hold."
    )
    preferred_during_scheduling_ignored_during_execution: list[WeightedPodAffinityTerm] = field(
        factory=list, list_type="atomic", doc="What is preferred, weighed."
    )


@api_type
class Affinity:
    """Affinity is the wishes of a pod for where it runs."""

    node_affinity: NodeAffinity | None = field(default=None, doc="Which nodes it is to run on.")
    pod_affinity: PodAffinity | None = field(default=None, doc="Which pods it is to run near to.")
    pod_anti_affinity: PodAntiAffinity | None = field(default=None, doc="Which pods it is to run away from.")


@api_type
class Taint:
    """Taint keeps pods that do not tolerate it away from a node."""

    key: str = field(doc="The key of the taint.")
    value: str = field(default="", doc="The value that goes with the key.")
    effect: str = field(
        enum=["NoSchedule", "PreferNoSchedule", "NoExecute"],
        doc="What happens to pods that do not tolerate it: NoSchedule, PreferNoSchedule or NoExecute.",
    )
    time_added: Time | None = field(default=None, doc="When the taint was set.")


@api_type
class Toleration:
    """Toleration lets a pod run in spite of taints that it matches."""

    key: str = field(default="", doc="The key of the taints; empty for all keys.")
    operator: str = field(default="", enum=["Exists", "Equal", "Lt", "Gt"], doc="Exists, Equal, Lt or Gt.")
    value: str = field(default="", doc="The value that is compared.")
    effect: str = field(
        default="",
        enum=["NoSchedule", "PreferNoSchedule", "NoExecute"],
        doc="The effect of the taints; empty for all effects.",
    )
    toleration_seconds: Int64 | None = field(
        default=None, doc="Seconds that a NoExecute taint is borne; for ever unless given."
    )


@api_type
class TopologySpreadConstraint:
    """TopologySpreadConstraint says how evenly pods are spread."""

    max_skew: Int32 = field(doc="How far the numbers may be apart.")
    topology_key: str = field(doc="The label of nodes whose value makes a domain.")
    when_unsatisfiable: str = field(enum=["DoNotSchedule", "ScheduleAnyway"], doc="DoNotSchedule or ScheduleAnyway.")
    label_selector: LabelSelector | None = field(default=None, doc="The pods that are counted.")
    min_domains: Int32 | None = field(default=None, doc="How many domains there have to be.")
    node_affinity_policy: str | None = field(
        default=None, enum=["Ignore", "Honor"], doc="Whether only nodes that the pod selects count: Honor or Ignore."
    )
    node_taints_policy: str | None = field(
        default=None,
        enum=["Ignore", "Honor"],
        doc="Whether only nodes whose taints it tolerates count: Honor or Ignore.",
    )
    match_label_keys: list[str] = field(
        factory=list, list_type="atomic", doc="Labels in which counted pods have to be like the pod."
    )


@api_type
class TopologySelectorLabelRequirement:
    """TopologySelectorLabelRequirement is the values that a label of a node may have."""

    key: str = field(doc="The label.")
    values: list[str] = field(
        factory=list, omit_empty=False, null_when_empty=True, list_type="atomic", doc="The values it may have."
    )


@api_type(map_type="atomic")
class TopologySelectorTerm:
    """TopologySelectorTerm is requirements that a node has to meet all of."""

    match_label_expressions: list[TopologySelectorLabelRequirement] = field(
        factory=list, list_type="atomic", doc="The requirements."
    )
