"""What authenticators take, give and promise.

    RequestAuthenticator   request -> AuthenticationResponse | None, or AuthenticationError
    TokenAuthenticator     the same for a bearer token that somebody else has found

None means "nothing here that I know": the next one is asked. AuthenticationError means that credentials were given and
are bad, so that the request must not go on as anonymous. Mirrors pkg/authentication/authenticator/interfaces.go.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Protocol

import attrs

from genericapiserver.asgi import Scope
from genericapiserver.authentication.user import UserInfo


class AuthenticationError(Exception):
    """The credentials of a request are bad, or could not be checked. The text is for logs, never for the client."""


class AggregateAuthenticationError(AuthenticationError):
    """Several authenticators found fault; `errors` holds each."""

    def __init__(self, errors: Iterable[AuthenticationError]) -> None:
        self.errors = tuple(errors)
        texts = list(dict.fromkeys(str(error) for error in self.errors))
        super().__init__(texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]")


@attrs.frozen
class AuthenticationResponse:
    """A user, and the audiences the credentials were good for (empty: the authenticator knows no audiences).

    *audit_annotations* and *warnings* belong to every request with these credentials, also when the response was
    remembered from an earlier one: that is why they stand here.
    """

    user: UserInfo
    audiences: tuple[str, ...] = ()
    audit_annotations: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()


def _ignore_warning(text: str) -> None:
    pass


@attrs.define(eq=False)
class AuthenticationRequest:
    """A request as authenticators see it: its ASGI scope, the audiences it must be good for, and where to warn."""

    scope: Scope = attrs.field(repr=False)  # it has credentials, which must not get into a log
    audiences: tuple[str, ...] = ()
    add_warning: Callable[[str], None] = _ignore_warning

    def first_header(self, name: bytes) -> str | None:
        """The first value of header *name* (lower case)."""
        for key, value in self.scope["headers"]:
            if key == name:
                text: str = value.decode("utf-8", "surrogateescape")
                return text
        return None

    def headers(self, name: bytes) -> list[str]:
        """Every value of header *name* (lower case)."""
        return [value.decode("utf-8", "surrogateescape") for key, value in self.scope["headers"] if key == name]

    def remove_headers(self, names: Collection[bytes], prefixes: tuple[bytes, ...] = ()) -> None:
        """Take headers out of the request, so that no later handler can mistake them for credentials."""
        self.scope["headers"] = [
            pair for pair in self.scope["headers"] if pair[0] not in names and not pair[0].startswith(prefixes)
        ]


class RequestAuthenticator(Protocol):
    """Finds out who sent a request."""

    async def authenticate_request(self, request: AuthenticationRequest) -> AuthenticationResponse | None:
        """The user; None without an opinion. Raises AuthenticationError for bad credentials."""


class TokenAuthenticator(Protocol):
    """Finds out whose a bearer token is."""

    async def authenticate_token(self, token: str, audiences: tuple[str, ...] = ()) -> AuthenticationResponse | None:
        """The user; None for an unknown token. Raises AuthenticationError for a bad one, or one that cannot be checked."""


@attrs.frozen
class FunctionAuthenticator:
    """A RequestAuthenticator from a plain function."""

    function: Callable[[AuthenticationRequest], AuthenticationResponse | None]

    async def authenticate_request(self, request: AuthenticationRequest) -> AuthenticationResponse | None:
        return self.function(request)


@attrs.frozen
class FunctionTokenAuthenticator:
    """A TokenAuthenticator from a plain function."""

    function: Callable[[str], AuthenticationResponse | None]

    async def authenticate_token(self, token: str, audiences: tuple[str, ...] = ()) -> AuthenticationResponse | None:
        return self.function(token)
