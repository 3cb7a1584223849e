"""What is going on in the levels, as tables for people.

The columns and their spelling are the reference's (pkg/util/flowcontrol/apf_controller_debug.go). Names that clients chose
are escaped where they would break a line or a column.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from genericapiserver.apimachinery.go.times import format_duration
from genericapiserver.authentication.user import UserInfo
from genericapiserver.flowcontrol.controller import FlowController
from genericapiserver.flowcontrol.queue_set import Request
from genericapiserver.request.request_info import RequestInfo

MIN_WIDTH: Final = 8
NEVER: Final = "0001-01-01T00:00:00Z"

LEVEL_COLUMNS: Final = (
    "PriorityLevelName",
    "ActiveQueues",
    "IsIdle",
    "IsQuiescing",
    "WaitingRequests",
    "ExecutingRequests",
    "DispatchedRequests",
    "RejectedRequests",
    "TimedoutRequests",
    "CancelledRequests",
)
QUEUE_COLUMNS: Final = (
    "PriorityLevelName",
    "Index",
    "PendingRequests",
    "ExecutingRequests",
    "SeatsInUse",
    "NextDispatchR",
    "InitialSeatsSum",
    "MaxSeatsSum",
    "TotalWorkSum",
)
REQUEST_COLUMNS: Final = (
    "PriorityLevelName",
    "FlowSchemaName",
    "QueueIndex",
    "RequestIndexInQueue",
    "FlowDistingsher",  # as the reference spells it
    "ArriveTime",
    "InitialSeats",
    "FinalSeats",
    "AdditionalLatency",
    "StartTime",
)
DETAIL_COLUMNS: Final = (
    "UserName",
    "Verb",
    "APIPath",
    "Namespace",
    "Name",
    "APIVersion",
    "Resource",
    "SubResource",
)


def dump_priority_levels(controller: FlowController) -> str:
    """One line a level, by name."""
    rows = []
    for name in sorted(controller.levels):
        level = controller.levels[name]
        queues = level.queues
        rows.append(
            (
                name,
                str(sum(1 for queue in queues.queues if queue.waiting)),
                _bool(queues.idle),
                _bool(level.quiescing),
                str(queues.waiting),
                str(len(queues.executing)),
                str(queues.dispatched),
                str(queues.rejected),
                # The reference has the column and counts every end of waiting in the next one.
                "0",
                str(queues.timed_out + queues.cancelled),
            )
        )
    return table(LEVEL_COLUMNS, rows)


def dump_queues(controller: FlowController) -> str:
    """One line a queue, by level and index."""
    rows = [
        (
            name,
            str(queue.index),
            str(len(queue.waiting)),
            str(queue.executing),
            str(queue.seats_in_use),
            f"{queue.next_dispatch_r:.8f}ss",
            str(queue.initial_seats_waiting),
            str(queue.seats_waiting),
            f"{queue.work_waiting:.8f}ss",
        )
        for name, level in sorted(controller.levels.items())
        for queue in level.queues.queues
    ]
    return table(QUEUE_COLUMNS, rows)


def dump_requests(controller: FlowController, *, details: bool = False) -> str:
    """One line a request that waits or runs; *details* adds what it asks for."""
    now, monotonic = controller.clock.now(), controller.clock.monotonic()

    def moment(seconds: float) -> str:
        return _time(now - timedelta(seconds=monotonic - seconds))

    rows: list[Sequence[str]] = []
    for name, level in sorted(controller.levels.items()):
        queues = level.queues
        executing = sorted(queues.executing, key=lambda request: request.started)
        for queue in queues.queues:
            waiting = [(at, request) for at, request in enumerate(queue.waiting)]
            waiting += [(-1, request) for request in executing if request.queue is queue]
            rows += [_request_row(name, queue.index, at, request, moment, details) for at, request in waiting]
        rows += [_request_row(name, -1, -1, request, moment, details) for request in executing if request.queue is None]
    return table((*REQUEST_COLUMNS, *DETAIL_COLUMNS) if details else REQUEST_COLUMNS, rows)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells end with a comma, but for the last of a line, and stand below each other."""
    lines = [tuple(columns), *(tuple(_escaped(cell) for cell in row) for row in rows)]
    widths = [max(MIN_WIDTH, *(len(line[at]) + 2 for line in lines)) for at in range(len(columns) - 1)]
    return "".join(
        "".join(f"{cell},".ljust(width) for cell, width in zip(line, widths, strict=False)) + line[-1] + "\n"
        for line in lines
    )


def _request_row(
    level: str, queue: int, at: int, request: Request, moment: Callable[[float], str], details: bool
) -> Sequence[str]:
    row = [
        level,
        request.flow.schema,
        str(queue),
        str(at),
        request.distinguisher,
        moment(request.arrival),
        str(request.work.initial_seats),
        str(request.work.final_seats),
        format_duration(request.work.additional_latency),
        moment(request.started) if at < 0 else NEVER,
    ]
    if details:
        user, info = request.details
        row += _details(user, info)
    return row


def _details(user: UserInfo, info: RequestInfo) -> list[str]:
    version = f"{info.api_group}/{info.api_version}" if info.api_group else info.api_version
    return [user.name, info.verb, info.path, info.namespace, info.name, version, info.resource, info.subresource]


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _time(moment: datetime) -> str:
    """As Go's RFC3339Nano: a fraction without zeros at its end."""
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    return text.rstrip("0").rstrip(".") + "Z"


def _escaped(cell: str) -> str:
    if cell.isprintable():
        return cell
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in cell)
