"""Which writes a webhook or a policy is about: rules, selectors, and the same resource in other versions.

    Criteria.compile(...)   once, when an object of the API is read
    Matcher.match(...)      for every write: None, or the resource and kind by which the write was matched

The cheap test comes first: rules decide without a look-up, then labels of the object, then those of its namespace, which
may have to be asked for. What a selector or a look-up fails with therefore refuses a write only when the rules are about
it, as in the reference. Go: pkg/admission/plugin/webhook/generic/webhook.go, predicates/{rules,object,namespace},
pkg/admission/plugin/policy/matching/matching.go.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

import attrs

from genericapiserver.admission.attributes import Attributes
from genericapiserver.admission.operation import Operation
from genericapiserver.apimachinery.errors import InternalError, StatusError
from genericapiserver.apimachinery.labels import EVERYTHING, Selector, SelectorError, from_label_selector
from genericapiserver.apimachinery.meta import LabelSelector, ObjectMeta
from genericapiserver.apimachinery.schema import GroupResource, GroupVersionKind, GroupVersionResource
from genericapiserver.apis.admissionregistration_v1 import (
    ALL_SCOPES,
    CLUSTER_SCOPE,
    EQUIVALENT,
    GROUP_VERSION,
    NAMESPACED_SCOPE,
)

ANY: Final = "*"
NAMESPACES: Final = GroupResource("", "namespaces")
_NAMESPACES_V1: Final = GroupVersionResource("", "v1", "namespaces")
_EXEMPT_KINDS: Final = frozenset(
    {
        "ValidatingWebhookConfiguration",
        "MutatingWebhookConfiguration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
    }
)


class NamespaceLabels(Protocol):
    """Knows the labels of namespaces."""

    async def labels(self, name: str) -> Mapping[str, str]:
        """Raises NotFoundError for a namespace that does not exist, another StatusError when that cannot be found out."""


class RuleLike(Protocol):
    """What RuleWithOperations and NamedRuleWithOperations have in common."""

    @property
    def operations(self) -> Sequence[str]: ...
    @property
    def api_groups(self) -> Sequence[str]: ...
    @property
    def api_versions(self) -> Sequence[str]: ...
    @property
    def resources(self) -> Sequence[str]: ...
    @property
    def scope(self) -> str | None: ...


@attrs.frozen
class Match:
    """By what a write was matched: its own resource and kind, or an equivalent one it has to be converted to."""

    resource: GroupVersionResource
    subresource: str
    kind: GroupVersionKind


def is_exempt(attributes: Attributes) -> bool:
    """Whether the write is on what decides about writes: no webhook or policy may stand in the way of repairing it."""
    kind = attributes.kind
    return kind.group == GROUP_VERSION.group and kind.kind in _EXEMPT_KINDS


@attrs.frozen
class CompiledRule:
    """One rule, ready to be asked. An empty list of names is every name."""

    operations: frozenset[str]
    groups: frozenset[str]
    versions: frozenset[str]
    resources: tuple[tuple[str, str], ...]
    """Pairs of resource and subresource; the latter is empty for a plain resource."""
    scope: str
    names: frozenset[str] = frozenset()

    @classmethod
    def compile(cls, rule: RuleLike) -> "CompiledRule":
        """Raises nothing: a rule that makes no sense matches nothing."""
        pairs = []
        for entry in rule.resources:
            resource, _, subresource = entry.partition("/")
            pairs.append((resource, subresource))
        return cls(
            frozenset(rule.operations),
            frozenset(rule.api_groups),
            frozenset(rule.api_versions),
            tuple(pairs),
            rule.scope or ALL_SCOPES,
            frozenset(getattr(rule, "resource_names", ())),
        )

    def matches(self, attributes: Attributes, resource: GroupVersionResource) -> bool:
        """Whether the rule is about the write of *attributes*, taken as one of *resource*."""
        return (
            _has(self.operations, attributes.operation.value)
            and _has(self.groups, resource.group)
            and _has(self.versions, resource.version)
            and self._has_resource(resource.resource, attributes.subresource)
            and self._has_scope(attributes, resource)
            and (not self.names or attributes.name in self.names)
        )

    def _has_resource(self, resource: str, subresource: str) -> bool:
        return any(ruled in (ANY, resource) and below in (ANY, subresource) for ruled, below in self.resources)

    def _has_scope(self, attributes: Attributes, resource: GroupVersionResource) -> bool:
        if self.scope == ALL_SCOPES:
            return True
        # A Namespace is an object of the cluster, although its requests carry a namespace: its own.
        in_cluster = resource == _NAMESPACES_V1 or not attributes.namespace
        if self.scope == NAMESPACED_SCOPE:
            return not in_cluster
        return self.scope == CLUSTER_SCOPE and in_cluster


def _has(wanted: frozenset[str], value: str) -> bool:
    return value in wanted or ANY in wanted


@attrs.frozen(kw_only=True)
class Criteria:
    """What a webhook, a policy or a binding selects. A selector that does not parse is kept as its error."""

    rules: tuple[CompiledRule, ...] = ()
    exclude_rules: tuple[CompiledRule, ...] = ()
    no_rules_match_everything: bool = False
    """A binding without rules leaves the choice to its policy; a webhook without rules is never called."""
    equivalent: bool = True
    namespace_selector: Selector | SelectorError = EVERYTHING
    object_selector: Selector | SelectorError = EVERYTHING

    @classmethod
    def compile(
        cls,
        *,
        rules: Iterable[RuleLike],
        exclude_rules: Iterable[RuleLike] = (),
        match_policy: str | None = EQUIVALENT,
        namespace_selector: LabelSelector | None,
        object_selector: LabelSelector | None,
        no_rules_match_everything: bool = False,
    ) -> "Criteria":
        """From the fields of the API object, defaulted. A selector of None matches nothing, as in the reference."""
        return cls(
            rules=tuple(map(CompiledRule.compile, rules)),
            exclude_rules=tuple(map(CompiledRule.compile, exclude_rules)),
            no_rules_match_everything=no_rules_match_everything,
            equivalent=match_policy == EQUIVALENT,
            namespace_selector=_selector(namespace_selector),
            object_selector=_selector(object_selector),
        )

    def match_rules(self, attributes: Attributes) -> Match | None:
        """By what the rules match the write, if they do; selectors are not looked at.

        Raises InternalError when the rules match an equivalent resource whose kind nobody knows.
        """
        if self.exclude_rules and self._first(self.exclude_rules, attributes) is not None:
            return None
        if not self.rules and self.no_rules_match_everything:
            return _as_sent(attributes)
        return self._first(self.rules, attributes)

    def _first(self, rules: Collection[CompiledRule], attributes: Attributes) -> Match | None:
        for rule in rules:
            if rule.matches(attributes, attributes.resource):
                return _as_sent(attributes)
        if not self.equivalent or attributes.equivalents is None:
            return None
        others = attributes.equivalents.equivalents(attributes.resource, attributes.subresource)
        if len(others) < 2:
            return None
        for rule in rules:
            for other in others:
                if other == attributes.resource or not rule.matches(attributes, other):
                    continue
                kind = attributes.equivalents.kind_for(other, attributes.subresource)
                if kind is None:
                    raise InternalError(f"unable to convert to {other}: unknown kind")
                return Match(other, attributes.subresource, kind)
        return None


class Matcher:
    """Matches writes against criteria; *namespaces* is asked for labels when a selector wants to see them."""

    def __init__(self, namespaces: NamespaceLabels) -> None:
        self._namespaces = namespaces

    async def match(self, criteria: Criteria, attributes: Attributes, *, current: Any = None) -> Match | None:
        """By what *criteria* match the write; None when they do not.

        *current* is the object as earlier webhooks left it, if not that of *attributes*. Raises StatusError: InternalError
        for a selector that does not parse, and whatever the look-up of the namespace fails with.
        """
        match = criteria.match_rules(attributes)
        if match is None:
            return None
        failure: StatusError | None = None
        try:
            if not await self._namespace_matches(criteria.namespace_selector, attributes):
                return None
        except StatusError as error:
            failure = error
        # A write that the other selector leaves out is none of the first one's troubles.
        selector = criteria.object_selector
        if isinstance(selector, SelectorError):
            raise failure or InternalError(selector)
        if not object_matches(selector, attributes.object if current is None else current, attributes.old_object):
            return None
        if failure is not None:
            raise failure
        return match

    async def _namespace_matches(self, selector: Selector | SelectorError, attributes: Attributes) -> bool:
        is_namespace = attributes.resource.resource == NAMESPACES.resource
        if not attributes.namespace and not is_namespace:
            return True  # of the cluster, and so never exempt
        if isinstance(selector, SelectorError):
            raise InternalError(selector)
        if selector.empty:
            return True
        if is_namespace and not attributes.subresource and attributes.operation in (Operation.CREATE, Operation.UPDATE):
            return selector.matches(_labels(attributes.object) or {})
        return selector.matches(await self._namespaces.labels(attributes.namespace or attributes.name))


def object_matches(selector: Selector, obj: Any, old_object: Any) -> bool:
    """Whether the labels of either object are selected. What has no metadata is selected by the empty selector only."""
    if selector.empty:
        return True
    return any(labels is not None and selector.matches(labels) for labels in (_labels(obj), _labels(old_object)))


def _labels(obj: Any) -> Mapping[str, str] | None:
    metadata = getattr(obj, "metadata", None)
    return metadata.labels if isinstance(metadata, ObjectMeta) else None


def _as_sent(attributes: Attributes) -> Match:
    return Match(attributes.resource, attributes.subresource, attributes.kind)


def _selector(selector: LabelSelector | None) -> Selector | SelectorError:
    try:
        return from_label_selector(selector)
    except SelectorError as error:
        return error
