"""The columns of pods.

The status of a pod is summed up from those of its containers: what holds it up while it starts, what went wrong, or its
phase.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from genericapiserver.apis.core_v1.container_status import ContainerState, ContainerStatus
from genericapiserver.apis.core_v1.pods import Pod, PodTemplate
from genericapiserver.minkapi.columns.shared import (
    AGE,
    NAME,
    NONE,
    WIDE,
    condition_status,
    container_columns,
    labels_text,
    since,
    text,
)
from genericapiserver.registry.table import TableColumn

ENDED_PHASES: Final = ("Succeeded", "Failed")


@attrs.define
class _Summary:
    """What the cells of one pod are made of."""

    reason: str
    ready: int = 0
    containers: int = 0
    restarts: int = 0
    last_restart: dt.datetime | None = None


def summarize(pod: Pod) -> _Summary:
    """The state of *pod* as kubectl sums it up."""
    summary = _Summary(pod.status.reason or pod.status.phase)
    if any(one.type == "PodScheduled" and one.reason == "SchedulingGated" for one in pod.status.conditions):
        summary.reason = "SchedulingGated"
    sidecars = {one.name for one in pod.spec.init_containers if one.restart_policy == "Always"}
    summary.containers = len(pod.spec.containers) + len(sidecars)
    initializing = _sum_up_init_containers(pod, sidecars, summary)
    if not initializing or condition_status(pod.status.conditions, "Initialized") == "True":
        _sum_up_containers(pod, sidecars, summary)
    if pod.metadata.deletion_timestamp is not None:
        if pod.status.reason == "NodeLost":
            summary.reason = "Unknown"
        elif pod.status.phase not in ENDED_PHASES:
            summary.reason = "Terminating"
    return summary


def _sum_up_init_containers(pod: Pod, sidecars: set[str], summary: _Summary) -> bool:
    """Whether an init container holds the pod up; the reason then is its."""
    for place, status in enumerate(pod.status.init_container_statuses):
        _count_restarts([status], summary)
        terminated, waiting = status.state.terminated, status.state.waiting
        if terminated is not None and terminated.exit_code == 0:
            continue
        if status.name in sidecars and status.started:
            summary.ready += status.ready
            continue
        if terminated is not None:
            summary.reason = f"Init:{_end_of(status.state)}"
        elif waiting is not None and waiting.reason not in ("", "PodInitializing"):
            summary.reason = f"Init:{waiting.reason}"
        else:
            summary.reason = f"Init:{place}/{len(pod.spec.init_containers)}"
        return True
    return False


def _sum_up_containers(pod: Pod, sidecars: set[str], summary: _Summary) -> None:
    """The reason is that of the first container that has one; only restarts of what still runs count."""
    statuses = pod.status.container_statuses
    summary.restarts, summary.last_restart = 0, None
    _count_restarts((one for one in pod.status.init_container_statuses if one.name in sidecars), summary)
    _count_restarts(statuses, summary)
    running = 0
    for status in reversed(statuses):
        if status.state.waiting is not None and status.state.waiting.reason:
            summary.reason = status.state.waiting.reason
        elif status.state.terminated is not None:
            summary.reason = _end_of(status.state)
        elif status.ready and status.state.running is not None:
            running += 1
    summary.ready += running
    if summary.reason == "Completed" and running:
        summary.reason = "Running" if condition_status(pod.status.conditions, "Ready") == "True" else "NotReady"


def _count_restarts(statuses: Iterable[ContainerStatus], summary: _Summary) -> None:
    for status in statuses:
        summary.restarts += status.restart_count
        ended = status.last_state.terminated
        if ended is not None and ended.finished_at is not None:
            summary.last_restart = max(summary.last_restart or ended.finished_at, ended.finished_at)


def _end_of(state: ContainerState) -> str:
    """How a container ended: its reason, the signal, or the exit code."""
    ended = state.terminated
    if ended is None:
        return ""
    return ended.reason or (f"Signal:{ended.signal}" if ended.signal else f"ExitCode:{ended.exit_code}")


def _ready(pod: Pod) -> str:
    summary = summarize(pod)
    return f"{summary.ready}/{summary.containers}"


def _restarts(pod: Pod) -> str:
    summary = summarize(pod)
    if not summary.restarts or summary.last_restart is None:
        return str(summary.restarts)
    return f"{summary.restarts} ({since(summary.last_restart)} ago)"


def _ip(pod: Pod) -> str:
    # The list is the newer field; who writes only the other one has filled nothing in.
    return (pod.status.pod_ips[0].ip if pod.status.pod_ips else pod.status.pod_ip) or NONE


def _readiness_gates(pod: Pod) -> str:
    gates: Sequence[str] = [gate.condition_type for gate in pod.spec.readiness_gates]
    if not gates:
        return NONE
    passed = sum(condition_status(pod.status.conditions, gate) == "True" for gate in gates)
    return f"{passed}/{len(gates)}"


POD_COLUMNS: Final = (
    NAME,
    TableColumn("Ready", _ready, doc="How many of its containers are ready."),
    TableColumn("Status", lambda pod: summarize(pod).reason, doc="What state its containers are in, all together."),
    TableColumn("Restarts", _restarts, doc="How often its containers were restarted, and when that last happened."),
    AGE,
    TableColumn("IP", _ip, doc="The address of the pod.", priority=WIDE),
    text("Node", "spec.node_name", "The node that the pod runs on.", absent=NONE, priority=WIDE),
    text(
        "Nominated Node",
        "status.nominated_node_name",
        "The node where others are pushed aside for it.",
        absent=NONE,
        priority=WIDE,
    ),
    TableColumn("Readiness Gates", _readiness_gates, doc="How many of its gates have been passed.", priority=WIDE),
)


def _template_columns() -> tuple[TableColumn, ...]:
    shown = container_columns(lambda obj: obj.template)
    return tuple(attrs.evolve(column, priority=0) for column in shown)


def _template_labels(obj: PodTemplate) -> str:
    return labels_text(obj.template.metadata.labels)


POD_TEMPLATE_COLUMNS: Final = (
    NAME,
    *_template_columns(),
    TableColumn("Pod Labels", _template_labels, doc="The labels of the template."),
)
