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
    min_ready_seconds: Int32 = field(default=0, number=4)
    selector: dict[str, str] = field(factory=dict, map_type="atomic", number=2, doc="The labels of its pods.")
    template: PodTemplateSpec | None = field(default=None, number=3, doc="The pod that it makes.")


@api_type
class ReplicationControllerCondition:
    """ReplicationControllerCondition is one thing that was observed of a replication controller."""

    type: str = field()
    status: str = field()
    last_transition_time: Time | None = field(default=None, omit_empty=False, required=False)
    reason: str = field(default="")
    message: str = field(default="")


@api_type
class ReplicationControllerStatus:
    """ReplicationControllerStatus is what was observed of a replication controller."""

    replicas: Int32 = field(default=0, omit_empty=False)
    fully_labeled_replicas: Int32 = field(default=0)
    ready_replicas: Int32 = field(default=0, number=4)
    available_replicas: Int32 = field(default=0, number=5)
    observed_generation: Int64 = field(default=0, number=3)
    conditions: list[ReplicationControllerCondition] = field(
        factory=list, list_type="map", list_map_keys=["type"], patch_strategy="merge", patch_merge_key="type"
    )


@api_type
class ReplicationController(Object):
    """ReplicationController keeps a number of pods running. ReplicaSet has taken its place."""

    spec: ReplicationControllerSpec = field(factory=ReplicationControllerSpec, doc="What is wanted of it.")
    status: ReplicationControllerStatus = field(
        factory=ReplicationControllerStatus, doc="What was observed of it. Read-only."
    )
