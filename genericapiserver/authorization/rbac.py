"""The RBAC authorizer: allows what a role allows that is bound to the user, by objects that may change at any time.

Source: plugin/pkg/auth/authorizer/rbac/rbac.go of k8s.io/kubernetes.
"""

from collections.abc import Callable
from typing import Protocol

from genericapiserver.apis.rbac_v1 import PolicyRule
from genericapiserver.authentication.user import UserInfo
from genericapiserver.authorization.interfaces import (
    AuthorizationAttributes,
    AuthorizationResult,
    NonResourceRule,
    ResourceRule,
    Rules,
)
from genericapiserver.authorization.rbac_index import RBACIndex, RBACObjects
from genericapiserver.authorization.union import AggregateAuthorizationError


class RBACSource(Protocol):
    """Where roles and bindings come from."""

    def objects(self) -> RBACObjects:
        """What there is now; nobody may change it afterwards."""

    def add_listener(self, listener: Callable[[], None]) -> None:
        """Have *listener* called whenever there may be something else."""


class RBACAuthorizer:
    """Decides by the objects of *sources*, together. Has no opinion on what no role allows; never denies.

    A change costs nothing until the next question, which makes the index anew.
    """

    def __init__(self, *sources: RBACSource) -> None:
        self._sources = sources
        self._index: RBACIndex | None = None
        for source in sources:
            source.add_listener(self._forget)

    @property
    def index(self) -> RBACIndex:
        """The index of the objects as they are now."""
        index = self._index
        if index is None:
            found = [source.objects() for source in self._sources]
            index = self._index = RBACIndex(
                RBACObjects(
                    roles=[role for objects in found for role in objects.roles],
                    role_bindings=[binding for objects in found for binding in objects.role_bindings],
                    cluster_roles=[role for objects in found for role in objects.cluster_roles],
                    cluster_role_bindings=[binding for objects in found for binding in objects.cluster_role_bindings],
                )
            )
        return index

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationResult:
        return (self._index or self.index).authorize(attributes)

    async def rules_for(self, user: UserInfo, namespace: str) -> Rules:
        rules, errors = self.index.rules_for(user, namespace)
        return Rules(
            resource_rules=tuple(_resource_rule(rule) for rule in rules if rule.resources),
            non_resource_rules=tuple(_non_resource_rule(rule) for rule in rules if rule.non_resource_urls),
            error=AggregateAuthorizationError(list(errors)) if errors else None,
        )

    def _forget(self) -> None:
        self._index = None


def _resource_rule(rule: PolicyRule) -> ResourceRule:
    return ResourceRule(
        verbs=tuple(rule.verbs),
        api_groups=tuple(rule.api_groups),
        resources=tuple(rule.resources),
        resource_names=tuple(rule.resource_names),
    )


def _non_resource_rule(rule: PolicyRule) -> NonResourceRule:
    return NonResourceRule(verbs=tuple(rule.verbs), non_resource_urls=tuple(rule.non_resource_urls))
