"""Rules, selectors and match policies: the tables of predicates/rules and predicates/namespace of the reference."""

from collections.abc import Mapping
from typing import Any

import pytest

from genericapiserver.admission import Operation
from genericapiserver.admission.matching import CompiledRule, Criteria, Matcher, is_exempt
from genericapiserver.apimachinery.equivalents import EquivalentResources
from genericapiserver.apimachinery.errors import InternalError, NotFoundError, StatusError
from genericapiserver.apimachinery.meta import LabelSelector, LabelSelectorRequirement
from genericapiserver.apimachinery.schema import GroupResource, GroupVersionKind, GroupVersionResource
from genericapiserver.apis.admissionregistration_v1 import NamedRuleWithOperations, RuleWithOperations
from tests.admission.support import new_attributes, new_gadget

PODS = GroupVersionResource("", "v1", "pods")
NODES = GroupVersionResource("", "v1", "nodes")
NAMESPACES = GroupVersionResource("", "v1", "namespaces")
UNPARSABLE = LabelSelector(match_expressions=[LabelSelectorRequirement(key="a", operator="Resembles")])


def rule(**fields: Any) -> RuleWithOperations:
    every: dict[str, Any] = {"operations": ["*"], "api_groups": ["*"], "api_versions": ["*"], "resources": ["*"]}
    return RuleWithOperations(**{**every, "scope": "*", **fields})


def matches(one: RuleWithOperations | NamedRuleWithOperations, resource: GroupVersionResource, **facts: Any) -> bool:
    attributes = new_attributes(facts.pop("operation", Operation.CREATE), resource=resource, **facts)
    return CompiledRule.compile(one).matches(attributes, resource)


@pytest.mark.parametrize(
    ("fields", "resource", "facts", "expected"),
    [
        ({"api_groups": ["g"]}, GroupVersionResource("g", "v", "r"), {}, True),
        ({"api_groups": ["a", "g"]}, GroupVersionResource("g", "v", "r"), {}, True),
        ({"api_groups": ["a", "b"]}, GroupVersionResource("g", "v", "r"), {}, False),
        ({"api_versions": ["v"]}, GroupVersionResource("g", "v", "r"), {}, True),
        ({"api_versions": ["a"]}, GroupVersionResource("g", "v", "r"), {}, False),
        ({"operations": ["CREATE", "DELETE"]}, PODS, {"operation": Operation.DELETE}, True),
        ({"operations": ["CREATE"]}, PODS, {"operation": Operation.CONNECT}, False),
        ({"operations": []}, PODS, {}, False),
    ],
)
def test_lists_hold_a_value_or_a_star(
    fields: dict[str, Any], resource: GroupVersionResource, facts: dict[str, Any], expected: bool
) -> None:
    assert matches(rule(**fields), resource, **facts) is expected


@pytest.mark.parametrize(
    ("resources", "plain", "log", "status", "other", "other_status"),
    [
        (["*"], True, False, False, True, False),
        (["*/*"], True, True, True, True, True),
        (["pods"], True, False, False, False, False),
        (["pods/*"], True, True, True, False, False),
        (["*/status"], False, False, True, False, True),
        (["pods/status"], False, False, True, False, False),
        (["pods", "nodes/status"], True, False, False, False, True),
        ([], False, False, False, False, False),
    ],
)
def test_resources_and_subresources(
    resources: list[str], plain: bool, log: bool, status: bool, other: bool, other_status: bool
) -> None:
    one = rule(resources=resources)
    assert [
        matches(one, PODS),
        matches(one, PODS, subresource="log"),
        matches(one, PODS, subresource="status"),
        matches(one, NODES),
        matches(one, NODES, subresource="status"),
    ] == [plain, log, status, other, other_status]


@pytest.mark.parametrize(
    ("scope", "namespaced", "cluster", "namespace"),
    [
        ("*", True, True, True),
        (None, True, True, True),
        ("Namespaced", True, False, False),
        ("Cluster", False, True, True),
        ("Galaxy", False, False, False),
    ],
)
def test_scopes(scope: str | None, namespaced: bool, cluster: bool, namespace: bool) -> None:
    one = rule(scope=scope)
    assert [
        matches(one, PODS, namespace="ns"),
        matches(one, NODES, namespace=""),
        matches(one, NAMESPACES, namespace="ns", name="ns"),
    ] == [namespaced, cluster, namespace]


def test_a_rule_with_names_is_about_these_objects_only() -> None:
    named = NamedRuleWithOperations(
        operations=["*"], api_groups=["*"], api_versions=["*"], resources=["*"], resource_names=["a", "b"]
    )
    assert matches(named, PODS, name="b")
    assert not matches(named, PODS, name="c")


@pytest.mark.parametrize("kind", ["ValidatingWebhookConfiguration", "MutatingAdmissionPolicyBinding"])
def test_what_decides_about_writes_is_never_intercepted(kind: str) -> None:
    assert is_exempt(new_attributes(kind=GroupVersionKind("admissionregistration.k8s.io", "v1", kind)))
    assert not is_exempt(new_attributes(kind=GroupVersionKind("example.com", "v1", kind)))


class Labels:
    """Namespaces by name; counts how often it is asked."""

    def __init__(self, **namespaces: Mapping[str, str] | StatusError) -> None:
        self.namespaces = namespaces
        self.asked = 0

    async def labels(self, name: str) -> Mapping[str, str]:
        self.asked += 1
        found = self.namespaces.get(name, NotFoundError(GroupResource("", "namespaces"), name))
        if isinstance(found, StatusError):
            raise found
        return found


def criteria(**fields: Any) -> Criteria:
    every: dict[str, Any] = {
        "rules": [rule()],
        "namespace_selector": LabelSelector(),
        "object_selector": LabelSelector(),
    }
    return Criteria.compile(**{**every, **fields})


RUN_LEVEL = LabelSelector(match_expressions=[LabelSelectorRequirement(key="level", operator="NotIn", values=["0"])])


@pytest.mark.parametrize(
    ("namespaces", "facts", "matched"),
    [
        ({"ns": {}}, {}, True),
        ({"ns": {"level": "1"}}, {}, True),
        ({"ns": {"level": "0"}}, {}, False),
        ({}, {"namespace": "", "resource": NODES}, True),
        ({}, {"resource": NAMESPACES, "object": new_gadget("ns", labels={"level": "0"})}, False),
        ({}, {"resource": NAMESPACES, "object": new_gadget("ns", labels={"level": "1"})}, True),
        ({"ns": {"level": "0"}}, {"resource": NAMESPACES, "operation": Operation.DELETE}, False),
    ],
)
async def test_the_selector_of_namespaces(namespaces: dict[str, Any], facts: dict[str, Any], matched: bool) -> None:
    attributes = new_attributes(facts.pop("operation", Operation.CREATE), **facts)
    match = await Matcher(Labels(**namespaces)).match(criteria(namespace_selector=RUN_LEVEL), attributes)
    assert (match is not None) is matched


async def test_an_empty_selector_asks_nobody() -> None:
    labels = Labels()
    assert await Matcher(labels).match(criteria(), new_attributes()) is not None
    assert labels.asked == 0


async def test_a_namespace_that_does_not_exist_is_a_404() -> None:
    with pytest.raises(NotFoundError, match='namespaces "ns" not found'):
        await Matcher(Labels()).match(criteria(namespace_selector=RUN_LEVEL), new_attributes())


@pytest.mark.parametrize("selector", ["namespace_selector", "object_selector"])
async def test_a_selector_that_does_not_parse_refuses_what_the_rules_are_about(selector: str) -> None:
    matcher = Matcher(Labels(ns={}))
    broken = criteria(**{selector: UNPARSABLE})
    with pytest.raises(InternalError, match='"Resembles" is not a valid label selector operator'):
        await matcher.match(broken, new_attributes())
    elsewhere = criteria(**{selector: UNPARSABLE, "rules": [rule(operations=["DELETE"])]})
    assert await matcher.match(elsewhere, new_attributes()) is None


async def test_what_the_object_selector_leaves_out_fails_for_no_namespace() -> None:
    chosen = criteria(namespace_selector=RUN_LEVEL, object_selector=LabelSelector(match_labels={"a": "b"}))
    assert await Matcher(Labels()).match(chosen, new_attributes(object=new_gadget())) is None


@pytest.mark.parametrize(
    ("obj", "old", "matched"),
    [
        (new_gadget(labels={"a": "b"}), None, True),
        (new_gadget(), new_gadget(labels={"a": "b"}), True),
        (new_gadget(), new_gadget(), False),
        (None, None, False),
        (object(), None, False),
    ],
)
async def test_the_object_or_the_old_one_is_selected(obj: Any, old: Any, matched: bool) -> None:
    chosen = criteria(object_selector=LabelSelector(match_labels={"a": "b"}))
    attributes = new_attributes(object=obj, old_object=old)
    assert (await Matcher(Labels()).match(chosen, attributes) is not None) is matched


APPS, EXTENSIONS = GroupVersionResource("apps", "v1", "things"), GroupVersionResource("extensions", "v1beta1", "things")


def equivalents() -> EquivalentResources:
    known = EquivalentResources(lambda resource: "/things")
    for resource in (APPS, EXTENSIONS):
        known.register(resource, "", resource.group_version.with_kind("Thing"))
    known.register(APPS, "scale", GroupVersionKind("autoscaling", "v1", "Scale"))
    return known


@pytest.mark.parametrize(
    ("policy", "subresource", "expected"),
    [
        ("Exact", "", None),
        ("Equivalent", "", EXTENSIONS.group_version.with_kind("Thing")),
        ("Equivalent", "scale", None),
    ],
)
async def test_the_same_resource_in_another_version(
    policy: str, subresource: str, expected: GroupVersionKind | None
) -> None:
    old = rule(api_groups=["extensions"], api_versions=["v1beta1"], resources=["things", "things/scale"])
    attributes = new_attributes(resource=APPS, subresource=subresource, equivalents=equivalents())
    match = await Matcher(Labels()).match(criteria(rules=[old], match_policy=policy), attributes)
    assert (match and match.kind) == expected


async def test_rules_of_the_version_that_was_sent_come_first() -> None:
    old = rule(api_groups=["extensions"])
    attributes = new_attributes(resource=APPS, equivalents=equivalents())
    match = await Matcher(Labels()).match(criteria(rules=[old, rule(api_groups=["apps"])]), attributes)
    assert match is not None
    assert match.resource == APPS


async def test_what_is_excluded_is_not_matched() -> None:
    chosen = criteria(exclude_rules=[rule(operations=["CREATE"])])
    matcher = Matcher(Labels())
    assert await matcher.match(chosen, new_attributes(Operation.CREATE)) is None
    assert await matcher.match(chosen, new_attributes(Operation.UPDATE)) is not None


async def test_without_rules_a_binding_matches_everything_and_a_webhook_nothing() -> None:
    matcher = Matcher(Labels())
    assert await matcher.match(criteria(rules=[]), new_attributes()) is None
    assert await matcher.match(criteria(rules=[], no_rules_match_everything=True), new_attributes()) is not None
