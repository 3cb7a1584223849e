"""Bearer tokens: in the Authorization header (RFC 6750 section 2.1), or in a websocket's subprotocol.

Browsers cannot set headers on a websocket, so they offer the subprotocol
`base64url.bearer.authorization.k8s.io.<base64url of the token>` beside a real one.
Mirrors pkg/authentication/request/{bearertoken,websocket}.
"""

import base64
import binascii
import re
from typing import Final

import attrs

from genericapiserver.asgi import asks_for_websocket
from genericapiserver.authentication.interfaces import (
    AuthenticationError,
    AuthenticationRequest,
    AuthenticationResponse,
    TokenAuthenticator,
)

EXTRA_SPACE_WARNING: Final = (
    "the provided Authorization header contains extra space before the bearer token, and is ignored"
)
SUBPROTOCOL_PREFIX: Final = "base64url.bearer.authorization.k8s.io."

_AUTHORIZATION: Final = b"authorization"
_PROTOCOL: Final = b"sec-websocket-protocol"
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)


def bearer_token(request: AuthenticationRequest) -> str | None:
    """The token of the first Authorization header; None when it carries none. What follows the token is ignored."""
    header = request.first_header(_AUTHORIZATION)
    if header is None:
        return None
    words = header.strip().split(" ", 2)
    if len(words) < 2 or words[0].lower() != "bearer":
        return None
    if not words[1]:
        if len(words) == 3:
            request.add_warning(EXTRA_SPACE_WARNING)
        return None
    return words[1]


@attrs.frozen
class BearerTokenAuthenticator:
    """Asks a TokenAuthenticator about the token of the Authorization header, and removes the header on success."""

    authenticator: TokenAuthenticator

    async def authenticate_request(self, request: AuthenticationRequest) -> AuthenticationResponse | None:
        token = bearer_token(request)
        if token is None:
            return None
        response = await self.authenticator.authenticate_token(token, request.audiences)
        if response is None:
            raise AuthenticationError("invalid bearer token")
        request.remove_headers((_AUTHORIZATION,))
        return response


@attrs.frozen
class WebSocketTokenAuthenticator:
    """Asks a TokenAuthenticator about a token among the offered subprotocols, and takes it out of them on success."""

    authenticator: TokenAuthenticator

    async def authenticate_request(self, request: AuthenticationRequest) -> AuthenticationResponse | None:
        if not asks_for_websocket(request.scope):
            return None
        token: str | None = None
        others: list[str] = []
        for protocol in (item.strip() for line in request.headers(_PROTOCOL) for item in line.split(",")):
            if not protocol.startswith(SUBPROTOCOL_PREFIX):
                others.append(protocol)
            elif token is not None:
                raise AuthenticationError("multiple base64.bearer.authorization tokens specified")
            else:
                token = _decode(protocol.removeprefix(SUBPROTOCOL_PREFIX))
        if not token:
            return None
        if not others:
            raise AuthenticationError("missing additional subprotocol")
        response = await self.authenticator.authenticate_token(token, request.audiences)
        if response is None:
            raise AuthenticationError("invalid bearer token")
        _offer_only(request, others)
        return response


def _decode(encoded: str) -> str:
    # Unpadded, and nothing outside the alphabet, which b64decode would skip.
    if _BASE64URL.fullmatch(encoded) is None:
        raise AuthenticationError("invalid base64.bearer.authorization token encoding")
    try:
        decoded = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except binascii.Error:
        raise AuthenticationError("invalid base64.bearer.authorization token encoding") from None
    try:
        return decoded.decode()
    except UnicodeDecodeError:
        raise AuthenticationError("invalid base64.bearer.authorization token") from None


def _offer_only(request: AuthenticationRequest, protocols: list[str]) -> None:
    request.remove_headers((_PROTOCOL,))
    request.scope["headers"].append((_PROTOCOL, ",".join(protocols).encode("utf-8", "surrogateescape")))
    if "subprotocols" in request.scope:  # ASGI's own list, which is what handlers choose from
        request.scope["subprotocols"] = protocols
    if "subprotocols" in request.scope:
        request.scope["subprotocols"] = protocols
