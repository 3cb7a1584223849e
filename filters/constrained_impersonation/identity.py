"""The grants on every part of an identity, and the user that they make of it.

Mirrors impersonationModeState in pkg/endpoints/filters/impersonation/mode.go.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeAlias

import attrs

from genericapiserver.apimachinery.errors import ForbiddenError
from genericapiserver.apimachinery.field import Path, aggregate
from genericapiserver.apimachinery.go import quote
from genericapiserver.apimachinery.validation.names import dns_1123_subdomain
from genericapiserver.apimachinery.validation.paths import domain_prefixed_path
from genericapiserver.authentication import UserInfo
from genericapiserver.authentication.groups import with_authenticated_group
from genericapiserver.authentication.service_account import parse_service_account, service_account_groups
from genericapiserver.authentication.user import (
    ALL_UNAUTHENTICATED,
    ANONYMOUS,
    NODES_GROUP,
    SYSTEM_PRIVILEGED_GROUP,
)
from genericapiserver.authorization import AuthorizationAttributes
from genericapiserver.authorization.forbidden import forbidden_error
from genericapiserver.filters.impersonation import RequestedIdentity

Ask: TypeAlias = Callable[[AuthorizationAttributes], Awaitable[None]]
"""Returns when the authorizer allows it, and raises ForbiddenError when not."""

PLAIN_VERB: Final = "impersonate"
_AUTHENTICATION_GROUP: Final = "authentication.k8s.io"
_NODE_PREFIX: Final = "system:node:"
_MANY: Final = 4
"""From this number of groups or extra values on, one question for all of them comes before those for each."""


def node_name(username: str) -> str | None:
    """The name of the node whose user *username* is; None for other users."""
    name = username.removeprefix(_NODE_PREFIX)
    return name if username.startswith(_NODE_PREFIX) and not dns_1123_subdomain(name) else None


@attrs.frozen
class IdentityCheck:
    """Asks for every part of an identity with one *verb*. The plain verb keeps the plain filter's laxer rules."""

    verb: str

    @property
    def constrained(self) -> bool:
        return self.verb != PLAIN_VERB

    async def authorize(self, ask: Ask, caller: UserInfo, wanted: RequestedIdentity) -> UserInfo:
        """The user that *caller* becomes. Raises ForbiddenError, for the first part that it may not be."""
        await ask(self._username(caller, wanted.user))
        if wanted.uid:
            await ask(self._question(caller, _AUTHENTICATION_GROUP, "uids", wanted.uid))
        if wanted.groups:
            await self._authorize_groups(ask, caller, wanted.groups)
        if wanted.extra:
            await self._authorize_extra(ask, caller, wanted.extra)
        return self._user(wanted)

    async def _authorize_groups(self, ask: Ask, caller: UserInfo, groups: Sequence[str]) -> None:
        question = self._question(caller, self._users_group, "groups")
        if self.constrained:
            if "" in groups:
                raise forbidden_error(question, "impersonating the empty string group is not allowed")
            if SYSTEM_PRIVILEGED_GROUP in groups:
                named = attrs.evolve(question, name=SYSTEM_PRIVILEGED_GROUP)
                raise forbidden_error(named, f"impersonating the {SYSTEM_PRIVILEGED_GROUP} group is not allowed")
            if len(groups) >= _MANY and await _allowed(ask, attrs.evolve(question, name="*")):
                return
        for group in groups:
            await ask(attrs.evolve(question, name=group))

    async def _authorize_extra(self, ask: Ask, caller: UserInfo, extra: Mapping[str, Sequence[str]]) -> None:
        question = self._question(caller, _AUTHENTICATION_GROUP, "userextras")
        if self.constrained:
            if problem := _extra_problem(extra):
                raise forbidden_error(question, problem)
            many = sum(map(len, extra.values())) >= _MANY
            if many and await _allowed(ask, attrs.evolve(question, subresource="*", name="*")):
                return
        for key, values in extra.items():
            for value in values:
                await ask(attrs.evolve(question, subresource=key, name=value))

    def _username(self, caller: UserInfo, username: str) -> AuthorizationAttributes:
        account = parse_service_account(username)
        if account is not None:
            namespace, name = account
            return self._question(caller, self._users_group, "serviceaccounts", name, namespace)
        node = node_name(username) if self.constrained else None
        if node is not None:
            return self._question(caller, self._users_group, "nodes", node)
        return self._question(caller, self._users_group, "users", username)

    @property
    def _users_group(self) -> str:
        return _AUTHENTICATION_GROUP if self.constrained else ""

    def _question(
        self, caller: UserInfo, api_group: str, resource: str, name: str = "", namespace: str = ""
    ) -> AuthorizationAttributes:
        return AuthorizationAttributes(
            user=caller,
            verb=self.verb,
            api_group=api_group,
            api_version="v1",
            namespace=namespace,
            resource=resource,
            name=name,
            is_resource_request=True,
        )

    def _user(self, wanted: RequestedIdentity) -> UserInfo:
        groups: Sequence[str] = wanted.groups
        account = parse_service_account(wanted.user)
        if account is not None and not groups:
            groups = service_account_groups(account[0])
        elif self.constrained and node_name(wanted.user) is not None:
            groups = (NODES_GROUP,)  # every node's only group; a mode for nodes allows none to be asked for
        if wanted.user == ANONYMOUS and ALL_UNAUTHENTICATED not in groups:
            groups = (*groups, ALL_UNAUTHENTICATED)
        return with_authenticated_group(UserInfo(name=wanted.user, uid=wanted.uid, groups=groups, extra=wanted.extra))


async def _allowed(ask: Ask, attributes: AuthorizationAttributes) -> bool:
    try:
        await ask(attributes)
    except ForbiddenError:
        return False
    return True


def _extra_problem(extra: Mapping[str, Sequence[str]]) -> str:
    """What no constrained mode allows in extra, whatever was granted; empty when there is nothing."""
    for key, values in extra.items():
        if not key:
            return "impersonating the empty string key in extra is not allowed"
        if errors := domain_prefixed_path(Path("extra", "key"), key):
            return f"impersonating an invalid key in extra is not allowed: {aggregate(errors)}"
        if key != key.lower():
            return f"impersonating a non-lowercase key in extra is not allowed: {quote(key)}"
        if "" in values:
            return "impersonating the empty string value in extra is not allowed"
    return ""
