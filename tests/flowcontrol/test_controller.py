import pytest

from genericapiserver.apis.flowcontrol_v1 import EXEMPT, PriorityLevelConfigurationSpec
from genericapiserver.flowcontrol.bootstrap import (
    mandatory_levels,
    mandatory_schemas,
    suggested_levels,
    suggested_schemas,
)
from genericapiserver.flowcontrol.controller import FlowController
from genericapiserver.flowcontrol.dump import dump_priority_levels, dump_queues, dump_requests
from genericapiserver.flowcontrol.queue_set import EXECUTING, REJECTED, WAITING
from genericapiserver.flowcontrol.work import ONE_SEAT, WorkEstimate
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.request.request_info import RequestInfo
from genericapiserver.routes.metrics import render
from tests.support.flow_control import Timers, level, new_controller, resource, schema, user


@pytest.fixture
def timers() -> Timers:
    return Timers()


def bootstrapped(timers: Timers, limit: int = 600) -> FlowController:
    controller = new_controller(limit, timers)
    controller.digest([*mandatory_levels(), *suggested_levels()], [*mandatory_schemas(), *suggested_schemas()])
    return controller


@pytest.mark.parametrize(
    ("name", "nominal", "minimum", "maximum", "max_seats"),
    [
        ("exempt", 0, 0, 600, 0),
        ("catch-all", 13, 13, 613, 0),
        ("system", 74, 50, 674, 12),
        ("node-high", 98, 73, 698, 15),
        ("leader-election", 25, 25, 625, 4),
        ("workload-high", 98, 49, 698, 15),
        ("workload-low", 245, 24, 845, 37),
        ("global-default", 49, 24, 649, 8),
    ],
)
def test_600_seats_are_divided_as_in_the_reference(
    timers: Timers, name: str, nominal: int, minimum: int, maximum: int, max_seats: int
) -> None:
    found = bootstrapped(timers).levels[name]
    assert (found.nominal, found.minimum, found.maximum, found.max_seats) == (nominal, minimum, maximum, max_seats)


def test_without_any_objects_the_mandatory_ones_are_imagined(timers: Timers) -> None:
    controller = new_controller(10, timers)
    assert sorted(controller.levels) == ["catch-all", "exempt"]
    exempt = controller.classify(user("admin", "system:masters"), resource())
    other = controller.classify(user("alice"), resource())
    assert (exempt.name, other.name) == ("exempt", "catch-all")
    assert dict(other.headers) == {
        b"x-kubernetes-pf-flowschema-uid": b"",
        b"x-kubernetes-pf-prioritylevel-uid": b"",
    }


def test_schemas_are_tried_by_precedence_and_then_by_name(timers: Timers) -> None:
    controller = new_controller(10, timers)
    controller.digest(
        [level("l")],
        [schema("b", "l", precedence=5), schema("a", "l", precedence=5), schema("c", "l", precedence=4)],
    )
    assert [one.name for one in controller.schemas] == ["exempt", "c", "a", "b", "catch-all"]
    assert controller.classify(user("alice"), resource()).name == "c"


def test_a_schema_without_its_level_is_skipped_and_said_to_dangle(timers: Timers) -> None:
    controller = new_controller(10, timers)
    findings = controller.digest([level("there")], [schema("good", "there"), schema("bad", "gone")])
    assert {finding.schema.metadata.name: finding.dangling for finding in findings} == {"good": False, "bad": True}
    assert "bad" not in [one.name for one in controller.schemas]


def test_naming_an_imagined_level_is_dangling_too(timers: Timers) -> None:
    controller = new_controller(10, timers)
    (finding,) = controller.digest([], [schema("probes", "exempt")])
    assert finding.dangling


def test_levels_that_contradict_themselves_do_not_count(timers: Timers) -> None:
    broken = level("broken")
    broken.spec = PriorityLevelConfigurationSpec(type=EXEMPT)
    wide = level("wide", queues=512, hand=8)
    controller = new_controller(10, timers)
    controller.digest([broken, wide], [])
    assert sorted(controller.levels) == ["catch-all", "exempt"]


def test_a_level_that_is_gone_lives_on_until_its_last_request_is_done(timers: Timers) -> None:
    controller = new_controller(10, timers)
    controller.digest([level("l", shares=5)], [schema("s", "l")])
    one = controller.classify(user("alice"), resource())
    request = one.start(user("alice"), resource(), ONE_SEAT)
    quiet: list[bool] = []
    controller.on_quiet = lambda: quiet.append(True)
    controller.digest([], [])
    assert controller.levels["l"].quiescing
    assert controller.levels["l"].nominal > 0
    assert controller.classify(user("alice"), resource()).name == "catch-all"
    controller.finish(one.level, request)
    assert quiet == [True]
    controller.digest([], [])
    assert "l" not in controller.levels


def test_a_level_that_comes_back_keeps_its_queues(timers: Timers) -> None:
    controller = new_controller(10, timers)
    controller.digest([level("l", queues=2)], [schema("s", "l")])
    before = controller.levels["l"]
    before.queues.start(controller.schemas[1].metrics, (0,), "", ONE_SEAT)
    controller.digest([], [])
    controller.digest([level("l", queues=2, uid="new")], [schema("s", "l")])
    assert controller.levels["l"] is before
    assert not before.quiescing


@pytest.mark.parametrize(
    ("method", "info", "expected"),
    [
        ("ByUser", resource(), "alice"),
        ("ByNamespace", resource(namespace="x"), "x"),
        ("ByNamespace", RequestInfo(False, "/version", "get"), ""),
        ("", resource(), ""),
    ],
)
def test_what_tells_flows_apart(timers: Timers, method: str, info: RequestInfo, expected: str) -> None:
    controller = new_controller(10, timers)
    controller.digest([level("l", queues=4, hand=2)], [schema("s", "l", method=method)])
    one = controller.classify(user("alice"), info)
    assert one.distinguisher(user("alice"), info) == expected
    assert one.flow(user("alice"), info) == ("s", expected)


def test_with_one_queue_flows_are_not_told_apart(timers: Timers) -> None:
    controller = new_controller(10, timers)
    controller.digest([level("l", queues=1)], [schema("s", "l")])
    request = controller.schemas[1].start(user("alice"), resource(), ONE_SEAT)
    assert request.distinguisher == ""


def test_a_busy_level_borrows_and_gives_back(timers: Timers) -> None:
    controller = new_controller(100, timers)
    controller.digest(
        [level("busy", shares=20, queues=1, length=1000), level("idle", shares=80, lendable=50)],
        [schema("s", "busy")],
    )
    one = controller.classify(user("alice"), resource())
    requests = [one.start(user("alice"), resource(), ONE_SEAT) for _ in range(200)]
    timers.advance(10)
    controller.share_seats()
    busy, idle = controller.levels["busy"], controller.levels["idle"]
    assert busy.current > busy.nominal
    assert idle.current == idle.minimum
    assert len(busy.queues.executing) == busy.current
    while busy.queues.executing:
        for request in list(busy.queues.executing):
            controller.finish(busy, request)
    assert all(request.state not in (WAITING, EXECUTING) for request in requests)
    for _ in range(200):
        timers.advance(10)
        controller.share_seats()
    assert idle.current >= idle.nominal // 2
    assert busy.current < 60


def test_the_page_of_metrics_and_how_it_starts_over(timers: Timers) -> None:
    registry = MetricsRegistry()
    controller = new_controller(10, timers, registry)
    controller.digest([level("l", queues=1, length=1)], [schema("s", "l")])
    one = controller.classify(user("alice"), resource())
    limit = one.level.current
    requests = [one.start(user("alice"), resource(), ONE_SEAT) for _ in range(limit + 2)]
    assert [request.state for request in requests[-2:]] == [WAITING, REJECTED]
    labels = 'flow_schema="s",priority_level="l"'
    text = render(registry).decode()
    for line in (
        f"apiserver_flowcontrol_dispatched_requests_total{{{labels}}} {limit}",
        f"apiserver_flowcontrol_current_executing_requests{{{labels}}} {limit}",
        f"apiserver_flowcontrol_current_inqueue_requests{{{labels}}} 1",
        f'apiserver_flowcontrol_rejected_requests_total{{{labels},reason="queue-full"}} 1',
        f'apiserver_flowcontrol_work_estimated_seats_bucket{{{labels},le="1"}} {limit + 2}',
        f"apiserver_flowcontrol_request_queue_length_after_enqueue_count{{{labels}}} {limit + 1}",
        f'apiserver_flowcontrol_current_limit_seats{{priority_level="l"}} {limit}',
        'apiserver_flowcontrol_next_s_bounds{bound="min",priority_level="l"} 0',
    ):
        assert f"{line}\n" in text
    registry.reset()
    text = render(registry).decode()
    assert "dispatched_requests_total{" not in text
    assert f"apiserver_flowcontrol_current_executing_requests{{{labels}}} {limit}\n" in text


def test_the_tables_for_people(timers: Timers) -> None:
    controller = new_controller(2, timers)
    controller.digest([level("tiny", shares=1000, queues=1, length=9)], [schema("tinyfs", "tiny", method="")])
    who, info = user("al\nice"), resource(api_group="g", api_version="v1", name="n")
    one = controller.classify(who, info)
    for _ in range(one.level.current):
        one.start(who, info, ONE_SEAT, (who, info))
    timers.advance(1.5)
    one.start(who, info, WorkEstimate(1, 2, 0.005), (who, info))
    levels = dump_priority_levels(controller).splitlines()
    assert levels[0].startswith("PriorityLevelName, ActiveQueues, IsIdle, IsQuiescing, ")
    assert [line.split(",")[0] for line in levels[1:]] == ["catch-all", "exempt", "tiny"]
    assert levels[3].split() == ["tiny,", "1,", "false,", "false,", "1,", "2,", "2,", "0,", "0,", "0"]
    queues = dump_queues(controller).splitlines()
    assert queues[1].split() == ["tiny,", "0,", "1,", "2,", "2,", "3.00000000ss,", "1,", "2,", "0.01300000ss"]
    requests = dump_requests(controller, details=True).splitlines()
    assert requests[1].split() == [
        *("tiny,", "tinyfs,", "0,", "0,", ",", "2026-01-01T00:00:01.5Z,", "1,", "2,", "5ms,", "0001-01-01T00:00:00Z,"),
        *(r"al\nice,", "get,", "/,", "ns,", "n,", "g/v1,", "pods,"),
    ]
    assert requests[2].split()[3:10] == [
        "-1,",
        ",",
        "2026-01-01T00:00:00Z,",
        "1,",
        "0,",
        "0s,",
        "2026-01-01T00:00:00Z,",
    ]
    assert len({line.index("get,") for line in requests[1:]}) == 1
    assert "UserName" not in dump_requests(controller)
