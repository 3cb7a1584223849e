"""An authorizer that can be exchanged for another one while the server runs."""

from genericapiserver.authentication.user import UserInfo
from genericapiserver.authorization.interfaces import (
    AuthorizationAttributes,
    AuthorizationResult,
    Authorizer,
    Rules,
    rules_for,
)


class ReloadableAuthorizer:
    """Asks *current*, which may be set to another authorizer; a question under way is answered by the one it came to."""

    def __init__(self, current: Authorizer) -> None:
        self.current = current

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationResult:
        return await self.current.authorize(attributes)

    async def rules_for(self, user: UserInfo, namespace: str) -> Rules:
        return await rules_for(self.current, user, namespace)
