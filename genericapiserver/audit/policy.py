"""Which requests are recorded, and how much of them: the policy, compiled once, asked for every request.

The first rule that fits decides; without one nothing is recorded. Each rule becomes a list of tests on sets, and rules that
can never fit the kind of request asked about are not tried.

One thing the reference leaves to whoever writes the policy: what carries credentials in its bodies (Secrets, TokenReviews,
the tokens of service accounts) is recorded at level Metadata at most, whatever the rules say.

Source: pkg/audit/policy/checker.go of k8s.io/apiserver.
"""

from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

import attrs

from genericapiserver.apis.audit_v1 import GroupResources, Policy, PolicyRule
from genericapiserver.authentication.user import UserInfo
from genericapiserver.request import AuditLevel, RequestInfo

LEVELS: Final = {level.text: level for level in AuditLevel}

SENSITIVE_RESOURCES: Final = frozenset(
    {
        ("", "secrets"),
        ("", "serviceaccounts/token"),
        ("authentication.k8s.io", "tokenreviews"),
    }
)
"""(group, resource or resource/subresource) whose bodies are credentials."""

Test: TypeAlias = Callable[[RequestInfo, UserInfo | None], bool]


@attrs.frozen
class RequestAuditConfig:
    """What is recorded of one request."""

    level: AuditLevel
    omit_stages: frozenset[str] = frozenset()
    omit_managed_fields: bool = False
    level_text: str = attrs.field(init=False, default=attrs.Factory(lambda self: self.level.text, takes_self=True))


@attrs.frozen
class _Rule:
    tests: tuple[Test, ...]
    config: RequestAuditConfig
    capped: RequestAuditConfig
    """The same for what must not be recorded with its bodies."""


class PolicyRuleEvaluator:
    """Answers for one valid policy (see `load_policy`). *sensitive* is recorded without bodies."""

    def __init__(self, policy: Policy, *, sensitive: frozenset[tuple[str, str]] = SENSITIVE_RESOURCES) -> None:
        self._sensitive = sensitive
        self._default = RequestAuditConfig(AuditLevel.NONE, frozenset(policy.omit_stages), policy.omit_managed_fields)
        rules = [(rule, _compile(rule, policy)) for rule in policy.rules]
        self._resource_rules = tuple(compiled for rule, compiled in rules if not _only_non_resources(rule))
        self._other_rules = tuple(compiled for rule, compiled in rules if not (rule.resources or rule.namespaces))

    def evaluate(self, info: RequestInfo, user: UserInfo | None) -> RequestAuditConfig:
        """What is recorded of the request *info* by *user*."""
        for rule in self._resource_rules if info.is_resource_request else self._other_rules:
            for test in rule.tests:
                if not test(info, user):
                    break
            else:
                if rule.config is not rule.capped and self._is_sensitive(info):
                    return rule.capped
                return rule.config
        return self._default

    def _is_sensitive(self, info: RequestInfo) -> bool:
        group, resource = info.api_group, info.resource
        return (group, resource) in self._sensitive or (
            info.subresource != "" and (group, f"{resource}/{info.subresource}") in self._sensitive
        )


def _only_non_resources(rule: PolicyRule) -> bool:
    return bool(rule.non_resource_urls) and not (rule.resources or rule.namespaces)


def _compile(rule: PolicyRule, policy: Policy) -> _Rule:
    stages = frozenset(policy.omit_stages) | frozenset(rule.omit_stages)
    omit_managed_fields = policy.omit_managed_fields if rule.omit_managed_fields is None else rule.omit_managed_fields
    config = RequestAuditConfig(LEVELS[rule.level], stages, omit_managed_fields)
    capped = config
    if config.level > AuditLevel.METADATA:
        capped = RequestAuditConfig(AuditLevel.METADATA, stages, omit_managed_fields)
    return _Rule(tuple(_tests(rule)), config, capped)


def _tests(rule: PolicyRule) -> Iterable[Test]:
    # The order does not matter for the answer; the cheap ones that fail most come first.
    if rule.verbs:
        verbs = frozenset(rule.verbs)
        yield lambda info, user: info.verb in verbs
    if rule.users:
        users = frozenset(rule.users)
        yield lambda info, user: user is not None and user.name in users
    if rule.namespaces:
        namespaces = frozenset(rule.namespaces)
        yield lambda info, user: info.namespace in namespaces
    if rule.resources:
        yield _resource_test(rule.resources)
    elif rule.non_resource_urls and not rule.namespaces:
        yield _url_test(rule.non_resource_urls)
    if rule.user_groups:
        groups = frozenset(rule.user_groups)
        yield lambda info, user: user is not None and not groups.isdisjoint(user.groups)


@attrs.frozen
class _Resources:
    """The resources of one entry, by how they are matched."""

    everything: bool
    exact: frozenset[str]
    """`pods`, `pods/log`"""
    with_subresources: frozenset[str]
    """`pods` of `pods/*`: the resource and all its subresources"""
    subresources: frozenset[str]
    """`status` of `*/status`"""
    names: frozenset[str]

    def fits(self, info: RequestInfo) -> bool:
        if self.names and info.name not in self.names:
            return False
        if self.everything or info.resource in self.with_subresources:
            return True
        if info.subresource:
            return f"{info.resource}/{info.subresource}" in self.exact or info.subresource in self.subresources
        return info.resource in self.exact


def _resource_test(entries: Iterable[GroupResources]) -> Test:
    groups: dict[str, list[_Resources]] = {}
    for entry in entries:
        groups.setdefault(entry.group, []).append(_resources(entry))

    def test(info: RequestInfo, user: UserInfo | None) -> bool:
        found = groups.get(info.api_group)
        return found is not None and any(resources.fits(info) for resources in found)

    return test


def _resources(entry: GroupResources) -> _Resources:
    # Names without resources do not pass validation; the reference ignores them as well.
    return _Resources(
        everything=not entry.resources or "*" in entry.resources,
        exact=frozenset(entry.resources),
        with_subresources=frozenset(name[:-2] for name in entry.resources if name.endswith("/*")),
        subresources=frozenset(name[2:] for name in entry.resources if name.startswith("*/")),
        names=frozenset(entry.resource_names if entry.resources else ()),
    )


def _url_test(urls: Iterable[str]) -> Test:
    exact = frozenset(urls)
    prefixes = tuple(url.rstrip("*") for url in exact if url.endswith("*"))

    def test(info: RequestInfo, user: UserInfo | None) -> bool:
        return info.path in exact or info.path.startswith(prefixes)

    return test
