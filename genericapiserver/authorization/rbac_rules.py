"""Comparing rules: whether those that somebody holds cover others, and how the missing ones are told.

Rules are taken apart into pieces of one verb, group, resource and name, each of which one rule covers as a whole or not.
Source: k8s.io/component-helpers auth/rbac/validation/policy_comparator.go, pkg/registry/rbac/validation/policy_compact.go
and CompactString in pkg/apis/rbac/v1/evaluation_helpers.go of k8s.io/kubernetes.
"""

from collections.abc import Iterable, Iterator, Sequence

from genericapiserver.apimachinery.go import quote
from genericapiserver.apis.rbac_v1 import ALL, PolicyRule


def uncovered(owned: Sequence[PolicyRule], wanted: Iterable[PolicyRule]) -> list[PolicyRule]:
    """The pieces of *wanted* that no rule of *owned* covers."""
    return [piece for rule in wanted for piece in pieces(rule) if not any(covers(own, piece) for own in owned)]


def pieces(rule: PolicyRule) -> Iterator[PolicyRule]:
    """*rule* as rules with one verb and one thing each."""
    for group in rule.api_groups:
        for resource in rule.resources:
            for verb in rule.verbs:
                for names in [[name] for name in rule.resource_names] or [[]]:
                    yield PolicyRule(verbs=[verb], api_groups=[group], resources=[resource], resource_names=names)
    for url in rule.non_resource_urls:
        for verb in rule.verbs:
            yield PolicyRule(verbs=[verb], non_resource_urls=[url])


def covers(own: PolicyRule, piece: PolicyRule) -> bool:
    """Whether *own* allows all of *piece*."""
    return (
        _holds(own.verbs, piece.verbs)
        and _holds(own.api_groups, piece.api_groups)
        and all(_covers_resource(own.resources, resource) for resource in piece.resources)
        and _covers_names(own.resource_names, piece.resource_names)
        and all(_covers_url(own.non_resource_urls, url) for url in piece.non_resource_urls)
    )


def _holds(own: Sequence[str], wanted: Iterable[str]) -> bool:
    return ALL in own or all(one in own for one in wanted)


def _covers_resource(own: Sequence[str], resource: str) -> bool:
    if ALL in own or resource in own:
        return True
    _, slash, subresource = resource.partition("/")
    return bool(slash) and f"{ALL}/{subresource}" in own


def _covers_names(own: Sequence[str], names: Sequence[str]) -> bool:
    """A rule for all names covers any; one that is limited does not cover the rule without a limit."""
    return not own or (bool(names) and all(name in own for name in names))


def _covers_url(own: Iterable[str], url: str) -> bool:
    return any(one == url or (one.endswith(ALL) and url.startswith(one.rstrip(ALL))) for one in own)


def compact(rules: Iterable[PolicyRule]) -> list[PolicyRule]:
    """Join pieces that differ by their verb alone."""
    joined: dict[tuple[str, str], PolicyRule] = {}
    others: list[PolicyRule] = []
    for rule in rules:
        if rule.resource_names or rule.non_resource_urls or len(rule.api_groups) != 1 or len(rule.resources) != 1:
            others.append(rule)
            continue
        key = (rule.api_groups[0], rule.resources[0])
        if (known := joined.get(key)) is None:
            joined[key] = PolicyRule(
                verbs=list(rule.verbs), api_groups=list(rule.api_groups), resources=list(rule.resources)
            )
        else:
            known.verbs += rule.verbs
    return [*others, *joined.values()]


def describe_rule(rule: PolicyRule) -> str:
    """`{APIGroups:["apps"], Resources:["deployments"], Verbs:["get" "list"]}`, without what is empty."""
    parts = (
        ("APIGroups", rule.api_groups),
        ("Resources", rule.resources),
        ("NonResourceURLs", rule.non_resource_urls),
        ("ResourceNames", rule.resource_names),
        ("Verbs", rule.verbs),
    )
    return "{" + ", ".join(f"{name}:{quoted(texts)}" for name, texts in parts if texts) + "}"


def quoted(texts: Iterable[str]) -> str:
    """A list as Go's %q writes it."""
    return "[" + " ".join(map(quote, texts)) + "]"
