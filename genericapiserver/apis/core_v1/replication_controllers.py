"""ReplicationController.

Source: k8s.io/api/core/v1/types.go.
"""

from genericapiserver.apimachinery.meta import Object
from genericapiserver.apimachinery.types import Int32, Int64, Time, api_type, field
from genericapiserver.apis.core_v1.pods import PodTemplateSpec

MODEL_PACKAGE = "io.k8s.api.core.v1"


@api_type
class ReplicationControllerSpec:
    """ReplicationControllerSpec is what is wanted of a replication controller."""

    replicas: Int32 | None = field(default=None, doc="How many pods there should be.")
    min_ready_seconds: Int32 = field(
        default=0, number=4, doc="Seconds that a pod has to be ready to count as available."
    )
    selector: dict[str, str] = field(factory=dict, map_type="atomic", number=2, doc="The labels of its pods.")
    template: PodTemplateSpec | None = field(default=None, number=3, doc="The pod that it makes.")


@api_type
class ReplicationControllerCondition:
    """ReplicationControllerCondition is one thing that was observed of a replication controller."""

    type: str = field(doc="What is observed.")
    status: str = field(doc="True, False or Unknown.")
    last_transition_time: Time | None = field(
        default=None, omit_empty=False, required=False, doc="When the status changed."
    )
    reason: str = field(default="", doc="Why it changed, in a word for programs.")
    message: str = field(default="", doc="Why it changed, for people.")


@api_type
class ReplicationControllerStatus:
    """ReplicationControllerStatus is what was observed of a replication controller."""

    replicas: Int32 = field(default=0, omit_empty=False, doc="How many pods there are.")
    fully_labeled_replicas: Int32 = field(default=0, doc="How many pods have all labels of the template.")
    ready_replicas: Int32 = field(default=0, number=4, doc="How many pods are ready.")
    available_replicas: Int32 = field(default=0, number=5, doc="How many pods have been ready for long enough.")
    observed_generation: Int64 = field(default=0, number=3, doc="The generation that was last acted on.")
    conditions: list[ReplicationControllerCondition] = field(
        factory=list,
        list_type="map",
        list_map_keys=["type"],
        patch_strategy="merge",
        patch_merge_key="type",
        doc="What was last observed.",
    )


@api_type
class ReplicationController(Object):
    """ReplicationController keeps a number of pods running. ReplicaSet has taken its place."""

    spec: ReplicationControllerSpec = field(factory=ReplicationControllerSpec, doc="What is wanted of it.")
    status: ReplicationControllerStatus = field(
        factory=ReplicationControllerStatus, doc="What was observed of it. Read-only."
    )
