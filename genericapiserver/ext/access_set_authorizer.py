"""AccessSetAuthorizer: allows what roles allow that are bound to the user, and denies everything else.

Source: pkg/ext/apiserver_authorization.go of rancher/steve. Unlike authorization.rbac it always decides, gives no reason,
and does not tell subresources apart.
"""

from typing import Final, Protocol

from genericapiserver.authentication import UserInfo
from genericapiserver.authorization import AuthorizationAttributes, AuthorizationResult, Decision
from genericapiserver.ext.access_set import AccessSet

ALLOWED: Final = AuthorizationResult(Decision.ALLOW)
DENIED: Final = AuthorizationResult(Decision.DENY)


class AccessLookup(Protocol):
    """Knows what a user may do."""

    def access_for(self, user: UserInfo) -> AccessSet: ...


class AccessSetAuthorizer:
    """Decides by the access set of the user. The reason is always empty; the 403 tells all the same what is forbidden."""

    def __init__(self, access: AccessLookup) -> None:
        self._access = access

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationResult:
        user = attributes.user
        if user is None:
            return DENIED
        access = self._access.access_for(user)
        if attributes.is_resource_request:
            granted = access.grants(
                attributes.verb,
                attributes.api_group,
                attributes.resource,
                namespace=attributes.namespace,
                name=attributes.name,
            )
        else:
            granted = access.grants_path(attributes.verb, attributes.path)
        return ALLOWED if granted else DENIED
