"""The replay itself: what it forgives and what it does not."""

import json
from typing import Any

import pytest

from tests.conformance.recorded.normalisation import ANY, differences, loosened, normalised, part
from tests.conformance.recorded.scenarios import load


@pytest.mark.parametrize(
    ("wanted", "found", "problems"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {}, ["/a: missing, wanted 1"]),
        ({}, {"a": 1}, ["/a: unwanted 1"]),
        ({"a": [1, 2]}, {"a": [1]}, ["/a: 2 items wanted, 1 found"]),
        ([{"a": "x"}], [{"a": "y"}], ['/0/a: wanted "x", found "y"']),
        (1, True, [": wanted 1, found true"]),
        (1, 1.0, [": wanted 1, found 1.0"]),
        (None, {}, [": wanted null, found {}"]),
    ],
)
def test_differences_are_named(wanted: Any, found: Any, problems: list[str]) -> None:
    assert list(differences(wanted, found)) == problems


def test_only_what_differs_from_run_to_run_becomes_a_placeholder() -> None:
    found = {
        "metadata": {"uid": "01234567-89ab-cdef-0123-456789abcdef", "resourceVersion": "17", "name": "a"},
        "message": "gone since 2026-01-02T03:04:05Z (resourceVersion: 17)",
        "resourceVersion": "0",
        "other": "17",
    }
    assert normalised(found, {}) == {
        "metadata": {"uid": "<uid>", "resourceVersion": "<resourceVersion>", "name": "a"},
        "message": "gone since <time> (resourceVersion: <resourceVersion>)",
        "resourceVersion": "0",
        "other": "17",
    }


def test_captured_values_get_their_names_back_unless_they_are_short() -> None:
    assert normalised("flunders a-x7k2m of 12", {"name": "a-x7k2m", "rv": "12"}) == "flunders ${name} of 12"


def test_loose_parts_may_hold_anything_but_must_be_there() -> None:
    document = {"body": {"items": [{"a": 1}, {"a": 2}], "message": "x"}}
    assert loosened(document, "/body/message")["body"]["message"] == ANY
    assert loosened(document, "/body/items/*/a")["body"]["items"] == [{"a": ANY}, {"a": ANY}]
    assert loosened(document, "/body/items/1")["body"]["items"] == [{"a": 1}, ANY]
    assert loosened(document, "/body/nothing") == document


def test_pointers_lead_to_values_or_nowhere() -> None:
    document = {"items": [{"name": "a"}]}
    assert part(document, "/items/0/name") == "a"
    assert part(document, "/items/1/name") is None
    assert part(document, "/items/0/name/first") is None


def test_a_scenario_moved_elsewhere_leaves_nothing_in_its_old_namespaces() -> None:
    (scenario,) = [each for each in load() if each.title == "apply/create-own-conflict-force"]
    assert scenario.has_several_managers
    moved = json.dumps(scenario.elsewhere("-b").raw)
    assert "/namespaces/ap1-b/flunders/a?" in moved
    assert '"namespace": "ap1-b"' in moved
    assert moved.replace("ap1-b", "ap1") == json.dumps(scenario.raw)
