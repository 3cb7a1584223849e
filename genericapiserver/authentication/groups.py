"""Adding system:authenticated to whoever proved who they are. Mirrors pkg/authentication/group."""

import attrs

from genericapiserver.authentication.interfaces import (
    AuthenticationRequest,
    AuthenticationResponse,
    RequestAuthenticator,
)
from genericapiserver.authentication.user import ALL_AUTHENTICATED, ALL_UNAUTHENTICATED, ANONYMOUS, UserInfo

_REMEMBERED = 1024


class AuthenticatedGroupAdder:
    """Appends system:authenticated to the users of *authenticator*.

    Left as they are: the anonymous user, and users in either of the groups that say whether one is authenticated.
    """

    def __init__(self, authenticator: RequestAuthenticator) -> None:
        self._authenticator = authenticator
        # Authenticators hand out the same response again and again (a certificate's, a token's); so do we. The
        # original is kept too, so that its id stays its own.
        self._added: dict[int, tuple[AuthenticationResponse, AuthenticationResponse]] = {}

    async def authenticate_request(self, request: AuthenticationRequest) -> AuthenticationResponse | None:
        response = await self._authenticator.authenticate_request(request)
        if response is None:
            return None
        known = self._added.get(id(response))
        if known is None:
            if len(self._added) >= _REMEMBERED:
                self._added.clear()
            known = self._added[id(response)] = (response, _with_group(response))
        return known[1]


def _with_group(response: AuthenticationResponse) -> AuthenticationResponse:
    user = with_authenticated_group(response.user)
    return response if user is response.user else attrs.evolve(response, user=user)


def with_authenticated_group(user: UserInfo) -> UserInfo:
    """*user* in the group system:authenticated, or itself where the group says nothing new."""
    if user.name == ANONYMOUS or ALL_AUTHENTICATED in user.groups or ALL_UNAUTHENTICATED in user.groups:
        return user
    return attrs.evolve(user, groups=(*user.groups, ALL_AUTHENTICATED))
