"""Authorizers that need no rules: everybody, nobody, and members of privileged groups.

Mirrors pkg/authorization/authorizerfactory/builtin.go.
"""

from collections.abc import Iterable
from typing import Final

from genericapiserver.authorization.interfaces import AuthorizationAttributes, AuthorizationResult, Decision

ALLOWED: Final = AuthorizationResult(Decision.ALLOW)
NO_OPINION: Final = AuthorizationResult(Decision.NO_OPINION)

_FORBIDDEN: Final = AuthorizationResult(Decision.NO_OPINION, "Everything is forbidden.")


class AlwaysAllowAuthorizer:
    """Allows everything."""

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationResult:
        return ALLOWED


class AlwaysDenyAuthorizer:
    """Allows nothing, but has no opinion, so that an authorizer after it still may."""

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationResult:
        return _FORBIDDEN


class PrivilegedGroupsAuthorizer:
    """Allows everything to the members of any of *groups*."""

    def __init__(self, groups: Iterable[str]) -> None:
        self._groups = frozenset(groups)

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationResult:
        user = attributes.user
        if user is None:
            return AuthorizationResult(Decision.NO_OPINION, "Error", RuntimeError("no user on request."))
        return NO_OPINION if self._groups.isdisjoint(user.groups) else ALLOWED
