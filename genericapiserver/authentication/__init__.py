"""Who asks: users, and the ways to find out who a request comes from.

Lives here: UserInfo, the authenticator protocols, client certificates, front-proxy headers, bearer tokens (tables and
reviews by another server), anonymous requests, and how they combine. Not here: the filter that calls them, and what a
user may do. May import rooms of rows 0 to 3.
"""

from genericapiserver.authentication.interfaces import (
    AggregateAuthenticationError,
    AuthenticationError,
    AuthenticationRequest,
    AuthenticationResponse,
    FunctionAuthenticator,
    FunctionTokenAuthenticator,
    RequestAuthenticator,
    TokenAuthenticator,
)
from genericapiserver.authentication.user import UserInfo

__all__ = [
    "AggregateAuthenticationError",
    "AuthenticationError",
    "AuthenticationRequest",
    "AuthenticationResponse",
    "FunctionAuthenticator",
    "FunctionTokenAuthenticator",
    "RequestAuthenticator",
    "TokenAuthenticator",
    "UserInfo",
]
