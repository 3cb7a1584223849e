"""The tables and what is made of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.differential.exchange import encoded
from tests.differential.families import FAMILIES
from tests.differential.families.mutations import mutated
from tests.differential.known import DELIBERATE, KNOWN, LUCK, TO_BE_MENDED, Known
from tests.differential.runs import Comparison, Difference, Report
from tests.differential.scenarios import JSON, NAMESPACE, Scenario, Step


def every() -> Iterator[Scenario]:
    for made in FAMILIES.values():
        yield from made()


def test_every_scenario_has_a_name_of_its_own_and_can_be_sent() -> None:
    names: set[str] = set()
    for each in every():
        assert each.name not in names
        names.add(each.name)
        assert each.steps
        for step in each.steps:
            encoded(step)
    assert {name.partition("/")[0] for name in names} == set(FAMILIES)


def test_what_is_written_is_written_into_the_scenarios_own_namespace() -> None:
    """A write elsewhere would be seen by scenarios of another day and another order."""
    for each in every():
        if each.family in ("paths", "access"):
            continue  # these never make an object
        for step in each.steps:
            if step.method in ("POST", "PUT", "PATCH") and "/flunders" in step.path:
                assert NAMESPACE in step.path, (each.name, step)


def test_a_seed_makes_the_same_requests_each_time() -> None:
    one, again, other = (list(mutated(seed, 40)) for seed in (7, 7, 8))
    assert [each.steps for each in one] == [each.steps for each in again]
    assert [each.steps for each in one] != [each.steps for each in other]


def test_mutated_requests_can_be_sent_and_stay_in_their_namespace() -> None:
    for each in mutated(1, 800):
        for step in each.steps:
            encoded(step)
            assert not any("\n" in path for path in (step.path, step.method))
            if step.path.startswith("/apis/wardle.example.com/") and "/flunders" in step.path:
                assert NAMESPACE in step.path


def test_known_differences_say_why_and_belong_to_a_family() -> None:
    assert len({each.name for each in KNOWN}) == len(KNOWN)
    for each in KNOWN:
        assert each.reason
        assert each.kind in (DELIBERATE, TO_BE_MENDED, LUCK)
        assert each.family in FAMILIES
        re.compile(each.request)
        re.compile(each.line)


def test_a_known_difference_covers_its_requests_and_lines_only() -> None:
    known = Known("version", DELIBERATE, "it is doctored", "paths", r"GET /version$", r"^/body/gitVersion: ")
    assert known.covers("paths/x", "GET /version", "/body/gitVersion: wanted 1, found 2")
    assert not known.covers("paths/x", "GET /version/", "/body/gitVersion: wanted 1, found 2")
    assert not known.covers("paths/x", "GET /version", "/body/minor: wanted 1, found 2")


def test_known_differences_that_no_scenario_shows_are_gone_when_all_of_the_family_were_run() -> None:
    known = [
        Known(name, kind, "why", family, "x", "y")
        for name, kind, family in (
            ("a", DELIBERATE, "paths"),
            ("b", TO_BE_MENDED, "paths"),
            ("c", DELIBERATE, "access"),
            ("d", LUCK, "paths"),
        )
    ]
    comparison = Comparison({}, {}, known)
    comparison.report.known[known[0]] = 3
    comparison.judge_gone(["paths"])
    assert comparison.report.gone == [known[1]]
    assert "gone: b (why): no request of paths shows it any more" in list(comparison.report.lines())


def test_the_report_shows_a_difference_once_with_some_of_its_requests() -> None:
    report = Report(requests=5, scenarios=5)
    report.new = [
        Difference(f"paths/{number}[0]", f"GET /{number}", "/status: wanted 1, found 2") for number in range(5)
    ]
    lines = list(report.lines())
    assert lines[:1] == ["/status: wanted 1, found 2"]
    assert lines[1:5] == [*(f"    paths/{number}[0]: GET /{number}" for number in range(3)), "    and 2 more"]
    assert lines[5].startswith("5 requests in 5 scenarios: 5 new differences in 1 groups")


def test_a_request_is_told_on_one_line_however_long_it_is() -> None:
    step = Step("PUT", "/x", "a\nb" * 500, JSON, identity="alice")
    text = str(step)
    assert text.startswith('PUT /x as alice Content-Type="application/json" "a\\nb')
    assert "\n" not in text
    assert len(text) < 500
