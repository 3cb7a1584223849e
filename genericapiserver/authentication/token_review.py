"""Answering a TokenReview: whose token this is, as the server's own authenticator says.

Source: pkg/registry/authentication/tokenreview/storage.go of k8s.io/kubernetes.
"""

import logging
from typing import Final

import attrs

from genericapiserver.authentication.audiences import intersect, quoted
from genericapiserver.authentication.interfaces import (
    AuthenticationError,
    AuthenticationRequest,
    RequestAuthenticator,
)
from genericapiserver.authentication.jose import MAX_TOKEN_BYTES
from genericapiserver.authentication.user import ANONYMOUS, UserInfo

logger = logging.getLogger(__name__)

_INVALID: Final = "invalid bearer token"


class AudienceMismatchError(Exception):
    """The authenticator let a token in for audiences that nobody asked for: an internal error."""


@attrs.frozen(kw_only=True)
class TokenReviewResult:
    """The status of a TokenReview."""

    authenticated: bool = False
    user: UserInfo | None = None
    audiences: tuple[str, ...] = ()
    error: str = ""


async def review_token(
    authenticator: RequestAuthenticator, token: str, audiences: tuple[str, ...] = ()
) -> TokenReviewResult:
    """Ask *authenticator* about a request that has nothing but *token*, for *audiences* (none: it is not asked for any).

    What is wrong with the token is told in the result. Raises AudienceMismatchError when the authenticator grants other
    audiences than those. A token that is empty, or too long for a header, or has characters that no header has, is refused
    here: it must not become a request without credentials, which may be somebody too.
    """
    if not token or len(token) > MAX_TOKEN_BYTES or not token.isprintable() or " " in token:
        return TokenReviewResult(error=_INVALID)
    header = (b"authorization", b"Bearer " + token.encode("utf-8", "surrogateescape"))
    scope = {"type": "http", "method": "GET", "path": "", "headers": [header], "extensions": {}}
    try:
        response = await authenticator.authenticate_request(AuthenticationRequest(scope, audiences))
    except AuthenticationError as error:
        return TokenReviewResult(error=str(error))
    if response is None or response.user.name == ANONYMOUS:
        return TokenReviewResult()
    if audiences and not intersect(audiences, response.audiences):
        logger.error("error validating audience. want=%s got=%s", quoted(audiences), quoted(response.audiences))
        raise AudienceMismatchError("error validating audiences")
    return TokenReviewResult(authenticated=True, user=response.user, audiences=response.audiences)
