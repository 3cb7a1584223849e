"""Roles and bindings as one immutable index: from a user straight to the rules that apply.

What a request costs: one look-up of the user (name, groups, namespace) and one of the question (verb, group, resource),
both remembered. A rule's outcome, with its reason, is made when the index is. Names of objects are compared, not
remembered: there may be any number of them.

Source: pkg/registry/rbac/validation/rule.go and pkg/apis/rbac/v1/evaluation_helpers.go of k8s.io/kubernetes.
"""

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

import attrs

from genericapiserver.apimachinery.errors import NotFoundError
from genericapiserver.apimachinery.go import quote
from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.apis.rbac_v1 import (
    ALL,
    CLUSTER_ROLE,
    GROUP,
    GROUP_KIND,
    ROLE,
    SERVICE_ACCOUNT,
    USER,
    ClusterRole,
    ClusterRoleBinding,
    PolicyRule,
    Role,
    RoleBinding,
    RoleRef,
    Subject,
)
from genericapiserver.authentication.service_account import service_account_username
from genericapiserver.authentication.user import UserInfo
from genericapiserver.authorization.builtin import NO_OPINION
from genericapiserver.authorization.interfaces import AuthorizationAttributes, AuthorizationResult, Decision

MAX_REMEMBERED_USERS: Final = 4096
MAX_REMEMBERED_QUESTIONS: Final = 1024
"""Of one user. Both are only limits against filling the memory on purpose: what is beyond is looked up anew."""


@attrs.frozen(kw_only=True)
class RBACObjects:
    """Everything that RBAC decides by."""

    roles: Sequence[Role] = ()
    role_bindings: Sequence[RoleBinding] = ()
    cluster_roles: Sequence[ClusterRole] = ()
    cluster_role_bindings: Sequence[ClusterRoleBinding] = ()


Binding: TypeAlias = ClusterRoleBinding | RoleBinding
_NamedRule: TypeAlias = tuple[frozenset[str] | None, AuthorizationResult]
"""The names that a rule is limited to, None for all, and the outcome when it applies."""


@attrs.frozen
class _CompiledBinding:
    """A binding, its rules, and for each of its subjects what allowing by it says."""

    place: int
    rules: Sequence[PolicyRule]
    results: Sequence[AuthorizationResult]
    error: Exception | None


@attrs.frozen
class _UserRules:
    """What applies to one user in one namespace, in the order of evaluation."""

    rules: tuple[tuple[PolicyRule, AuthorizationResult], ...]
    url_rules: tuple[tuple[PolicyRule, AuthorizationResult], ...]
    errors: tuple[Exception, ...]
    refusal: AuthorizationResult
    questions: dict[tuple[str, str, str, str], tuple[_NamedRule, ...]] = attrs.field(factory=dict)

    def decide(self, attributes: AuthorizationAttributes) -> AuthorizationResult:
        if not attributes.is_resource_request:
            for rule, result in self.url_rules:
                if verb_matches(rule, attributes.verb) and url_matches(rule, attributes.path):
                    return result
            return self.refusal
        question = (attributes.verb, attributes.api_group, attributes.resource, attributes.subresource)
        candidates = self.questions.get(question)
        if candidates is None:
            candidates = self._candidates(*question)
        for names, result in candidates:
            if names is None or attributes.name in names:
                return result
        return self.refusal

    def _candidates(self, verb: str, group: str, resource: str, subresource: str) -> tuple[_NamedRule, ...]:
        candidates = tuple(
            (frozenset(rule.resource_names) or None, result)
            for rule, result in self.rules
            if verb_matches(rule, verb)
            and (group in rule.api_groups or ALL in rule.api_groups)
            and resource_matches(rule, resource, subresource)
        )
        if len(self.questions) >= MAX_REMEMBERED_QUESTIONS:
            self.questions.clear()
        self.questions[verb, group, resource, subresource] = candidates
        return candidates


class RBACIndex:
    """Answers by *objects*, which must not change any more. Bindings are asked in the order of their names."""

    def __init__(self, objects: RBACObjects) -> None:
        self._roles = {(role.metadata.namespace, role.metadata.name): role for role in objects.roles}
        self._cluster_roles = {role.metadata.name: role for role in objects.cluster_roles}
        # "" stands for the bindings of the cluster
        self._subjects: dict[str, dict[tuple[str, str], list[tuple[_CompiledBinding, int]]]] = {"": {}}
        self._users: dict[tuple[str, tuple[str, ...], str], _UserRules] = {}
        for place, binding in enumerate(sorted(objects.cluster_role_bindings, key=_name)):
            self._add(place, binding)
        for place, namespaced in enumerate(sorted(objects.role_bindings, key=_name)):
            self._add(place, namespaced)

    def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationResult:
        """ALLOW with its reason, or NO_OPINION."""
        user = attributes.user
        if user is None:
            return AuthorizationResult(Decision.NO_OPINION, error=RuntimeError("no user on request."))
        return self._rules_of(user, attributes.namespace).decide(attributes)

    def rules_for(self, user: UserInfo, namespace: str) -> tuple[list[PolicyRule], tuple[Exception, ...]]:
        """The rules that apply to *user* in *namespace*, and what went wrong with others."""
        found = self._rules_of(user, namespace)
        return [rule for rule, _ in found.rules], found.errors

    def rules_of_role(self, role_ref: RoleRef, namespace: str) -> Sequence[PolicyRule]:
        """The rules that a binding in *namespace* ("": of the cluster) refers to.

        Raises NotFoundError for a role that is not there, ValueError for a kind that is no role.
        """
        if role_ref.kind == ROLE:
            role = self._roles.get((namespace, role_ref.name))
            if role is None:
                raise NotFoundError(GroupResource(GROUP, "role"), role_ref.name)
            return role.rules
        if role_ref.kind == CLUSTER_ROLE:
            cluster_role = self._cluster_roles.get(role_ref.name)
            if cluster_role is None:
                raise NotFoundError(GroupResource(GROUP, "clusterrole"), role_ref.name)
            return cluster_role.rules
        raise ValueError(f"unsupported role reference kind: {quote(role_ref.kind)}")

    def _add(self, place: int, binding: Binding) -> None:
        namespace = binding.metadata.namespace if isinstance(binding, RoleBinding) else ""
        subjects = self._subjects.setdefault(namespace, {})
        rules: Sequence[PolicyRule] = ()
        error: Exception | None = None
        try:
            rules = self.rules_of_role(binding.role_ref, namespace)
        except (NotFoundError, ValueError) as raised:
            error = raised
        results = [
            AuthorizationResult(Decision.ALLOW, f"RBAC: allowed by {describe_binding(binding, subject)}")
            for subject in binding.subjects
        ]
        compiled = _CompiledBinding(place, rules, results, error)
        for index, subject in enumerate(binding.subjects):
            key = _subject_key(subject, namespace)
            if key is not None:
                subjects.setdefault(key, []).append((compiled, index))

    def _rules_of(self, user: UserInfo, namespace: str) -> _UserRules:
        if namespace not in self._subjects:
            namespace = ""
        key = (user.name, user.groups, namespace)
        found = self._users.get(key)
        if found is None:
            if len(self._users) >= MAX_REMEMBERED_USERS:
                self._users.clear()
            found = self._users[key] = self._collect(user, namespace)
        return found

    def _collect(self, user: UserInfo, namespace: str) -> _UserRules:
        """The bindings of the cluster, then those of the namespace; a binding counts by the first subject that fits."""
        keys = [(USER, user.name), *((GROUP_KIND, group) for group in user.groups)]
        rules: list[tuple[PolicyRule, AuthorizationResult]] = []
        errors: list[Exception] = []
        for scope in ("", namespace) if namespace else ("",):
            first: dict[int, tuple[_CompiledBinding, int]] = {}
            for key in keys:
                for binding, subject in self._subjects[scope].get(key, ()):
                    known = first.get(binding.place)
                    if known is None or subject < known[1]:
                        first[binding.place] = (binding, subject)
            for place in sorted(first):
                binding, subject = first[place]
                if binding.error is not None:
                    errors.append(binding.error)
                rules += [(rule, binding.results[subject]) for rule in binding.rules]
        url_rules = tuple((rule, result) for rule, result in rules if rule.non_resource_urls)
        return _UserRules(tuple(rules), url_rules, tuple(errors), _refusal(errors))


def _refusal(errors: Iterable[Exception]) -> AuthorizationResult:
    texts = list(dict.fromkeys(map(str, errors)))
    if not texts:
        return NO_OPINION
    return AuthorizationResult(
        Decision.NO_OPINION, f"RBAC: {texts[0]}" if len(texts) == 1 else f"RBAC: [{', '.join(texts)}]"
    )


def _name(binding: Binding) -> tuple[str, str]:
    return binding.metadata.namespace, binding.metadata.name


def _subject_key(subject: Subject, namespace: str) -> tuple[str, str] | None:
    """How a user is found by *subject*; None for one that nobody is. A service account is a user by its name."""
    if subject.kind in (USER, GROUP_KIND):
        return subject.kind, subject.name
    home = subject.namespace or namespace
    if subject.kind == SERVICE_ACCOUNT and home:
        return USER, service_account_username(home, subject.name)
    return None


def describe_binding(binding: Binding, subject: Subject) -> str:
    """Who gets what by which binding, as reasons tell it. Names stand before namespaces, as in the reference."""
    metadata, role = binding.metadata, binding.role_ref
    kind, name, namespace = "ClusterRoleBinding", metadata.name, ""
    if isinstance(binding, RoleBinding):
        kind, name, namespace = "RoleBinding", f"{metadata.name}/{metadata.namespace}", metadata.namespace
    who = subject.name
    if subject.kind == SERVICE_ACCOUNT:
        who = f"{subject.name}/{subject.namespace or namespace}"
    return f"{kind} {quote(name)} of {role.kind} {quote(role.name)} to {subject.kind} {quote(who)}"


# ---- when a rule applies


def verb_matches(rule: PolicyRule, verb: str) -> bool:
    return verb in rule.verbs or ALL in rule.verbs


def resource_matches(rule: PolicyRule, resource: str, subresource: str) -> bool:
    """`*` is everything, subresources too; `*/scale` that subresource everywhere. `pods/*` is no pattern."""
    if ALL in rule.resources:
        return True
    if not subresource:
        return resource in rule.resources
    return f"{resource}/{subresource}" in rule.resources or f"{ALL}/{subresource}" in rule.resources


def url_matches(rule: PolicyRule, url: str) -> bool:
    """The same text, or the beginning before trailing stars. Paths are compared as they came, without cleaning."""
    for pattern in rule.non_resource_urls:
        if pattern == url or (pattern.endswith(ALL) and url.startswith(pattern.rstrip(ALL))):
            return True
    return False
