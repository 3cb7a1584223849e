"""Requests without credentials, and an authenticator for servers that trust everybody.

Mirrors pkg/authentication/request/anonymous and pkg/server/deprecated_insecure_serving.go.
"""

from collections.abc import Iterable

from genericapiserver.authentication.interfaces import AuthenticationRequest, AuthenticationResponse
from genericapiserver.authentication.user import (
    ALL_AUTHENTICATED,
    ALL_UNAUTHENTICATED,
    ANONYMOUS,
    SYSTEM_PRIVILEGED_GROUP,
    UserInfo,
)

ANONYMOUS_USER = UserInfo(name=ANONYMOUS, groups=(ALL_UNAUTHENTICATED,))
UNSECURED_USER = UserInfo(name="system:unsecured", groups=(SYSTEM_PRIVILEGED_GROUP, ALL_AUTHENTICATED))


class AnonymousAuthenticator:
    """Calls everybody system:anonymous; with *paths* only on exactly these paths, elsewhere it has no opinion."""

    def __init__(self, paths: Iterable[str] | None = None) -> None:
        self._paths = None if paths is None else frozenset(paths)
        self._response = AuthenticationResponse(ANONYMOUS_USER)

    async def authenticate_request(self, request: AuthenticationRequest) -> AuthenticationResponse | None:
        if self._paths is not None and request.scope["path"] not in self._paths:
            return None
        if request.audiences:
            return AuthenticationResponse(ANONYMOUS_USER, request.audiences)
        return self._response


class InsecureSuperuser:
    """Calls everybody system:unsecured, a member of system:masters. Only for ports that nobody else can reach."""

    async def authenticate_request(self, request: AuthenticationRequest) -> AuthenticationResponse | None:
        return AuthenticationResponse(UNSECURED_USER)
