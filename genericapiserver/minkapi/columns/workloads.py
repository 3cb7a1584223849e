"""The columns of what makes pods: apps/v1, batch/v1 and ReplicationController, and of what protects them."""

import datetime as dt
from collections.abc import Callable
from typing import Any, Final

from genericapiserver.apis.apps_v1 import ControllerRevision
from genericapiserver.apis.batch_v1 import CronJob, Job
from genericapiserver.minkapi.columns.shared import (
    AGE,
    NAME,
    NONE,
    UNSET,
    container_columns,
    integer,
    labels_text,
    selector_column,
    selector_text,
    since,
    text,
)
from genericapiserver.registry.table import TableColumn, format_age


def replicas(obj: Any) -> int:
    """How many pods are wanted: one where nothing is said."""
    wanted = obj.spec.replicas
    return 1 if wanted is None else wanted


def _ready(obj: Any) -> str:
    return f"{obj.status.ready_replicas}/{replicas(obj)}"


_TEMPLATE = container_columns(lambda obj: obj.spec.template)
_SELECTOR = selector_column(lambda obj: selector_text(obj.spec.selector))
_COUNTS: Final = (
    integer("Desired", replicas, "How many pods there should be."),
    integer("Current", "status.replicas", "How many pods there are."),
    integer("Ready", "status.ready_replicas", "How many of them are ready."),
)

DEPLOYMENT_COLUMNS: Final = (
    NAME,
    TableColumn("Ready", _ready, doc="How many pods are ready, of how many."),
    TableColumn("Up-to-date", "status.updated_replicas", doc="How many pods are of the latest template."),
    TableColumn("Available", "status.available_replicas", doc="How many pods have been ready for long enough."),
    AGE,
    *_TEMPLATE,
    _SELECTOR,
)
REPLICA_SET_COLUMNS: Final = (NAME, *_COUNTS, AGE, *_TEMPLATE, _SELECTOR)
REPLICATION_CONTROLLER_COLUMNS: Final = (
    NAME,
    *_COUNTS,
    AGE,
    *_TEMPLATE,
    selector_column(lambda obj: labels_text(obj.spec.selector)),
)
STATEFUL_SET_COLUMNS: Final = (
    NAME,
    TableColumn("Ready", _ready, doc="How many pods are ready, of how many."),
    AGE,
    *_TEMPLATE,
)
DAEMON_SET_COLUMNS: Final = (
    NAME,
    integer("Desired", "status.desired_number_scheduled", "How many nodes should run the pod."),
    integer("Current", "status.current_number_scheduled", "How many of them run it."),
    integer("Ready", "status.number_ready", "On how many it is ready."),
    integer("Up-to-date", "status.updated_number_scheduled", "How many run the latest template."),
    integer("Available", "status.number_available", "On how many it has been ready for long enough."),
    TableColumn(
        "Node Selector",
        lambda obj: labels_text(obj.spec.template.spec.node_selector),
        doc="The labels that nodes have to have.",
    ),
    AGE,
    *_TEMPLATE,
    _SELECTOR,
)


def _controller(revision: ControllerRevision) -> str:
    for owner in revision.metadata.owner_references:
        if owner.controller:
            group, slash, _version = owner.api_version.rpartition("/")
            kind = f"{owner.kind}.{group}" if slash else owner.kind
            return f"{kind.lower()}/{owner.name}"
    return NONE


CONTROLLER_REVISION_COLUMNS: Final = (
    NAME,
    TableColumn("Controller", _controller, doc="Whose state it is."),
    TableColumn("Revision", "revision", doc="The number of the state."),
    AGE,
)


def _job_status(job: Job) -> str:
    held = {condition.type for condition in job.status.conditions if condition.status == "True"}
    deleted = {"Terminating"} if job.metadata.deletion_timestamp is not None else set()
    states = ("Complete", "Failed", "Terminating", "Suspended", "FailureTarget")
    return next((state for state in states if state in (held - {"Terminating"}) | deleted), "Running")


def _completions(job: Job) -> str:
    if job.spec.completions is not None:
        return f"{job.status.succeeded}/{job.spec.completions}"
    parallelism = job.spec.parallelism or 0
    return f"{job.status.succeeded}/1 of {parallelism}" if parallelism > 1 else f"{job.status.succeeded}/1"


def _duration(job: Job) -> str:
    if job.status.start_time is None:
        return ""
    return format_age((job.status.completion_time or dt.datetime.now(dt.UTC)) - job.status.start_time)


JOB_COLUMNS: Final = (
    NAME,
    TableColumn("Status", _job_status, doc="Where the job is in its life."),
    TableColumn("Completions", _completions, doc="How many pods have succeeded, of how many."),
    TableColumn("Duration", _duration, doc="How long it took, or has taken up to now."),
    AGE,
    *_TEMPLATE,
    _SELECTOR,
)


def _suspended(job: CronJob) -> str:
    return UNSET if job.spec.suspend is None else str(job.spec.suspend)


def _of_its_jobs(cell: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda obj: cell(obj.spec.job_template.spec)


CRON_JOB_COLUMNS: Final = (
    NAME,
    text("Schedule", "spec.schedule", "When jobs are made."),
    text("Timezone", "spec.time_zone", "The time zone of the schedule.", absent=NONE),
    # Go prints a word here in spite of the type.
    TableColumn("Suspend", _suspended, type="boolean", doc="Whether no jobs are made for now."),
    integer("Active", lambda obj: len(obj.status.active), "How many of its jobs run."),
    TableColumn(
        "Last Schedule", lambda obj: since(obj.status.last_schedule_time, NONE), doc="When the last job was made."
    ),
    AGE,
    *container_columns(_of_its_jobs(lambda spec: spec.template)),
    selector_column(_of_its_jobs(lambda spec: selector_text(spec.selector))),
)


def _budget(name: str, attribute: str, doc: str) -> TableColumn:
    def cell(obj: Any) -> str:
        value = getattr(obj.spec, attribute)
        return "N/A" if value is None else str(value)

    return TableColumn(name, cell, doc=doc)


POD_DISRUPTION_BUDGET_COLUMNS: Final = (
    NAME,
    _budget("Min Available", "min_available", "How many pods have to be there."),
    _budget("Max Unavailable", "max_unavailable", "How many pods may be missing."),
    integer("Allowed Disruptions", "status.disruptions_allowed", "How many pods may be evicted now."),
    AGE,
)
