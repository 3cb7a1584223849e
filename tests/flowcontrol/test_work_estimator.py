import pytest

from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.flowcontrol.flow_control import COUNT_LIFETIME, counted_objects
from genericapiserver.flowcontrol.watch_tracker import WatchTracker
from genericapiserver.flowcontrol.work import WorkEstimate
from genericapiserver.flowcontrol.work_estimator import STALE, WorkEstimator
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.registry.generic.object_counts import ObjectCounts
from genericapiserver.request.request_info import RequestInfo
from genericapiserver.storage.interface import Stats
from tests.support.clock import HandClock
from tests.support.flow_control import resource

KB = 1000


def estimate(
    info: RequestInfo,
    query: bytes = b"",
    *,
    stats: Stats | None = None,
    watches: int = 0,
    max_seats: int = 0,
    by_size: bool = True,
) -> WorkEstimate:
    estimator = WorkEstimator(stats=lambda group, name: stats, watches=lambda info: watches, by_size=by_size)
    return estimator.estimate(info, query, max_seats, lambda count: None)


@pytest.mark.parametrize("verb", ["get", "deletecollection", "proxy", ""])
def test_most_verbs_are_one_seat(verb: str) -> None:
    assert estimate(resource(verb), stats=STALE, watches=1000) == WorkEstimate(1)


def test_what_is_no_resource_is_one_seat() -> None:
    assert estimate(RequestInfo(False, "/version", "list"), stats=STALE) == WorkEstimate(1)


@pytest.mark.parametrize(
    ("verb", "name", "query", "stats", "seats"),
    [
        pytest.param("list", "", b"", None, 1, id="nobody counts"),
        pytest.param("list", "", b"", STALE, 10, id="stale, from the cache: written piece by piece"),
        pytest.param("list", "", b"resourceVersion=7&resourceVersionMatch=Exact", STALE, 100, id="stale, from storage"),
        pytest.param("list", "", b"limit=x", Stats(1, 1), 100, id="bad limit"),
        pytest.param("list", "", b"", Stats(0, 0), 1, id="empty"),
        pytest.param("list", "", b"", Stats(500, KB), 5, id="500 kB"),
        pytest.param("list", "", b"", Stats(501, KB), 6, id="a little more"),
        pytest.param("list", "", b"limit=100", Stats(500, KB), 1, id="limited"),
        pytest.param("list", "", b"", Stats(5000, KB), 10, id="cached lists are capped"),
        pytest.param("list", "", b"limit=100&continue=x", Stats(5000, KB), 1, id="a further page"),
        pytest.param("list", "", b"limit=9&continue=x&labelSelector=a", Stats(5000, KB), 25, id="a selective page"),
        pytest.param("list", "", b"limit=9&resourceVersion=7", Stats(50, 50 * KB), 5, id="legacy exact"),
        pytest.param("list", "", b"limit=9&resourceVersion=0", Stats(50, 50 * KB), 5, id="any version"),
        pytest.param(
            "list", "", b"resourceVersion=7&resourceVersionMatch=NotOlderThan", Stats(5000, KB), 10, id="newer"
        ),
        pytest.param("list", "x", b"", Stats(5000, 50 * KB), 1, id="named"),
        pytest.param("list", "x", b"", Stats(5000, 250 * KB), 3, id="named and large"),
        pytest.param("list", "", b"", Stats(2, 0), 10, id="unknown size"),
        pytest.param("watch", "", b"resourceVersion=7", Stats(5000, KB), 1, id="watch of what comes"),
        pytest.param("watch", "", b"", Stats(500, KB), 5, id="watch from the start"),
        pytest.param("watch", "", b"resourceVersion=0", Stats(500, KB), 5, id="watch from any start"),
        pytest.param("watch", "", b"resourceVersion=7&sendInitialEvents=true", Stats(500, KB), 5, id="streamed list"),
        pytest.param("watch", "", b"resourceVersion=7&sendInitialEvents=false", Stats(500, KB), 1, id="not streamed"),
    ],
)
def test_lists_cost_by_what_they_hold(verb: str, name: str, query: bytes, stats: Stats | None, seats: int) -> None:
    assert estimate(resource(verb, name=name), query, stats=stats) == WorkEstimate(seats)


@pytest.mark.parametrize(("max_seats", "seats"), [(0, 10), (4, 4), (1000, 10)])
def test_a_level_caps_what_one_list_may_take(max_seats: int, seats: int) -> None:
    assert estimate(resource("list"), stats=STALE, max_seats=max_seats) == WorkEstimate(seats)


@pytest.mark.parametrize(
    ("name", "query", "count", "seats"),
    [
        ("", b"", 450, 5),
        ("", b"limit=10", 450, 5),
        ("", b"limit=100&continue=x", 450, 2),
        ("", b"limit=100&continue=x&fieldSelector=a%3Db", 450, 6),
        ("x", b"", 450, 1),
        ("", b"", 10**9, 10),
    ],
)
def test_lists_may_cost_by_number(name: str, query: bytes, count: int, seats: int) -> None:
    assert estimate(resource("list", name=name), query, stats=Stats(count, KB), by_size=False) == WorkEstimate(seats)


@pytest.mark.parametrize(
    ("watches", "max_seats", "expected"),
    [
        (9, 0, WorkEstimate(1)),
        (10, 0, WorkEstimate(1, 1, 0.005)),
        (25, 0, WorkEstimate(1, 3, 0.005)),
        (100, 0, WorkEstimate(1, 10, 0.005)),
        (200, 0, WorkEstimate(1, 10, 0.01)),
        (200, 4, WorkEstimate(1, 4, 0.025)),
    ],
)
@pytest.mark.parametrize("verb", ["create", "update", "patch", "delete"])
def test_writes_cost_by_the_watches_they_wake(verb: str, watches: int, max_seats: int, expected: WorkEstimate) -> None:
    assert estimate(resource(verb), watches=watches, max_seats=max_seats) == expected


def test_making_a_token_wakes_nobody() -> None:
    assert estimate(resource("create", "serviceaccounts", subresource="token"), watches=1000) == WorkEstimate(1)


def test_watches_are_counted_where_they_may_see_a_write() -> None:
    tracker = WatchTracker()
    forget = [
        tracker.register(resource("watch", namespace="")),
        tracker.register(resource("watch", namespace="a")),
        tracker.register(resource("watch", namespace="a", name="n")),
        tracker.register(resource("watch", namespace="b")),
        tracker.register(resource("watch", namespace="", field_selector="spec.nodeName=x")),
    ]
    assert tracker.interested(resource("update", namespace="a", name="n")) == 3
    assert tracker.interested(resource("update", namespace="a", name="m")) == 2
    assert tracker.interested(resource("update", namespace="c", name="m")) == 1
    assert tracker.interested(resource("update", "services", namespace="a")) == 0
    for each in forget:
        each()
    assert tracker.interested(resource("update", namespace="a", name="n")) == 0


async def test_counts_are_believed_for_three_minutes() -> None:
    class Backend:
        async def stats(self) -> Stats:
            return Stats(7, KB)

    clock = HandClock()
    counts = ObjectCounts(MetricsRegistry(), clock=clock)
    counts.add(GroupResource("g", "r"), Backend())  # type: ignore[arg-type]
    stats = counted_objects(counts, clock.monotonic)
    assert stats("g", "r") is None
    await counts.observe()
    assert stats("g", "r") == Stats(7, KB)
    clock.seconds += COUNT_LIFETIME + 1
    assert stats("g", "r") is STALE
    counts.remove(GroupResource("g", "r"))
    assert stats("g", "r") is None
