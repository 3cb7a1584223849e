"""Authorizers that need no rules: everybody, nobody, and members of privileged groups.

Mirrors pkg/authorization/authorizerfactory/builtin.go.
"""

from collections.abc import Iterable
from typing import Final

from genericapiserver.authentication.user import UserInfo
from genericapiserver.authorization.interfaces import (
    AuthorizationAttributes,
    AuthorizationResult,
    Decision,
    NonResourceRule,
    ResourceRule,
    Rules,
)

ALLOWED: Final = AuthorizationResult(Decision.ALLOW)
NO_OPINION: Final = AuthorizationResult(Decision.NO_OPINION)

ALL_RULES: Final = Rules(
    resource_rules=(ResourceRule(verbs=("*",), api_groups=("*",), resources=("*",)),),
    non_resource_rules=(NonResourceRule(verbs=("*",), non_resource_urls=("*",)),),
)
"""Everything is allowed."""
NO_RULES: Final = Rules()
_FORBIDDEN: Final = AuthorizationResult(Decision.NO_OPINION, "Everything is forbidden.")


class AlwaysAllowAuthorizer:
    """Allows everything."""

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationResult:
        return ALLOWED

    async def rules_for(self, user: UserInfo, namespace: str) -> Rules:
        return ALL_RULES


class AlwaysDenyAuthorizer:
    """Allows nothing, but has no opinion, so that an authorizer after it still may."""

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationResult:
        return _FORBIDDEN

    async def rules_for(self, user: UserInfo, namespace: str) -> Rules:
        return NO_RULES


class PrivilegedGroupsAuthorizer:
    """Allows everything to the members of any of *groups*."""

    def __init__(self, groups: Iterable[str]) -> None:
        self._groups = frozenset(groups)

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationResult:
        user = attributes.user
        if user is None:
            return AuthorizationResult(Decision.NO_OPINION, "Error", RuntimeError("no user on request."))
        return NO_OPINION if self._groups.isdisjoint(user.groups) else ALLOWED

    async def rules_for(self, user: UserInfo, namespace: str) -> Rules:
        """Everything for members. The reference leaves these groups out, relying on a binding to cluster-admin."""
        return NO_RULES if self._groups.isdisjoint(user.groups) else ALL_RULES
