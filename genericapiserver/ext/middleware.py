"""Users between this server and an ASGI application that it is part of, in both directions.

    to_middleware(authenticator)   an authenticator of the toolkit, for the application: the user goes into the scope
    ScopeUserAuthenticator         what the application has put into the scope, for the API server

A client cannot put anything into a scope; on the server's own port nobody does, so that there this authenticator finds
nobody. Source: ToMiddleware in pkg/auth/filter.go of rancher/steve.
"""

import logging
from collections.abc import Callable
from typing import Final

from genericapiserver.asgi import Handler, Receive, Scope, Send
from genericapiserver.authentication import (
    AuthenticationError,
    AuthenticationRequest,
    AuthenticationResponse,
    RequestAuthenticator,
    UserInfo,
)
from genericapiserver.authentication.groups import with_authenticated_group
from genericapiserver.authentication.user import ALL_UNAUTHENTICATED

logger = logging.getLogger(__name__)

USER_KEY: Final = "genericapiserver.user"
"""The scope key under which the user travels."""

UNAUTHENTICATED_USER: Final = UserInfo(
    name="system:unauthenticated", uid="system:unauthenticated", groups=(ALL_UNAUTHENTICATED,)
)
ERROR_USER: Final = UserInfo(
    name="system:cattle:error", uid="system:cattle:error", groups=(ALL_UNAUTHENTICATED, "system:cattle:error")
)
"""Whose credentials were bad, or could not be checked. Both names are the reference's."""


def to_middleware(authenticator: RequestAuthenticator) -> Callable[[Handler], Handler]:
    """Middleware that puts the user of every request and websocket into its scope, under USER_KEY.

    It refuses nobody: without credentials the user is UNAUTHENTICATED_USER, with bad ones ERROR_USER.
    """

    def middleware(handler: Handler) -> Handler:
        async def authentication(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] in ("http", "websocket"):
                scope = dict(scope)
                scope[USER_KEY] = await _user_of(authenticator, scope)
            await handler(scope, receive, send)

        return authentication

    return middleware


async def _user_of(authenticator: RequestAuthenticator, scope: Scope) -> UserInfo:
    try:
        response = await authenticator.authenticate_request(AuthenticationRequest(scope))
    except AuthenticationError as error:
        logger.warning("the user of a request to %s could not be found out: %s", scope["path"], error)
        return ERROR_USER
    except Exception:
        # An authenticator with a fault must not let anybody in.
        logger.exception("the user of a request to %s could not be found out", scope["path"])
        return ERROR_USER
    return UNAUTHENTICATED_USER if response is None else response.user


def user_in_scope(scope: Scope) -> UserInfo | None:
    """The user that `to_middleware` has put there."""
    user = scope.get(USER_KEY)
    return user if isinstance(user, UserInfo) else None


class ScopeUserAuthenticator:
    """Takes the user from what the application around this server has put into the scope, which *read* knows to find.

    *read* returns None where there is nobody, and may raise AuthenticationError. Users in `system:unauthenticated` are
    nobody here, too: they get a 401. Others become members of `system:authenticated`.
    """

    def __init__(self, read: Callable[[Scope], UserInfo | None] = user_in_scope) -> None:
        self._read = read

    async def authenticate_request(self, request: AuthenticationRequest) -> AuthenticationResponse | None:
        user = self._read(request.scope)
        if user is None or ALL_UNAUTHENTICATED in user.groups:
            return None
        return AuthenticationResponse(with_authenticated_group(user))
