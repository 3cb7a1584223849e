"""Policies with their bindings, compiled, as informers hold them. Go: plugin/policy/generic/policy_source.go."""

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

import attrs

from genericapiserver.admission.matching import Criteria
from genericapiserver.admission.policy.params import group_version_kind
from genericapiserver.admission.webhook.source import ConfigurationInformer
from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apis.admissionregistration_policies_v1 import Binding, Policy
from genericapiserver.apis.admissionregistration_v1 import MatchResources

P = TypeVar("P", bound=Policy)
B = TypeVar("B", bound=Binding)
C = TypeVar("C")


@attrs.frozen(eq=False)
class BoundPolicy(Generic[B]):
    """A binding, and what it selects; None for all that its policy selects."""

    binding: B
    criteria: Criteria | None

    @property
    def name(self) -> str:
        return self.binding.metadata.name


@attrs.frozen(eq=False)
class PolicyHook(Generic[P, B, C]):
    """A policy that is in effect."""

    policy: P
    criteria: Criteria | None
    """None for a policy that says of no request that it is about it, which the API does not let in."""
    compiled: C
    bindings: Sequence[BoundPolicy[B]]

    @property
    def name(self) -> str:
        return self.policy.metadata.name


class PolicySource(Generic[P, B, C]):
    """Made anew when it is asked for after a change; policies that did not change stay compiled."""

    def __init__(
        self, policies: ConfigurationInformer, bindings: ConfigurationInformer, compile: Callable[[P], C]
    ) -> None:
        self.synced = (policies.synced, bindings.synced)
        self._policies, self._bindings = policies, bindings
        self._compile = compile
        self._compiled: dict[str, tuple[P, C]] = {}
        self._hooks: Sequence[PolicyHook[P, B, C]] | None = None
        policies.add_listener(self._changed)
        bindings.add_listener(self._changed)

    def hooks(self) -> Sequence[PolicyHook[P, B, C]]:
        """The policies that a binding names, by name."""
        if self._hooks is None:
            self._hooks = tuple(self._bind())
        return self._hooks

    def param_kinds(self) -> set[GroupVersionKind]:
        """The kinds that policies in effect take parameters of."""
        kinds = (hook.policy.spec.param_kind for hook in self.hooks())
        return {group_version_kind(kind) for kind in kinds if kind is not None}

    def _changed(self) -> None:
        self._hooks = None

    def _bind(self) -> Iterable[PolicyHook[P, B, C]]:
        bindings: dict[str, list[B]] = {}
        for binding in self._bindings:
            bindings.setdefault(binding.spec.policy_name, []).append(binding)
        policies = {policy.metadata.name: policy for policy in self._policies}
        compiled = {}
        hooks = []
        for name in sorted(policies.keys() & bindings.keys()):
            policy, known = policies[name], self._compiled.get(name)
            # The informer replaces objects that changed, and never changes one.
            if known is None or known[0] is not policy:
                known = (policy, self._compile(policy))
            compiled[name] = known
            bound = [
                BoundPolicy(binding, criteria(binding.spec.match_resources, binding=True))
                for binding in sorted(bindings[name], key=lambda binding: binding.metadata.name)
            ]
            hooks.append(PolicyHook(policy, criteria(policy.spec.match_constraints), known[1], bound))
        self._compiled = compiled
        return hooks


def criteria(match: MatchResources | None, *, binding: bool = False) -> Criteria | None:
    """What *match* selects. A binding without rules is about all that its policy is about."""
    if match is None:
        return None
    return Criteria.compile(
        rules=match.resource_rules,
        exclude_rules=match.exclude_resource_rules,
        match_policy=match.match_policy,
        namespace_selector=match.namespace_selector,
        object_selector=match.object_selector,
        no_rules_match_everything=binding,
    )
