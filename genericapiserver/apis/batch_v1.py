"""batch/v1: work that comes to an end.

Source: k8s.io/api/batch/v1/types.go.
"""

from genericapiserver.apimachinery.meta import LabelSelector, Object, ObjectMeta
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme, add_to_group_version
from genericapiserver.apimachinery.types import Int32, Int64, Time, api_type, field
from genericapiserver.apis.core_v1.pods import PodTemplateSpec
from genericapiserver.apis.core_v1.references import ObjectReference

GROUP_VERSION = GroupVersion("batch", "v1")
MODEL_PACKAGE = "io.k8s.api.batch.v1"


@api_type
class PodFailurePolicyOnExitCodesRequirement:
    """PodFailurePolicyOnExitCodesRequirement says which exit codes a rule is for."""

    container_name: str | None = field(default=None, doc="The container; any of them unless given.")
    operator: str = field(enum=["In", "NotIn"], doc="In or NotIn.")
    values: list[Int32] = field(
        factory=list, omit_empty=False, null_when_empty=True, list_type="set", doc="The exit codes."
    )


@api_type
class PodFailurePolicyOnPodConditionsPattern:
    """PodFailurePolicyOnPodConditionsPattern says which condition of a pod a rule is for."""

    type: str = field(doc="The type of the condition.")
    status: str = field(
        default="", omit_empty=False, required=False, doc="The status of the condition; True unless given."
    )


@api_type
class PodFailurePolicyRule:
    """PodFailurePolicyRule says what happens when a pod fails in a certain way."""

    action: str = field(enum=["FailJob", "FailIndex", "Ignore", "Count"], doc="Ignore, Count, FailIndex or FailJob.")
    on_exit_codes: PodFailurePolicyOnExitCodesRequirement | None = field(
        default=None, doc="The exit codes that the rule is for."
    )
    on_pod_conditions: list[PodFailurePolicyOnPodConditionsPattern] = field(
        factory=list, list_type="atomic", doc="The conditions that the rule is for."
    )


@api_type
class PodFailurePolicy:
    """PodFailurePolicy is rules for failed pods, the first that fits counts."""

    rules: list[PodFailurePolicyRule] = field(
        factory=list,
        omit_empty=False,
        null_when_empty=True,
        list_type="atomic",
        doc="The rules, the first that fits counts.",
    )


@api_type
class SuccessPolicyRule:
    """SuccessPolicyRule says which indexes have to succeed for the job to."""

    succeeded_indexes: str | None = field(default=None, doc="The indexes that count, such as 0-2,5.")
    succeeded_count: Int32 | None = field(default=None, doc="How many of them have to succeed.")


@api_type
class SuccessPolicy:
    """SuccessPolicy says when a job has succeeded before all its pods have."""

    rules: list[SuccessPolicyRule] = field(
        factory=list,
        omit_empty=False,
        null_when_empty=True,
        list_type="atomic",
        doc="The rules, of which one has to hold.",
    )


@api_type
class JobSpec:
    """JobSpec is what is wanted of a job."""

    parallelism: Int32 | None = field(default=None, doc="How many pods run at once at most.")
    completions: Int32 | None = field(default=None, doc="How many pods have to succeed.")
    active_deadline_seconds: Int64 | None = field(default=None, doc="Seconds that the job may take.")
    pod_failure_policy: PodFailurePolicy | None = field(
        default=None, number=11, doc="What happens when pods fail in certain ways."
    )
    success_policy: SuccessPolicy | None = field(
        default=None, number=16, doc="When the job has succeeded before all its pods have."
    )
    backoff_limit: Int32 | None = field(default=None, number=7, doc="How many failures there may be.")
    backoff_limit_per_index: Int32 | None = field(
        default=None, number=12, doc="How many failures there may be of each index."
    )
    max_failed_indexes: Int32 | None = field(default=None, number=13, doc="How many indexes may fail.")
    selector: LabelSelector | None = field(
        default=None, number=4, doc="The labels of its pods; made up unless manualSelector is set."
    )
    manual_selector: bool | None = field(default=None, number=5, doc="Whether the selector is the user's business.")
    template: PodTemplateSpec = field(factory=PodTemplateSpec, required=True, number=6, doc="The pod that it runs.")
    ttl_seconds_after_finished: Int32 | None = field(
        default=None, number=8, doc="Seconds after its end until it is deleted."
    )
    completion_mode: str | None = field(
        default=None, enum=["NonIndexed", "Indexed"], number=9, doc="NonIndexed or Indexed."
    )
    suspend: bool | None = field(default=None, number=10, doc="Whether no pods are made for now.")
    pod_replacement_policy: str | None = field(
        default=None,
        enum=["TerminatingOrFailed", "Failed"],
        number=14,
        doc="TerminatingOrFailed, or Failed to wait for the end of a pod.",
    )
    managed_by: str | None = field(default=None, number=15, doc="The controller that looks after the job.")


@api_type
class JobCondition:
    """JobCondition is one thing that was observed of a job."""

    type: str = field(doc="What is observed.")
    status: str = field(doc="True, False or Unknown.")
    last_probe_time: Time | None = field(
        default=None, omit_empty=False, required=False, doc="When it was last looked at."
    )
    last_transition_time: Time | None = field(
        default=None, omit_empty=False, required=False, doc="When the status changed."
    )
    reason: str = field(default="", doc="Why it changed, in a word for programs.")
    message: str = field(default="", doc="Why it changed, for people.")


@api_type
class UncountedTerminatedPods:
    """UncountedTerminatedPods is ended pods that are not counted yet."""

    succeeded: list[str] = field(factory=list, list_type="set", doc="The UIDs of those that succeeded.")
    failed: list[str] = field(factory=list, list_type="set", doc="The UIDs of those that failed.")


@api_type
class JobStatus:
    """JobStatus is what was observed of a job."""

    conditions: list[JobCondition] = field(
        factory=list, list_type="atomic", patch_strategy="merge", patch_merge_key="type", doc="What was last observed."
    )
    start_time: Time | None = field(default=None, doc="When it was started.")
    completion_time: Time | None = field(default=None, doc="When it was complete.")
    active: Int32 = field(default=0, doc="How many pods run or wait.")
    succeeded: Int32 = field(default=0, doc="How many pods have succeeded.")
    failed: Int32 = field(default=0, doc="How many pods have failed.")
    terminating: Int32 | None = field(default=None, number=11, doc="How many pods are on their way out.")
    completed_indexes: str = field(default="", number=7, doc="The indexes that have succeeded, such as 1,3-5.")
    failed_indexes: str | None = field(default=None, number=10, doc="The indexes that have failed.")
    uncounted_terminated_pods: UncountedTerminatedPods | None = field(
        default=None, number=8, doc="Ended pods that are not counted yet."
    )
    ready: Int32 | None = field(default=None, number=9, doc="How many pods are ready.")


@api_type
class Job(Object):
    """Job runs pods until enough of them have succeeded."""

    spec: JobSpec = field(factory=JobSpec, doc="What is wanted of it.")
    status: JobStatus = field(factory=JobStatus, doc="What was observed of it. Read-only.")


@api_type
class JobTemplateSpec:
    """JobTemplateSpec is the job that a cron job makes."""

    metadata: ObjectMeta = field(factory=ObjectMeta)
    spec: JobSpec = field(factory=JobSpec, doc="What is wanted of the job.")


@api_type
class CronJobSpec:
    """CronJobSpec is what is wanted of a cron job."""

    schedule: str = field(default="", omit_empty=False, doc="When jobs are made, in cron's notation.")
    time_zone: str | None = field(default=None, number=8, doc="The time zone of the schedule.")
    starting_deadline_seconds: Int64 | None = field(default=None, number=2, doc="Seconds that a job may be late.")
    concurrency_policy: str = field(
        default="",
        enum=["Allow", "Forbid", "Replace"],
        number=3,
        doc="Allow, Forbid, or Replace the job that still runs.",
    )
    suspend: bool | None = field(default=None, number=4, doc="Whether no jobs are made for now.")
    job_template: JobTemplateSpec = field(
        factory=JobTemplateSpec, required=True, number=5, doc="The job that it makes."
    )
    successful_jobs_history_limit: Int32 | None = field(
        default=None, number=6, doc="How many jobs that succeeded are kept."
    )
    failed_jobs_history_limit: Int32 | None = field(default=None, number=7, doc="How many jobs that failed are kept.")


@api_type
class CronJobStatus:
    """CronJobStatus is what was observed of a cron job."""

    active: list[ObjectReference] = field(factory=list, list_type="atomic", doc="The jobs that run.")
    last_schedule_time: Time | None = field(default=None, number=4, doc="When the last job was made.")
    last_successful_time: Time | None = field(default=None, number=5, doc="When a job last succeeded.")


@api_type
class CronJob(Object):
    """CronJob makes jobs by a timetable."""

    spec: CronJobSpec = field(factory=CronJobSpec, doc="What is wanted of it.")
    status: CronJobStatus = field(factory=CronJobStatus, doc="What was observed of it. Read-only.")


def add_to_scheme(scheme: Scheme) -> None:
    """Register every kind, each its own hub, and what a version carries beside its kinds."""
    for version in (GROUP_VERSION, GroupVersion(GROUP_VERSION.group, INTERNAL_VERSION)):
        scheme.add_known_types(version, Job, CronJob)
    add_to_group_version(scheme, GROUP_VERSION)
    scheme.set_version_priority(GROUP_VERSION)
