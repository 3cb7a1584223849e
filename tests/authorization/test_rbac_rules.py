"""Comparing rules (component-helpers auth/rbac/validation/policy_comparator_test.go, and more)."""

from collections.abc import Sequence

import pytest

from genericapiserver.apis.rbac_v1 import PolicyRule
from genericapiserver.authorization.rbac_rules import compact, describe_rule, uncovered


def resources(verbs: str, groups: str, resources: str, names: str = "") -> PolicyRule:
    return PolicyRule(
        verbs=verbs.split(","),
        api_groups=groups.split(","),
        resources=resources.split(","),
        resource_names=names.split(",") if names else [],
    )


def urls(verbs: str, paths: str) -> PolicyRule:
    return PolicyRule(verbs=verbs.split(","), non_resource_urls=paths.split(","))


@pytest.mark.parametrize(
    ("owned", "wanted", "missing"),
    [
        ([resources("get,list", "g", "a,b")], [resources("get", "g", "b")], []),
        ([resources("get", "g", "a"), resources("list", "g", "a")], [resources("get,list", "g", "a")], []),
        ([resources("get", "g", "a")], [resources("get,list", "g", "a")], [resources("list", "g", "a")]),
        ([resources("*", "*", "*")], [resources("get", "g", "a/b", "n")], []),
        ([resources("get", "g", "a")], [resources("*", "g", "a")], [resources("*", "g", "a")]),
        ([resources("get", "g", "a")], [resources("get", "*", "a")], [resources("get", "*", "a")]),
        ([resources("get", "g", "a")], [resources("get", "g", "*")], [resources("get", "g", "*")]),
        ([resources("get", "g", "*/scale")], [resources("get", "g", "a/scale")], []),
        ([resources("get", "g", "*/scale")], [resources("get", "g", "a")], [resources("get", "g", "a")]),
        ([resources("get", "g", "a", "x")], [resources("get", "g", "a", "x")], []),
        ([resources("get", "g", "a", "x")], [resources("get", "g", "a")], [resources("get", "g", "a")]),
        ([resources("get", "g", "a")], [resources("get", "g", "a", "x")], []),
        ([resources("get", "g", "a", "x")], [resources("get", "g", "a", "x,y")], [resources("get", "g", "a", "y")]),
        ([urls("get", "/a")], [urls("get", "/a")], []),
        ([urls("get", "/a/*")], [urls("get", "/a/b,/a/*")], []),
        ([urls("get", "/a")], [urls("get", "/a/b")], [urls("get", "/a/b")]),
        ([urls("*", "*")], [urls("get,post", "/a")], []),
        ([resources("*", "*", "*")], [urls("get", "/a")], [urls("get", "/a")]),
        ([urls("*", "*")], [resources("get", "g", "a")], [resources("get", "g", "a")]),
        ([], [resources("get", "g", "a")], [resources("get", "g", "a")]),
    ],
)
def test_what_is_not_covered(
    owned: Sequence[PolicyRule], wanted: Sequence[PolicyRule], missing: Sequence[PolicyRule]
) -> None:
    assert uncovered(owned, wanted) == missing


def test_pieces_are_joined_by_their_resource() -> None:
    joined = compact([resources("get", "g", "a"), urls("get", "/x"), resources("list", "g", "a")])
    assert joined == [urls("get", "/x"), resources("get,list", "g", "a")]


def test_rules_are_told_in_the_words_of_the_reference() -> None:
    assert describe_rule(resources("get,list", ",apps", "pods", "a")) == (
        '{APIGroups:["" "apps"], Resources:["pods"], ResourceNames:["a"], Verbs:["get" "list"]}'
    )
    assert describe_rule(urls("get", "/x")) == '{NonResourceURLs:["/x"], Verbs:["get"]}'
