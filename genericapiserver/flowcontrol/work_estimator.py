"""How much work a request is, told from what it asks for.

Lists cost by the bytes they have to hold in memory, writes by the watches they wake, everything else is one seat. Source:
pkg/util/flowcontrol/request/{width,list_work_estimator,mutating_work_estimator,config}.go.
"""

import math
from collections.abc import Callable
from typing import Final, Protocol

import attrs

from genericapiserver.apimachinery.go import parse_int
from genericapiserver.asgi import parse_query
from genericapiserver.flowcontrol.work import ONE_SEAT, WorkEstimate
from genericapiserver.request.request_info import RequestInfo
from genericapiserver.storage.interface import Stats

MAX_LIST_SEATS: Final = 100
MAX_LIST_SEATS_BY_COUNT: Final = 10
MAX_MUTATING_SEATS: Final = 10
BYTES_PER_SEAT: Final = 100_000
OBJECTS_PER_SEAT: Final = 100.0
MAX_CACHED_BYTES: Final = 1_000_000
"""A list from the cache is written piece by piece and never held as a whole."""
MAX_OBJECT_BYTES: Final = 1_500_000
WATCHES_PER_SEAT: Final = 10.0
EVENT_SECONDS: Final = 0.005
STALE: Final = Stats(1_000_000_000, MAX_OBJECT_BYTES)
"""What is taken for a count that is too old to be believed."""

_REMEMBERED_QUERIES: Final = 512
_REMEMBERED_LENGTH: Final = 512

_MUTATING: Final = frozenset({"create", "update", "patch", "delete"})


@attrs.frozen(kw_only=True)
class ListRequest:
    """What counts of the options of a list or a watch."""

    resource_version: str = ""
    resource_version_match: str = ""
    limit: int = 0
    token: str = ""
    selective: bool = False
    send_initial_events: bool | None = None

    @property
    def from_storage(self) -> bool:
        """Whether the cache cannot answer: an exact version, or the continuation of one."""
        if self.resource_version_match == "NotOlderThan":
            return False
        if self.resource_version_match == "Exact" or self.token:
            return True
        return self.limit > 0 and self.resource_version not in ("", "0")


def list_request(query: bytes) -> ListRequest:
    """What *query* asks for. Raises ValueError for a number that is none."""
    values = {name: given[0] for name, given in parse_query(query).items()}
    for name in ("limit", "timeoutSeconds"):
        if values.get(name):
            parse_int(values[name])
    initial = values.get("sendInitialEvents")
    return ListRequest(
        resource_version=values.get("resourceVersion", ""),
        resource_version_match=values.get("resourceVersionMatch", ""),
        limit=parse_int(values.get("limit") or "0"),
        token=values.get("continue", ""),
        selective=bool(values.get("fieldSelector") or values.get("labelSelector")),
        send_initial_events=None if initial is None else initial.lower() not in ("0", "false"),
    )


class ObjectStats(Protocol):
    """Knows how many objects there are."""

    def __call__(self, group: str, resource: str, /) -> Stats | None:
        """None when nobody counts; STALE when the count is too old."""


@attrs.define(eq=False, kw_only=True)
class WorkEstimator:
    """Estimates requests. One a server; the options of the last distinct lists are remembered."""

    stats: ObjectStats
    watches: Callable[[RequestInfo], int]
    by_size: bool = True
    """Off: lists cost by the number of objects."""
    _options: dict[bytes, ListRequest] = attrs.field(factory=dict, init=False)

    def estimate(
        self, info: RequestInfo, query: bytes, max_seats: int, observe_watches: Callable[[int], None]
    ) -> WorkEstimate:
        """The work of one request at a level that gives one request *max_seats* at most, 0 for no limit of its own."""
        verb = info.verb
        if not info.is_resource_request:
            return ONE_SEAT
        if verb in ("list", "watch"):
            return self._list(info, query, max_seats)
        if verb in _MUTATING:
            return self._mutating(info, max_seats, observe_watches)
        return ONE_SEAT

    def _list(self, info: RequestInfo, query: bytes, max_seats: int) -> WorkEstimate:
        most = MAX_LIST_SEATS if self.by_size else MAX_LIST_SEATS_BY_COUNT
        if not 0 < max_seats <= most:
            max_seats = most
        try:
            request = self._read(query)
        except ValueError:
            return WorkEstimate(max_seats)
        watch = info.verb == "watch"
        if watch and not request.send_initial_events and request.resource_version not in ("", "0"):
            return ONE_SEAT
        stats = self.stats(info.api_group, info.resource)
        if stats is None:
            return ONE_SEAT
        cached = watch or not request.from_storage
        estimate = _seats_by_size if self.by_size else _seats_by_count
        seats = estimate(stats, request, cached, bool(info.name))
        return ONE_SEAT if seats <= 1 else WorkEstimate(min(seats, max_seats))

    def _read(self, query: bytes) -> ListRequest:
        request = self._options.get(query)
        if request is None:
            request = list_request(query)
            if len(query) <= _REMEMBERED_LENGTH:
                if len(self._options) >= _REMEMBERED_QUERIES:
                    self._options.clear()
                self._options[query] = request
        return request

    def _mutating(self, info: RequestInfo, max_seats: int, observe_watches: Callable[[int], None]) -> WorkEstimate:
        if info.resource == "serviceaccounts" and info.subresource == "token":
            return ONE_SEAT
        watches = self.watches(info)
        observe_watches(watches)
        if watches < WATCHES_PER_SEAT:
            return ONE_SEAT
        most = max_seats if 0 < max_seats <= MAX_MUTATING_SEATS else MAX_MUTATING_SEATS
        seats = math.ceil(watches / WATCHES_PER_SEAT)
        return WorkEstimate(1, seats, EVENT_SECONDS).narrowed_to(most)


def _limited(count: int, limit: int) -> int:
    return limit if 0 < limit < count else count


def _seats_by_size(stats: Stats, request: ListRequest, cached: bool, single: bool) -> int:
    count = _limited(stats.object_count, request.limit)
    size = stats.estimated_average_object_size_bytes
    if size <= 0 and stats.object_count:
        size = MAX_OBJECT_BYTES
    if single:
        count = 1
    elif not cached and request.selective:
        count = max(count, stats.object_count // 2)
    held = count * size
    return math.ceil((min(held, MAX_CACHED_BYTES) if cached else held) / BYTES_PER_SEAT)


def _seats_by_count(stats: Stats, request: ListRequest, cached: bool, single: bool) -> int:
    limit = _limited(stats.object_count, request.limit)
    if single:
        objects = 1
    elif cached:
        objects = stats.object_count
    elif request.selective:
        objects = stats.object_count + limit
    else:
        objects = 2 * limit
    return math.ceil(objects / OBJECTS_PER_SEAT)
