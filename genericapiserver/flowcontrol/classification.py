"""Which flow schema a request belongs to.

The rules of a configuration are compiled once. Who asks is matched first and remembered for each set of credentials: what
is left for a request are the schemas whose subjects match, most of which match everything, in the order of precedence.
Source: pkg/util/flowcontrol/rule.go.
"""

from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

import attrs

from genericapiserver.apis.flowcontrol_v1 import (
    ALL,
    GROUP_SUBJECT,
    SERVICE_ACCOUNT,
    USER,
    FlowSchemaSpec,
    NonResourcePolicyRule,
    PolicyRulesWithSubjects,
    ResourcePolicyRule,
    Subject,
)
from genericapiserver.authentication.user import UserInfo
from genericapiserver.request.request_info import RequestInfo

T = TypeVar("T")
Test = Callable[[RequestInfo], bool]

SERVICE_ACCOUNT_PREFIX: Final = "system:serviceaccount:"
_REMEMBERED_USERS: Final = 2048


@attrs.frozen
class _Rule:
    """One rule: whose requests, and which; None matches all of a sort, an empty list none."""

    subjects: Sequence[Callable[[UserInfo], bool]]
    resources: Sequence[Test] | None
    paths: Sequence[Test] | None


_Candidates = list[tuple[Sequence[Test] | None, T]]


class Classifier(Generic[T]):
    """Finds what stands for the first of *schemas* that matches, which come in their order; else *otherwise*."""

    def __init__(self, schemas: Sequence[tuple[FlowSchemaSpec, T]], otherwise: T) -> None:
        self._schemas = [([_compile(rule) for rule in spec.rules], result) for spec, result in schemas]
        self._otherwise = otherwise
        self._known: dict[tuple[str, tuple[str, ...]], tuple[_Candidates[T], _Candidates[T]]] = {}

    def classify(self, user: UserInfo, info: RequestInfo) -> T:
        """The first match for *user* asking *info*."""
        key = (user.name, user.groups)
        known = self._known.get(key)
        if known is None:
            known = self._remember(key, user)
        for tests, result in known[0] if info.is_resource_request else known[1]:
            if tests is None:
                return result
            for test in tests:
                if test(info):
                    return result
        return self._otherwise

    def _remember(self, key: tuple[str, tuple[str, ...]], user: UserInfo) -> tuple[_Candidates[T], _Candidates[T]]:
        if len(self._known) >= _REMEMBERED_USERS:
            self._known.clear()
        candidates = self._candidates(user, resources=True), self._candidates(user, resources=False)
        self._known[key] = candidates
        return candidates

    def _candidates(self, user: UserInfo, *, resources: bool) -> _Candidates[T]:
        """What may match requests of *user*; nothing behind what matches all of them."""
        candidates: _Candidates[T] = []
        for rules, result in self._schemas:
            for rule in rules:
                tests = rule.resources if resources else rule.paths
                if tests is not None and not tests:
                    continue
                if not any(matches(user) for matches in rule.subjects):
                    continue
                candidates.append((tests, result))
                if tests is None:
                    return candidates
        return candidates


def _compile(rule: PolicyRulesWithSubjects) -> _Rule:
    resources = [_resource_test(each) for each in rule.resource_rules]
    paths = [_path_test(each) for each in rule.non_resource_rules]
    return _Rule(
        [_subject_test(subject) for subject in rule.subjects],
        None if None in resources else [test for test in resources if test is not None],
        None if None in paths else [test for test in paths if test is not None],
    )


def _subject_test(subject: Subject) -> Callable[[UserInfo], bool]:
    if subject.kind == USER and subject.user is not None:
        name = subject.user.name
        return (lambda user: True) if name == ALL else (lambda user: user.name == name)
    if subject.kind == GROUP_SUBJECT and subject.group is not None:
        group = subject.group.name
        return (lambda user: True) if group == ALL else (lambda user: group in user.groups)
    if subject.kind == SERVICE_ACCOUNT and subject.service_account is not None:
        account = subject.service_account
        prefix = f"{SERVICE_ACCOUNT_PREFIX}{account.namespace}:"
        if account.name == ALL:
            return lambda user: user.name.startswith(prefix)
        full_name = prefix + account.name
        return lambda user: user.name == full_name
    return lambda user: False


def _members(values: Sequence[str]) -> frozenset[str] | None:
    """The values, or None for everything: * counts only alone."""
    return None if list(values) == [ALL] else frozenset(values)


def _resource_test(rule: ResourcePolicyRule) -> Test | None:
    """The test of one rule; None when it matches every request for a resource."""
    verbs, groups = _members(rule.verbs), _members(rule.api_groups)
    resources, namespaces = _members(rule.resources), _members(rule.namespaces)
    cluster = rule.cluster_scope
    if cluster and (verbs, groups, resources, namespaces) == (None, None, None, None):
        return None

    def matches(info: RequestInfo) -> bool:
        if verbs is not None and info.verb not in verbs:
            return False
        if groups is not None and info.api_group not in groups:
            return False
        if resources is not None:
            name = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
            if name not in resources:
                return False
        if not info.namespace:
            return cluster
        return namespaces is None or info.namespace in namespaces

    return matches


def _path_test(rule: NonResourcePolicyRule) -> Test | None:
    """The test of one rule; None when it matches every request for a path."""
    verbs = _members(rule.verbs)
    exact = frozenset(rule.non_resource_urls)
    everywhere = ALL in exact
    prefixes = tuple(_below(url) for url in rule.non_resource_urls)
    if everywhere and verbs is None:
        return None

    def matches(info: RequestInfo) -> bool:
        if verbs is not None and info.verb not in verbs:
            return False
        return everywhere or info.path in exact or info.path.startswith(prefixes)

    return matches


def _below(url: str) -> str:
    """The prefix of everything below *url*: one * at the end is dropped, and whole path elements count."""
    url = url.removesuffix(ALL)
    return url if url.endswith("/") else url + "/"
