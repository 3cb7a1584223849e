"""apps/v1: controllers that keep pods running.

Source: k8s.io/api/apps/v1/types.go.
"""

from genericapiserver.apimachinery.meta import LabelSelector, Object
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme, add_to_group_version
from genericapiserver.apimachinery.types import Int32, Int64, IntOrString, RawJSON, Time, api_type, field
from genericapiserver.apis.core_v1.persistent_volumes import PersistentVolumeClaim
from genericapiserver.apis.core_v1.pods import PodTemplateSpec

GROUP_VERSION = GroupVersion("apps", "v1")
MODEL_PACKAGE = "io.k8s.api.apps.v1"


@api_type
class RollingUpdateDeployment:
    """RollingUpdateDeployment is how fast pods are replaced."""

    max_unavailable: IntOrString | None = field(
        default=None, doc="How many pods may be missing, as a number or a percentage."
    )
    max_surge: IntOrString | None = field(
        default=None, doc="How many pods there may be too many, as a number or a percentage."
    )


@api_type
class DeploymentStrategy:
    """DeploymentStrategy is how the pods of a deployment are replaced."""

    type: str = field(
        default="", enum=["Recreate", "RollingUpdate"], doc="RollingUpdate, or Recreate to end all before any is made."
    )
    rolling_update: RollingUpdateDeployment | None = field(default=None, doc="The settings of RollingUpdate.")


@api_type
class DeploymentSpec:
    """DeploymentSpec is what is wanted of a deployment."""

    replicas: Int32 | None = field(default=None, doc="How many pods there should be.")
    selector: LabelSelector | None = field(
        default=None, omit_empty=False, doc="The labels of its pods. It cannot be changed."
    )
    template: PodTemplateSpec = field(factory=PodTemplateSpec, required=True, doc="The pod that it makes.")
    strategy: DeploymentStrategy = field(
        factory=DeploymentStrategy, patch_strategy="retainKeys", doc="How pods are replaced."
    )
    min_ready_seconds: Int32 = field(default=0, doc="Seconds that a pod has to be ready to count as available.")
    revision_history_limit: Int32 | None = field(default=None, doc="How many old ReplicaSets are kept.")
    paused: bool = field(default=False, doc="Whether changes are held back.")
    progress_deadline_seconds: Int32 | None = field(
        default=None, number=9, doc="Seconds without progress after which it counts as failed."
    )


@api_type
class DeploymentCondition:
    """DeploymentCondition is one thing that was observed of a deployment."""

    type: str = field(doc="What is observed.")
    status: str = field(doc="True, False or Unknown.")
    last_update_time: Time | None = field(
        default=None, omit_empty=False, required=False, number=6, doc="When it was last confirmed."
    )
    last_transition_time: Time | None = field(
        default=None, omit_empty=False, required=False, number=7, doc="When the status changed."
    )
    reason: str = field(default="", number=4, doc="Why it changed, in a word for programs.")
    message: str = field(default="", number=5, doc="Why it changed, for people.")


@api_type
class DeploymentStatus:
    """DeploymentStatus is what was observed of a deployment."""

    observed_generation: Int64 = field(default=0, doc="The generation that was last acted on.")
    replicas: Int32 = field(default=0, doc="How many pods there are.")
    updated_replicas: Int32 = field(default=0, doc="How many of them are of the latest template.")
    ready_replicas: Int32 = field(default=0, number=7, doc="How many are ready.")
    available_replicas: Int32 = field(default=0, number=4, doc="How many have been ready for long enough.")
    unavailable_replicas: Int32 = field(default=0, number=5, doc="How many are missing.")
    terminating_replicas: Int32 | None = field(default=None, number=9, doc="How many pods are on their way out.")
    conditions: list[DeploymentCondition] = field(
        factory=list,
        list_type="map",
        list_map_keys=["type"],
        patch_strategy="merge",
        patch_merge_key="type",
        number=6,
        doc="What was last observed.",
    )
    collision_count: Int32 | None = field(
        default=None, number=8, doc="How often a name was taken; the next name is made of it."
    )


@api_type
class Deployment(Object):
    """Deployment keeps a number of pods running, and replaces them when their template changes."""

    spec: DeploymentSpec = field(factory=DeploymentSpec, doc="What is wanted of it.")
    status: DeploymentStatus = field(factory=DeploymentStatus, doc="What was observed of it. Read-only.")


@api_type
class ReplicaSetSpec:
    """ReplicaSetSpec is what is wanted of a replica set."""

    replicas: Int32 | None = field(default=None, doc="How many pods there should be.")
    min_ready_seconds: Int32 = field(
        default=0, number=4, doc="Seconds that a pod has to be ready to count as available."
    )
    selector: LabelSelector | None = field(
        default=None, omit_empty=False, number=2, doc="The labels of its pods. It cannot be changed."
    )
    template: PodTemplateSpec = field(factory=PodTemplateSpec, number=3, doc="The pod that it makes.")


@api_type
class ReplicaSetCondition:
    """ReplicaSetCondition is one thing that was observed of a replica set."""

    type: str = field(doc="What is observed.")
    status: str = field(doc="True, False or Unknown.")
    last_transition_time: Time | None = field(
        default=None, omit_empty=False, required=False, doc="When the status changed."
    )
    reason: str = field(default="", doc="Why it changed, in a word for programs.")
    message: str = field(default="", doc="Why it changed, for people.")


@api_type
class ReplicaSetStatus:
    """ReplicaSetStatus is what was observed of a replica set."""

    replicas: Int32 = field(default=0, omit_empty=False, doc="How many pods there are.")
    fully_labeled_replicas: Int32 = field(default=0, doc="How many pods have all labels of the template.")
    ready_replicas: Int32 = field(default=0, number=4, doc="How many are ready.")
    available_replicas: Int32 = field(default=0, number=5, doc="How many pods have been ready for long enough.")
    terminating_replicas: Int32 | None = field(default=None, number=7, doc="How many pods are on their way out.")
    observed_generation: Int64 = field(default=0, number=3, doc="The generation that was last acted on.")
    conditions: list[ReplicaSetCondition] = field(
        factory=list,
        list_type="map",
        list_map_keys=["type"],
        patch_strategy="merge",
        patch_merge_key="type",
        number=6,
        doc="What was last observed.",
    )


@api_type
class ReplicaSet(Object):
    """ReplicaSet keeps a number of pods running."""

    spec: ReplicaSetSpec = field(factory=ReplicaSetSpec, doc="What is wanted of it.")
    status: ReplicaSetStatus = field(factory=ReplicaSetStatus, doc="What was observed of it. Read-only.")


@api_type
class RollingUpdateStatefulSetStrategy:
    """RollingUpdateStatefulSetStrategy is how far and how fast pods are replaced."""

    partition: Int32 | None = field(default=None, doc="The number from which on pods are replaced.")
    max_unavailable: IntOrString | None = field(
        default=None, doc="How many pods may be missing, as a number or a percentage."
    )


@api_type
class StatefulSetUpdateStrategy:
    """StatefulSetUpdateStrategy is how the pods of a stateful set are replaced."""

    type: str = field(default="", enum=["RollingUpdate", "OnDelete"], doc="RollingUpdate or OnDelete.")
    rolling_update: RollingUpdateStatefulSetStrategy | None = field(default=None, doc="The settings of RollingUpdate.")


@api_type
class StatefulSetPersistentVolumeClaimRetentionPolicy:
    """StatefulSetPersistentVolumeClaimRetentionPolicy says what becomes of its claims."""

    when_deleted: str = field(default="", doc="What becomes of claims when the set is deleted: Retain or Delete.")
    when_scaled: str = field(default="", doc="What becomes of claims when the set shrinks: Retain or Delete.")


@api_type
class StatefulSetOrdinals:
    """StatefulSetOrdinals is how the pods of a stateful set are numbered."""

    start: Int32 = field(default=0, omit_empty=False, required=False, doc="The first number; 0 unless given.")


@api_type
class StatefulSetSpec:
    """StatefulSetSpec is what is wanted of a stateful set."""

    replicas: Int32 | None = field(default=None, doc="How many pods there should be.")
    selector: LabelSelector | None = field(
        default=None, omit_empty=False, doc="The labels of its pods. It cannot be changed."
    )
    template: PodTemplateSpec = field(factory=PodTemplateSpec, required=True, doc="The pod that it makes.")
    volume_claim_templates: list[PersistentVolumeClaim] = field(
        factory=list, list_type="atomic", doc="The claims that each pod gets of its own."
    )
    service_name: str = field(
        default="", omit_empty=False, required=False, doc="The service that gives the pods their names."
    )
    pod_management_policy: str = field(
        default="", enum=["OrderedReady", "Parallel"], doc="OrderedReady, or Parallel to start and end all at once."
    )
    update_strategy: StatefulSetUpdateStrategy = field(factory=StatefulSetUpdateStrategy, doc="How pods are replaced.")
    revision_history_limit: Int32 | None = field(default=None, doc="How many old revisions are kept.")
    min_ready_seconds: Int32 = field(default=0, doc="Seconds that a pod has to be ready to count as available.")
    persistent_volume_claim_retention_policy: StatefulSetPersistentVolumeClaimRetentionPolicy | None = field(
        default=None, doc="What becomes of its claims."
    )
    ordinals: StatefulSetOrdinals | None = field(default=None, doc="How its pods are numbered.")


@api_type
class StatefulSetCondition:
    """StatefulSetCondition is one thing that was observed of a stateful set."""

    type: str = field(doc="What is observed.")
    status: str = field(doc="True, False or Unknown.")
    last_transition_time: Time | None = field(
        default=None, omit_empty=False, required=False, doc="When the status changed."
    )
    reason: str = field(default="", doc="Why it changed, in a word for programs.")
    message: str = field(default="", doc="Why it changed, for people.")


@api_type
class StatefulSetStatus:
    """StatefulSetStatus is what was observed of a stateful set."""

    observed_generation: Int64 = field(default=0, doc="The generation that was last acted on.")
    replicas: Int32 = field(default=0, omit_empty=False, doc="How many pods there are.")
    ready_replicas: Int32 = field(default=0, doc="How many are ready.")
    current_replicas: Int32 = field(default=0, doc="How many pods are of the current revision.")
    updated_replicas: Int32 = field(default=0, doc="How many pods are of the latest revision.")
    current_revision: str = field(default="", doc="The revision that pods are replaced from.")
    update_revision: str = field(default="", doc="The revision that pods are replaced by.")
    collision_count: Int32 | None = field(
        default=None, number=9, doc="How often a name was taken; the next name is made of it."
    )
    conditions: list[StatefulSetCondition] = field(
        factory=list,
        list_type="map",
        list_map_keys=["type"],
        patch_strategy="merge",
        patch_merge_key="type",
        number=10,
        doc="What was last observed.",
    )
    available_replicas: Int32 = field(
        default=0, omit_empty=False, required=False, number=11, doc="How many pods have been ready for long enough."
    )


@api_type
class StatefulSet(Object):
    """StatefulSet keeps numbered pods running, each with a name and storage of its own."""

    spec: StatefulSetSpec = field(factory=StatefulSetSpec, doc="What is wanted of it.")
    status: StatefulSetStatus = field(factory=StatefulSetStatus, doc="What was observed of it. Read-only.")


@api_type
class RollingUpdateDaemonSet:
    """RollingUpdateDaemonSet is how fast pods are replaced."""

    max_unavailable: IntOrString | None = field(
        default=None, doc="How many pods may be missing, as a number or a percentage."
    )
    max_surge: IntOrString | None = field(
        default=None, doc="How many pods there may be too many, as a number or a percentage."
    )


@api_type
class DaemonSetUpdateStrategy:
    """DaemonSetUpdateStrategy is how the pods of a daemon set are replaced."""

    type: str = field(default="", enum=["RollingUpdate", "OnDelete"], doc="RollingUpdate or OnDelete.")
    rolling_update: RollingUpdateDaemonSet | None = field(default=None, doc="The settings of RollingUpdate.")


@api_type
class DaemonSetSpec:
    """DaemonSetSpec is what is wanted of a daemon set."""

    selector: LabelSelector | None = field(
        default=None, omit_empty=False, doc="The labels of its pods. It cannot be changed."
    )
    template: PodTemplateSpec = field(factory=PodTemplateSpec, required=True, doc="The pod that runs on every node.")
    update_strategy: DaemonSetUpdateStrategy = field(factory=DaemonSetUpdateStrategy, doc="How pods are replaced.")
    min_ready_seconds: Int32 = field(default=0, doc="Seconds that a pod has to be ready to count as available.")
    revision_history_limit: Int32 | None = field(default=None, number=6, doc="How many old revisions are kept.")


@api_type
class DaemonSetCondition:
    """DaemonSetCondition is one thing that was observed of a daemon set."""

    type: str = field(doc="What is observed.")
    status: str = field(doc="True, False or Unknown.")
    last_transition_time: Time | None = field(
        default=None, omit_empty=False, required=False, doc="When the status changed."
    )
    reason: str = field(default="", doc="Why it changed, in a word for programs.")
    message: str = field(default="", doc="Why it changed, for people.")


@api_type
class DaemonSetStatus:
    """DaemonSetStatus is what was observed of a daemon set."""

    current_number_scheduled: Int32 = field(default=0, omit_empty=False, doc="How many nodes run the pod that should.")
    number_misscheduled: Int32 = field(default=0, omit_empty=False, doc="How many nodes run the pod that should not.")
    desired_number_scheduled: Int32 = field(default=0, omit_empty=False, doc="How many nodes should run the pod.")
    number_ready: Int32 = field(default=0, omit_empty=False, doc="On how many nodes it is ready.")
    observed_generation: Int64 = field(default=0, doc="The generation that was last acted on.")
    updated_number_scheduled: Int32 = field(default=0, doc="How many nodes run the latest template.")
    number_available: Int32 = field(default=0, doc="On how many nodes it has been ready for long enough.")
    number_unavailable: Int32 = field(default=0, doc="On how many nodes it is missing.")
    collision_count: Int32 | None = field(default=None, doc="How often a name was taken; the next name is made of it.")
    conditions: list[DaemonSetCondition] = field(
        factory=list,
        list_type="map",
        list_map_keys=["type"],
        patch_strategy="merge",
        patch_merge_key="type",
        doc="What was last observed.",
    )


@api_type
class DaemonSet(Object):
    """DaemonSet keeps one pod running on every node that it selects."""

    spec: DaemonSetSpec = field(factory=DaemonSetSpec, doc="What is wanted of it.")
    status: DaemonSetStatus = field(factory=DaemonSetStatus, doc="What was observed of it. Read-only.")


@api_type
class ControllerRevision(Object):
    """ControllerRevision is a state that a controller can go back to."""

    data: RawJSON = field(default=None, omit_empty=False, required=False, format="RawExtension", doc="The state.")
    revision: Int64 = field(doc="Its number; later ones are higher.")


def add_to_scheme(scheme: Scheme) -> None:
    """Register every kind, each its own hub, and what a version carries beside its kinds."""
    for version in (GROUP_VERSION, GroupVersion(GROUP_VERSION.group, INTERNAL_VERSION)):
        scheme.add_known_types(version, Deployment, ReplicaSet, StatefulSet, DaemonSet, ControllerRevision)
    add_to_group_version(scheme, GROUP_VERSION)
    scheme.set_version_priority(GROUP_VERSION)
