"""Tokens known beforehand: a table in memory, and the server's own loopback token.

Mirrors pkg/authentication/token/tokenfile and authenticatorfactory/loopback.go.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping

from genericapiserver.authentication.interfaces import AuthenticationResponse
from genericapiserver.authentication.user import (
    ALL_AUTHENTICATED,
    API_SERVER_USER,
    SYSTEM_PRIVILEGED_GROUP,
    UserInfo,
)


class StaticTokenAuthenticator:
    """Knows a fixed set of tokens.

    Only keyed hashes of them are kept and compared, so that neither a memory dump nor the time of an answer tells
    anything about a token.
    """

    def __init__(self, users: Mapping[str, UserInfo]) -> None:
        self._key = secrets.token_bytes(32)
        self._entries = {
            digest: (digest, AuthenticationResponse(user))
            for digest, user in ((self._digest(token), user) for token, user in users.items())
        }

    async def authenticate_token(self, token: str, audiences: tuple[str, ...] = ()) -> AuthenticationResponse | None:
        digest = self._digest(token)
        entry = self._entries.get(digest)
        if entry is None or not hmac.compare_digest(entry[0], digest):
            return None
        return entry[1]

    def _digest(self, token: str) -> bytes:
        return hmac.digest(self._key, token.encode("utf-8", "surrogateescape"), hashlib.sha256)


def loopback_user(uid: str) -> UserInfo:
    """The server's own identity when it calls itself."""
    return UserInfo(name=API_SERVER_USER, uid=uid, groups=(ALL_AUTHENTICATED, SYSTEM_PRIVILEGED_GROUP))
