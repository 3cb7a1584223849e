"""Audiences: the services that a credential is meant for.

Mirrors pkg/authentication/authenticator/{audiences,audagnostic}.go.
"""

from collections.abc import Collection, Iterable

import attrs

from genericapiserver.apimachinery.go import quote
from genericapiserver.authentication.interfaces import (
    AuthenticationError,
    AuthenticationRequest,
    AuthenticationResponse,
    RequestAuthenticator,
    TokenAuthenticator,
)


def intersect(wanted: Collection[str], given: Collection[str]) -> tuple[str, ...]:
    """What both hold, in the order of *wanted*."""
    return tuple(audience for audience in wanted if audience in given)


def quoted(audiences: Iterable[str]) -> str:
    """A list as messages show it, Go's %q: `["a" "b"]`."""
    return "[" + " ".join(quote(audience) for audience in audiences) + "]"


@attrs.frozen
class AudienceAgnosticAuthenticator:
    """Gives a request authenticator that knows no audiences the *implicit* ones of this server."""

    authenticator: RequestAuthenticator
    implicit: tuple[str, ...]

    async def authenticate_request(self, request: AuthenticationRequest) -> AuthenticationResponse | None:
        if not request.audiences:
            return await self.authenticator.authenticate_request(request)
        audiences = intersect(request.audiences, self.implicit)
        if not audiences:
            return None
        return _with_audiences(await self.authenticator.authenticate_request(request), audiences)


@attrs.frozen
class AudienceAgnosticTokenAuthenticator:
    """Gives a token authenticator that knows no audiences the *implicit* ones of this server."""

    authenticator: TokenAuthenticator
    implicit: tuple[str, ...]

    async def authenticate_token(self, token: str, audiences: tuple[str, ...] = ()) -> AuthenticationResponse | None:
        if not audiences:
            return await self.authenticator.authenticate_token(token)
        common = intersect(audiences, self.implicit)
        if not common:
            return None
        return _with_audiences(await self.authenticator.authenticate_token(token, audiences), common)


def _with_audiences(
    response: AuthenticationResponse | None, audiences: tuple[str, ...]
) -> AuthenticationResponse | None:
    if response is None:
        return None
    if response.audiences:
        raise AuthenticationError(
            "audience agnostic authenticator wrapped an authenticator that returned audiences: "
            + ", ".join(response.audiences)
        )
    return attrs.evolve(response, audiences=audiences)
